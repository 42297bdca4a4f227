"""Absent bars: minutes in which nobody traded, told from outages. Both are listed; nothing is filled.

The rule. A run of k absent bars is an outage where chance should not give a single run as long in the whole series:
where N x P(k) <= 0.01, with N the series' bars and P(k) the largest of three estimates of how often a run as long
begins at a bar, so that all three have to find it improbable:

- by its neighbourhood: P(k) = q r^(k-1) from the 720 bars on each side of the run, which is left out itself. Of their
  n bars, a are absent and b of those follow an absent one: q = (a + 1/2) / (n + 1) is the share of absent bars, and
  r = (b + 2 q) / (a + 2) that of absent ones after an absent one, drawn to q where few are seen;
- by the longest runs around: the 50 longest other runs within 20,160 bars on each side (two weeks of minutes), least
  u and median u + e ln 2, follow about P(k) = 50 / n exp(-(k - u) / max(e, 1)), n being the bars looked at; left out
  where there are fewer than 10 runs. Quiet spells that come and go make long runs, and this is where they show; a
  median, as some of the 50 may be outages themselves;
- by the clock: the product, over the run's bars, of the share of bars absent in the same hour of the week through the
  whole series, (a + 1) / (n + 1); of the same hour of the day, where the series has less than four weeks. Hours in
  which a market always rests so never make an outage. Left out where there are less than four days.

Runs as improbable at an end of the series, before its first row or after its last, are told apart: a symbol that was
not listed yet, or is no more, has no outage.

Costs 0.1 to 1 s for a million bars, by the number of runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.lake.spans import Span

LEVEL = 0.01
NEIGHBOURS = 720
AROUND = 20_160
_LONGEST, _FEWEST = 50, 10
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_CYCLES = 4

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Absences:
    """What a series lacks of the bars that it was asked for.

    Attributes:
        bars: how many bars the covered time has room for.
        absent: how many of them are not there.
        runs: one row a run of absent bars, in order of time: `start` and `end`, the `time` that its first and last
            bar would have (Datetime[us, UTC]); `bars` (Int64); `kind` (String): no_trade, outage, before_first,
            after_last, or left_out where bars were answered and not kept; `chance` (Float64): how many runs as long
            chance would give in the series, null of what was left out.
    """

    bars: int
    absent: int
    runs: pl.DataFrame

    def of_kind(self, kind: str) -> pl.DataFrame:
        """The runs of one kind."""
        return self.runs.filter(pl.col("kind") == kind)

    @property
    def outages(self) -> pl.DataFrame:
        return self.of_kind("outage")


def even_grid(time_us: Ints, covered: Iterable[Span], timeframe: timedelta) -> Ints:
    """The moments in covered time at which a bar ends, one every `timeframe`; in step with the rows that are there."""
    step = timeframe // timedelta(microseconds=1)
    phase = int((time_us % step).max()) if time_us.size else 0
    parts = [np.arange(first, end, step) for first, end in (_from(span, phase, step) for span in covered)]
    return np.concatenate(parts) if parts else np.array([], np.int64)


def _from(span: Span, phase: int, step: int) -> tuple[int, int]:
    start, end = _us(span[0]), _us(span[1])
    return start + (phase - start) % step, end


def absences_on(grid_us: Ints, time_us: Ints, left_out: Iterable[Span] = ()) -> Absences:
    """Lists the bars of a grid that no row belongs to; a row belongs to the first moment of the grid at or after it.

    Args:
        grid_us: sorted microseconds since the epoch at which bars end, closed time left out.
        time_us: those of the rows, sorted.
        left_out: spans whose bars were answered and not kept; chance is not asked about them.
    """
    size = grid_us.size
    place = np.searchsorted(grid_us, time_us, side="left")
    place = place[np.diff(place, prepend=-1) > 0]
    place = place[place < size]
    bounds = [_us(moment) for span in left_out for moment in span]
    spoiled = np.setdiff1d(np.flatnonzero(np.searchsorted(bounds, grid_us, side="right") % 2), place)
    absent = _absent(grid_us, np.union1d(place, spoiled))
    starts = np.flatnonzero(np.diff(spoiled, prepend=-2) != 1)
    bars = np.diff(starts, append=spoiled.size)
    first = spoiled[starts]
    others = pl.DataFrame({"start": grid_us[first], "end": grid_us[first + bars - 1], "bars": bars, "kind": "left_out"})
    runs = pl.concat([absent, others.with_columns(pl.lit(None, pl.Float64).alias("chance"))]).sort("start")
    moments = pl.col("start", "end").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return Absences(size, int(runs["bars"].sum()), runs.with_columns(moments))


def _absent(grid_us: Ints, place: Ints) -> pl.DataFrame:
    """Runs of bars of a grid beside those at some places, told apart by how often chance would make them."""
    size = grid_us.size
    edges = np.concatenate([[-1], place, [size]])
    length = np.diff(edges) - 1
    first = edges[:-1][length > 0] + 1
    length = length[length > 0]
    runs = _Runs(first, first + length, size)
    chance = size * np.exp(np.maximum(runs.by_neighbours(), runs.by_clock(grid_us)))
    for run in np.flatnonzero(chance <= LEVEL):
        chance[run] = max(chance[run], size * runs.by_longest(int(run)))
    kind = np.where(chance <= LEVEL, "outage", "no_trade").astype(object)
    kind[(runs.end == size) & (chance <= LEVEL)] = "after_last"
    kind[(first == 0) & (chance <= LEVEL)] = "before_first"
    return pl.DataFrame(
        {
            "start": grid_us[runs.first],
            "end": grid_us[runs.end - 1],
            "bars": length,
            "kind": pl.Series(kind.tolist(), dtype=pl.String),
            "chance": chance,
        }
    )


class _Runs:
    """Runs of absent bars [first, end) among `size` bars, and how probable each is; natural logarithms throughout."""

    def __init__(self, first: Ints, end: Ints, size: int) -> None:
        self.first, self.end, self.size = first, end, size
        self.length = end - first
        self._absent = np.concatenate([[0], np.cumsum(end - first)])

    def by_neighbours(self) -> Floats:
        low, high = np.maximum(self.first - NEIGHBOURS, 0), np.minimum(self.end + NEIGHBOURS, self.size)
        length = self.length
        n = high - low - length
        a = self._before(high) - self._before(low) - length
        # Of every run that lies in the window, all bars but the first follow an absent one.
        whole = np.searchsorted(self.first, high) - np.searchsorted(self.end, low, side="right") - 1
        q = (a + 0.5) / (n + 1)
        r = (np.maximum(a - whole, 0) + 2 * q) / (a + 2)
        return np.asarray(np.log(q) + (length - 1) * np.log(r))

    def by_longest(self, run: int) -> float:
        """How often a run as long as this one begins at a bar, itself no logarithm; one run at a time, as few ask."""
        low, high = max(self.first[run] - AROUND, 0), min(self.end[run] + AROUND, self.size)
        near = slice(*np.searchsorted(self.first, [low, high]))
        others = np.delete(self.length[near], run - near.start)
        if others.size < _FEWEST:
            return 0.0
        longest = np.sort(others if others.size <= _LONGEST else np.partition(others, -_LONGEST)[-_LONGEST:])
        least, excess = int(longest[0]), max(float(np.median(longest) - longest[0]) / math.log(2), 1.0)
        return float(longest.size / (high - low) * np.exp(-(self.length[run] - least) / excess))

    def by_clock(self, grid_us: Ints) -> Floats:
        span = int(np.median(np.diff(grid_us))) * self.size if self.size > 1 else 0
        cycle = 7 * _DAY_US if span >= _CYCLES * 7 * _DAY_US else _DAY_US
        if span < _CYCLES * cycle:
            return np.full(self.first.size, -np.inf)
        hour = (grid_us - 1) % cycle // _HOUR_US  # a bar that ends on the hour lies in the one before
        gone = np.zeros(self.size + 1, np.int64)
        np.add.at(gone, self.first, 1)
        np.add.at(gone, self.end, -1)
        absent = np.bincount(hour, weights=np.cumsum(gone[:-1]))
        share = (absent + 1) / (np.bincount(hour) + 1)
        past = np.concatenate([[0.0], np.cumsum(np.log(share)[hour])])
        return np.asarray(past[self.end] - past[self.first])

    def _before(self, place: Ints) -> Ints:
        """How many absent bars lie before a place."""
        run = np.searchsorted(self.first, place)  # runs that begin before it
        over = np.where(run > 0, np.maximum(self.end[np.maximum(run - 1, 0)] - place, 0), 0)
        return np.asarray(self._absent[run] - over)


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)) // timedelta(microseconds=1)
