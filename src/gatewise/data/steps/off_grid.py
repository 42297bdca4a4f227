"""Rows off the grid of their timeframe: a bar that was still running when it was written down, mostly the last one.

Rows of a symbol share the phase of their stamps within the timeframe: minutes lie on full minutes, weeks on one time of
day. A row is off the grid where neither neighbour shares its phase and its phase is no habit of the symbol: bars that
are cut by a session or moved by a change of clocks come again. Where few rows share a phase at all, there is no grid.

Within whole bars that follow each other there is no room for another one, however often one comes: only a session may
cut a bar, day after day at the same time.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gatewise.config.durations import months_of
from gatewise.data.order import in_order
from gatewise.data.steps.months import lay_on_calendar
from gatewise.data.steps.timeframe import DAY, HOUR
from gatewise.data.table import STAMP, SYMBOL

_COMMON = 0.1  # the share of a symbol's rows that makes a phase part of its grid
_LEAST_ON_GRID, _FEWEST_ON_GRID = 0.8, 4  # share and number of a symbol's rows
_HABIT, _HABIT_SHARE, _HABIT_OF_DAYS = 3, 0.02, 2  # rows of one phase; of days and longer, half days are a habit
_MAJORITY = 0.5
_SHORT = 0.8  # of a timeframe: no week or month is that short
_IN_A_ROW, _MOST_TIMES = 0.6, 4  # share of a session's cuts that come a day after one before; times of day of cuts
_MOVED = timedelta(hours=2)  # changes of clocks move a row by one hour
_US = timedelta(microseconds=1)


def find_off_grid(frame: pl.DataFrame, wall: pl.Expr, timeframe: timedelta) -> pl.DataFrame:
    """Symbols and stamps of the rows off the grid, in order.

    Args:
        frame: holds symbol, `__stamp` and what `wall` reads, in any order.
        wall: the stamps on the clock whose days bound the bars, as moments without a zone.
        timeframe: of the rows.

    Returns:
        symbol and `__stamp`, one row for each moment.
    """
    clock = wall if timeframe >= DAY else pl.col(STAMP)
    phase = frame.select((clock.dt.epoch("us") % (min(timeframe, DAY) // _US)).alias("phase")).to_series()
    if timeframe <= DAY and (phase == phase[0]).all():
        return frame.select(SYMBOL, STAMP).clear()
    rows = _each_moment(frame.select(SYMBOL, STAMP, phase, wall.alias("wall")))
    symbol, apart = pl.col(SYMBOL), pl.col("phase").diff()
    together = apart == 0
    if timeframe >= DAY:  # clocks change, and a short file may end right after
        together |= (apart % (DAY // _US)).is_in([HOUR // _US, (DAY - HOUR) // _US])
    together = (together & (symbol == symbol.shift())).fill_null(False)
    alone = ~together & ~together.shift(-1).fill_null(False)
    odd = rows.filter(alone).select(SYMBOL, STAMP, "phase")
    counts = rows.group_by(SYMBOL, "phase").len("rows")
    size = counts.group_by(SYMBOL).agg(pl.col("rows").sum().alias("size"))
    counts = counts.join(size, on=SYMBOL)
    habit = pl.lit(_HABIT_OF_DAYS) if timeframe >= DAY else pl.max_horizontal(_HABIT, _HABIT_SHARE * pl.col("size"))
    rare = counts.filter(pl.col("rows") < habit)
    odd = odd.join(rare, on=[SYMBOL, "phase"], how="semi").select(SYMBOL, STAMP)
    if timeframe > DAY:
        months = months_of(timeframe)
        elsewhere = lay_on_calendar(frame, wall, months).filter("odd") if months else _cut_short(rows, timeframe)
        odd = pl.concat([odd, elsewhere.select(SYMBOL, STAMP)]).unique()
    on_grid = (
        counts.filter(pl.col("rows") >= _COMMON * pl.col("size")).group_by(SYMBOL, "size").agg(pl.col("rows").sum())
    )
    least = pl.max_horizontal(_FEWEST_ON_GRID, _LEAST_ON_GRID * pl.col("size"))
    odd = odd.join(on_grid.filter(pl.col("rows") >= least), on=SYMBOL, how="semi")
    if timeframe <= DAY:
        odd = pl.concat([odd, _within_whole(rows, timeframe)]).unique()
    return odd.sort(SYMBOL, STAMP)


def _each_moment(rows: pl.DataFrame) -> pl.DataFrame:
    """By symbol and time, each moment once."""
    again = (pl.col(SYMBOL) == pl.col(SYMBOL).shift()) & (pl.col(STAMP) == pl.col(STAMP).shift())
    return in_order(rows).filter(~again.fill_null(False))


def _within_whole(rows: pl.DataFrame, timeframe: timedelta) -> pl.DataFrame:
    """Rows between two that follow each other by the timeframe and are of the phase that most rows share meanwhile.

    Sessions and clocks change the phase, so each day has its own, or each week or quarter of longer bars.
    """
    clock = pl.col("wall") if timeframe >= DAY else pl.col(STAMP)
    stretch = pl.col("wall").dt.truncate("1d" if timeframe <= HOUR else "1w" if timeframe < DAY else "1q")
    most = pl.col("phase").mode().min().over(SYMBOL, "stretch")
    rows = rows.with_columns(stretch.alias("stretch")).with_columns((pl.col("phase") == most).alias("whole"))
    majority = pl.col("whole").mean().over(SYMBOL, "stretch") > _MAJORITY
    rows = rows.with_columns(pl.when("whole", majority).then(clock).alias("bar"))
    before, after = pl.col("bar").forward_fill().over(SYMBOL), pl.col("bar").backward_fill().over(SYMBOL)
    inside = rows.filter(pl.col("bar").is_null(), after - before == timeframe)
    time, day = pl.col("wall").dt.time().alias("time"), pl.col("wall").dt.date()
    cuts = inside.group_by(SYMBOL, time).agg((day.diff() == DAY).mean().alias("in_a_row"), pl.len().alias("rows"))
    cuts = cuts.filter(pl.col("rows") >= _HABIT, pl.col("in_a_row") >= _IN_A_ROW)
    cuts = cuts.filter(pl.len().over(SYMBOL) <= _MOST_TIMES)
    return inside.with_columns(time).join(cuts, on=[SYMBOL, "time"], how="anti").select(SYMBOL, STAMP)


def _cut_short(rows: pl.DataFrame, timeframe: timedelta) -> pl.DataFrame:
    """Rows, mostly first or last ones, that begin elsewhere in a week than most and too near to the row beside them.

    Weeks that begin on another day after a holiday do so later. Where all weeks but the last one begin on one day, that
    one is running where it begins any earlier; and whatever weeks are absent, where it alone begins more than one day
    from where most do.
    """
    wall, unit = pl.col("wall"), timeframe // _US
    place = wall.dt.epoch("us") % unit
    beside = (place - place.mode().min().over(SYMBOL) + unit // 2) % unit - unit // 2
    elsewhere = beside.abs() > _MOVED // _US
    step = pl.when(pl.col(SYMBOL) == pl.col(SYMBOL).shift()).then(wall.diff())
    short = ((step < _SHORT * timeframe) | (step.shift(-1) < _SHORT * timeframe)).fill_null(False)
    last = (pl.col(SYMBOL) != pl.col(SYMBOL).shift(-1)).fill_null(True)
    alike = (place == place.shift()).fill_null(True) | (step.is_null())
    all_alike = (alike | last).all().over(SYMBOL)
    runs = last & all_alike & (step < timeframe).fill_null(False)
    far = beside.abs() > (DAY + _MOVED) // _US
    runs |= last & far & (far.sum().over(SYMBOL) == 1)
    suspects = rows.filter((elsewhere & short) | runs, pl.len().over(SYMBOL) > _FEWEST_ON_GRID)
    return suspects.select(SYMBOL, STAMP)
