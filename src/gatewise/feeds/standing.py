"""What the lake holds of a span in the end: rows, absent bars, outages, and where the symbol begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gatewise.data.check.lake import expected_bars
from gatewise.lake.absence import absences_on
from gatewise.lake.base import TIME, SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.spans import subtract

_DAY = timedelta(days=1)
_UTC = pl.Datetime("us", "UTC")


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
        absent: bars that the source was asked for and does not have, between the first row and the last.
        outages: those among them that chance does not explain; never filled.
        notes: a beginning later or an end earlier than the span's, for people.
    """

    rows: int
    absent: int
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
        return Standing(0, 0, (), ("no rows in this span",))
    first, last = times[0], times[-1]
    notes = []
    long = max(_DAY, 10 * key.timeframe)
    if first - start > long:
        notes.append(f"no rows before {first:%Y-%m-%d %H:%M} UTC: listed then, or not kept from before")
    if end - last > long:
        notes.append(f"no rows after {last:%Y-%m-%d %H:%M} UTC: delisted, or halted since")
    time_us = times.dt.epoch("us").to_numpy()
    asked = subtract([(first, min(end, last + key.timeframe))], subtract([(start, end)], manifest.covered))
    grid = expected_bars(time_us, asked, key.timeframe, manifest.facts.get("calendar"))
    absences = absences_on(grid, time_us, manifest.left_out)
    outages = (Outage(*row) for row in absences.outages.select("start", "end", "bars").iter_rows())
    return Standing(len(times), absences.absent, tuple(outages), tuple(notes))
