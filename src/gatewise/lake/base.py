"""What names a series in the lake, and where its folder is: Hive style, so that other tools read it as one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from gatewise.config.durations import format_duration, parse_duration
from gatewise.errors import ConfigError

TIME = "time"
_PARTS = ("source", "symbol", "timeframe")


@dataclass(frozen=True, order=True)
class SeriesKey:
    """One series: bars of one symbol and length from one feed.

    Attributes:
        source: the feed, such as coinbase, yahoo, or the name that files were imported under.
        symbol: as the feed spells it; any text.
        timeframe: the length of a bar.

    Raises:
        ConfigError: a name without any character, or no length.
    """

    source: str
    symbol: str
    timeframe: timedelta

    def __post_init__(self) -> None:
        if not self.source or not self.symbol or self.timeframe <= timedelta(0):
            raise ConfigError(
                f"a series needs a feed, a symbol and a timeframe; got {self.source!r}, {self.symbol!r}, "
                f"{format_duration(self.timeframe)}",
                "name all three, such as coinbase, BTC-USD and 1m",
            )

    def __str__(self) -> str:
        return f"{self.source} {self.symbol} {format_duration(self.timeframe)}"

    @property
    def folder(self) -> Path:
        """Below the lake's root; what a path can't hold is percent-encoded."""
        values = (self.source, self.symbol, format_duration(self.timeframe))
        return Path(*(f"{part}={quote(value, safe='')}" for part, value in zip(_PARTS, values, strict=True)))

    @classmethod
    def of_folder(cls, folder: Path) -> Self | None:
        """The key of a folder below the root; None where its name is none that `folder` would give."""
        pairs = [part.partition("=") for part in folder.parts]
        if [name for name, _, _ in pairs] != list(_PARTS):
            return None
        source, symbol, length = (unquote(value) for _, _, value in pairs)
        try:
            timeframe = parse_duration(length)
        except ValueError:
            return None
        if not source or not symbol or not isinstance(timeframe, timedelta) or timeframe <= timedelta(0):
            return None
        key = cls(source, symbol, timeframe)
        return key if key.folder == folder else None


def utc(moment: datetime) -> datetime:
    """In UTC; a moment without a zone is taken for UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
