"""Rows off the grid of their timeframe: a bar that was still running when it was written down, mostly the last one.

Rows of a symbol share the phase of their stamps within the timeframe: minutes lie on full minutes, weeks on one time of
day. A row is off the grid where neither neighbour shares its phase and its phase is no habit of the symbol: bars that
are cut by a session or moved by a change of clocks come again. Where few rows share a phase at all, there is no grid.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gatewise.config.durations import months_of
from gatewise.data.order import in_order
from gatewise.data.table import STAMP, SYMBOL
from gatewise.data.timeframe import DAY

_COMMON = 0.1  # the share of a symbol's rows that makes a phase part of its grid
_LEAST_ON_GRID, _FEWEST_ON_GRID = 0.8, 4  # share and number of a symbol's rows
_HABIT, _HABIT_SHARE, _HABIT_OF_DAYS = 3, 0.02, 2  # rows of one phase; of days and longer, half days are a habit
_SHORT = 0.8  # of a timeframe: no week or month is that short
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
    rows = _each_moment(frame.select(SYMBOL, STAMP, phase, *([wall.alias("wall")] if timeframe > DAY else [])))
    symbol, before, after = pl.col(SYMBOL), pl.col("phase").shift(), pl.col("phase").shift(-1)
    follows = symbol == symbol.shift()
    alone = ~((follows & (pl.col("phase") == before)).fill_null(False))
    alone &= ~(((symbol == symbol.shift(-1)) & (pl.col("phase") == after)).fill_null(False))
    odd = rows.filter(alone).select(SYMBOL, STAMP, "phase")
    counts = rows.group_by(SYMBOL, "phase").len("rows")
    size = counts.group_by(SYMBOL).agg(pl.col("rows").sum().alias("size"))
    counts = counts.join(size, on=SYMBOL)
    habit = pl.lit(_HABIT_OF_DAYS) if timeframe >= DAY else pl.max_horizontal(_HABIT, _HABIT_SHARE * pl.col("size"))
    rare = counts.filter(pl.col("rows") < habit)
    odd = odd.join(rare, on=[SYMBOL, "phase"], how="semi").select(SYMBOL, STAMP)
    if timeframe > DAY:
        odd = pl.concat([odd, _running(rows, timeframe)]).unique()
    on_grid = (
        counts.filter(pl.col("rows") >= _COMMON * pl.col("size")).group_by(SYMBOL, "size").agg(pl.col("rows").sum())
    )
    least = pl.max_horizontal(_FEWEST_ON_GRID, _LEAST_ON_GRID * pl.col("size"))
    return odd.join(on_grid.filter(pl.col("rows") >= least), on=SYMBOL, how="semi").sort(SYMBOL, STAMP)


def _each_moment(rows: pl.DataFrame) -> pl.DataFrame:
    """By symbol and time, each moment once."""
    again = (pl.col(SYMBOL) == pl.col(SYMBOL).shift()) & (pl.col(STAMP) == pl.col(STAMP).shift())
    return in_order(rows).filter(~again.fill_null(False))


def _running(rows: pl.DataFrame, timeframe: timedelta) -> pl.DataFrame:
    """Last rows that begin before the bar above them can have ended: a week or month that is still running.

    Weeks that begin on another day after a holiday do so later, and months end on other days of business.
    """
    wall, before = pl.col("wall").last(), pl.col("wall").shift().last()
    runs = wall - before < _SHORT * timeframe
    if months := months_of(timeframe):
        passed = (wall.dt.year() - before.dt.year()) * 12 + wall.dt.month().cast(pl.Int32) - before.dt.month()
        runs |= passed < months
    else:
        day = pl.col("wall").dt.epoch("us") % (timeframe // _US)
        runs |= (wall - before < timeframe) & (day.head(pl.len() - 1).n_unique() == 1)
    told = rows.group_by(SYMBOL).agg(pl.col(STAMP).last(), runs.alias("runs"), pl.len().alias("size"))
    return told.filter("runs", pl.col("size") > _FEWEST_ON_GRID).select(SYMBOL, STAMP)
