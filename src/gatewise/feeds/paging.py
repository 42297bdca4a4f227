"""A span of candles asked for in pages, so that none is skipped whatever an exchange does with its limit.

Exchanges differ in whether the end of a span is inclusive, in how many candles they give at once (some say, some clamp
silently) and in whether a clamped answer holds the first ones or the last ones. So one candle more than needed is asked
for, a page reaches only to its last candle unless it is empty, and a page that lacks its beginning is asked for again
wherever it may have been clamped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl

from gatewise.feeds.base import Page
from gatewise.feeds.candles import Candles, LeftOut, Row, judge_candles
from gatewise.lake.base import TIME

Ask = Callable[[datetime, datetime, int], Sequence[Row]]
VALUES = ("open", "high", "low", "close", "volume")
SCHEMA = pl.Schema([(TIME, pl.Datetime("us", "UTC")), *((name, pl.Float64()) for name in VALUES)])
# A candle that is absent this short a time before now may only be late.
SETTLES = timedelta(minutes=5)
_AHEAD = timedelta(days=1)  # so far a candle may open after now, by clocks and zones
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Pager:
    """Asks for pages of one series.

    Attributes:
        step: the length of a candle.
        most_rows: how many candles may be asked for at once, at least 2; lowered where the exchange gives fewer.
        seen_rows: the most that one answer held so far.
    """

    step: timedelta
    most_rows: int
    seen_rows: int = 0
    _left_out: LeftOut = frozenset()  # of the page that is being asked for

    def page(self, ask: Ask, start: datetime, end: datetime, now: datetime) -> Page:
        """The candles knowable from `start` on, to `end` (exclusive) or as far as one answer goes.

        Args:
            ask: (open of the first candle, open of the last, how many at most) -> rows of milliseconds (the open),
                open, high, low, close, volume; it may give more, fewer, twice, or in any order.
            start, end: times at which candles are knowable, that is of their close.
            now: the current moment: what is not finished by then is left out.
        """
        self._left_out = frozenset()
        page_end = min(end, start + (self.most_rows - 1) * self.step)
        page = self._answer(ask, start, page_end, now)
        rows = page.rows

        def left_out() -> LeftOut:
            """Finished ones of the page's own time, and those that have no time at all."""
            return frozenset(
                (why, which)
                for why, which in self._left_out
                if isinstance(which, str) or (start <= which < page_end and which <= now)
            )

        if page.tells_nothing:
            return Page(frame_of([]), None, page_end, left_out=left_out())
        inside = _between(rows, start, page_end)
        if not inside and rows:
            later = min((time for time in rows if time >= page_end), default=page_end)
            if later > start + self.most_rows * self.step:
                note = f"no candle is given before {later:%Y-%m-%d %H:%M} UTC"
                return Page(frame_of([]), None, min(end, later), note, left_out())
        inside = self._with_beginning(ask, inside, len(rows), start, now)
        finished = [(time, row) for time, row in inside if time <= now]
        until = min(page_end, finished[-1][0] + self.step) if finished else page_end
        settled = max(_minute(now - SETTLES), finished[-1][0] + self.step if finished else start)
        known_to = min(until, settled)
        covered = (start, known_to) if known_to > start else None
        return Page(frame_of(finished), covered, until if known_to == until else end, left_out=left_out())

    def _answer(self, ask: Ask, start: datetime, page_end: datetime, now: datetime) -> Candles:
        """What came, judged; why some of it is left out is kept for the page."""
        count = round((page_end - start) / self.step) + 1
        page = judge_candles(ask(start - self.step, page_end - self.step, count), self.step, now + _AHEAD)
        self._left_out |= page.left_out
        return page

    def _with_beginning(
        self, ask: Ask, inside: list[tuple[datetime, Row]], num_rows: int, start: datetime, now: datetime
    ) -> list[tuple[datetime, Row]]:
        """Adds what the exchange may have clamped off before the first row, as some give the newest of a span."""
        while inside and inside[0][0] > start and self._may_be_clamped(inside, num_rows, start):
            self.seen_rows = max(self.seen_rows, num_rows)
            rows = self._answer(ask, start, inside[0][0], now).rows
            earlier = _between(rows, start, inside[0][0])
            if not earlier:
                break
            self.most_rows = max(2, num_rows)
            num_rows = len(rows)
            inside = earlier + inside
        self.seen_rows = max(self.seen_rows, num_rows)
        return inside

    def _may_be_clamped(self, inside: list[tuple[datetime, Row]], num_rows: int, start: datetime) -> bool:
        """As many rows as ever came at once, or a longer absence before them than any among them."""
        longest = max((later - time for (time, _), (later, _) in pairwise(inside)), default=self.step)
        return num_rows >= self.seen_rows or inside[0][0] - start >= longest


def milliseconds(time: datetime) -> int:
    """Since the epoch, rounded down."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _between(rows: dict[datetime, Row], start: datetime, end: datetime) -> list[tuple[datetime, Row]]:
    return sorted(((time, row) for time, row in rows.items() if start <= time < end), key=lambda pair: pair[0])


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def frame_of(rows: Sequence[tuple[datetime, Row]]) -> pl.DataFrame:
    """Rows with the moment that each is knowable, as the lake has them."""
    columns = {TIME: [time for time, _ in rows]}
    values = {
        name: [row[place] if place < len(row) else None for _, row in rows]
        for place, name in enumerate(VALUES, start=1)
    }
    return pl.DataFrame(columns | values, schema=SCHEMA)
