"""Longer bars made of shorter ones, each complete and knowable at its close; never the one that is still open.

A row belongs to the bar in which it closes (`data.grid` says where bars begin and end). A bar exists where at least one
row lies in it and both its ends are known: the rows begin at its start or before it, and a row at its end or after it
is there. Whatever comes later, it stays as it is; cutting rows off takes whole bars away and changes none.

Reductions run over slices of columns that are sorted already: 3,000,000 rows take about 0.1 s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import MONTH, format_duration, months_of
from gatewise.data.market.sessions import trading_time
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.periods import MOST_AHEAD, longest_step, opens
from gatewise.data.steps.timeframe import DAY, default_gap_tolerance
from gatewise.data.table import OHLCV, SYMBOL, TIME, Table, require_bars
from gatewise.errors import ConfigError, NotEnoughRowsError

_log = logging.getLogger("gatewise.data")

_US = timedelta(microseconds=1)
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bars:
    """Complete bars over the rows of a frame, in the rows' order.

    Attributes:
        start_us, end_us: int64 [bars]; what a bar covers, (start, end].
        known_us: int64 [bars]; when it is knowable: with its last row where that ends it, else at its end or later.
        first, last: int64 [bars]; the rows that it is made of.
        known_at: int64 [bars]; the first row that may use it: the first one of its group at its end or after it.
        left_out: bars with rows in them that are not complete.
    """

    start_us: Rows
    end_us: Rows
    known_us: Rows
    first: Rows
    last: Rows
    known_at: Rows
    left_out: int

    @cached_property
    def num_rows(self) -> Rows:
        """int64 [bars]; of how many rows each is made."""
        return self.last - self.first + 1

    def column(self, name: str, values: pl.Series) -> pl.Series:
        """A column of the rows over the bars: the first open, the highest high, the lowest low, the sum of volume, the
        last of anything else. Where a missing value would have counted, the bar's is missing."""
        numbers = values.cast(pl.Float64).to_numpy()  # nulls become NaN, which every reduction hands on
        reduced = _REDUCTIONS[name](numbers, self) if name in _REDUCTIONS else numbers[self.last]
        return pl.Series(name, reduced, nan_to_null=True)


def _over_rows(reduce: np.ufunc) -> Callable[[npt.NDArray[np.float64], Bars], npt.NDArray[np.float64]]:
    def column(values: npt.NDArray[np.float64], bars: Bars) -> npt.NDArray[np.float64]:
        if not bars.first.size:
            return np.empty(0)
        # Pairs of a bar's first row and the row after its last; the stretches between bars are dropped.
        edges = np.column_stack([bars.first, bars.last + 1]).ravel()
        padded = np.append(values, np.nan)  # the last bar may end with the last row
        return np.asarray(reduce.reduceat(padded, edges)[::2])

    return column


_REDUCTIONS: dict[str, Callable[[npt.NDArray[np.float64], Bars], npt.NDArray[np.float64]]] = {
    "open": lambda values, bars: values[bars.first],
    "high": _over_rows(np.maximum),
    "low": _over_rows(np.minimum),
    "volume": _over_rows(np.add),
}


def ends_of_rows(time_us: Rows, timeframe: timedelta, calendar: str | None, late_months: int) -> Rows:
    """int64 [rows]; when the period of each row ended, by UTC or the calendar.

    Rows of months are knowable some time after that, or hours before where another clock bounds them.
    """
    if months_of(timeframe) is None:
        return time_us
    months = Grid(MONTH, calendar)
    starts, ends = months.bounds(time_us)
    ended_us = np.where(ends - time_us <= MOST_AHEAD // _US, ends, starts)
    for _ in range(late_months):
        ended_us = months.bounds(ended_us)[0]
    return ended_us


def complete_bars(time_us: Rows, group_start: Rows, timeframe: timedelta, grid: Grid, late_months: int = 0) -> Bars:
    """The complete bars of rows in groups: of a symbol, or of a stretch without a gap.

    Args:
        time_us: int64 [rows]; when each row is knowable, ascending in its group.
        group_start: int64 [rows]; the first row of each row's group, ascending.
        timeframe: how long a row lasts. The first one of a group tells that everything since its own start is known,
            and no more: with a calendar too, as there may be rows before a session's first one.
        grid: where bars begin and end.
        late_months: see `Table`.
    """
    ended_us = ends_of_rows(time_us, timeframe, grid.calendar, late_months)
    starts, ends = grid.bounds(ended_us)
    begins = np.ones(time_us.size, dtype=bool)
    begins[1:] = (np.diff(ends) != 0) | (np.diff(group_start) != 0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], time_us.size) - 1
    group = group_start[first]
    is_first_of_group, is_last_of_group = np.ones((2, first.size), dtype=bool)
    is_first_of_group[1:] = is_last_of_group[:-1] = np.diff(group) != 0
    begun = ~is_first_of_group | (opens(ended_us[first], timeframe) <= starts[first])
    closed = ~is_last_of_group | (ended_us[last] == ends[first])
    kept = begun & closed
    first, last = first[kept], last[kept]
    known_at = last + (ended_us[last] != ends[last])
    later_us = ends[first]
    for _ in range(late_months):
        later_us = Grid(MONTH, grid.calendar).bounds(later_us + 1)[1]
    known_us = np.where(ended_us[last] == ends[first], time_us[last], later_us)
    return Bars(starts[first], ends[first], known_us, first, last, known_at, int(np.sum(~kept)))


