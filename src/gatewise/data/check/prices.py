"""What a check says of prices: spikes, hundredfold errors, levels that jump, whole numbers that look like a scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from gatewise.data.blocks import block_numbers
from gatewise.data.check.finding import SHOWN, Finding, where
from gatewise.data.market.corporate import LONGEST, find_splits, nearest_split
from gatewise.data.repair.decades import Floats, Ints
from gatewise.data.repair.faults import Cells, Faults, find_faults
from gatewise.data.rows import Rows
from gatewise.data.table import OHLC, STAMP, SYMBOL

_LEAST_FIXED = 1e6  # whole numbers from here on: only few prices are so large, and those that are scaled all are
_SHARE_WHOLE = 0.999


@dataclass(frozen=True)
class Prices:
    """The prices of rows in order, and what is wrong with them; each fault is looked for once.

    Attributes:
        rows: as they were read.
        keep: which of rows that share a time counts, first or last.
        ratios: whether prices are positive, so that their ratios say something; else nothing is looked for.
    """

    rows: Rows
    keep: str = "first"
    ratios: bool = True

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns of prices, none where there is no close."""
        checked = self.ratios and "close" in self.rows.columns
        return tuple(name for name in OHLC if name in self.rows.columns) if checked else ()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows in order, one of each time."""
        return self._once(self.rows.ordered)

    @property
    def place(self) -> Ints:
        """Where each row of `frame` stands in `rows.frame`."""
        numbered = self.rows.frame.select(SYMBOL, STAMP).with_row_index("place")
        return self._once(numbered.sort(SYMBOL, STAMP, maintain_order=True))["place"].to_numpy().astype(np.int64)

    def _once(self, ordered: pl.DataFrame) -> pl.DataFrame:
        symbol, stamp, side = pl.col(SYMBOL), pl.col(STAMP), 1 if self.keep == "first" else -1
        again = (symbol == symbol.shift(side)) & (stamp == stamp.shift(side))
        return ordered.filter(~again.fill_null(False)) if ordered.select(again.any()).item() else ordered

    @cached_property
    def faults(self) -> Faults:
        """By numbers of ordered rows; jumps over a step too long to tell are left out."""
        frame = self.frame
        volume = frame["volume"].to_numpy() if "volume" in self.rows.columns else None
        columns = {name: frame[name].to_numpy() for name in self.names}
        result = find_faults(columns, block_numbers(frame[SYMBOL]), volume)
        longest, stamp, at = max(self.rows.gap_tolerance or LONGEST, LONGEST), frame[STAMP], result.jump_row
        near = (stamp[at] - stamp[np.maximum(at - 1, 0)] <= longest).to_numpy()
        return Faults(result.hundredfold, result.spikes, at[near], result.jump_ratio[near])

    @cached_property
    def splits(self) -> pl.DataFrame:
        """See `find_splits`; of prices whose certain errors are mended, so that none of those is taken for a split."""
        certain = bool(self.names) and self.faults.hundredfold.row.size > 0
        frame = mended(self) if certain else self.frame
        return find_splits(frame, longest=max(self.rows.gap_tolerance or LONGEST, LONGEST))

    def row(self, number: int) -> dict[str, Any]:
        """The row of an ordered number, by column."""
        return self.frame.row(number, named=True)


def mended(prices: Prices) -> pl.DataFrame:
    """`rows.frame` with the hundredfold cells brought back."""
    cells = prices.faults.hundredfold
    frame, at = prices.rows.frame, prices.place[cells.row]
    for number, name in enumerate(prices.names):
        in_column = cells.column == number
        if in_column.any():
            values = frame[name].to_numpy().copy()
            values[at[in_column]] = shifted(values[at[in_column]], cells.decade[in_column])
            frame = frame.with_columns(pl.Series(name, values, nan_to_null=True))
    return frame


def shifted(values: Floats, decade: Ints) -> Floats:
    """Values that are powers of ten too large, brought back; of two ways to do it the one that rounds once."""
    return np.asarray(np.where(decade > 0, values / 10.0**decade, values * 10.0**-decade), np.float64)


def find_hundredfold(prices: Prices) -> Finding:
    """Rows with cells that are 10, 100, … times what they should be, beyond doubt."""
    remedy = 'data.repair="hundredfold" brings them back and says what it did; or mend those cells'
    cells = prices.faults.hundredfold if prices.names else None

    def describe(at: Ints) -> str:
        assert cells is not None
        power = int(cells.decade[at[0]])
        return f"{10 ** abs(power):,} times too {'large' if power > 0 else 'small'}"

    return _of_cells(prices, "hundredfold", cells, describe, remedy, blocks=True)


def find_spikes(prices: Prices) -> Finding:
    """Rows with prices far off the rows before and after, which are alike, and by no power of ten."""
    remedy = "hold those rows against another source: a model learns them as moves; nothing, where they were traded"
    cells = prices.faults.spikes if prices.names else None

    def describe(at: Ints) -> str:
        assert cells is not None
        return f"{_times(float(cells.ratio[at[0]]))} the rows around"

    return _of_cells(prices, "spikes", cells, describe, remedy, blocks=False)


def find_level_jumps(prices: Prices) -> Finding:
    """Steps of a size that the series never shows otherwise, after which prices stay; splits are named as such."""
    remedy = (
        "one unit and adjusted prices throughout, where the price never moved so: a return across such a step was "
        "never earned; nothing, where it did"
    )
    if not prices.names:
        return Finding("level_jumps", 0, False, (), remedy)
    named = set(prices.splits.select(SYMBOL, pl.col("time").dt.date()).rows())
    examples, count = [], 0
    for number, ratio in zip(prices.faults.jump_row.tolist(), prices.faults.jump_ratio.tolist(), strict=True):
        row = prices.row(number)
        if (row[SYMBOL], row[STAMP].date()) in named:
            continue
        count += 1
        if count <= SHOWN:
            new, old = nearest_split(1 / ratio)
            before = prices.row(number - 1)["close"]
            moved = f"from {before:g} to {row['close']:g}, {_times(ratio)} the row before, and it stays"
            examples.append(f"{where(prices.rows, row)}: {moved}: looks like {new}:{old}")
    return Finding("level_jumps", count, False, tuple(examples), remedy, doubtful=True)


def find_possible_splits(prices: Prices) -> Finding:
    """Days that open where a stock split would put the price; see `find_splits`."""
    remedy = (
        'adjusted prices, as of gatewise data fetch yahoo --adjusted, or data.repair="splits", which adjusts for those '
        "that the volume proves: a return across a split was never earned"
    )
    if not prices.names:
        return Finding("possible_splits", 0, False, (), remedy)
    splits = prices.splits
    examples = tuple(
        f"{row[SYMBOL]} {row['time']:%Y-%m-%d}: {row['new']}:{row['old']}, from {row['before']:g} to {row['after']:g}"
        for row in splits.head(SHOWN).iter_rows(named=True)
    )
    return Finding("possible_splits", splits.height, False, examples, remedy, doubtful=True)


def find_fixed_point(prices: Prices) -> Finding:
    """Symbols whose prices are whole numbers of seven digits and more: some vendors write 1.5 as 1500000000."""
    remedy = (
        "divide them, if the vendor's format counts in ten-thousandths, hundred-millionths or billionths: targets and "
        "errors in price units would be of that scale; nothing, if the prices are so large (some currencies)"
    )
    close, suspects = pl.col("close"), pl.DataFrame()
    if prices.names and (prices.frame.select(close.max()).item() or 0) >= _LEAST_FIXED:
        whole = pl.all_horizontal((pl.col(name) % 1 == 0).fill_null(True) for name in prices.names)
        suspects = prices.frame.group_by(SYMBOL).agg(close.median(), whole.mean().alias("whole")).sort(SYMBOL)
        suspects = suspects.filter(close >= _LEAST_FIXED, pl.col("whole") >= _SHARE_WHOLE)
    examples = tuple(f"{name}: whole numbers, usually about {usual:,.0f}" for name, usual, _ in suspects.iter_rows())
    return Finding("fixed_point", len(examples), False, examples[:SHOWN], remedy, doubtful=True)


def _of_cells(
    prices: Prices, kind: str, suspects: Cells | None, describe: Callable[[Ints], str], remedy: str, blocks: bool
) -> Finding:
    if suspects is None:
        return Finding(kind, 0, blocks, (), remedy)
    rows = suspects.rows
    examples = []
    for number in rows[:SHOWN]:
        at = np.flatnonzero(suspects.row == number)
        row = prices.row(int(number))
        cells = ", ".join(f"{name}={row[name]:g}" for name in (prices.names[column] for column in suspects.column[at]))
        examples.append(f"{where(prices.rows, row)}: {cells}, {describe(at)}")
    return Finding(kind, int(rows.size), blocks, tuple(examples), remedy, doubtful=not blocks)


def _times(ratio: float) -> str:
    """`131 times` or `1/131 of`."""
    return f"{ratio:.4g} times" if ratio >= 1 else f"1/{1 / ratio:.4g} of"
