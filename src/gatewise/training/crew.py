"""Threads that take the pieces of a batch, each running torch on one core.

torch's own threads split every small operation and meet at a barrier after it, thousands of times a step; they spin
there, and one busy process beside them stops them all (a thousandth of the speed was seen). A piece of a batch needs
nobody: the members meet once a step, sleep while they wait, and a slow one just takes fewer pieces. Python's lock is no
hindrance, torch lets go of it inside its operations.

Results are taken in the order of the pieces, so sums do not depend on the number of members or on who was first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch

from gatewise.isolation import limit_to_one_core, one_core

Result = TypeVar("Result")


class Crew:
    """A fixed number of threads, the caller's among them; made by `crew`."""

    def __init__(self, size: int) -> None:
        self.size = size
        # OpenMP's thread count belongs to each thread: without the initializer a member would bring a team of its own.
        self._others = ThreadPoolExecutor(size - 1, "gatewise-crew", _begin) if size > 1 else None

    def take(self, count: int, work: Callable[[int], Result], collect: Callable[[Result], None]) -> None:
        """Runs work(0) … work(count - 1) on the members and hands each result to `collect`, in this order.

        `collect` runs on any of the members, but never on two at once. The caller's grad and inference modes hold for
        all. The first exception ends the round once every member has finished its piece.
        """
        line = _Line(count, collect)
        inference, grad = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

        def member() -> None:
            with torch.inference_mode(inference), torch.set_grad_enabled(grad):
                try:
                    while (index := line.next_index()) is not None:
                        line.put(index, work(index))
                finally:
                    line.close()  # the others begin no further piece

        futures = []
        if self._others is not None:
            futures = [self._others.submit(member) for _ in range(min(self.size, count) - 1)]
        try:
            member()
        finally:
            wait(futures)
        for future in futures:
            future.result()

    def close(self) -> None:
        """Ends the threads."""
        if self._others is not None:
            self._others.shutdown()


@contextmanager
def crew(size: int) -> Iterator[Crew]:
    """A crew for the block, in which torch's operations on the caller's thread take one core too.

    No other thread of the program is touched.
    """
    members = Crew(size)
    with one_core():
        try:
            yield members
        finally:
            members.close()


class _Line(Generic[Result]):
    """Hands out indices, and passes results on in their order."""

    def __init__(self, count: int, collect: Callable[[Result], None]) -> None:
        self._count = count
        self._collect = collect
        self._lock = threading.Lock()
        self._handed_out = 0
        self._collected = 0
        self._waiting: dict[int, Result] = {}

    def next_index(self) -> int | None:
        with self._lock:
            if self._handed_out >= self._count:
                return None
            self._handed_out += 1
            return self._handed_out - 1

    def put(self, index: int, result: Result) -> None:
        with self._lock:
            self._waiting[index] = result
            while self._collected in self._waiting:
                self._collect(self._waiting.pop(self._collected))
                self._collected += 1

    def close(self) -> None:
        with self._lock:
            self._handed_out = self._count


def _begin() -> None:
    limit_to_one_core()
    torch.set_flush_denormal(False)  # a thread begins as the one that made it, which may be its program's
