"""How much a price moved: variances of consecutive periods, which are rows, or the sessions that rows make up.

returns: the squared log return of each row's close from the one before.
day: those within a session, added up; the first is from the session's open where rows have one, else left out, so that
    no night counts. A session counts where no gap lies before or in it.
range: a bar's variance from its open, high, low and close, of a price that wanders without pause or jump: Parkinson
    (1980), Garman & Klass (1980; their formula of the range and the move alone), Rogers & Satchell (1991).
column: one that holds a realised measure, as it stands.

Each is a function of its own rows alone, to the last bit, and known with the last of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gatewise.config.target_section import RealizedVolatilityConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.steps.grid import Grid
from gatewise.data.table import SYMBOL, Table
from gatewise.errors import ConfigError, SchemaError
from gatewise.targets.columns import read_columns, refuse_rows
from gatewise.targets.paths import Flags, Rows, run_bounds

Floats = npt.NDArray[np.float64]
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Periods:
    """Variances of consecutive periods of a table's symbols, one after the other.

    Attributes:
        variance: float64 [periods]; NaN where something is missing.
        place: int64 [periods], rises by one from period to period as long as nothing is missing, from at most 0 on.
        known_at: int64 [periods], the row at whose time each is known.
        ends: bool [periods], whether that row is the period's own last, so that it can be predicted from.
        first_row: int64 [periods], the first row that each reads.
        last: int64 [rows], the last period that is known at each row; -1 where there is none.
        returns: float64 [rows], log returns of the close from row to row, NaN where there is none; `None`: no close.
    """

    variance: Floats
    place: Rows
    known_at: Rows
    ends: Flags
    first_row: Rows
    last: Rows
    returns: Floats | None


def measure_periods(table: Table, target: RealizedVolatilityConfig) -> Periods:
    """The variances that a target measures.

    Raises:
        SchemaError: a column is missing.
        QualityError: a price that is not above 0 and finite, or a measure that is below 0 or infinite.
        ConfigError: sessions of rows that are days themselves.
    """
    return _MEASURES[target.measure](table, target)


def rows_read(target: RealizedVolatilityConfig, timeframe: timedelta, calendar: str | None) -> tuple[int, int]:
    """Rows of a period at most, and rows that are read beside whole periods."""
    if target.measure == "day":
        most = Grid(_DAY, calendar).most_rows(timeframe)
        return most, most + 1
    return 1, int(target.measure == "returns")


def measured_columns(target: RealizedVolatilityConfig, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of a table's columns that a target's measure reads."""
    wanted = {
        "returns": ("close",),
        "day": ("open", "close"),
        "range": ("open", "high", "low", "close"),
        "column": (target.column, target.quarticity, "close"),
    }
    return tuple(name for name in wanted[target.measure] if name is not None and name in columns)


def _of_returns(table: Table, target: RealizedVolatilityConfig) -> Periods:
    (close,), present = _prices(table, ("close",))
    start, _ = run_bounds(table.segment_start, present)
    returns = _log_returns(close, start)
    return _of_rows(np.square(returns), start, returns, rows_before=1)


def _of_range(table: Table, target: RealizedVolatilityConfig) -> Periods:
    prices, present = _prices(table, ("open", "high", "low", "close"))
    start, _ = run_bounds(table.segment_start, present)
    high, low, close = (np.log(price / prices[0]) for price in prices[1:])
    variance = RANGES[target.range](high, low, close)
    return _of_rows(np.where(present, variance, np.nan), start, _log_returns(prices[3], start))


def _of_column(table: Table, target: RealizedVolatilityConfig) -> Periods:
    names = [name for name in (target.column, target.quarticity) if name is not None]
    if missing := [name for name in names if name not in table.columns]:
        raise SchemaError(
            f"target.column and target.quarticity name columns of the rows; missing: {', '.join(missing)} "
            f"(have: {', '.join(table.columns)})",
            "name one that is there",
        )
    columns, present = read_columns(table, names)
    for name, column in zip(names, columns, strict=True):
        refuse_rows(table, name, column, (column < 0) | np.isinf(column), "a realised measure must be 0 or more")
    start, _ = run_bounds(table.segment_start, present)
    variance = columns[0] if target.holds == "variance" else np.square(columns[0])
    returns = None
    if "close" in table.columns and not table.any_prices:
        (close,), there = _prices(table, ("close",))
        returns = _log_returns(close, run_bounds(table.segment_start, there)[0])
    return _of_rows(np.where(present, variance, np.nan), start, returns)


