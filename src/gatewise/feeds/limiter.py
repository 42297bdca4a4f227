"""One pace for all threads that ask the same source."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Limiter:
    """Lets requests through one after another, each after the time that the one before it costs.

    ccxt's own throttle knows the price of each request but waits for each client apart, so three threads would ask at
    three times the exchange's limit.

    Args:
        cost_seconds: the time that a request of price 1 takes up.
        fixed: every request takes up that time, whatever its price: the user's own limit.
        monotonic, sleep: replaced in tests.
    """

    def __init__(
        self,
        cost_seconds: float,
        fixed: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.cost_seconds = cost_seconds
        self.fixed = fixed
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = monotonic()

    def wait(self, price: float | None = None, sleep: Callable[[float], None] | None = None) -> None:
        """Returns when a request of that price may be made; takes its place in the queue at once.

        Args:
            price: of the request; `None`: 1.
            sleep: in place of the limiter's own, as one that can be ended early.
        """
        with self._lock:
            now = self._monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + self.cost_seconds * (1.0 if self.fixed or price is None else price)
        if begin > now:
            (sleep or self._sleep)(begin - now)

    def hold(self, seconds: float) -> None:
        """Lets nobody through for so long: the source has asked one thread for fewer requests, and means all."""
        with self._lock:
            self._free_at = max(self._free_at, self._monotonic() + seconds)
