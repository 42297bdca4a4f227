"""Stretches of rows that step regularly by another step than their series: weekly bars before daily ones, in one file.

A row is usable one timeframe after its open, so a weekly bar among daily ones would be used six days before it ends.
Long steps alone show nothing: rows are absent where nobody trades. A stretch is told from that by chance. Where each
row is there with any probability p, a step of m timeframes has probability p (1 - p)^(m - 1), which is at most
f(m) = (1 - 1/m)^(m - 1) / m, whatever p; and one of any multiple of m timeframes at most 1/m. So k such steps in a row
begin at one of N rows by chance at most N f(m)^k times, and a stretch counts where that is below 1e-4. Steps shorter
than the timeframe have no such bound: theirs is their share among the other steps.

What chance does not make, a sensor may: one that was asked every second hour for days on end, again and again, as in
the traffic of Interstate 94 (docs/data-files.md). So stretches of the same few timeframes that come and go within a
series are taken for rows that are absent.

Fewer steps count where a series begins or ends with them, as three weekly bars before years of days: there they have
one place, not N. They must be as long as bars usually are, rare among the other steps (below 1e-4, so that no holiday,
night or outage is one), and by f(m)^k below 5e-5, or 1e-2 for days, weeks and months, in which no other bars come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import MONTH, format_duration
from gatewise.data.steps.months import first_of_month, last_of_month
from gatewise.data.steps.periods import LONGER, months_within, usual_lengths
from gatewise.data.steps.timeframe import one_step
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_FEWEST = 5  # steps
_LEVEL = 1e-4
_EQUAL_SHARE = 0.6  # of a stretch's steps; the others are multiples, such as weekends among days
_FEW_TIMEFRAMES, _RECURS = 4, 3
_FEWEST_AT_ENDS = 2  # steps
_LEVEL_AT_ENDS, _LEVEL_OF_DAYS = 5e-5, 1e-2
_TRIED = 8  # steps that are looked at, the most improbable ones first
_US = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
_AROUND_US, _PLACES_US = 96 * _HOUR_US, 120 * _HOUR_US  # by how much days of trade move months; on how many days


@dataclass(frozen=True)
class Stretch:
    """Rows of a symbol that follow each other by another step than the timeframe.

    Attributes:
        step: how they step.
        count: how many steps.
        start, end: stamps of the first row and the last.
        change: the row where the step changes, with symbol, `__file`, `__row` and `__stamp`: the last of a stretch that
            begins its series, else the first.
        first, last: whether the stretch begins its series, or ends it.
    """

    step: timedelta
    count: int
    start: datetime
    end: datetime
    change: dict[str, Any]
    first: bool
    last: bool

    def describe(self, address: str) -> str:
        """`X.csv row 11 (X 2023-03-13 00:00:00): the 10 steps before it are of 7d`."""
        side = "before it" if self.first else "from it on"
        return f"{address}: the {self.count:,} steps {side} are of {format_duration(self.step)}"


@dataclass(frozen=True)
class _Run:
    """Steps `start` to `stop` (exclusive) of `_Odd`, as what they step, and how improbable it is (a logarithm)."""

    start: int
    stop: int
    step: timedelta
    evidence: float


@dataclass(frozen=True)
class _Length:
    """A length that bars usually have, the shortest step of it, by how much others may be longer, and which are it."""

    step: timedelta
    low: int
    window: int
    member: Flags

    def at(self, place: Ints) -> _Length:
        return replace(self, member=self.member[place])


def find_stretches(steps: pl.DataFrame, timeframe: timedelta) -> tuple[Stretch, ...]:
    """The stretches of another step, in the rows' order.

    Args:
        steps: of `steps_of`.
        timeframe: of the rows.
    """
    length = steps["step"].dt.total_microseconds().to_numpy()
    unit = timeframe // _US
    shortest, longest = (bound // _US for bound in one_step(timeframe))
    place = np.flatnonzero((length < shortest) | (length > longest))
    if place.size < _FEWEST_AT_ENDS:
        return ()
    chance = _Chance(length, unit, int(np.sum(length < shortest)))
    symbol = steps[SYMBOL]
    new = (symbol != symbol.shift()).fill_null(True).to_numpy()
    lengths = [*_usual(length, unit), *_months(steps[STAMP], length, unit)]
    at_ends = _at_ends(length, new, unit, lengths, chance)
    place, breaks = _in_a_row(place, new)
    odd = length[place]
    taken = np.zeros(place.size, dtype=bool)
    runs = []
    for run in sorted(
        _runs(odd, breaks, unit, [item.at(place) for item in lengths], chance), key=lambda run: -run.evidence
    ):
        if run.evidence >= chance.needed and not taken[run.start : run.stop].any():
            taken[run.start : run.stop] = True
            runs.append(run)
    bounds = [(int(place[run.start]), int(place[run.stop - 1]), run.step) for run in runs]
    for end in at_ends:
        if not any(end[0] <= last and first <= end[1] for first, last, _ in bounds):
            bounds.append(end)
    stretches = tuple(_stretch(steps, *item) for item in sorted(bounds, key=lambda item: item[0]))
    return _without_absences(stretches, timeframe)


def _usual(length: Ints, unit: int) -> Iterator[_Length]:
    for exact, step in usual_lengths(unit):
        yield _Length(step, exact, 0, length == exact)


def _months(stamp: pl.Series, length: Ints, unit: int) -> Iterator[_Length]:
    """Steps from month to month by their first days of trade, by their last ones, or by nearly equal steps.

    From one such day the next month's may be one of six, as a step that is only absent rows may be any.
    """
    for months, low, high in months_within(unit):
        near = np.flatnonzero((length >= low - _AROUND_US) & (length <= high + _AROUND_US))
        if not near.size:
            continue
        equal = (length >= low) & (length <= high)
        yield _Length(months * MONTH, low, high - low, equal)
        later, us = stamp.gather(near), pl.Series(length[near]).cast(pl.Duration("us"))
        for place in (first_of_month, last_of_month):
            ends, begins = (place(moments) for moments in (later, later - us))
            by_day = equal.copy()
            by_day[near] |= (ends - begins == months).fill_null(False).to_numpy()
            yield _Length(months * MONTH, low - _AROUND_US, _PLACES_US, by_day)


def _at_ends(
    length: Ints, new: Flags, unit: int, lengths: list[_Length], chance: _Chance
) -> list[tuple[int, int, timedelta]]:
    """First and last steps of the few of a usual length that a series begins or ends with, and that length."""
    first = np.flatnonzero(new)
    stop = np.append(first[1:], length.size)
    long = length > LONGER * unit
    begins, ends = (
        long[first] & long[np.minimum(first + 1, stop - 1)],
        long[stop - 1] & long[np.maximum(stop - 2, first)],
    )
    stretches = []
    for series in np.flatnonzero(begins | ends):
        series_rows = slice(int(first[series]), int(stop[series]))
        for from_end in (False, True):
            for kind in lengths:
                members = kind.member[series_rows][::-1] if from_end else kind.member[series_rows]
                count = int(np.argmin(members))  # all of one length is no mixture
                if count >= _FEWEST_AT_ENDS and _is_certain(length[series_rows], kind, count, chance):
                    at = series_rows.stop - count if from_end else series_rows.start
                    stretches.append((at, at + count - 1, kind.step))
    return sorted(stretches, key=lambda end: end[0] - end[1])  # the longest first


def _is_certain(lengths: Ints, kind: _Length, count: int, chance: _Chance) -> bool:
    """Whether so many steps at the end of a series are neither thin trade nor what its other steps are now and then."""
    level = _LEVEL_OF_DAYS if kind.low > _HOUR_US * 20 else _LEVEL_AT_ENDS
    longer = int(np.sum(lengths >= kind.low)) - count
    rare = count * math.log((lengths.size - count + 2) / (longer + 1))
    return rare >= -math.log(_LEVEL) and chance.equal(kind.low, count, kind.window) >= -math.log(level)


def _in_a_row(place: Ints, new: Flags) -> tuple[Ints, Flags]:
    """The places of which at least `_FEWEST` follow each other in one symbol, and which of them follow none."""
    breaks = np.ones(place.size, dtype=bool)
    breaks[1:] = (np.diff(place) != 1) | new[place[1:]]
    starts = np.flatnonzero(breaks)
    count = np.diff(np.append(starts, place.size))
    kept = np.repeat(count >= _FEWEST, count)
    return place[kept], breaks[kept]


class _Chance:
    """Logarithms of how improbable runs of steps are where rows are only thin."""

    def __init__(self, length: Ints, unit: int, short: int) -> None:
        self._unit, self._num_steps, self._short = unit, length.size, short
        self.needed = math.log(length.size) - math.log(_LEVEL)

    def fewest(self, step: float, window: float = 0) -> int:
        """Of how many steps a run is at least that counts."""
        return _FEWEST if step < self._unit else max(_FEWEST, math.ceil(self.needed / self.equal(step, 1, window)))

    def equal(self, step: float, count: int, window: float = 0) -> float:
        """Of `count` steps in a row that are all `step`, or within a window that begins with it."""
        if step < self._unit:
            return self._shorter(count)
        m = step / self._unit
        return -count * math.log(min(1.0, (1 + window // self._unit) * (1 - 1 / m) ** (m - 1) / m))

    def multiples(self, step: float, count: int) -> float:
        """Of `count` steps in a row that are all multiples of `step`."""
        return self._shorter(count) if step < self._unit else count * math.log(step / self._unit)

    def _shorter(self, count: int) -> float:
        return -count * math.log((self._short - count + 1) / (self._num_steps - count + 2))


def _runs(odd: Ints, breaks: Flags, unit: int, lengths: list[_Length], chance: _Chance) -> Iterator[_Run]:
    changes = breaks.copy()
    changes[1:] |= np.diff(odd) != 0
    start = np.flatnonzero(changes)
    count = np.diff(np.append(start, odd.size))
    longest = pl.DataFrame({"step": odd[start], "count": count}).group_by("step").agg(pl.col("count").max())
    order = sorted(longest.filter(pl.col("count") > 1).rows(), key=lambda row: -chance.equal(*row))
    for step, _ in order[:_TRIED]:
        same_side = odd < unit if step < unit else odd > unit
        for first, stop in _spans(same_side & (odd % step == 0), breaks, chance.fewest(step)):
            equal = int(np.sum(odd[first:stop] == step))
            if equal >= _EQUAL_SHARE * (stop - first):
                pure = chance.equal(step, equal) if equal == stop - first else 0.0
                evidence = max(pure, chance.multiples(step, stop - first))
                yield _Run(first, stop, int(step) * _US, evidence)
    for kind in lengths:
        if kind.window:
            for first, stop in _spans(kind.member, breaks, chance.fewest(kind.low, kind.window)):
                yield _Run(first, stop, kind.step, chance.equal(kind.low, stop - first, kind.window))


def _spans(member: Flags, breaks: Flags, fewest: int) -> Iterator[tuple[int, int]]:
    """Where members follow each other without a break, so many of them at least."""
    begins = member.copy()
    begins[1:] &= breaks[1:] | ~member[:-1]
    ends = member.copy()
    ends[:-1] &= breaks[1:] | ~member[1:]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    for long in np.flatnonzero(last - first >= fewest - 1):
        yield int(first[long]), int(last[long]) + 1


def _stretch(steps: pl.DataFrame, first: int, last: int, step: timedelta) -> Stretch:
    rows = steps[[first, last]].to_dicts()
    before, after = (_of_symbol(steps, place, rows[0][SYMBOL]) for place in (first - 1, last + 1))
    change = rows[1] if before is None else before
    named = {name: change[name] for name in (SYMBOL, FILE, ROW, STAMP)}
    start = rows[0][STAMP] - rows[0]["step"]
    return Stretch(step, last - first + 1, start, rows[1][STAMP], named, before is None, after is None)


def _of_symbol(steps: pl.DataFrame, place: int, symbol: str) -> dict[str, Any] | None:
    row = steps.row(place, named=True) if 0 <= place < steps.height else None
    return row if row and row[SYMBOL] == symbol else None


def _without_absences(stretches: tuple[Stretch, ...], timeframe: timedelta) -> tuple[Stretch, ...]:
    inner = [stretch.step for stretch in stretches if not stretch.first and not stretch.last]
    few = [step for step in inner if timeframe < step <= _FEW_TIMEFRAMES * timeframe and not step % timeframe]
    come_and_go = {step for step in few if few.count(step) >= _RECURS}
    return tuple(stretch for stretch in stretches if stretch.step not in come_and_go)
