"""Whatever an exchange does with its limit, every candle arrives once and what is said to be covered was answered.

A paging mistake loses candles at page borders and nothing crashes: the hole looks like a quiet market for ever.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.feeds.candles import Row, moment
from gatewise.feeds.paging import SETTLES, Pager, milliseconds
from gatewise.lake.spans import unite

STEP = timedelta(minutes=1)
FIRST = datetime(2023, 11, 10, tzinfo=UTC)


@dataclass
class Exchange:
    """Answers in one of the ways that exchanges do."""

    opens: Sequence[datetime]
    most_rows: int
    newest: bool
    end_inclusive: bool
    ignores_end: bool
    disorder: int

    def ask(self, first: datetime, last: datetime, count: int) -> list[Row]:
        rows = [time for time in self.opens if first <= time]
        if not self.ignores_end:
            rows = [time for time in rows if time < last or (self.end_inclusive and time == last)]
        most = min(count, self.most_rows)
        rows = rows[-most:] if self.newest and not self.ignores_end else rows[:most]
        found: list[Row] = [(milliseconds(time), 1.0, 60.0, 0.5, 1.0 + time.minute, 1.0) for time in rows]
        shuffled = found + found[: self.disorder]
        if self.disorder:
            random.Random(self.disorder).shuffle(shuffled)
        return shuffled


def fetch(
    pager: Pager, exchange: Exchange, start: datetime, end: datetime, now: datetime
) -> tuple[list[datetime], list]:
    times, covered, cursor = [], [], start
    for _ in range(10_000):
        if cursor >= end:
            return times, list(unite(covered))
        page = pager.page(exchange.ask, cursor, end, now)
        assert page.resume > cursor
        if page.covered is not None:
            assert cursor <= page.covered[0] < page.covered[1] <= page.resume
            assert all(page.covered[0] <= time < page.covered[1] for time in page.frame["time"])
            covered.append(page.covered)
        times += page.frame["time"].to_list()
        cursor = page.resume
    raise AssertionError("paging does not end")


@settings(max_examples=300, deadline=None)
@given(
    there=st.lists(st.booleans(), min_size=1, max_size=120),
    announced=st.integers(2, 20),
    real=st.integers(2, 20),
    newest=st.booleans(),
    end_inclusive=st.booleans(),
    ignores_end=st.booleans(),
    disorder=st.integers(0, 3),
    offset=st.integers(-20, 20),
)
def test_every_candle_arrives_once_whatever_the_exchange_does_with_its_limit(
    there: list[bool],
    announced: int,
    real: int,
    newest: bool,
    end_inclusive: bool,
    ignores_end: bool,
    disorder: int,
    offset: int,
) -> None:
    opens = [FIRST + number * STEP for number, one in enumerate(there) if one]
    exchange = Exchange(opens, real, newest, end_inclusive, ignores_end, disorder)
    start, end = FIRST + (1 + offset) * STEP, FIRST + (len(there) + 1) * STEP
    if start >= end:
        return
    times, covered = fetch(Pager(STEP, announced), exchange, start, end, end + timedelta(days=1))
    assert times == [time + STEP for time in opens if start <= time + STEP < end]
    if not ignores_end:
        assert covered == [(start, end)]


def test_a_clamped_beginning_shorter_than_a_quiet_spell_after_it_is_not_lost() -> None:
    opens = [FIRST + number * STEP for number in (*range(4), *range(14, 20))]
    exchange = Exchange(opens, 8, True, True, False, 0)
    times, _ = fetch(Pager(STEP, 30), exchange, FIRST + STEP, FIRST + 21 * STEP, FIRST + timedelta(days=1))
    assert times == [time + STEP for time in opens]


@settings(max_examples=200, deadline=None)
@given(caps=st.lists(st.integers(2, 20), min_size=1, max_size=6), newest=st.booleans(), count=st.integers(1, 150))
def test_a_limit_that_changes_from_answer_to_answer_loses_no_candle(caps: list[int], newest: bool, count: int) -> None:
    """OKX gives 300 candles of late and 100 of long ago."""
    opens = [FIRST + number * STEP for number in range(count)]
    exchange = Exchange(opens, 0, newest, True, False, 0)
    turns = cycle(caps)

    def ask(first: datetime, last: datetime, most: int) -> list[Row]:
        exchange.most_rows = next(turns)
        return exchange.ask(first, last, most)

    changing = replace(exchange)
    changing.ask = ask  # type: ignore[method-assign]
    start, end = FIRST + STEP, FIRST + (count + 1) * STEP
    times, covered = fetch(Pager(STEP, 21), changing, start, end, end + timedelta(days=1))
    assert times == [time + STEP for time in opens]
    assert covered == [(start, end)]


def test_candles_that_are_not_finished_are_left_out_and_their_time_is_not_covered() -> None:
    exchange = Exchange([FIRST + number * STEP for number in range(30)], 300, True, True, False, 0)
    now = FIRST + timedelta(minutes=20, seconds=59)
    times, covered = fetch(Pager(STEP, 300), exchange, FIRST, FIRST + timedelta(days=1), now)
    assert times[-1] == FIRST + 20 * STEP
    assert covered == [(FIRST, FIRST + 21 * STEP)]


def test_a_candle_absent_just_before_now_may_be_late_and_is_asked_for_again() -> None:
    now = FIRST + timedelta(minutes=20)
    exchange = Exchange([FIRST + number * STEP for number in range(10)], 300, True, True, False, 0)
    times, covered = fetch(Pager(STEP, 300), exchange, FIRST, FIRST + timedelta(days=1), now)
    assert times[-1] == FIRST + 10 * STEP
    assert covered == [(FIRST, now - SETTLES)]


def test_rows_of_a_later_time_in_answer_to_an_older_one_cover_nothing() -> None:
    """Kraken gives its newest 720 candles whatever it is asked for: that says nothing of the time before them."""
    kept = [FIRST + timedelta(days=30) + number * STEP for number in range(720)]

    def ask(first: datetime, last: datetime, count: int) -> list[Row]:
        return [(milliseconds(time), 1.0, 1.0, 1.0, 1.0, 1.0) for time in kept]

    page = Pager(STEP, 720).page(ask, FIRST, FIRST + timedelta(days=31), FIRST + timedelta(days=40))
    assert page.covered is None
    assert page.frame.is_empty()
    assert page.resume == kept[0] + STEP
    assert page.note is not None


def test_a_frame_holds_times_of_closes_and_missing_values_as_null() -> None:
    def ask(first: datetime, last: datetime, count: int) -> list[Row]:
        return [(milliseconds(FIRST), 1.0, 2.0, 0.5, 1.5, None)]

    page = Pager(STEP, 300).page(ask, FIRST, FIRST + 3 * STEP, FIRST + timedelta(days=1))
    assert page.frame.rows() == [(FIRST + STEP, 1.0, 2.0, 0.5, 1.5, None)]
    assert page.frame.schema["time"] == pl.Datetime("us", "UTC")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_milliseconds_and_moments_are_exact_both_ways(time: datetime) -> None:
    time = time.replace(tzinfo=UTC, microsecond=time.microsecond // 1000 * 1000)
    assert moment(milliseconds(time)) == time
