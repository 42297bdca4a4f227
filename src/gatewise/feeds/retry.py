"""Trying again: a bounded number of times, later each time and by chance, so that clients do not come back in step."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gatewise.errors import FeedError

T = TypeVar("T")
LOG = logging.getLogger("gatewise.feeds")


class TransientError(Exception):
    """A request failed in a way that may pass: 429, 5xx, a timeout, a cut connection, an answer cut short.

    Never reaches a user: `Retry` makes a FeedError of the last one.

    Args:
        reason: in a few words, for people.
        after_seconds: the wait that the source asked for (Retry-After), if it did.
    """

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


@dataclass
class Retry:
    """Runs requests of one series.

    Waits are drawn evenly between half and all of base * 2^n seconds ("equal jitter": never none, never in step with
    other clients), at most `longest_seconds`; a wait that the source asks for is kept to, plus jitter.

    Attributes:
        tries: how often one request is made at most.
        base_seconds: the longest first wait.
        longest_seconds: no wait of our own is longer.
        patience_seconds: a source that asks for a longer wait than this is given up on at once.
        sleep, draw: replaced in tests; `draw` gives numbers in [0, 1).
        on_wait: told the reason and the seconds before each wait.
        retries: how many requests had to be made again so far.
    """

    tries: int = 8
    base_seconds: float = 0.5
    longest_seconds: float = 30.0
    patience_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.Random().random  # not the whole process's numbers
    on_wait: Callable[[str, float], None] | None = None
    retries: int = field(default=0, init=False)

    def call(self, ask: Callable[[], T]) -> T:
        """Asks until there is an answer.

        Raises:
            FeedError: every try failed; it names the last reason.
        """
        for number in range(1, self.tries + 1):
            try:
                return ask()
            except TransientError as error:
                waits_long = (error.after_seconds or 0) > self.patience_seconds
                if number == self.tries or waits_long:
                    raise _given_up(error, number) from error
                self.retries += 1
                seconds = self.wait_seconds(number, error.after_seconds)
                LOG.debug("%s; try %d of %d in %.1f s", error.reason, number + 1, self.tries, seconds)
                if self.on_wait:
                    self.on_wait(error.reason, seconds)
                self.sleep(seconds)
        raise AssertionError("tries must be at least one")

    def wait_seconds(self, number: int, asked_seconds: float | None) -> float:
        """How long to wait after the try of that number, counted from one."""
        wait = min(self.longest_seconds, self.base_seconds * 2.0 ** (number - 1)) * (0.5 + 0.5 * self.draw())
        return wait if asked_seconds is None else asked_seconds + min(wait, 1.0)


def _given_up(error: TransientError, tries: int) -> FeedError:
    wait = error.after_seconds
    if tries == 1 and wait:
        return FeedError(f"{error.reason}; it asks to wait for {wait:,.0f} s", "run the same command again later")
    return FeedError(
        f"{error.reason}; gave up after {tries} tries",
        "what was fetched is kept: the same command goes on from there",
    )