def _of_rows(variance: Floats, start: Rows, returns: Floats | None, rows_before: int = 0) -> Periods:
    rows = np.arange(len(variance))
    ends = np.ones(len(rows), bool)
    return Periods(variance, rows - start - rows_before, rows, ends, rows - rows_before, rows, returns)


def _of_sessions(table: Table, target: RealizedVolatilityConfig) -> Periods:
    if table.timeframe >= _DAY:
        raise ConfigError(
            'target.measure="day" adds up rows within a day; these rows are days or longer',
            'target.measure="range", or "returns" with a target.horizon of several rows',
        )
    names = ("open", "close") if "open" in table.columns else ("close",)
    prices, present = _prices(table, names)
    start, _ = run_bounds(table.segment_start, present)
    rows, returns = np.arange(table.num_rows), _log_returns(prices[-1], start)
    grid = Grid(_DAY, table.calendar)
    _, end_us = grid.bounds(table.time_us)
    begins = np.ones(len(rows), bool)
    begins[1:] = (np.diff(end_us) != 0) | (np.diff(block_numbers(table.frame[SYMBOL])) != 0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(rows)) - 1
    within = np.where(begins, np.log(prices[1] / prices[0]) if len(names) > 1 else 0.0, returns)
    complete = table.time_us[last] == end_us[last]
    follows = np.append(start[1:], len(rows))[last] <= last  # the next row is of the same run
    whole = (start[last] < first) & (complete | follows)
    variance = np.where(whole, np.add.reduceat(np.square(within), first), np.nan)
    number = np.arange(len(first))
    chained = whole & np.append(False, whole[:-1])
    place = number - np.maximum.accumulate(np.where(chained, 0, number))
    session = np.repeat(number, np.diff(first, append=len(rows)))
    known = np.where((rows == last[session]) & complete[session], session, session - 1)
    known = np.where((known >= 0) & (start <= last[known]), known, -1)
    known_at = np.minimum(last + ~complete, len(rows) - 1)
    return Periods(variance, place, known_at, complete, first - 1, known, returns)


def _prices(table: Table, names: Sequence[str]) -> tuple[list[Floats], Flags]:
    if missing := [name for name in names if name not in table.columns]:
        raise SchemaError(
            f"this measure needs columns {', '.join(names)}; missing: {', '.join(missing)} "
            f"(have: {', '.join(table.columns)})",
            'name the column that holds a realised measure: target.measure="column" target.column="rv"',
        )
    columns, present = read_columns(table, names)
    for name, column in zip(names, columns, strict=True):
        refuse_rows(table, name, column, (column <= 0) | np.isinf(column), "logs need prices above 0 and finite")
    return columns, present


def _log_returns(close: Floats, start: Rows) -> Floats:
    """float64 [rows]; NaN where the row before is none of the run."""
    returns = np.full(close.size, np.nan)
    returns[1:] = np.log(close[1:] / close[:-1])
    returns[start == np.arange(close.size)] = np.nan
    return returns


# Of logs of a bar's high, low and close over its open.
RANGES: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "parkinson": lambda high, low, close: np.square(high - low) / (4 * math.log(2)),
    "garman_klass": lambda high, low, close: np.square(high - low) / 2 - (2 * math.log(2) - 1) * np.square(close),
    "rogers_satchell": lambda high, low, close: high * (high - close) + low * (low - close),
}
_MEASURES: dict[str, Callable[[Table, RealizedVolatilityConfig], Periods]] = {
    "returns": _of_returns,
    "day": _of_sessions,
    "range": _of_range,
    "column": _of_column,
}
