"""A pool of worker processes: starts, feeds, watches, replaces and ends them, whatever they work on.

Every task that is submitted ends with exactly one event, `Answered` or `Lost` for good, in the order in which they
come. A worker that is lost takes nothing but its task with it, which is tried once more where the pool says so, or
where the worker was gone before it had begun it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from gatewise.errors import LostWorkerError
from gatewise.host import choose_threads
from gatewise.interrupts import Uninterrupted
from gatewise.jobs import serve
from gatewise.jobs.process import Spawned

T = TypeVar("T")
Message = dict[str, object]


@dataclass(frozen=True)
class Started(Generic[T]):
    """A worker has been given the task, for the first time or once more."""

    task: T


@dataclass(frozen=True)
class Progressed(Generic[T]):
    """What the task's worker reports on its way."""

    task: T
    values: dict[str, Any]


@dataclass(frozen=True)
class Answered(Generic[T]):
    """The task has ended."""

    task: T
    data: bytes


@dataclass(frozen=True)
class Lost(Generic[T]):
    """The task's worker is gone.

    Attributes:
        how: how it ended, see `Spawned.end`.
        retried: whether the task is tried again; else it has ended.
    """

    task: T
    how: str
    retried: bool


Event = Started[T] | Progressed[T] | Answered[T] | Lost[T]


@dataclass
class _Ticket(Generic[T]):
    task: T
    message: Callable[[], Message]
    losses: int = 0
    spared: bool = False  # a loss ahead of its beginning, once: a second one may be its own doing


class _Worker(Generic[T]):
    def __init__(self, process: Spawned) -> None:
        self.process = process
        self.ready = False
        self.begun = False
        self.ticket: _Ticket[T] | None = None


class Pool(Generic[T]):
    """Worker processes of one module (serve.py) that share this machine's cores; they die with this process.

    Args:
        module: run by every worker.
        size: workers at most.
        tries: how often a task is begun whose workers are lost.
        own_group: whether Ctrl-C on a terminal spares the workers; see `interrupt`.
        start_hint: what to do where workers can't be started.

    Attributes:
        threads: of each worker.
    """

    def __init__(
        self, module: str, size: int, *, tries: int = 1, own_group: bool = False, start_hint: str | None = None
    ) -> None:
        assert size >= 1
        self.module = module
        self.size = size
        self.threads = max(1, choose_threads()[0] // size)
        self._tries = tries
        self._own_group = own_group
        self._start_hint = start_hint
        self._workers: list[_Worker[T]] = []
        self._waiting: deque[_Ticket[T]] = deque()
        self._opening: Message | None = None
        self._interrupted = False

    @property
    def pending(self) -> int:
        """Tasks that have not ended."""
        return len(self._waiting) + len(self.running)

    @property
    def running(self) -> dict[int, T]:
        """Tasks that workers have, by process id."""
        return {worker.process.pid: worker.ticket.task for worker in self._workers if worker.ticket is not None}

    def start(self, count: int) -> None:
        """Starts workers for so many tasks, which take seconds to import what they work with."""
        while len(self._workers) < min(self.size, count):
            with Uninterrupted():
                worker: _Worker[T] = _Worker(Spawned(self.module, self.threads, self._own_group))
                self._workers.append(worker)
            if self._opening is not None:
                worker.process.say(self._opening)

    def open(self, message: Message) -> None:
        """The first message of every worker, those that are started later too; for modules that wait for one."""
        assert self._opening is None
        self._opening = message
        for worker in self._workers:
            worker.process.say(message)

    def submit(self, task: T, message: Callable[[], Message]) -> None:
        """Queues a task; its message is made when a worker takes it, and anew for another try."""
        self._waiting.append(_Ticket(task, message))

    def next(self, timeout_seconds: float | None = None) -> Event[T] | None:
        """Waits for the next event; `None` if none came in time.

        Raises:
            LostWorkerError: a worker ended before it was ready.
        """
        assert self.pending or timeout_seconds is not None
        while True:
            self.start(self.pending)
            for worker in self._workers:
                if self._waiting and worker.ready and worker.ticket is None:
                    return self._give(worker)
            readable = wait([worker.process.connection for worker in self._workers], timeout_seconds)
            if not readable:
                return None
            worker = next(worker for worker in self._workers if worker.process.connection in readable)
            # Behind the others from now on: one that reports without a pause must not keep them waiting.
            self._workers.remove(worker)
            self._workers.append(worker)
            if (event := self._hear(worker)) is not None:
                return event

    def interrupt(self) -> None:
        """Does to all running tasks what Ctrl-C does, for a pool of an own group; those that wait are forgotten."""
        self._interrupted = True
        self._waiting.clear()
        for worker in self._workers.copy():
            if worker.ticket is None:
                self._end(worker)
            else:
                worker.process.interrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Ends every worker, at work or not."""
        self._waiting.clear()
        for worker in self._workers:  # all at once, so that they end side by side
            worker.process.hang_up()
        for worker in self._workers.copy():
            self._end(worker)

    def _give(self, worker: _Worker[T]) -> Started[T]:
        ticket = self._waiting.popleft()
        message = ticket.message()
        with Uninterrupted():  # a task that counts as running has reached its worker
            worker.ticket, worker.begun = ticket, False
            worker.process.say(message)
        return Started(ticket.task)

    def _hear(self, worker: _Worker[T]) -> Event[T] | None:
        with Uninterrupted():  # half a message read would garble all that follow
            try:
                data = worker.process.connection.recv_bytes()
            except (EOFError, OSError):
                return self._lose(worker)
            kind, body, ticket = data[:1], data[1:], worker.ticket
            if kind == serve.READY:
                worker.ready = True
                return None
            assert ticket is not None
            if kind == serve.BEGUN:
                worker.begun = True
                return None
            if kind == serve.PROGRESS:
                return Progressed(ticket.task, json.loads(body))
            worker.ticket = None
            return Answered(ticket.task, body)

    def _lose(self, worker: _Worker[T]) -> Lost[T] | None:
        how, ticket = self._end(worker), worker.ticket
        if not worker.ready:
            raise LostWorkerError(f"a worker process must start; it did not ({how})", self._start_hint)
        if ticket is None:  # between two tasks
            return None
        if worker.begun or ticket.spared:
            ticket.losses += 1
        else:
            ticket.spared = True
        retried = ticket.losses < self._tries and not self._interrupted
        if retried:
            self._waiting.appendleft(ticket)
        return Lost(ticket.task, how, retried)

    def _end(self, worker: _Worker[T]) -> str:
        self._workers.remove(worker)
        return worker.process.end()
