"""The price level of each row of a series, and what stands around it: usual moves, windows of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, reduce

import numpy as np

from gatewise.data.repair.decades import AROUND, LN10, Floats, Ints, middle, nearest_decade

LEAST_SPIKE = 0.1  # of a log price: about a tenth
BLOCK = 20_000
_LEAST_STEPS, _MOST_STEPS = 8, 65_536


class Levels:
    """The rows with a price, in order of symbol and time; numbers of rows are of those alone.

    Attributes:
        row: int64 [rows], each one's number among all.
        columns: each price, float64 [rows] each; NaN where missing.
        x, high, low: log prices, float64 [rows]: of the close, or of the middle of a row that is odd.
        symbol: int64 [rows], the symbol's number.
        volume: float64 [rows], where there is any.
        inner: bool [columns], whether a price was traded first or last.
        fresh: bool [rows], the first row of a symbol.
    """

    def __init__(self, prices: Mapping[str, Floats], symbol: Ints, volume: Floats | None) -> None:
        prices = {name: _usable(column) for name, column in prices.items()}
        high, low = reduce(np.fmax, prices.values()), reduce(np.fmin, prices.values())
        level = np.log(prices["close"])
        high, low = np.log(high), np.log(low)
        with np.errstate(invalid="ignore"):
            odd = np.flatnonzero((high - low > LEAST_SPIKE) | np.isnan(level))
        cells = np.log(np.stack([column[odd] for column in prices.values()], axis=1))
        level[odd] = middle(cells, lower=True)  # the lower one is a cell's own level, never one between two
        self.row = np.flatnonzero(~np.isnan(level))
        kept = slice(None) if self.row.size == level.size else self.row
        self.columns = tuple(column[kept] for column in prices.values())
        self.x, self.symbol, self.high, self.low = level[kept], symbol[kept], high[kept], low[kept]
        self.volume = None if volume is None else volume[kept]
        self.inner = np.array([name in ("open", "close") for name in prices])
        self.fresh = np.diff(self.symbol, prepend=-1) != 0

    def logs(self, at: Ints) -> Floats:
        """Log prices [rows `at`, columns]."""
        return np.log(np.stack([column[at] for column in self.columns], axis=1))

    def steps(self, x: Floats) -> Floats:
        """Log steps from the row before; 0 where there is none."""
        steps = np.diff(x, prepend=0.0)
        steps[self.fresh] = 0.0
        return steps

    def usual(self, at: Ints, x: Floats) -> Floats:
        """[rows `at`], the median move around each; at least the least one, and half the median range."""
        usual = np.empty(at.size)
        steps, span = self.steps(x), self.high - self.low
        for begin in range(0, at.size, BLOCK):
            block = at[begin : begin + BLOCK]
            around, ranges = (self.window(values, block, -AROUND, AROUND) for values in (steps, span))
            around[around == 0] = np.nan
            tick = np.fmin(np.abs(around), np.where(ranges > 0, ranges, np.nan))
            # Prices that only move by more than a tick can't tell it from errors.
            tick = np.nan_to_num(np.fmin.reduce(tick, axis=1))
            around = np.abs(around - nearest_decade(around) * LN10)  # to a row that is powers of ten off and back again
            few = (~np.isnan(around)).sum(axis=1) < _LEAST_STEPS
            moves = np.where(few, self.usual_of_all, np.nan_to_num(middle(around)))
            usual[begin : begin + BLOCK] = reduce(np.fmax, (moves, middle(ranges) / 2, tick))
        return usual

    @cached_property
    def usual_of_all(self) -> float:
        at = np.arange(1, self.x.size, max(1, self.x.size // _MOST_STEPS))
        steps = np.abs(self.x[at] - self.x[at - 1])[~self.fresh[at]]
        steps = steps[steps > 0]
        return float(np.median(steps)) if steps.size else 0.0

    def window(self, values: Floats, at: Ints, first: int, last: int) -> Floats:
        """[rows `at`, last - first + 1]: values of rows around each; NaN beyond its symbol."""
        rows = at[:, None] + np.arange(first, last + 1)
        inside = np.clip(rows, 0, max(values.size - 1, 0))
        in_symbol = (rows == inside) & (self.symbol[inside] == self.symbol[at][:, None])
        return np.where(in_symbol, values[inside], np.nan)


def _usable(column: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        usable = (column > 0) & (column < np.inf)
    return column if usable.all() else np.where(usable, column, np.nan)
