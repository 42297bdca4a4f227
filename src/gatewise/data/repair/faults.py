"""Invalid prices: cells and rows far off what stands around them that come back, and steps that stay.

Real markets crash and squeeze; a price that is a hundred times its neighbours for one row and then goes on as if
nothing had been is a mistake of whoever wrote the file. So a price is held against the rows before and after it, in
units of how far the series usually moves there, and never against a number alone:

- **hundredfold**: 10, 100, … times too large or too small, within what the series moves, and back again: pence for
  pounds, a point that slipped. A high or a low alone must be off by 100 times at least, as one trade may be far off.
  These are certain, and can be mended; runs of whole rows only where fifty rows on either side say so of each.
- **spikes**: far off and back again, by any other number.
- **jumps**: a step of 2.5 times or more, dozens of times the usual, after which the price stays.

Candidates are found in one pass over all rows, and only they are looked at with their neighbours: 1,000,000 rows take
about 0.1 s. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.blocks import cached_blocks
from gatewise.data.repair.decades import LEVEL_ROWS, LN10, Flags, Floats, Ints, decade_of, middle
from gatewise.data.repair.levels import BLOCK, LEAST_SPIKE, Levels
from gatewise.data.repair.other_units import LEAST_JUMP, decades_of_rows

_TRADED = float(np.log(20.0))  # no bar is traded over so many times its price
# Times the usual move; of a million draws of Student's t with 3 degrees of freedom the largest is some 130.
_JUMP_MOVES, _SPIKE_MOVES = 40.0, 70.0
_NEAR, _SPIKE_ROWS = 3, 5
_KEPT = 0.7  # of a jump must be left in the rows after it


@dataclass(frozen=True)
class Cells:
    """Cells by row and column: `decade` powers of ten too large, or `ratio` times the rows around."""

    row: Ints
    column: Ints
    decade: Ints
    ratio: Floats

    @property
    def rows(self) -> Ints:
        """Each row once."""
        return np.unique(self.row)


@dataclass(frozen=True)
class Faults:
    """What was found; rows by their number.

    Attributes:
        hundredfold, spikes: cells; `decade` is 0 of spikes.
        jump_row, jump_ratio: the first rows at another level; how many times the row before.
    """

    hundredfold: Cells
    spikes: Cells
    jump_row: Ints
    jump_ratio: Floats


def find_faults(prices: Mapping[str, Floats], symbol: Ints, volume: Floats | None = None) -> Faults:
    """Looks at rows in order of symbol and time.

    Args:
        prices: close, and any of open, high and low: float64 [rows] each. NaN where missing; what is not positive or
            not finite counts as missing.
        symbol: int64 [rows], a number for each symbol; its rows stand together.
        volume: float64 [rows]; tells a split, which moves it the other way, from another unit of prices.
    """
    blocks = cached_blocks(symbol.size, beside=1)
    if symbol.size >= 3 and all(
        _is_calm({name: prices[name][rows] for name in prices}, symbol[rows]) for rows, _ in blocks
    ):
        rows, ratios = np.empty(0, np.int64), np.empty(0, np.float64)
        none = Cells(rows, rows, rows, ratios)
        return Faults(none, none, rows, ratios)
    return _look(Levels(prices, symbol, volume))


def _is_calm(prices: Mapping[str, Floats], symbol: Ints) -> bool:
    """Whether no price is far enough from the rows around it to be looked at; most files of minutes end here."""
    close, high, low = prices["close"], reduce(np.fmax, prices.values()), reduce(np.fmin, prices.values())
    if not (low > 0).all() or not (high < np.inf).all():  # also where one is missing
        return False
    first = np.append(0, np.flatnonzero(symbol[1:] != symbol[:-1]) + 1)
    before, after = np.roll(close, 1), np.roll(close, -1)
    before[first], after[first - 1] = close[first], close[first - 1]
    reach, step = float(np.exp(LEAST_SPIKE)), float(np.exp(LEAST_JUMP))
    with np.errstate(over="ignore"):
        beside = (high <= reach * np.maximum(before, after)).all() and (low * reach >= np.minimum(before, after)).all()
        return bool(beside and (close < step * before).all() and (before < step * close).all())


def _look(levels: Levels) -> Faults:
    decades = decades_of_rows(levels)
    x = levels.x - decades * LN10
    off, ratio, jumps, jump_steps = _rows_off(levels, x)
    hundredfold, spikes = _cells(levels, x, decades, off, ratio)
    with np.errstate(over="ignore"):
        return Faults(hundredfold, spikes, levels.row[jumps], np.exp(jump_steps))


def _rows_off(levels: Levels, x: Floats) -> tuple[Flags, Floats, Ints, Floats]:
    """Runs of a few whole rows far off, and their log ratio; first rows of levels that stay, and their log step."""
    off, ratio, steps = np.zeros(x.size, dtype=bool), np.zeros(x.size), levels.steps(x)
    at = np.flatnonzero(np.abs(steps) > LEAST_JUMP)
    at = at[np.abs(steps[at]) > _JUMP_MOVES * levels.usual(at, x)]
    taken: set[int] = set()
    for place, row in enumerate(at.tolist()):
        for later in () if row in taken else at[place + 1 : place + 1 + _SPIKE_ROWS].tolist():
            returns = later - row <= _SPIKE_ROWS and levels.symbol[later] == levels.symbol[row]
            if returns and abs(steps[row] + steps[later]) <= 0.2 * abs(steps[row]):
                off[row:later], ratio[row:later] = True, x[row:later] - x[row - 1]
                taken |= {row, later}
                break
    jumps = np.array([row for row in at.tolist() if row not in taken], dtype=np.int64)
    clean = np.where(off, np.nan, x) if off.any() else x
    before = middle(levels.window(clean, jumps, -LEVEL_ROWS, -1))
    after = middle(levels.window(clean, jumps, 0, LEVEL_ROWS - 1))
    # A bar that was traded all the way from one level to the other tells of a market, and not of its file.
    shift = x[jumps] - levels.x[jumps]
    apart = np.where(
        steps[jumps] > 0,
        levels.low[jumps] + shift - _before(levels.high - levels.x + x, jumps),
        _before(levels.low - levels.x + x, jumps) - levels.high[jumps] - shift,
    )
    size = np.abs(steps[jumps])
    apart[size > _TRADED] = np.inf
    jumps = jumps[(np.abs(after - before) >= _KEPT * size) & (apart >= _KEPT * size)]
    return off, ratio, jumps, steps[jumps]


def _cells(levels: Levels, x: Floats, decades: Ints, off: Flags, ratio: Floats) -> tuple[Cells, Cells]:
    """Cells off by decades, those of whole rows among them, and cells off by any other number."""
    shift = np.asarray(decades * LN10, np.float64)
    rows = np.flatnonzero(decades)
    tens: list[tuple[Ints, Ints]] = [(rows, decades[rows, None] * ~np.isnan(levels.logs(rows)))]
    rows = np.flatnonzero(off)
    deviations: list[tuple[Ints, Floats]] = [(rows, ratio[rows, None] * ~np.isnan(levels.logs(rows)))]
    candidates = _far(levels, x, shift, off)
    clean = np.where(off, np.nan, x)
    for begin in range(0, candidates.size, BLOCK):
        at = candidates[begin : begin + BLOCK]
        cells = levels.logs(at) - shift[at, None]
        sides = [middle(levels.window(clean, at, *span)) for span in ((-_NEAR, -1), (1, _NEAR))]
        before, after = (cells - np.where(np.isnan(side), x[at], side)[:, None] for side in sides)
        usual = levels.usual(at, x)[:, None]
        power, fits = decade_of((before, after, cells - x[at, None]), usual)
        power = np.where(fits, power, 0)
        inner = (power != 0)[:, levels.inner].any(axis=1)
        power = np.where(inner[:, None] | (np.abs(power) > 1), power, 0)
        dev = np.where(np.abs(before) < np.abs(after), before, after)
        with np.errstate(invalid="ignore"):
            large = (before * after > 0) & (np.abs(dev) > np.maximum(LEAST_SPIKE, _SPIKE_MOVES * usual))
        tens.append((at, power))
        deviations.append((at, np.where(large & (power == 0), dev, 0.0)))
    row, column, power = _listed(tens)
    hundredfold = Cells(levels.row[row], column, power, np.power(10.0, power))
    row, column, dev = _listed(deviations)
    with np.errstate(over="ignore"):
        return hundredfold, Cells(levels.row[row], column, np.zeros(row.size, np.int64), np.exp(dev))


def _far(levels: Levels, x: Floats, shift: Floats, off: Flags) -> Ints:
    """Rows that reach beyond both of their neighbours; of a symbol's first and last row one stands in for both."""
    before, after = np.roll(x, 1), np.roll(x, -1)
    if off.any():
        before, after = (np.where(np.roll(off, turn), x, side) for turn, side in ((1, before), (-1, after)))
    first, last = levels.fresh, np.roll(levels.fresh, -1)
    before[first], after[last] = x[first], x[last]
    least = max(LEAST_SPIKE, 5 * levels.usual_of_all)
    above = levels.high - shift - np.maximum(before, after)
    below = np.minimum(before, after) - levels.low + shift
    return np.flatnonzero((np.maximum(above, below) > least) & ~off)


def _before(values: Floats, at: Ints) -> Floats:
    return values[np.maximum(at - 1, 0)]


def _listed(parts: Sequence[tuple[Ints, npt.NDArray[Any]]]) -> tuple[Ints, Ints, npt.NDArray[Any]]:
    """Row, column and value of every cell that is not 0; what parts say of one cell is added up."""
    rows = np.concatenate([rows for rows, _ in parts])
    values = np.concatenate([values for _, values in parts])
    each, place = np.unique(rows, return_inverse=True)
    total = np.zeros((each.size, values.shape[1]), values.dtype)
    np.add.at(total, place, values)
    row, column = np.nonzero(total)
    return each[row], column, total[row, column]
