"""Fetching one series: what the lake lacks of a span, page by page, kept every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import polars as pl

from gatewise.errors import FeedError, GatewiseError
from gatewise.feeds.base import Feed, Page
from gatewise.feeds.candles import LeftOut, bars_left_out
from gatewise.feeds.retry import Retry
from gatewise.feeds.revision import REVISED, is_revised
from gatewise.feeds.standing import Standing, find_standing
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.spans import unite
from gatewise.lake.writer import Writer

FLUSH_SECONDS = 5.0  # what a killed process loses at most, beside the page on its way


class StoppedError(Exception):
    """The user wants no more; never reaches one."""


class FetchListener(Protocol):
    """Is told of every step, from the thread that took it."""

    def on_begin(self, key: SeriesKey, num_bars: int) -> None:
        """A series of which `num_bars` bars are to be asked for."""
        ...

    def on_page(self, key: SeriesKey, num_bars: int, num_rows: int) -> None:
        """A page that took the series `num_bars` bars on and held `num_rows` rows."""
        ...

    def on_wait(self, key: SeriesKey, reason: str, seconds: float) -> None:
        """A request failed and is made again after a while."""
        ...

    def on_end(self, outcome: FetchOutcome) -> None:
        """The series is done, or given up on."""
        ...


@dataclass(frozen=True)
class FetchJob:
    """One series to fetch: what the lake lacks of [start, end), by the times at which bars are knowable."""

    feed: Feed
    key: SeriesKey
    start: datetime
    end: datetime


@dataclass
class FetchOutcome:
    """What became of one job.

    Attributes:
        key: the series.
        start, end: the span that was wanted.
        standing: what the lake holds of the span in the end; None where it can't be read.
        added: rows that it lacked before.
        differing: answered rows that it held with other values; kept as they were, but for `refetch`.
        left_out: (why, which) of answered rows that can't be kept; their bars are absent.
        pages: answers; `retries`: requests made again.
        seconds: that all of it took.
        notes: what a person should be told.
        error: why it ended before its time; what was fetched until then is in the lake.
    """

    key: SeriesKey
    start: datetime
    end: datetime
    standing: Standing | None = None
    added: int = 0
    differing: int = 0
    left_out: LeftOut = frozenset()
    pages: int = 0
    retries: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    error: GatewiseError | None = None


def fetch_series(
    job: FetchJob,
    lake: Lake,
    retry: Retry,
    listener: FetchListener,
    *,
    refetch: bool = False,
    check: Callable[[], None] = lambda: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> FetchOutcome:
    """Asks for what the lake lacks of a span and keeps it; never raises what the feed or the disk do, but tells it.

    Args:
        job: the series and its span.
        lake: where rows go.
        retry: runs the requests.
        listener: is told of progress.
        refetch: asks for all of the span, and takes new values where they differ.
        check: called before each page; raises to stop.
        monotonic: a clock in seconds, by which rows are kept every few.

    Raises:
        StoppedError: by `check` or by the retry's sleep; what was fetched is kept.
    """
    outcome, began = FetchOutcome(job.key, job.start, job.end), monotonic()
    try:
        lacking = lake.series(job.key).missing(job.start, job.end)
        revised = bool(lacking) and not refetch and is_revised(job.feed, job.key, lake, retry)
        if revised:
            outcome.notes.append(REVISED)
        # Held all the while: a second process that fetches the same series waits and then finds nothing to do.
        with lake.series(job.key).writer(refetch or revised) as writer:
            spans = [(job.start, job.end)] if refetch else lake.series(job.key).missing(job.start, job.end)
            if revised:
                spans = list(unite([*writer.manifest.covered, (job.start, job.end)]))
            listener.on_begin(job.key, sum(_bars(job.key, *span) for span in spans))
            for span in spans:
                _fetch_span(job, span, writer, outcome, retry, listener, check, monotonic, revised)
        outcome.standing = find_standing(lake, job.key, job.start, job.end)
        outcome.notes += outcome.standing.notes
    except GatewiseError as error:
        outcome.error = error
    finally:
        outcome.retries, outcome.seconds = retry.retries, monotonic() - began
    listener.on_end(outcome)
    return outcome


def _fetch_span(
    job: FetchJob,
    span: tuple[datetime, datetime],
    writer: Writer,
    outcome: FetchOutcome,
    retry: Retry,
    listener: FetchListener,
    check: Callable[[], None],
    monotonic: Callable[[], float],
    at_once: bool,
) -> None:
    basket = _Basket(writer, job.feed.facts(job.key), outcome, monotonic, at_once)
    cursor, end = span
    try:
        while cursor < end:
            check()
            page = job.feed.page(job.key, cursor, end, retry)
            if page.resume <= cursor:
                raise FeedError(f"{job.key}: the feed does not get past {cursor}", "please report this")
            basket.put(page)
            listener.on_page(job.key, _bars(job.key, cursor, page.resume), page.frame.height)
            cursor = page.resume
    finally:  # whatever went wrong, what was answered is kept, unless it would be mixed with what it replaces
        if cursor >= end or not at_once:
            basket.flush()


class _Basket:
    """Answered pages that follow one another, on their way into the lake; `at_once`: all of them or none."""

    def __init__(
        self,
        writer: Writer,
        facts: dict[str, str],
        outcome: FetchOutcome,
        monotonic: Callable[[], float],
        at_once: bool = False,
    ) -> None:
        self._writer = writer
        self._facts = facts
        self._outcome = outcome
        self._monotonic = monotonic
        self._at_once = at_once
        self._frames: list[pl.DataFrame] = []
        self._left_out: set[datetime] = set()
        self._covered: tuple[datetime, datetime] | None = None
        # Short at first, so that a process that is killed again and again gets on too.
        self._interval = FLUSH_SECONDS / 10
        self._flushed = monotonic()

    def put(self, page: Page) -> None:
        self._outcome.pages += 1
        self._outcome.left_out |= page.left_out
        if page.note and page.note not in self._outcome.notes:
            self._outcome.notes.append(page.note)
        if page.covered is not None:
            if self._covered is not None and self._covered[1] != page.covered[0]:
                self.flush()
            self._frames.append(page.frame)
            self._left_out |= bars_left_out(page.left_out)
            self._covered = (self._covered[0] if self._covered else page.covered[0], page.covered[1])
        if not self._at_once and self._monotonic() - self._flushed >= self._interval:
            self._interval = min(FLUSH_SECONDS, 2 * self._interval)
            self.flush()

    def flush(self) -> None:
        if self._covered is not None:
            frames, covered = pl.concat(self._frames), self._covered
            left_out = sorted(when for when in self._left_out if covered[0] <= when < covered[1])
            self._frames, self._left_out, self._covered = [], set(), None
            appended = self._writer.append(frames, covered, self._facts, left_out)
            self._outcome.added += appended.added
            self._outcome.differing += appended.differing
        self._flushed = self._monotonic()


def _bars(key: SeriesKey, start: datetime, end: datetime) -> int:
    return max(0, round((end - start) / key.timeframe))
