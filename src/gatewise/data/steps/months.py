"""Rows of months, quarters and years laid on the calendar: which period each is of, and when it is complete.

The rows of a symbol are stamped in one way: near the first of a month (its first day of trade, or a zone's midnight
written in UTC, which east of Greenwich is on the eve), with one of its last days, or all on one day of the month. Most
rows tell the way; the others are odd, such as the month of a listing, or one that was still running when the file was
written. They make no other timeframe of the rest, and none is complete before the calendar ends its period.

Nothing in a file tells a last day from the eve of a first one for sure, so each reading takes the later end, which is
safe: a last day is read as the start of the period after it.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gatewise.config.durations import MONTH, months_of
from gatewise.data.steps.periods import MOST_AHEAD, about_months
from gatewise.data.table import STAMP, SYMBOL

DAY = timedelta(days=1)
_FIRST, _LAST = 5, 4  # the first day of trade is the fifth at the latest; so many days before the last one is the last
_FEW = 6  # rows
_INNER_SHARE = 0.1  # of a symbol's rows may be odd, beside the first one and the last two
_QUARTER_OF_HOUR = timedelta(minutes=15)  # zones are whole ones ahead of UTC
_SHORTEST = timedelta(days=20)  # no step between months is that short, but for odd rows


def find_months(frame: pl.DataFrame, wall: pl.Expr, common: timedelta, steps: pl.Series) -> timedelta | None:
    """The months, quarters or years that rows lie in, one row each; `None`: the rows are no periods of the calendar.

    Args:
        frame: holds symbol, `__stamp` and what `wall` reads, in any order.
        wall: the stamps on the clock whose days bound the bars, as moments without a zone.
        common: the most frequent step.
        steps: all of them, one at least; the median stands where few are alike.
    """
    if common < DAY:
        return None
    middle = steps.quantile(0.5, "lower")
    assert isinstance(middle, timedelta)
    periods = next((about for step in (common, middle) if months_of(about := about_months(step))), None)
    if periods is None or middle < _SHORTEST or periods == common:
        return None
    count = periods // MONTH
    rows = lay_on_calendar(frame, wall, count)
    place, size = pl.int_range(pl.len()), pl.len()
    inner = (pl.col("odd") & (place > 0) & (place < size - 2)).sum()
    odd, stamp = pl.col("odd"), pl.col("wall")
    plain = ~odd.any() & ((stamp.dt.day().n_unique() == 1) | (_before_last(stamp).max() == 0))
    by_symbol = rows.group_by(SYMBOL, maintain_order=True).agg(
        ((inner <= _INNER_SHARE * size) & (((~odd).sum() * 2 > size) | (size <= 2))).alias("laid"),
        # Thirty days or four weeks drift through months, and are near their ends now and then.
        (~plain & _are_even(stamp) & ((size > _FEW) | odd.any())).alias("even"),
        (~plain & _are_even(stamp.filter(~odd)) & ((~odd).sum() > _FEW)).alias("long_even"),
        size.alias("size"),
    )
    all_even = pl.col("even").any() & (pl.col("even") | (pl.col("size") == 1)).all()
    by_days = all_even | pl.col("long_even").any()
    return count * MONTH if by_symbol.select(pl.col("laid").all() & ~by_days).item() else None


def lay_on_calendar(frame: pl.DataFrame, wall: pl.Expr, count: int) -> pl.DataFrame:
    """Each moment of each symbol with the period of `count` months that it is of.

    Args:
        frame: holds symbol, `__stamp` and what `wall` reads, in any order.
        wall: the stamps on the clock whose days bound the bars, as moments without a zone.

    Returns:
        In order of symbol and `__stamp`, beside these two:
        wall: the stamp on its clock.
        odd: whether it lies elsewhere than the others of its symbol, or in the period of one before it.
        late: whether it is read as the period after the one that it ends.
        ends: where, on the clock of `wall`, the period is complete.
        loose: whether the stamp may be a midnight of a clock behind that of `wall`, so that `ends` is hours early.
    """
    rows = frame.select(SYMBOL, STAMP, wall.alias("wall")).unique([SYMBOL, STAMP], keep="first", maintain_order=True)
    rows = rows.sort(SYMBOL, STAMP).with_columns(_way(pl.col("wall")).over(SYMBOL).alias("way"))
    way, stamp = pl.col("way"), pl.col("wall")
    nth, usual = _month(stamp), stamp.dt.day() == _usual_day(stamp).over(SYMBOL)
    is_last, is_first = way == "last", way == "first"
    rows = rows.with_columns(
        pl.when(is_last).then(_is_last(stamp)).when(is_first).then(_is_first(stamp)).otherwise(usual).alias("fits"),
        pl.when(is_last).then(nth + 1).when(is_first).then(_month(stamp + MOST_AHEAD)).otherwise(nth).alias("begins"),
    )
    rows = rows.with_columns(_phase(count).over(SYMBOL).fill_null(0).alias("phase"))
    fits, begins, phase = pl.col("fits"), pl.col("begins"), pl.col("phase")
    fits = fits & (begins % count == phase)
    earlier = pl.when(fits).then(begins).shift().forward_fill().over(SYMBOL)
    rows = rows.with_columns((~(fits & (begins > earlier).fill_null(True))).alias("odd"))
    # The period that an odd row lies in; as rows of last days are of the one after, so is an odd one among them.
    within = pl.when(is_last).then(nth + 1 + (phase - nth - 1) % count).otherwise(nth - (nth - phase) % count)
    rows = rows.with_columns(pl.when(pl.col("odd")).then(within).otherwise(begins).alias("begins"))
    begins = pl.col("begins")
    taken = (begins <= begins.shift().over(SYMBOL)).fill_null(False)
    taken |= (is_last & (begins >= begins.shift(-1).over(SYMBOL))).fill_null(False)
    by_day, again = way == "same", pl.col("odd") & taken
    later = stamp.dt.offset_by(f"{count}mo")
    next_midnight = (later - timedelta(microseconds=1)).dt.truncate("1d").dt.offset_by("1d")
    ends = pl.when(by_day & ~again).then(next_midnight).when(again).then(later).otherwise(_first_of(begins + count))
    past_midnight = (stamp != stamp.dt.truncate("1d")) & (begins <= nth)
    rows = rows.select(
        SYMBOL,
        STAMP,
        "wall",
        "odd",
        is_last.alias("late"),
        ends.cum_max().over(SYMBOL).alias("ends"),
        (past_midnight & ~by_day & ~again).alias("loose"),
    )
    rank = pl.int_range(pl.len()).over(SYMBOL, "ends")  # no two rows of a symbol may be known at one moment
    return rows.with_columns(pl.col("ends") + rank * timedelta(seconds=1))


def first_of_month(stamp: pl.Series) -> pl.Series:
    """The number of the month of which a moment, on the clock of any zone, may be the first day of trade, or null."""
    ahead = stamp + MOST_AHEAD
    return pl.select(pl.when(ahead.dt.day() <= _FIRST).then(_month(pl.lit(ahead)))).to_series()


def last_of_month(stamp: pl.Series) -> pl.Series:
    """The number of the month of which a moment may be the last day of trade, or null."""
    return pl.select(pl.when(_is_last(pl.lit(stamp))).then(_month(pl.lit(stamp)))).to_series()


def _way(wall: pl.Expr) -> pl.Expr:
    """How the rows of a symbol are stamped: `first`, `last`, or `same` day of the month."""
    first, eve, usual = _is_first(wall), _is_eve(wall), wall.dt.day() == _usual_day(wall)
    num_first, num_last, num_same = ((rows & ~eve).sum() for rows in (first, _is_last(wall), usual))
    is_last = (num_last > num_first) & (num_last >= num_same) & ((num_last > 1) | ~eve.any())
    # Two of seven last days of trade come before the last day, whose evenings may be taken for eves.
    is_last &= num_last > _INNER_SHARE * eve.sum()
    is_same = (num_same >= first.sum()) & (_usual_day(wall) > 1)
    return pl.when(is_last).then(pl.lit("last")).when(is_same).then(pl.lit("same")).otherwise(pl.lit("first"))


def _are_even(moments: pl.Expr) -> pl.Expr:
    """Whether all steps are multiples of the shortest one."""
    step = moments.diff().drop_nulls().dt.total_microseconds()
    return (step % step.min() == 0).all()


def _usual_day(wall: pl.Expr) -> pl.Expr:
    return wall.dt.day().mode().min()


def _phase(count: int) -> pl.Expr:
    """Which months periods begin with, by most of the rows that fit."""
    return (pl.col("begins").filter("fits") % count).mode().min()


def _is_first(wall: pl.Expr) -> pl.Expr:
    return (wall.dt.day() <= _FIRST) | _is_eve(wall)


def _is_last(wall: pl.Expr) -> pl.Expr:
    return _before_last(wall) <= _LAST


def _is_eve(wall: pl.Expr) -> pl.Expr:
    """Whether a stamp may be the first midnight of the month after it, on a clock that is ahead."""
    ahead = wall.dt.month_end().dt.truncate("1d").dt.offset_by("1d") - wall
    return (ahead <= MOST_AHEAD) & (
        ahead.dt.total_microseconds() % (_QUARTER_OF_HOUR // timedelta(microseconds=1)) == 0
    )


def _before_last(wall: pl.Expr) -> pl.Expr:
    """How many days of the month come after."""
    return wall.dt.month_end().dt.day() - wall.dt.day()


def _month(moment: pl.Expr) -> pl.Expr:
    """Months since January of year 0."""
    return moment.dt.year().cast(pl.Int32) * 12 + moment.dt.month().cast(pl.Int32) - 1


def _first_of(month: pl.Expr) -> pl.Expr:
    return pl.datetime(month // 12, month % 12 + 1, 1, time_unit="us")
