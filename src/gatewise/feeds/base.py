"""What a feed is: a source outside that is asked for one span of a series at a time and answers with a page of rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import polars as pl

from gatewise.errors import ConfigError
from gatewise.feeds.candles import LeftOut
from gatewise.feeds.retry import Retry
from gatewise.lake.base import SeriesKey

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock that feeds use unless they are given another."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Page:
    """One answer.

    Attributes:
        frame: `time` (Datetime[us, UTC], the moment the bar is knowable: its close), then Float64 columns; only
            finished bars, sorted, each time once, all within `covered`. May hold no row.
        covered: [start, end) of times that the source has answered for, so that a bar absent in it is absent at the
            source; `None` where it answered for no part of what was asked.
        resume: the time from which to go on; later than the start that was asked for.
        note: something that a person should be told once, such as the day a symbol was listed.
        left_out: (why, which) of the bars that were answered and can't be kept; see `feeds.candles`.
    """

    frame: pl.DataFrame
    covered: tuple[datetime, datetime] | None
    resume: datetime
    note: str | None = None
    left_out: LeftOut = frozenset()


@dataclass(frozen=True)
class FeedOptions:
    """What a user may say about how a feed is reached; a feed ignores what it has no use for.

    Attributes:
        base_url: stands in place of the source's own address: a proxy, a mirror, a test server.
        requests_per_second: at most so many, all threads together; `None`: the source's own limit.
        adjusted: prices of stocks are adjusted for splits and dividends; false: raw; `None`: the feed's own way.
        clock: gives the current moment, by which the unfinished bar is told.
    """

    base_url: str | None = None
    requests_per_second: float | None = None
    adjusted: bool | None = None
    clock: Clock = utc_now


class Feed(Protocol):
    """A source outside. Up to three threads ask it at once, each for its own series.

    Attributes:
        name: as typed by the user and as written in the lake (`source=<name>`).
        default_timeframe: used where the user names none.
    """

    name: str
    default_timeframe: timedelta

    def resolve(self, symbol: str, timeframe: timedelta, retry: Retry) -> SeriesKey:
        """The series in the lake for a symbol as the user typed it.

        Raises:
            UnknownNameError: no such symbol or timeframe here; the nearest names are listed.
            FeedError: the source can't be reached.
        """
        ...

    def facts(self, key: SeriesKey) -> dict[str, str]:
        """What the series' manifest says about it: currency, adjusted or raw, calendar. No moment of the fetch."""
        ...

    def oldest(self, key: SeriesKey) -> datetime | None:
        """The time from which on the source keeps bars; `None` where it keeps all there ever were."""
        ...

    def revises(self, key: SeriesKey) -> bool:
        """Whether rows that were given once may all change later, as prices adjusted for dividends do."""
        ...

    def page(self, key: SeriesKey, start: datetime, end: datetime, retry: Retry) -> Page:
        """Asks for the rows of [start, end), or for as many from `start` on as the source gives at once.

        Args:
            key: of `resolve`.
            start, end: times at which bars are knowable, UTC, end exclusive; `end` is never later than what is
                finished by the clock, plus one bar.
            retry: runs each request; count and waits are its own.

        Raises:
            FeedError: the source refuses, or did not answer after every try.
        """
        ...


def base_url(options: FeedOptions) -> str | None:
    """The address that the user put in place of the source's own: `base_url`, else $GATEWISE_FEED_URL.

    Raises:
        ConfigError: it is no address of a web server.
    """
    address = options.base_url or os.environ.get("GATEWISE_FEED_URL")
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"base_url must be the address of a web server; got {address!r}",
            'for example base_url="http://127.0.0.1:8080"',
        )
    return address.rstrip("/")
