"""Prices that can't be: cells and rows far off what stands around them that come back, and steps that stay.

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
from functools import cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.repair.decades import (
    AROUND,
    LEVEL_ROWS,
    LN10,
    Flags,
    Floats,
    Ints,
    decade_of,
    middle,
    nearest_decade,
    stands_off,
)

_LEAST_JUMP = float(np.log(2.5))
_TRADED = float(np.log(20.0))  # no bar is traded over so many times its price
_LEAST_SPIKE = 0.1  # of a log price: about a tenth
# Times the usual move; of a million draws of Student's t with 3 degrees of freedom the largest is some 130.
_JUMP_MOVES, _SPIKE_MOVES = 40.0, 70.0
_NEAR, _VOLUME_ROWS, _SPIKE_ROWS = 3, 20, 5
_KEPT = 0.7  # of a jump must be left in the rows after it
_MOST_SHARE = 1 / 3  # of a symbol's rows may stand at another decade; beyond that nobody knows which is right
_FEW_OTHERS = 3  # steps as large, beside those by powers of ten; more, and the series does such things by itself
_MOST_ROUNDS = 4
_LEAST_STEPS, _MOST_STEPS = 8, 65_536
_BLOCK = 20_000


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
    if _is_calm(prices, symbol):
        rows, ratios = np.empty(0, np.int64), np.empty(0, np.float64)
        none = Cells(rows, rows, rows, ratios)
        return Faults(none, none, rows, ratios)
    return _Look({name: _usable(column) for name, column in prices.items()}, symbol, volume).faults()


def _is_calm(prices: Mapping[str, Floats], symbol: Ints) -> bool:
    """Whether no price is far enough from the rows around it to be looked at; most files of minutes end here."""
    close, high, low = prices["close"], reduce(np.fmax, prices.values()), reduce(np.fmin, prices.values())
    if close.size < 3 or not (low > 0).all() or not (high < np.inf).all():  # also where one is missing
        return False
    first = np.append(0, np.flatnonzero(symbol[1:] != symbol[:-1]) + 1)
    before, after = np.roll(close, 1), np.roll(close, -1)
    before[first], after[first - 1] = close[first], close[first - 1]
    reach, step = float(np.exp(_LEAST_SPIKE)), float(np.exp(_LEAST_JUMP))
    with np.errstate(over="ignore"):
        beside = (high <= reach * np.maximum(before, after)).all() and (low * reach >= np.minimum(before, after)).all()
        return bool(beside and (close < step * before).all() and (before < step * close).all())


def _usable(column: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        usable = (column > 0) & (column < np.inf)
    return column if usable.all() else np.where(usable, column, np.nan)


class _Look:
    """One look at rows with a price; those without any are left out, and numbers of rows are of those that are left."""

    def __init__(self, prices: Mapping[str, Floats], symbol: Ints, volume: Floats | None) -> None:
        high, low = reduce(np.fmax, prices.values()), reduce(np.fmin, prices.values())
        level = np.log(prices["close"])
        high, low = np.log(high), np.log(low)
        with np.errstate(invalid="ignore"):
            odd = np.flatnonzero((high - low > _LEAST_SPIKE) | np.isnan(level))
        cells = np.log(np.stack([column[odd] for column in prices.values()], axis=1))
        level[odd] = middle(cells, lower=True)  # the lower one is a cell's own level, never one between two
        self.there = np.flatnonzero(~np.isnan(level))
        own = slice(None) if self.there.size == level.size else self.there
        self.columns = tuple(column[own] for column in prices.values())
        self.x, self.of, self.high, self.low = level[own], symbol[own], high[own], low[own]
        self.volume = None if volume is None else volume[own]
        self.inner = np.array([name in ("open", "close") for name in prices])
        self.fresh = np.diff(self.of, prepend=-1) != 0  # the first row of a symbol

    def faults(self) -> Faults:
        decades = self._decades()
        x = self.x - decades * LN10
        off, ratio, jumps, jump_steps = self._rows_off(x)
        hundredfold, spikes = self._cells(x, decades, off, ratio)
        with np.errstate(over="ignore"):
            return Faults(hundredfold, spikes, self.there[jumps], np.exp(jump_steps))

    def _decades(self) -> Ints:
        """By how many powers of ten each whole row is off: what is found with all that was found before put right."""
        decades = self._decades_of(self.x)
        for _ in range(_MOST_ROUNDS):
            if not decades.any() or not (more := self._decades_of(self.x - decades * LN10)).any():
                break
            decades += more
        if decades.any():
            share = np.bincount(self.of, decades != 0) / np.maximum(np.bincount(self.of), 1)
            decades[share[self.of] > _MOST_SHARE] = 0
        return decades

    def _decades_of(self, x: Floats) -> Ints:
        """Rows that come from the usual level and go back to it, each by the same power of ten."""
        decades = np.zeros(x.size, dtype=np.int64)
        steps = self._steps(x)
        large = np.flatnonzero(np.abs(steps) > _LEAST_JUMP)
        power, fits = decade_of((steps[large],), self._usual(large, x))
        at, power = large[fits], power[fits]
        for symbol in np.unique(self.of[at]):
            begin, end = np.searchsorted(self.of, (symbol, symbol + 1))
            own = self.of[at] == symbol
            bounds = np.concatenate([[begin], at[own], [end]])
            splits = self._are_splits(bounds, power[own])
            errors = np.where(splits, 0, power[own])
            level, length = np.concatenate([[0], np.cumsum(errors)]), np.diff(bounds)
            base = max(np.unique(level).tolist(), key=lambda k: (length[level == k].sum(), -abs(k)))
            inside = np.flatnonzero(level == base)
            runs = [run for run in range(int(inside[0]), int(inside[-1])) if level[run] != base]
            others = large[~fits & (self.of[large] == symbol)]
            if length[runs].sum() > _MOST_SHARE * (end - begin) or others.size > max(_FEW_OTHERS, own.sum()):
                continue
            for run in runs:
                decades[bounds[run] : bounds[run + 1]] = level[run] - base
            suspected = decades[begin:end] != 0
            shares = np.repeat(np.cumsum(np.append(0, np.where(splits, power[own], 0))), length)
            own_shares = x[begin:end] - shares * LN10
            for run in runs:
                rows = slice(int(bounds[run]) - begin, int(bounds[run + 1]) - begin)
                if not stands_off(own_shares, suspected, rows, others - begin, level[run] - base):
                    decades[bounds[run] : bounds[run + 1]] = 0
        return decades

    def _are_splits(self, bounds: Ints, power: Ints) -> Flags:
        """At which steps between runs volume moved against the price, as it does where shares are split or joined."""
        found = np.zeros(power.size, np.bool_)
        if self.volume is None:
            return found
        for step in range(power.size):
            begin, at, end = bounds[step : step + 3].tolist()
            begin, end = min(begin, at - LEVEL_ROWS), max(end, at + LEVEL_ROWS)  # runs shorter than that tell nothing
            begin, end = max(bounds[0], begin, at - _VOLUME_ROWS), min(bounds[-1], end, at + _VOLUME_ROWS)
            before, after = (middle(self.volume[None, a:b])[0] for a, b in ((begin, at), (at, end)))
            if min(at - begin, end - at) >= LEVEL_ROWS and before > 0 and after > 0:
                moved = float(np.log(after / before))
                found[step] = abs(moved + power[step] * LN10) < abs(moved)
        return found

    def _rows_off(self, x: Floats) -> tuple[Flags, Floats, Ints, Floats]:
        """Runs of a few whole rows far off, and their log ratio; first rows of levels that stay, and their log step."""
        off, ratio, steps = np.zeros(x.size, dtype=bool), np.zeros(x.size), self._steps(x)
        at = np.flatnonzero(np.abs(steps) > _LEAST_JUMP)
        at = at[np.abs(steps[at]) > _JUMP_MOVES * self._usual(at, x)]
        taken: set[int] = set()
        for place, row in enumerate(at.tolist()):
            for later in () if row in taken else at[place + 1 : place + 1 + _SPIKE_ROWS].tolist():
                same = later - row <= _SPIKE_ROWS and self.of[later] == self.of[row]
                if same and abs(steps[row] + steps[later]) <= 0.2 * abs(steps[row]):
                    off[row:later], ratio[row:later] = True, x[row:later] - x[row - 1]
                    taken |= {row, later}
                    break
        jumps = np.array([row for row in at.tolist() if row not in taken], dtype=np.int64)
        clean = np.where(off, np.nan, x) if off.any() else x
        before = middle(self._window(clean, jumps, -LEVEL_ROWS, -1))
        after = middle(self._window(clean, jumps, 0, LEVEL_ROWS - 1))
        # A bar that was traded all the way from one level to the other tells of a market, and not of its file.
        shift = x[jumps] - self.x[jumps]
        apart = np.where(
            steps[jumps] > 0,
            self.low[jumps] + shift - self._before(self.high - self.x + x, jumps),
            self._before(self.low - self.x + x, jumps) - self.high[jumps] - shift,
        )
        size = np.abs(steps[jumps])
        apart[size > _TRADED] = np.inf
        jumps = jumps[(np.abs(after - before) >= _KEPT * size) & (apart >= _KEPT * size)]
        return off, ratio, jumps, steps[jumps]

    def _cells(self, x: Floats, decades: Ints, off: Flags, ratio: Floats) -> tuple[Cells, Cells]:
        """Cells off by decades, those of whole rows among them, and cells off by any other number."""
        shift = np.asarray(decades * LN10, np.float64)
        rows = np.flatnonzero(decades)
        tens: list[tuple[Ints, Ints]] = [(rows, decades[rows, None] * ~np.isnan(self._logs(rows)))]
        rows = np.flatnonzero(off)
        others: list[tuple[Ints, Floats]] = [(rows, ratio[rows, None] * ~np.isnan(self._logs(rows)))]
        candidates = self._far(x, shift, off)
        for begin in range(0, candidates.size, _BLOCK):
            at = candidates[begin : begin + _BLOCK]
            cells = self._logs(at) - shift[at, None]
            clean = np.where(off, np.nan, x)
            sides = [middle(self._window(clean, at, *span)) for span in ((-_NEAR, -1), (1, _NEAR))]
            one, other = (cells - np.where(np.isnan(side), x[at], side)[:, None] for side in sides)
            usual = self._usual(at, x)[:, None]
            power, fits = decade_of((one, other, cells - x[at, None]), usual)
            power = np.where(fits, power, 0)
            inner = (power != 0)[:, self.inner].any(axis=1)
            power = np.where(inner[:, None] | (np.abs(power) > 1), power, 0)
            dev = np.where(np.abs(one) < np.abs(other), one, other)
            with np.errstate(invalid="ignore"):
                large = (one * other > 0) & (np.abs(dev) > np.maximum(_LEAST_SPIKE, _SPIKE_MOVES * usual))
            tens.append((at, power))
            others.append((at, np.where(large & (power == 0), dev, 0.0)))
        row, column, power = _listed(tens)
        hundredfold = Cells(self.there[row], column, power, np.power(10.0, power))
        row, column, dev = _listed(others)
        with np.errstate(over="ignore"):
            return hundredfold, Cells(self.there[row], column, np.zeros(row.size, np.int64), np.exp(dev))

    def _far(self, x: Floats, shift: Floats, off: Flags) -> Ints:
        """Rows that reach beyond both of their neighbours; of a symbol's first and last row one stands in for both."""
        before, after = np.roll(x, 1), np.roll(x, -1)
        if off.any():
            before, after = (np.where(np.roll(off, turn), x, side) for turn, side in ((1, before), (-1, after)))
        first, last = self.fresh, np.roll(self.fresh, -1)
        before[first], after[last] = x[first], x[last]
        least = max(_LEAST_SPIKE, 5 * self._usual_of_all)
        above = self.high - shift - np.maximum(before, after)
        below = np.minimum(before, after) - self.low + shift
        return np.flatnonzero((np.maximum(above, below) > least) & ~off)

    def _logs(self, at: Ints) -> Floats:
        """Log prices [rows `at`, columns]."""
        return np.log(np.stack([column[at] for column in self.columns], axis=1))

    def _before(self, values: Floats, at: Ints) -> Floats:
        return values[np.maximum(at - 1, 0)]

    def _steps(self, x: Floats) -> Floats:
        """Log steps from the row before; 0 where there is none."""
        steps = np.diff(x, prepend=0.0)
        steps[self.fresh] = 0.0
        return steps

    def _usual(self, at: Ints, x: Floats) -> Floats:
        """[rows `at`], the median move around each; at least the least one, and half the median range."""
        usual = np.empty(at.size)
        steps, span = self._steps(x), self.high - self.low
        for begin in range(0, at.size, _BLOCK):
            here = at[begin : begin + _BLOCK]
            around, ranges = (self._window(values, here, -AROUND, AROUND) for values in (steps, span))
            around[around == 0] = np.nan
            tick = np.fmin(np.abs(around), np.where(ranges > 0, ranges, np.nan))
            # Prices that only move by more than a tick can't tell it from errors.
            tick = np.nan_to_num(np.fmin.reduce(tick, axis=1))
            around = np.abs(around - nearest_decade(around) * LN10)  # to a row that is powers of ten off and back again
            few = (~np.isnan(around)).sum(axis=1) < _LEAST_STEPS
            moves = np.where(few, self._usual_of_all, np.nan_to_num(middle(around)))
            usual[begin : begin + _BLOCK] = reduce(np.fmax, (moves, middle(ranges) / 2, tick))
        return usual

    @cached_property
    def _usual_of_all(self) -> float:
        at = np.arange(1, self.x.size, max(1, self.x.size // _MOST_STEPS))
        steps = np.abs(self.x[at] - self.x[at - 1])[~self.fresh[at]]
        steps = steps[steps > 0]
        return float(np.median(steps)) if steps.size else 0.0

    def _window(self, values: Floats, at: Ints, first: int, last: int) -> Floats:
        """[rows `at`, last - first + 1]: values of rows around each; NaN beyond its symbol."""
        rows = at[:, None] + np.arange(first, last + 1)
        inside = np.clip(rows, 0, max(values.size - 1, 0))
        own = (rows == inside) & (self.of[inside] == self.of[at][:, None])
        return np.where(own, values[inside], np.nan)


def _listed(parts: Sequence[tuple[Ints, npt.NDArray[Any]]]) -> tuple[Ints, Ints, npt.NDArray[Any]]:
    """Row, column and value of every cell that is not 0; what parts say of one cell is added up."""
    rows = np.concatenate([rows for rows, _ in parts])
    values = np.concatenate([values for _, values in parts])
    each, place = np.unique(rows, return_inverse=True)
    total = np.zeros((each.size, values.shape[1]), values.dtype)
    np.add.at(total, place, values)
    row, column = np.nonzero(total)
    return each[row], column, total[row, column]
