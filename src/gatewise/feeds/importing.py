"""Files into the lake: rows pass the same data edge as for training, then become series of the lake.

What a file covers is the time from its first row to its last, for each symbol. A hole between two files counts as
covered too where both are named for periods that follow each other, as daily or monthly dumps are (`-2023-03-24`,
`-2023-03-25`): the exchange was asked for all of it, so that an outage at midnight is one.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

import polars as pl

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.load import table_of
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from gatewise.data.table import FILE, SYMBOL, TIME, Table
from gatewise.errors import ConfigError, SchemaError
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.manifest import Manifest
from gatewise.lake.spans import Span, unite

# A year, a month or a day in a file's name, not within a longer number.
_PERIOD = re.compile(r"(?<!\d)((?:19|20)\d{2})(?:[-_.]?(0[1-9]|1[0-2])(?:[-_.]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")


@dataclass(frozen=True)
class Imported:
    """What became of one series.

    Attributes:
        key: the series.
        added: rows that the lake lacked.
        known: rows that it held already.
        differing: rows that it held with other values; the lake's were kept, unless told to `refetch`.
    """

    key: SeriesKey
    added: int
    known: int
    differing: int

    def to_dict(self) -> dict[str, Any]:
        """One entry of `gatewise data import --json`."""
        return {
            "source": self.key.source,
            "symbol": self.key.symbol,
            "timeframe": format_duration(self.key.timeframe),
            "added": self.added,
            "known": self.known,
            "differing": self.differing,
        }


def import_rows(spec: DataConfig, lake: Lake, feed: str, refetch: bool = False) -> tuple[tuple[Imported, ...], Rows]:
    """Reads what a data config names and adds it to the lake; the same files twice change no byte.

    Args:
        spec: of any source but the lake itself.
        lake: where series go, one a symbol.
        feed: the name that they are kept under.
        refetch: take new values for rows that the lake holds already.

    Returns:
        One entry a symbol, and the rows as they were read.

    Raises:
        ConfigError: the source is the lake.
        DataError: what the reading of rows raises, see `load_table`.
        SchemaError: the lake holds other columns of a series, or rows by another calendar.
        StorageError: the disk is full or not writable; what was added until then stays.
    """
    if spec.source == "lake":
        raise ConfigError("rows are imported into the lake from elsewhere; got the lake itself", "name files")
    rows = read_source(spec)
    once = rows.frame.unique([SYMBOL, TIME, *rows.columns], keep="first", maintain_order=True)
    table = table_of(replace(rows, frame=once), spec)
    facts: dict[str, Any] = {"calendar": rows.calendar} if rows.calendar else {}
    if rows.late_months != 0:
        facts["late_months"] = rows.late_months
    if spec.repair:
        facts["repaired"] = ",".join(sorted(spec.repair))
    done = []
    for symbol, spans in covered_spans(rows, table.timeframe).items():
        key = SeriesKey(feed, symbol, table.timeframe)
        series = _of(table, symbol)
        with lake.series(key).writer(refetch) as writer:
            _require_alike(writer.manifest, facts)
            for start, end in spans:
                part = series.filter(pl.col(TIME) >= start, pl.col(TIME) < end)
                appended = writer.append(part, (start, end), facts)
                done.append(Imported(key, appended.added, appended.known, appended.differing))
    return _by_series(done), rows


def _require_alike(held: Manifest, facts: dict[str, Any]) -> None:
    """Mended rows are not joined with rows that were left as they are: nobody could tell them apart."""
    was, repaired = (values.get("repaired", "") for values in (held.facts, facts))
    if held.rows and was != repaired:
        raise SchemaError(
            f"{held.key}: rows must be mended as those that the lake holds; they are for {was or 'nothing'}, these for "
            f"{repaired or 'nothing'}",
            f'data.repair="{was}"' if was else "leave data.repair out, or import them under another name",
        )


def covered_spans(rows: Rows, timeframe: timedelta) -> dict[str, tuple[Span, ...]]:
    """For each symbol the spans [start, end) of `time` that its files hold, by the rule in this module's head."""
    bounds = (
        rows.frame.group_by(SYMBOL, FILE)
        .agg(pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last"))
        .sort(SYMBOL, "first", FILE)
    )
    spans: dict[str, list[Span]] = {}
    periods: dict[str, list[tuple[Span, Span]]] = {}
    for symbol, file, first, last in bounds.iter_rows():
        span = (first, last + timeframe)
        spans.setdefault(symbol, []).append(span)
        period = period_of(rows.files[file])
        if period and period[0] <= first - timeframe and last - timeframe < period[1]:
            periods.setdefault(symbol, []).append((period, span))
    for symbol, named in periods.items():
        for (period, span), (following, later) in itertools.pairwise(sorted(named)):
            if period[1] == following[0]:
                spans[symbol].append((span[0], later[1]))
    return {symbol: unite(parts) for symbol, parts in spans.items()}


def period_of(name: str) -> Span | None:
    """The year, month or day [start, end), UTC, that a file is named for; None where it names none or several."""
    periods = {match.groups() for match in _PERIOD.finditer(PurePath(name).name)}
    if len(periods) != 1:
        return None
    year, month, day = (int(part) if part else None for part in periods.pop())
    if year is None:
        return None
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    except ValueError:  # the 30th of February
        return None
    if day:
        return start, start + timedelta(days=1)
    if month:
        return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start, datetime(year + 1, 1, 1, tzinfo=UTC)


def _of(table: Table, symbol: str) -> pl.DataFrame:
    return table.frame.filter(pl.col(SYMBOL) == symbol).drop(SYMBOL)


def _by_series(parts: list[Imported]) -> tuple[Imported, ...]:
    """One entry a series: those of its spans added up."""
    summed: dict[SeriesKey, Imported] = {}
    for part in parts:
        have = summed.get(part.key, Imported(part.key, 0, 0, 0))
        summed[part.key] = Imported(
            part.key, have.added + part.added, have.known + part.known, have.differing + part.differing
        )
    return tuple(summed.values())
