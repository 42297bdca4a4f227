"""Rows off the grid of their timeframe: a bar that was still running when it was written down, mostly the last one.

Rows of a symbol share the phase of their stamps within the timeframe: minutes lie on full minutes, weeks on one time of
day. A row is off the grid where neither neighbour shares its phase and its phase is no habit of the symbol: bars that
are cut by a session or moved by a change of clocks come again. Where few rows share a phase at all, there is no grid.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import months_of
from gatewise.data.table import STAMP, SYMBOL
from gatewise.data.timeframe import DAY

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_COMMON = 0.1  # the share of a symbol's rows that makes a phase part of its grid
_LEAST_ON_GRID, _FEWEST_ON_GRID = 0.8, 4  # share and number of a symbol's rows
_HABIT, _HABIT_SHARE, _HABIT_OF_DAYS = 3, 0.02, 2  # rows of one phase; of days and longer, half days are a habit
_SHORT = 0.8  # of a timeframe: no week or month is that short
_US = timedelta(microseconds=1)


def find_off_grid(frame: pl.DataFrame, wall: pl.Expr, timeframe: timedelta) -> pl.DataFrame:
    """Symbols and stamps of the rows off the grid, in order.

    Args:
        frame: holds symbol and `__stamp`, in any order.
        wall: the stamps on the clock whose days bound the bars, as moments without a zone.
        timeframe: of the rows.

    Returns:
        symbol and `__stamp`, one row for each moment.
    """
    none = frame.select(SYMBOL, STAMP).clear()
    unit = min(timeframe, DAY) // _US
    clock = wall if timeframe >= DAY else pl.col(STAMP)
    phase = frame.select((clock.dt.epoch("us") % unit).alias("phase")).to_series()
    if timeframe <= DAY and (phase == phase[0]).all():
        return none
    rows = frame.select(SYMBOL, STAMP, phase, wall.alias("wall")).unique([SYMBOL, STAMP]).sort(SYMBOL, STAMP)
    found = [of_symbol.filter(_odd(of_symbol, timeframe)) for of_symbol in rows.partition_by(SYMBOL)]
    return pl.concat([none, *(odd.select(SYMBOL, STAMP) for odd in found)])


def _odd(rows: pl.DataFrame, timeframe: timedelta) -> pl.Series:
    """Which rows of a symbol, in order of time, are off its grid."""
    phase = rows["phase"].to_numpy()
    same = phase[1:] == phase[:-1]
    alone = ~np.append(same, False) & ~np.append(False, same)
    _, kind, counts = np.unique(phase, return_inverse=True, return_counts=True)
    habit = _HABIT_OF_DAYS if timeframe >= DAY else max(_HABIT, _HABIT_SHARE * phase.size)
    odd = alone & (counts[kind] < habit)
    if timeframe > DAY and rows.height > _FEWEST_ON_GRID:
        odd[-1] |= _runs_on(rows["wall"], timeframe)
    on_grid = int(np.sum(counts[counts >= _COMMON * phase.size]))
    if on_grid < max(_FEWEST_ON_GRID, _LEAST_ON_GRID * phase.size):
        odd[:] = False
    return pl.Series(odd)


def _runs_on(wall: pl.Series, timeframe: timedelta) -> bool:
    """Whether the last row begins before the bar above it can have ended: a week or month that is still running.

    Weeks that begin on another day after a holiday do so later, and months end on other days of business.
    """
    before, last = wall[-2], wall[-1]
    if last - before < _SHORT * timeframe:
        return True
    if months := months_of(timeframe):
        return bool((last.year - before.year) * 12 + last.month - before.month < months)
    phases = wall.dt.epoch("us").to_numpy() % (timeframe // _US)
    return bool(last - before < timeframe and np.all(phases[:-1] == phases[0]))
