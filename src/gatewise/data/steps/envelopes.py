"""Longer bars among the shorter ones that they are made of: a stock's days between its hours, in one table.

Such a row keeps to no step of its own, as the rows of its period lie between it and the next one, and it would be used
one short timeframe after its stamp, before most of its period has passed. What shows it is its prices: it reaches from
the lowest low to the highest high of the rows of its period and stands at one place of the day, say, and so do nearly
all rows of that place. No plain row does so for long. Prices that two ticks bound, where any row may, are told by the
rows beside, which reach as far.

Cost: 0.1 s for a million rows, where one look at the rows beside each finds no such place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import format_duration
from gatewise.data.table import STAMP, SYMBOL

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_HOUR = timedelta(hours=1)
_PERIODS = (_HOUR, 24 * _HOUR, 168 * _HOUR)
_WAYS = {24 * _HOUR: 4, 168 * _HOUR: 7}  # at how many places of its period a row is looked for; else at both ends
_FEWEST, _FEWEST_INSIDE = 3, 2  # rows of one place; rows of one period beside it
_WIDE, _NEARLY_ALL, _MOST = 0.7, 0.9, 0.5  # shares of a place: wider than the rows beside, cover, have the same bounds
_PLACES = 8  # of a symbol are held against their periods: clocks change, and sessions begin at a few times
_SAME = 1e-6  # relative: prices that went through float32
_ASKED = 8  # rows of a place, about, before all of them
_US = timedelta(microseconds=1)
_UNITS = (60_000_000, 1_000_000, 1)  # of phases, microseconds
_MOST_BINS = 4  # a row


@dataclass(frozen=True)
class Envelopes:
    """Rows of a symbol that hold the rows of their periods.

    Attributes:
        period: how long they last.
        count: how many.
        first: one of them, with symbol, `__stamp`, `__file` and `__row`.
        inside: how many rows its period has beside it.
    """

    period: timedelta
    count: int
    first: dict[str, Any]
    inside: int

    def told(self, address: str) -> str:
        """`X.csv row 1 (X 2024-01-02 00:00:00) holds the prices of the 7 rows of its 1d, like 39 more rows`."""
        more = f", as do {self.count - 1:,} more rows" if self.count > 1 else ""
        return f"{address} spans the {self.inside:,} rows of its {format_duration(self.period)}{more}"


def find_envelopes(rows: pl.DataFrame, timeframe: timedelta) -> tuple[Envelopes, ...]:
    """Longer bars among those of `timeframe`, by symbol and place within their period.

    Args:
        rows: in order of symbol and `__stamp`; others than bars, which have a high and a low, hold none.
        timeframe: of most rows.
    """
    periods = [period for period in _PERIODS if period >= _FEWEST_INSIDE * timeframe]
    if not {"high", "low"} <= set(rows.columns) or not periods or rows.height <= _FEWEST_INSIDE * _FEWEST:
        return ()
    high, low = (rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("high", "low"))
    symbol = (rows[SYMBOL] != rows[SYMBOL].shift()).fill_null(False).cum_sum().cast(pl.Int64).to_numpy()
    stamp = rows[STAMP].dt.epoch("us").to_numpy()
    unit = next(unit for unit in _UNITS if not np.any((stamp - stamp[0]) % unit))
    tick = (stamp - stamp.min()) // unit
    wide = _wider_than_beside(high, low)
    found: list[Envelopes] = []
    taken = np.zeros(rows.height, dtype=bool)
    for period in periods:
        length = period // _US // unit
        for place in _places(symbol, tick % length, length, wide, high > low):
            if taken[place[0]]:
                continue
            for first, stop in _windows(symbol, stamp, place, period):
                if not _may_hold(high, low, place, first, stop):
                    continue
                inside = stop - first - ((first <= place) & (place < stop))
                if _hold(high, low, place, first, stop, inside):
                    taken[place] = True
                    named = rows.select(pl.all().exclude("high", "low")).row(int(place[0]), named=True)
                    found.append(Envelopes(period, place.size, named, int(inside[0])))
                    break
    return tuple(found)


def _wider_than_beside(high: Floats, low: Floats) -> Flags:
    """Whether a row reaches at least as far as two rows in a row beside it, and farther than each of the two."""
    before, after = np.zeros((2, high.size), dtype=bool), np.zeros((2, high.size), dtype=bool)
    for n in (1, 2):
        top, bottom = high[n:] - high[:-n], low[:-n] - low[n:]  # how much farther a row reaches than the nth before it
        wider, narrower = top + bottom > 0, top + bottom < 0
        before[n - 1, n:] = (top >= 0) & (bottom >= 0) & wider
        after[n - 1, :-n] = (top <= 0) & (bottom <= 0) & narrower
    return np.asarray((before[0] & (before[1] | after[0])) | (after[0] & after[1]))


def _places(symbol: Ints, phase: Ints, num_phases: int, wide: Flags, moves: Flags) -> Iterator[Ints]:
    """The rows of each symbol and phase of which most are wide, in their order; a few phases of a symbol."""
    place = phase + symbol * num_phases if symbol[-1] else phase
    if (int(symbol[-1]) + 1) * num_phases > _MOST_BINS * phase.size:
        place = np.unique(place, return_inverse=True)[1]
    num_wide, num_moving, num_rows = (
        np.bincount(place if rows is None else place[rows], minlength=int(place.max()) + 1)
        for rows in (wide, moves, None)
    )
    odd = (num_wide >= _FEWEST) & (num_wide >= _WIDE * num_moving) & (num_moving >= _MOST * num_rows)
    own = np.flatnonzero(odd[place])
    own = own[np.argsort(place[own], kind="stable")]
    groups = np.split(own, np.flatnonzero(np.diff(place[own])) + 1) if own.size else []
    looked: dict[int, int] = {}
    for group in sorted(groups, key=lambda rows: -rows.size):
        of = int(symbol[group[0]])
        looked[of] = looked.get(of, 0) + 1
        if looked[of] <= _PLACES:
            yield group


def _windows(symbol: Ints, stamp: Ints, place: Ints, period: timedelta) -> Iterator[tuple[Ints, Ints]]:
    """The rows `first` to `stop` (exclusive) of the periods that rows at a place may be of, of their symbol alone."""
    begin, end = np.searchsorted(symbol, [symbol[place[0]], symbol[place[0]] + 1])
    own, at, length = stamp[begin:end], stamp[place], period // _US
    ways = _WAYS.get(period, 1)
    for way in range(ways + 1):
        start = at - length * way // ways
        first = np.searchsorted(own, start, side="right" if way == ways else "left")
        yield begin + first, begin + np.searchsorted(own, start + length, side="left")


def _may_hold(high: Floats, low: Floats, place: Ints, first: Ints, stop: Ints) -> bool:
    """Whether half of a few rows at a place hold the others of their period: a cheap question before the whole one."""
    asked = held = 0
    for n in range(0, place.size, max(1, place.size // _ASKED)):
        own, begin, end = int(place[n]), int(first[n]), int(stop[n])
        others = [slice(begin, min(max(own, begin), end)), slice(min(max(own + 1, begin), end), end)]
        if sum(part.stop - part.start for part in others) < _FEWEST_INSIDE:
            continue
        asked += 1
        slack = _SAME * abs(high[own])
        held += all(
            not ((high[part] > high[own] + slack).any() or (low[part] < low[own] - slack).any()) for part in others
        )
    return not asked or held >= asked / 2


def _hold(high: Floats, low: Floats, place: Ints, first: Ints, stop: Ints, inside: Ints) -> bool:
    """Whether nearly all rows at a place hold the prices of the others of their period, and most reach no farther."""
    split = np.clip(place, first, stop)  # a row is no part of what it is held against
    after = np.minimum(np.where(split == place, split + 1, split), stop)
    top = np.fmax(_extreme(np.fmax, high, first, split), _extreme(np.fmax, high, after, stop))
    bottom = np.fmin(_extreme(np.fmin, low, first, split), _extreme(np.fmin, low, after, stop))
    asked = (inside >= _FEWEST_INSIDE) & (top > bottom)
    if asked.sum() < _FEWEST:
        return False
    own_high, own_low, top, bottom = high[place][asked], low[place][asked], top[asked], bottom[asked]
    slack = _SAME * np.abs(top)
    covers = (own_high >= top - slack) & (own_low <= bottom + slack)
    same = covers & (own_high <= top + slack) & (own_low >= bottom - slack)
    return bool(covers.mean() >= _NEARLY_ALL and same.mean() >= _MOST)


def _extreme(reduce: np.ufunc, values: Floats, first: Ints, stop: Ints) -> Floats:
    """The largest or smallest of each window, nan where it is empty."""
    bounds = np.column_stack([first, stop]).ravel()
    found = reduce.reduceat(np.append(values, np.nan), bounds)[::2]
    return np.where(first < stop, found, np.nan)
