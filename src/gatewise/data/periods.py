"""Bars of the calendar's months, quarters and years: found by where their stamps lie, complete where the calendar says.

Such bars are stamped with the first day of their period, its first day of trade, its last one or its last day of trade.
Nothing in a file tells a first day from a last one for sure, and a stamp of a local midnight written in UTC may fall on
either side. So each reading takes the later end, which is safe: a last day is read as the start of the period after it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import MONTH, months_of
from gatewise.data.table import SYMBOL

Ints = npt.NDArray[np.int64]
Days = Literal["first", "same", "any"]

_LENGTHS = (1, 2, 3, 4, 6, 12)  # months
_AROUND = timedelta(days=5)  # how far the first or last days of trade move a step
_FIRST, _LAST = 5, 4  # the first day of trade is the fifth at the latest; so many days before the last one is the last
_FEW = 6  # rows
_RUNNING = 0.8  # of a period: a shorter last step leads to a row that is still running
_LONGEST = timedelta(days=35)  # of a month, from any first day of trade to the last one that a next month may have
_US = timedelta(microseconds=1)


def find_months(frame: pl.DataFrame, wall: pl.Expr, common: timedelta) -> timedelta | None:
    """The months, quarters or years that rows lie in, one row each; `None`: the rows are no periods of the calendar.

    Args:
        frame: holds symbol and what `wall` reads, in any order.
        wall: the stamps on the clock whose days bound the bars, as moments without a zone.
        common: the most frequent step.
    """
    periods = about_months(common)
    if periods == common:
        return None
    count = periods // MONTH
    rows = frame.select(SYMBOL, wall.alias("wall")).unique().sort(SYMBOL, "wall")
    month, before_last = _month(pl.col("wall")), pl.col("wall").dt.month_end().dt.day() - pl.col("wall").dt.day()
    same, step = pl.col(SYMBOL) == pl.col(SYMBOL).shift(), pl.col("wall").diff()
    running = (pl.col(SYMBOL) != pl.col(SYMBOL).shift(-1)).fill_null(True) & (step < _RUNNING * count * MONTH)
    rows = rows.select(
        SYMBOL,
        pl.col("wall").dt.day().alias("day"),
        before_last.alias("before_last"),
        pl.when(same).then(step).alias("step"),
        pl.when(same).then(month.diff()).alias("months"),
        (same & running).fill_null(False).alias("running"),
    ).filter(~pl.col("running"))
    counted = (pl.col("months").is_null() | ((pl.col("months") > 0) & (pl.col("months") % count == 0))).all()
    day, before_last = pl.col("day"), pl.col("before_last").max()
    by_days = (pl.col("step").drop_nulls().n_unique() == 1) & (
        pl.len() > _FEW
    )  # weeks of a whole number drift through months
    near = (day.max() <= _FIRST) | (before_last <= _LAST)
    regular = (day.n_unique() == 1) | (before_last == 0) | (near & ~by_days)
    told = rows.group_by(SYMBOL).agg(counted.alias("counted"), regular.alias("regular"))
    return count * MONTH if told.select((pl.col("counted") & pl.col("regular")).all()).item() else None


def about_months(step: timedelta) -> timedelta:
    """The months, quarters or years that a step may be one of, or else the step: what such a row lasts at most."""
    count = round(step / MONTH)
    return count * MONTH if count in _LENGTHS and abs(step - count * MONTH) <= _AROUND else step


def days_of(frame: pl.DataFrame, wall: pl.Expr) -> Days:
    """On which days of their months stamps lie: on different first ones, all on the same one, or any."""
    day = frame.select(wall.alias("wall")).select(
        pl.col("wall").dt.day().alias("day"),
        (pl.col("wall").dt.month_end().dt.day() - pl.col("wall").dt.day()).alias("before_last"),
    )
    num_days, latest, before_last = day.select(
        pl.col("day").n_unique().alias("days"), pl.col("day").max(), pl.col("before_last").max()
    ).row(0)
    if before_last <= _LAST:
        return "any"
    if num_days == 1:
        return "same"
    return "first" if latest <= _FIRST else "any"


def knowable_by_calendar(stamp: pl.Expr, months: int, zone: str, days: Days) -> pl.Expr:
    """When a period is complete that is stamped with its open (UTC): no earlier than by any of its readings.

    From a first day of trade it is the end of the period; from one of a month's last days the end of the period that
    begins after it; from any other day as many months later, at the next midnight.
    """
    wall = stamp.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    ends = wall.dt.month_start().dt.truncate("1d").dt.offset_by(f"{months}mo")
    if days != "first":
        later = wall.dt.offset_by(f"{months}mo")
        midnight = later.dt.truncate("1d")
        other = pl.when(midnight == later).then(midnight).otherwise(midnight.dt.offset_by("1d"))
        last = wall.dt.month_end().dt.day() - wall.dt.day() <= _LAST
        ends = other if days == "same" else pl.when(last).then(ends.dt.offset_by("1mo")).otherwise(other)
    placed = [
        moment.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
        for moment in (ends, ends + timedelta(hours=1))  # a midnight that clocks skip
    ]
    return pl.coalesce(placed)


def opens(time_us: Ints, timeframe: timedelta) -> Ints:
    """When rows opened that are complete at these moments, for months by the calendar of UTC; microseconds."""
    count = months_of(timeframe)
    if count is None:
        return time_us - timeframe // _US
    month = time_us.astype("datetime64[us]").astype("datetime64[M]")
    start = month.astype("datetime64[us]").astype(np.int64)
    return np.asarray((month - count).astype("datetime64[us]").astype(np.int64) + time_us - start)


def opening(stamp: pl.Expr, timeframe: timedelta) -> pl.Expr:
    """When bars opened that close at these stamps."""
    count = months_of(timeframe)
    return stamp - timeframe if count is None else stamp.dt.offset_by(f"-{count}mo")


def bounds_of_months(time_us: Ints, count: int) -> tuple[Ints, Ints]:
    """Start and end of the period of `count` months, from January on, in which each moment lies: (start, end], UTC."""
    month = (time_us - 1).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    first = month - month % count
    start, end = (
        bound.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64) for bound in (first, first + count)
    )
    return start, end


def longest_step(length: timedelta) -> timedelta:
    """How long a step may be that is said as a length: months last 28 to 31 days, and trade begins when it does."""
    count = months_of(length)
    return length if count is None else count * _LONGEST


def _month(moment: pl.Expr) -> pl.Expr:
    return moment.dt.year().cast(pl.Int32) * 12 + moment.dt.month().cast(pl.Int32)
