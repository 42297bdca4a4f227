"""Prices that can be traded at, and the stretches of rows over which a position can be held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL, Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Market:
    """What a broker sees of a table.

    Attributes:
        open, close: float64 [rows]; `open` is `None` where the table has none.
        segment_start: int64 [rows], the first row of each row's gap-free segment.
        time_us: int64 [rows], when each row, and so its close, is known.
        symbol: int64 [rows], a number for each of `names`.
        any_prices: prices may be 0 or negative: trades are in units of the instrument, money in price units.
    """

    open: Floats | None
    close: Floats
    segment_start: Ints
    time_us: Ints
    symbol: Ints
    names: tuple[str, ...] = ("",)
    any_prices: bool = False

    @staticmethod
    def from_table(table: Table) -> Market | None:
        """`None` where the table has no close."""
        prices = {name: table.frame[name].to_numpy() for name in ("open", "close") if name in table.columns}
        if "close" not in prices:
            return None
        return Market(
            prices.get("open"),
            prices["close"],
            table.segment_start,
            table.time_us,
            block_numbers(table.frame[SYMBOL]),
            table.symbols,
            table.any_prices,
        )

    def tradable(self, at_open: bool) -> npt.NDArray[np.bool_]:
        """Rows [rows] whose prices are there, and above 0 where they must be."""
        good = np.ones(len(self.close), np.bool_)
        for price in (self.close, self.open) if at_open and self.open is not None else (self.close,):
            good &= np.isfinite(price) & ((price > 0) | self.any_prices)
        return good


@dataclass(frozen=True)
class Course:
    """The rows that an account passes through, stretch after stretch.

    A stretch goes from the first evaluated row to the last of one segment's tradable rows in a row; between them rows
    that are not evaluated pass as well. What is open at its end is closed there.

    Attributes:
        row: int64 [m], rows of the table.
        first, last: int64 [m], where in `row` each one's stretch begins and ends.
        at: int64 [k], where in `row` the evaluated rows stand that can be traded.
        kept: bool [n], which of the evaluated rows these are.
    """

    row: Ints
    first: Ints
    last: Ints
    at: Ints
    kept: npt.NDArray[np.bool_]


def course(market: Market, rows: Ints, at_open: bool) -> Course:
    """The course over evaluated rows of the table, int64 [n], ascending."""
    good = market.tradable(at_open)
    begins = good & (market.segment_start == np.arange(len(good)))
    begins[1:] |= good[1:] & ~good[:-1]
    kept = good[rows]
    rows = rows[kept]
    _, head = np.unique(np.cumsum(begins)[rows], return_index=True)
    lengths = rows[np.append(head[1:], len(rows)) - 1] - rows[head] + 1 if len(rows) else np.empty(0, np.int64)
    begin = np.cumsum(lengths) - lengths
    first = np.repeat(begin, lengths)
    row = np.repeat(rows[head], lengths) + np.arange(len(first)) - first
    return Course(row, first, np.repeat(begin + lengths - 1, lengths), np.searchsorted(row, rows), kept)