def require_multiple(field: str, step: timedelta, timeframe: timedelta) -> int:
    """How many rows of `timeframe` make a bar of `step`, of months about how many.

    Months are made of shorter ones that they are a multiple of, or of rows that divide a day.

    Raises:
        ConfigError: not a whole number of them.
    """
    divided = DAY if months_of(step) and not months_of(timeframe) else step
    if step < timeframe or divided % timeframe or bool(months_of(timeframe)) > bool(months_of(step)):
        got, unit = format_duration(step), format_duration(timeframe)
        raise ConfigError(
            f"{field} must be whole multiples of the rows' timeframe, {unit}; got {got}",
            f"take {format_duration(5 * timeframe)}, say, or rows of a timeframe that {got} is a multiple of",
        )
    return step // timeframe


def one_lateness(table: Table, step: timedelta) -> int:
    """By how many months the rows are knowable later than their periods end.

    Raises:
        ConfigError: some of them are, and some are not.
    """
    if table.late_months is None:
        raise ConfigError(
            f"bars of {format_duration(step)} need months that are stamped alike; some symbols' are stamped with first "
            "days and others' with last ones",
            "load them apart",
        )
    return table.late_months


def bars_of_symbols(table: Table, step: timedelta) -> Bars:
    """The complete bars of each symbol's rows, across its gaps.

    Raises:
        ConfigError: `step` is no whole multiple of the table's timeframe.
    """
    require_multiple("data.resample", step, table.timeframe)
    lengths = np.diff(np.append(table.symbol_starts, table.num_rows))
    group_start = np.repeat(table.symbol_starts, lengths)
    late_months = one_lateness(table, step)
    return complete_bars(table.time_us, group_start, table.timeframe, Grid(step, table.calendar), late_months)


def resample(table: Table, step: timedelta, gap_tolerance: timedelta | None = None) -> Table:
    """Bars of `step` in the place of shorter rows.

    In the source a bar stands where its last row does.
    An absent row does not undo a bar that has others; an absent bar is absent, and a gap where the tolerance says so.

    Args:
        table: rows of any columns; see `Bars.column` for what becomes of each.
        step: a whole multiple of the table's timeframe; the timeframe itself gives the table as it is.
        gap_tolerance: of the bars, at least `step`; `None`: as of rows of that length.

    Raises:
        ConfigError: `step` is no whole multiple.
        QualityError: rows with the columns of bars break the rules of bars, which a longer bar would hide.
        NotEnoughRowsError: no bar is complete.
    """
    if step == table.timeframe:
        return table
    if set(OHLCV) <= set(table.columns):
        require_bars(table)
    bars = bars_of_symbols(table, step)
    if not bars.first.size:
        raise NotEnoughRowsError(
            f"a bar of {format_duration(step)} must be complete; {table.num_rows} rows of "
            f"{format_duration(table.timeframe)} complete none",
            "give more rows, or a shorter data.resample",
        )
    _log.info("%s", describe_bars(bars, table, step))
    time = pl.Series(TIME, bars.known_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    columns = [bars.column(name, table.frame[name]) for name in table.columns]
    frame = pl.DataFrame([table.frame[SYMBOL].gather(bars.first), time, *columns])
    tolerance = longest_step(gap_tolerance) if gap_tolerance else default_gap_tolerance(step, table.calendar)
    origin = None if table.origin is None else table.origin[bars.last]
    return replace(table, frame=frame, origin=origin, timeframe=step, gap_tolerance=max(tolerance, longest_step(step)))


def rows_expected(bars: Bars, table: Table) -> Rows:
    """int64 [bars]; of how many rows each is made where none is absent: with a calendar those of its trading time."""
    if months_of(table.timeframe):  # of whole months, whatever they last
        return np.rint((bars.end_us - bars.start_us) / (table.timeframe // _US)).astype(np.int64)
    bounds = np.concatenate([bars.start_us, bars.end_us])
    if table.calendar is not None:
        bounds = trading_time(bounds, table.calendar, table.timeframe)
    start, end = np.split(bounds, 2)
    return np.asarray(-((start - end) // (table.timeframe // _US)))  # rounded up


def describe_bars(bars: Bars, table: Table, step: timedelta) -> str:
    """How many bars were made, and which of them of fewer rows than they could hold."""
    short = int(np.sum(bars.num_rows < rows_expected(bars, table)))
    return (
        f"{bars.first.size:,} bars of {format_duration(step)} made of rows of {format_duration(table.timeframe)}, "
        f"{short:,} of them with rows absent; left out as not complete, at the ends of series: {bars.left_out:,}"
    )
