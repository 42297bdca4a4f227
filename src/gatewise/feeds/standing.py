"""What the lake holds of a span in the end: rows, absent bars, outages, and where the symbol begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gatewise.lake.absence import find_absences
from gatewise.lake.base import TIME, SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.spans import Span, subtract

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Outage:
    """A run of absent bars too long for chance.

    Attributes:
        start, end: the `time` that its first and its last bar would have.
        bars: how many are absent.
    """

    start: datetime
    end: datetime
    bars: int


@dataclass(frozen=True)
class Standing:
    """A span of a series as the lake holds it.

    Attributes:
        rows: how many there are.
        absent: bars that the source was asked for and does not have; `None` where its calendar is not known here.
        outages: those among them that chance does not explain; never filled.
        notes: a beginning later or an end earlier than the span's, for people.
    """

    rows: int
    absent: int | None
    outages: tuple[Outage, ...]
    notes: tuple[str, ...]


def find_standing(lake: Lake, key: SeriesKey, start: datetime, end: datetime) -> Standing:
    """Reads the span's times; where a symbol was not listed yet, or no more, nothing is absent.

    Raises:
        ReadError: a page is damaged.
    """
    series = lake.series(key)
    manifest = series.manifest
    times = series.read(start, end, [])[TIME] if manifest is not None and manifest.rows else pl.Series([], dtype=_UTC)
    if manifest is None or times.is_empty():
        return Standing(0, None, (), ("no rows in this span",))
    first, last = times[0], times[-1]
    notes = []
    long = max(_DAY, 10 * key.timeframe)
    if first - start > long:
        notes.append(f"no rows before {first:%Y-%m-%d %H:%M} UTC: listed then, or not kept from before")
    if end - last > long:
        notes.append(f"no rows after {last:%Y-%m-%d %H:%M} UTC: delisted, or halted since")
    if "calendar" in manifest.facts:
        return Standing(len(times), None, (), tuple(notes))
    found = find_absences(times, _within(manifest.covered, first, last + key.timeframe), key.timeframe)
    outages = (Outage(*row) for row in found.outages.select("start", "end", "bars").iter_rows())
    return Standing(len(times), found.absent, tuple(outages), tuple(notes))


def _within(covered: tuple[Span, ...], start: datetime, end: datetime) -> tuple[Span, ...]:
    return subtract([(start, end)], subtract([(start, end)], covered))


_UTC = pl.Datetime("us", "UTC")
