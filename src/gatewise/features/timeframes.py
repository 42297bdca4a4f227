"""Feature sets on longer bars, joined to each row once the longer bar has closed.

Row t sees the last complete bar that ends at or before its own time, never the one that is still open: joining on a
bar's open would hand it up to a whole bar of its own future. Bars are made of each stretch without a gap on its own, so
their runs break where the rows' do.

In rows, a feature of L bars depends on exactly the last L x ratio + ratio - 1: the bars, and the rows since the last of
them closed. A buffer of that many rows holds them whole wherever it ends, so batch and live agree to the last bit. Bars
of sessions take one row more: it alone tells that nothing was traded between it and the session's first row. What is
built on bars costs a ratio-th of what it costs on rows, and one gather.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.periods import opens
from gatewise.data.steps.resample import Bars, complete_bars, ends_of_rows, one_lateness
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.features.base import Feature, Values
from gatewise.features.fill import fill

_BLOCK_ROWS = 131_072
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Longer:
    """Features on longer bars.

    Attributes:
        step: the bars' length.
        ratio: how many rows a bar may hold.
        rows_before: how many more it takes to know where the oldest bar begins: 1 for bars of sessions, else 0.
        of_bars: the features over bars, their lookbacks in bars.
    """

    step: timedelta
    ratio: int
    rows_before: int
    of_bars: tuple[Feature, ...]

    def only(self, names: Collection[str]) -> Longer:
        """Those that rows see by one of these names."""
        pairs = zip(self.of_bars, self.features, strict=True)
        return replace(self, of_bars=tuple(of_bars for of_bars, feature in pairs if feature.name in names))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The same features as rows see them: named `rsi_14_5m`, their lookbacks in rows."""
        word = format_duration(self.step)
        return tuple(
            replace(
                feature,
                name=f"{feature.name}_{word}",
                lookback=self._in_rows(feature.lookback),
                formula=f"{feature.name} of bars of {word}, the last one that has closed",
            )
            for feature in self.of_bars
        )

    @property
    def lookback_bars(self) -> int:
        return max(feature.lookback for feature in self.of_bars)

    @property
    def lookback(self) -> int:
        """The longest among the features, in rows."""
        return self._in_rows(self.lookback_bars)

    def _in_rows(self, bars: int) -> int:
        return bars * self.ratio + self.ratio - 1 + self.rows_before


def fill_longer(values: Values, valid: Flags, table: Table, longer: Longer) -> None:
    """Writes every row's features of longer bars, and takes rows that lack something out of `valid`.

    A row is valid where its whole lookback lies in its segment and holds as many complete bars as the features look
    back; where the last of them is stale, because the bar after it should have come and has no rows, it is not.

    Args:
        values: [rows, features of `longer`], written; of `matrix_dtype`.
        valid: bool [rows], narrowed.
        table: holds the columns that the features require.

    Raises:
        QualityError: a raw column holds a value beyond float32.
    """
    grid = Grid(longer.step, table.calendar)
    late_months = one_lateness(table, longer.step)
    ended_us = ends_of_rows(table.time_us, table.timeframe, grid.calendar, late_months)
    bars = complete_bars(table.time_us, table.segment_start, table.timeframe, grid, late_months)
    if not bars.first.size:
        valid[:] = False
        return
    of_bars, whole = np.zeros((bars.first.size, values.shape[1]), values.dtype), np.ones(bars.first.size, dtype=bool)
    group = table.segment_start[bars.first]
    run_start = np.maximum.accumulate(np.where(np.diff(group, prepend=-1) != 0, np.arange(group.size), 0))
    fill(of_bars, whole, _frame_of(table, bars, longer), run_start, longer.of_bars)
    bar = _last_closed(bars, table.num_rows)
    valid &= (bar >= 0) & (group[bar] == table.segment_start) & whole[bar]
    valid &= bar - run_start[bar] >= longer.lookback_bars - 1
    _require_lookback(valid, table, ended_us, bars, bar, longer)
    _require_fresh(valid, ended_us, bars, bar, grid)
    for first in range(0, table.num_rows, _BLOCK_ROWS):
        here = slice(first, first + _BLOCK_ROWS)
        values[here] = of_bars[bar[here]]


def _frame_of(table: Table, bars: Bars, longer: Longer) -> pl.DataFrame:
    needed = dict.fromkeys(name for feature in longer.of_bars for name in feature.requires if name != TIME)
    time = pl.Series(TIME, bars.known_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    columns = [bars.column(name, table.frame[name]) for name in needed]
    return pl.DataFrame([table.frame[SYMBOL].gather(bars.first), time, *columns])


def _last_closed(bars: Bars, num_rows: int) -> Rows:
    """For each row the last bar that it may use, -1 where there is none."""
    return np.cumsum(np.bincount(bars.known_at, minlength=num_rows)) - 1


def _require_lookback(valid: Flags, table: Table, ended_us: Rows, bars: Bars, bar: Rows, longer: Longer) -> None:
    """Rows whose last `lookback` rows alone make the same bars; where every step is a timeframe or longer, all do.

    Where steps are shorter, a bar may hold more rows than `ratio`, and the lookback end within it.
    """
    rows = np.flatnonzero(valid)
    begin = rows - longer.lookback + 1
    oldest = bar[rows] - longer.lookback_bars + 1
    ok = (begin >= table.segment_start[rows]) & (begin <= bars.first[oldest])
    cut = ok & (begin == bars.first[oldest])  # nothing before the bar is seen, so its first row must tell its start
    ok[cut] = opens(ended_us[begin[cut]], table.timeframe) <= bars.start_us[oldest[cut]]
    valid[rows[~ok]] = False


def _require_fresh(valid: Flags, ended_us: Rows, bars: Bars, bar: Rows, grid: Grid) -> None:
    rows = np.flatnonzero(valid)
    starts, ends = grid.bounds(ended_us[rows])
    closed = bars.end_us[bar[rows]]
    fresh = (closed == ends) | grid.nothing_between(closed, starts)
    valid[rows[~fresh]] = False
