"""Where a trial's folds are trained: in this process, or in worker processes, one a trial at a time (or: runners.py).

A worker process is a place of its own: one that runs out of memory or crashes takes its fold with it and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

from gatewise.errors import GatewiseError, LostWorkerError, MemoryExhaustedError
from gatewise.host import choose_threads
from gatewise.jobs.jobs import Job, JobFailure, JobResult, run_job
from gatewise.jobs.places import TRIES, lost_worker
from gatewise.jobs.process import Worker
from gatewise.jobs.shared import SharedData, save_shared

_log = logging.getLogger("gatewise.tune")
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Task:
    """A fold of a trial, to be trained."""

    trial: int
    job: Job
    checkpoint: Path


class TrialListener(Protocol):
    """Hears how far a trial's fold is."""

    def on_epoch(self, trial: int, fold: int, epoch: int) -> None:
        """So many epochs are done."""


class Runner(Protocol):
    """A place for tasks, at most `slots` at once."""

    slots: int

    def submit(self, task: Task) -> None:
        """Takes a task."""

    def wait(self, stopped: Callable[[], bool]) -> tuple[Task, JobResult | JobFailure] | None:
        """What came of the task that ends next; `None` once `stopped` says so, which is asked often.

        Raises:
            LostWorkerError: workers can't be started.
        """

    def close(self) -> None:
        """Ends every process; what was half done is in its checkpoint."""


class InProcess:
    """One task at a time, here."""

    slots = 1

    def __init__(self, shared: SharedData, listener: TrialListener) -> None:
        self.shared = shared
        self.listener = listener
        self._task: Task | None = None

    def submit(self, task: Task) -> None:
        assert self._task is None
        self._task = task

    def wait(self, stopped: Callable[[], bool]) -> tuple[Task, JobResult | JobFailure] | None:
        from gatewise.training.step import is_out_of_memory

        assert self._task is not None
        task, self._task = self._task, None
        try:
            return task, run_job(task.job, self.shared, _Ear(task, self.listener, stopped), task.checkpoint)
        except StoppedError:
            return None
        except GatewiseError as error:
            return task, JobFailure(task.job, error)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return task, JobFailure(task.job, no_room())

    def close(self) -> None:
        """There is nothing to end."""


class WorkerRunner:
    """Worker processes on this machine that share its cores; they die with this process, however it dies.

    Args:
        folder: for the data that they map; the caller removes it.
    """

    def __init__(self, slots: int, shared: SharedData, folder: Path, listener: TrialListener) -> None:
        self.slots = slots
        self.listener = listener
        self._data = folder / "shared"
        self._threads = max(1, choose_threads()[0] // slots)
        self._team = [Worker(self._threads) for _ in range(slots)]  # they import torch while the data is written
        self._tasks: list[Task | None] = [None] * slots
        self._losses: dict[str, int] = {}
        save_shared(self._data, shared)
        for worker in self._team:
            worker.open(self._data)

    def submit(self, task: Task) -> None:
        self._tasks[self._tasks.index(None)] = task

    def wait(self, stopped: Callable[[], bool]) -> tuple[Task, JobResult | JobFailure] | None:
        while not stopped():
            for worker, task in zip(self._team, self._tasks, strict=True):
                if task is not None and worker.ready and worker.job is None:
                    worker.give(task.job, task.checkpoint)
            for connection in wait([worker.connection for worker in self._team], _LOOK_SECONDS):
                place = next(i for i, worker in enumerate(self._team) if worker.connection is connection)
                if (answer := self._hear(place)) is not None:
                    task = self._tasks[place]
                    assert task is not None
                    self._tasks[place] = None
                    return task, answer
        return None

    def close(self) -> None:
        for worker in self._team:  # all at once, so that they end side by side
            worker.hang_up()
        for worker in self._team:
            worker.end()
        self._team = []

    def _hear(self, place: int) -> JobResult | JobFailure | None:
        worker, task = self._team[place], self._tasks[place]
        try:
            return worker.hear(_Relay(task.trial if task else 0, self.listener))
        except (EOFError, OSError):
            how, lost = worker.end(), worker.job
        if lost is None and not worker.ready:
            raise LostWorkerError(f"a worker process must start; it did not ({how})", "workers=0 trains in this one")
        self._team[place] = Worker(self._threads)
        self._team[place].open(self._data)
        if lost is None:
            return None
        self._losses[lost.key] = self._losses.get(lost.key, 0) + 1
        if self._losses[lost.key] >= TRIES:
            return JobFailure(lost, lost_worker(how))
        assert task is not None
        _log.warning("the process that trained trial %d, fold %d is gone (%s); again", task.trial, lost.fold, how)
        return None


class StoppedError(Exception):
    """Training is to end here; its checkpoint stays."""


def no_room() -> MemoryExhaustedError:
    """What is said of a trial that the device could not hold."""
    return MemoryExhaustedError("the device has no room for the trial", "a smaller search space")


@dataclass(frozen=True)
class _Ear:
    """A training's listener in this process."""

    task: Task
    listener: TrialListener
    stopped: Callable[[], bool]

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        if self.stopped():
            raise StoppedError

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.listener.on_epoch(self.task.trial, self.task.job.fold, epoch)

    def on_message(self, text: str) -> None:
        """Device and batch size are not for every fold of every trial."""


@dataclass(frozen=True)
class _Relay:
    """A job's listener that knows which trial it is of."""

    trial: int
    listener: TrialListener

    def on_start(self, job: Job) -> None:
        """Workers do not say it."""

    def on_epoch(self, job: Job, epoch: int) -> None:
        self.listener.on_epoch(self.trial, job.fold, epoch)
