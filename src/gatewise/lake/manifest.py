"""The manifest: what a series holds, and the only word on which of its files count.

It holds nothing that differs between two ways to the same rows, such as the clock of a fetch, so that equal rows and
coverage give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gatewise.config.durations import format_duration
from gatewise.errors import DataError, ReadError
from gatewise.lake.base import SeriesKey
from gatewise.lake.spans import Span

VERSION = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class Page:
    """One immutable Parquet file of a series.

    Attributes:
        file: its name in the series' folder.
        start, end: `time` of its first and of its last row.
        rows: how many it holds, at least one.
        sha256: of its bytes.
    """

    file: str
    start: datetime
    end: datetime
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a series holds.

    Attributes:
        key: the series.
        facts: what else is known of the rows (exchange, adjusted or raw, calendar, currency, ...); JSON values.
        columns: names of the Float64 columns; empty where no row came yet.
        covered: spans of `time` that the source was asked for and answered, so that a row absent inside one is
            absent at the source.
        pages: in order of time; no two share a moment.
        left_out: spans of `time` within `covered` whose bars the source answered with what can't be kept.
    """

    key: SeriesKey
    facts: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    covered: tuple[Span, ...] = ()
    pages: tuple[Page, ...] = ()
    left_out: tuple[Span, ...] = ()

    @property
    def rows(self) -> int:
        return sum(page.rows for page in self.pages)

    @property
    def start(self) -> datetime | None:
        """`time` of the first row; None without rows."""
        return self.pages[0].start if self.pages else None

    @property
    def end(self) -> datetime | None:
        """`time` of the last row; None without rows."""
        return self.pages[-1].end if self.pages else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with a hash over all of them."""
        values: dict[str, Any] = {
            "version": VERSION,
            "source": self.key.source,
            "symbol": self.key.symbol,
            "timeframe": format_duration(self.key.timeframe),
            "facts": self.facts,
            "columns": list(self.columns),
            "rows": self.rows,
            "start": iso(self.start) if self.start else None,
            "end": iso(self.end) if self.end else None,
            "covered": [[iso(start), iso(end)] for start, end in self.covered],
            "pages": [
                {"file": p.file, "start": iso(p.start), "end": iso(p.end), "rows": p.rows, "sha256": p.sha256}
                for p in self.pages
            ],
        }
        if self.left_out:
            values["left_out"] = [[iso(start), iso(end)] for start, end in self.left_out]
        return {**values, "sha256": _digest(values)}

    @classmethod
    def from_text(cls, key: SeriesKey, text: str) -> Manifest:
        """Reads what `to_dict` gave.

        Raises:
            ReadError: damaged, or of another series.
            DataError: of a later version.
        """
        try:
            values = json.loads(text)
            digest, version = values.pop("sha256"), values["version"]
            if isinstance(version, int) and version > VERSION:
                raise DataError(
                    f"the manifest of {key} is of version {version}; this gatewise reads up to {VERSION}",
                    "update gatewise",
                )
            if digest != _digest(values):
                raise ValueError("its hash is not that of its content")
            manifest = cls(
                key,
                dict(values["facts"]),
                tuple(values["columns"]),
                _spans(values["covered"]),
                tuple(
                    Page(p["file"], _moment(p["start"]), _moment(p["end"]), p["rows"], p["sha256"])
                    for p in values["pages"]
                ),
                _spans(values.get("left_out", [])),
            )
            named = (values["source"], values["symbol"], values["timeframe"])
            if named != (key.source, key.symbol, format_duration(key.timeframe)):
                raise ValueError(f"it is that of {' '.join(map(str, named))}")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReadError(
                f"the manifest of {key} in the lake is damaged: {error}",
                "the next fetch or import into it rebuilds it from the pages that are whole",
            ) from error
        return manifest


def iso(moment: datetime) -> str:
    """`2023-11-10T00:01:00Z`; microseconds only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _spans(values: list[list[str]]) -> tuple[Span, ...]:
    return tuple((_moment(start), _moment(end)) for start, end in values)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
