"""Requests are tried again a bounded number of times, later each time, and as late as the source asks."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.errors import FeedError, UnknownNameError
from gatewise.feeds.answers import retry_after_seconds
from gatewise.feeds.base import FeedOptions
from gatewise.feeds.limiter import Limiter
from gatewise.feeds.names import nearest
from gatewise.feeds.retry import Retry, TransientError
from gatewise.feeds.table import exchange_names, open_feed


def failing(times: int, after: float | None = None) -> object:
    left = iter(range(times))

    def ask() -> str:
        if next(left, None) is not None:
            raise TransientError("oops", after)
        return "answer"

    return ask


def test_waits_double_up_to_a_longest_one_and_are_drawn_from_their_upper_half() -> None:
    low, high = Retry(draw=lambda: 0.0), Retry(draw=lambda: 1.0)
    assert [high.wait_seconds(n, None) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [low.wait_seconds(n, None) for n in range(1, 9)] == [0.25, 0.5, 1, 2, 4, 8, 15, 15]


@given(st.integers(1, 20), st.floats(0, 1), st.floats(0, 300))
def test_a_wait_that_is_asked_for_is_kept_to_and_never_by_all_at_once(number: int, draw: float, asked: float) -> None:
    wait = Retry(draw=lambda: draw).wait_seconds(number, asked)
    assert asked < wait <= asked + 1


def test_an_answer_after_some_failures_is_an_answer_and_the_failures_are_counted() -> None:
    waits: list[float] = []
    told: list[tuple[str, float]] = []
    retry = Retry(sleep=waits.append, draw=lambda: 1.0, on_wait=lambda *words: told.append(words))
    assert retry.call(failing(3)) == "answer"
    assert waits == [0.5, 1, 2]
    assert told == [("oops", 0.5), ("oops", 1), ("oops", 2)]
    assert retry.retries == 3


def test_tries_are_bounded_and_the_last_reason_is_told() -> None:
    waits: list[float] = []
    with pytest.raises(FeedError, match="oops; gave up after 4 tries") as told:
        Retry(tries=4, sleep=waits.append).call(failing(4))
    assert len(waits) == 3
    assert "kept" in str(told.value.hint)


def test_a_source_that_asks_for_an_hour_is_given_up_on_at_once() -> None:
    with pytest.raises(FeedError, match="it asks to wait for 3,600 s"):
        Retry(sleep=lambda seconds: pytest.fail("slept")).call(failing(1, after=3600.0))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, 40.0) == seconds


def test_three_threads_together_keep_to_one_pace() -> None:
    clock, slept, lock = [0.0], [], threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(round(seconds, 6))

    limiter = Limiter(0.1, monotonic=lambda: clock[0], sleep=sleep)
    threads = [threading.Thread(target=limiter.wait, args=(3,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [0.3, 0.6]  # the first at once, each of the others after the price of those before it
    clock[0] = 10.0
    limiter.wait(3)
    assert len(slept) == 2


def test_a_source_that_wants_no_request_for_a_while_gets_none_from_any_thread() -> None:
    slept: list[float] = []
    limiter = Limiter(0.1, monotonic=lambda: 0.0, sleep=slept.append)
    limiter.hold(7.0)
    limiter.hold(2.0)
    limiter.wait()
    limiter.wait()
    assert slept == [7.0, 7.1]


def test_a_users_own_pace_is_kept_whatever_a_request_is_worth() -> None:
    slept: list[float] = []
    limiter = Limiter(0.5, fixed=True, monotonic=lambda: 0.0, sleep=slept.append)
    for price in (3, 10, 1):
        limiter.wait(price)
    assert slept == [0.5, 1.0]


def test_an_unknown_feed_names_the_nearest_and_not_all_of_a_hundred() -> None:
    with pytest.raises(UnknownNameError, match="coinbse") as told:
        open_feed("coinbse", FeedOptions())
    assert "'coinbase'" in str(told.value.hint)
    assert str(told.value.hint).count(",") < 10 < len(exchange_names())


def test_the_nearest_names_are_few_and_hold_the_ones_meant() -> None:
    known = [f"{base}-{quote}" for base in ("BTC", "ETH", "SOL", "XRP") for quote in ("USD", "EUR", "USDT", "GBP")]
    assert nearest("BTC-UDS", known)[0] == "BTC-USD"
    assert "ETH-USDT" in nearest("eth", known)
    assert len(nearest("zzzzzz", known)) <= 8
