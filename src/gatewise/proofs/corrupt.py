"""Other futures (and pasts) for the same data: still valid bars, but not the ones that came.

Each corruption catches another kind of leak: other prices catch any read of a later row, reversed ones keep every
whole-sample statistic but its order, extremes move a maximum or a scale that other values would leave alone, missing
values catch fills and drops, and cutting the rows off catches what looks at the table's length or end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.steps.grid import Grid
from gatewise.data.table import OHLC, SYMBOL, Table
from gatewise.splits.base import Rows

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

NUM_CUTS = 3
NUM_CUTS_IN_BARS = 2


@dataclass(frozen=True)
class Future:
    """A table that agrees with another one up to a moment and differs after it.

    Attributes:
        what: how the later rows differ, in words.
        cut_us: the last moment that is as it was.
        table: the other table.
        kept: rows of the original at or before the cut, ascending.
        at: the same rows' numbers in `table`.
    """

    what: str
    cut_us: int
    table: Table
    kept: Rows
    at: Rows

    @property
    def removes_rows(self) -> bool:
        """Whether later rows are gone or empty, not only different."""
        return self.what in ("missing", "cut off")


def futures(table: Table, cut_us: int, rng: np.random.Generator) -> Iterator[Future]:
    """The table with every later row corrupted, once in each way; a cut is one moment for all symbols."""
    later = table.time_us > cut_us
    kept = np.flatnonzero(~later)
    for what in CORRUPTIONS:
        yield Future(what, cut_us, corrupt(table, later, what, rng), kept, kept)
    yield Future("cut off", cut_us, table.with_frame(table.frame.filter(~later)), kept, np.arange(kept.size))


def corrupt(table: Table, rows: Mask, what: str, rng: np.random.Generator) -> Table:
    """Replaces the values of `rows` by one of CORRUPTIONS; times and the order low <= open, close <= high stay."""
    values = {name: table.frame[name].to_numpy().copy() for name in table.columns}
    CORRUPTIONS[what](values, rows, table, rng)
    columns = [pl.Series(name, column, nan_to_null=True) for name, column in values.items()]
    return table.with_frame(table.frame.with_columns(columns))


def cut_moments(table: Table, rng: np.random.Generator, steps: Sequence[timedelta] = ()) -> list[int]:
    """Moments where a leak would show: some at random, one in the start's warm-up, and both sides of a gap.

    Args:
        steps: lengths of longer bars that are made of the rows; some cuts then lie right before the row that closes
            one, where a bar that is used too early by a single row shows.
    """
    moments = np.unique(table.time_us)
    if moments.size < 4:
        return [int(moments[0])]
    # From the second third on, so that most features have values before the cut, and some rows come after it.
    cuts = rng.choice(moments[moments.size // 3 : -1], size=min(NUM_CUTS, moments.size // 3), replace=False)
    name = table.frame[SYMBOL].to_numpy()
    start = table.segment_start
    resumed = np.flatnonzero((start[1:] != start[:-1]) & (name[1:] == name[:-1])) + 1
    edges = [int(moments[1])]
    if resumed.size:
        row = int(resumed[np.argmax(resumed - start[resumed - 1])])  # the longest segment: its last row is complete
        edges += [int(table.time_us[row - 1]), int(table.time_us[min(row + 1, table.num_rows - 1)])]
    for step in steps:
        end = Grid(step, table.calendar).bounds(table.time_us)[1]
        closing = (end[1:] == table.time_us[1:]) & (end[:-1] == end[1:]) & (name[:-1] == name[1:])
        before = table.time_us[:-1][closing & (table.time_us[:-1] >= moments[moments.size // 3])]
        edges += rng.choice(before, size=min(NUM_CUTS_IN_BARS, before.size), replace=False).tolist()
    return sorted({*cuts.tolist(), *edges} - {int(moments[-1])})


def worlds(table: Table, rng: np.random.Generator, steps: Sequence[timedelta] = ()) -> Iterator[tuple[Table, Future]]:
    """Tables, each with another future: the table as it is, and with the rows right before a cut left without values.

    The latter shows what fills a missing value from a later row. `steps` are those of `cut_moments`.
    """
    cuts = cut_moments(table, rng, steps)
    for cut_us in cuts:
        yield from ((table, future) for future in futures(table, cut_us, rng))
    cut_us = int(rng.choice(cuts))
    last = table.time_us <= cut_us
    last &= table.time_us > cut_us - 3 * (table.timeframe // timedelta(microseconds=1))
    holed = corrupt(table, last, "missing", rng)
    yield from ((holed, future) for future in futures(holed, cut_us, rng))


def _other_prices(values: dict[str, Values], rows: Mask, table: Table, rng: np.random.Generator) -> None:
    count = int(rows.sum())
    bars = set(OHLC) <= values.keys()
    factor = np.exp(np.cumsum(rng.normal(0, 0.003, count)) + rng.normal(0, 0.05, count))
    for name, column in values.items():
        if bars and name in OHLC:  # one factor a row keeps the bar's order
            column[rows] *= factor
        else:
            spread = np.nan_to_num(np.nanmean(np.abs(column))) if np.isfinite(column).any() else 0.0
            noise = rng.normal(0, spread or 1.0, count)
            other = column[rows] * rng.lognormal(0, 1, count) + noise
            column[rows] = np.abs(other) if np.nanmin(column, initial=0) >= 0 else other


def _reversed(values: dict[str, Values], rows: Mask, table: Table, rng: np.random.Generator) -> None:
    name = table.frame[SYMBOL].to_numpy()
    for symbol in table.symbols:
        here = np.flatnonzero(rows & (name == symbol))
        for column in values.values():
            column[here] = column[here[::-1]]


def _extremes(values: dict[str, Values], rows: Mask, table: Table, rng: np.random.Generator) -> None:
    for column in values.values():
        column[rows] *= 1000.0


def _missing(values: dict[str, Values], rows: Mask, table: Table, rng: np.random.Generator) -> None:
    for column in values.values():
        column[rows] = np.nan


CORRUPTIONS: dict[str, Callable[[dict[str, Values], Mask, Table, np.random.Generator], None]] = {
    "other prices": _other_prices,
    "reversed": _reversed,
    "extremes": _extremes,
    "missing": _missing,
}
