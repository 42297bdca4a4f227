"""Where a trial's folds are trained: in this process, or in worker processes, one a trial at a time (or: runners.py).

A worker process is a place of its own: one that runs out of memory or crashes takes its fold with it and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from gatewise.errors import GatewiseError, MemoryExhaustedError
from gatewise.jobs import worker
from gatewise.jobs.answers import answer_from_bytes
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.jobs.places import TRIES, lost_worker
from gatewise.jobs.pool import Answered, Lost, Pool, Progressed
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import SharedData, save_shared
from gatewise.training.listeners import Callbacks

_log = logging.getLogger("gatewise.tune")
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class TrialFold:
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

    def submit(self, task: TrialFold) -> None:
        """Takes a task."""

    def wait(self, stopped: Callable[[], bool]) -> tuple[TrialFold, JobResult | JobFailure] | None:
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
        self._task: TrialFold | None = None

    def submit(self, task: TrialFold) -> None:
        assert self._task is None
        self._task = task

    def wait(self, stopped: Callable[[], bool]) -> tuple[TrialFold, JobResult | JobFailure] | None:
        from gatewise.training.step import is_out_of_memory

        assert self._task is not None
        task, self._task = self._task, None

        def check() -> None:
            if stopped():
                raise StoppedError

        listener = Callbacks(partial(self.listener.on_epoch, task.trial, task.job.fold), check)
        try:
            return task, run_job(task.job, self.shared, listener, task.checkpoint)
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
        hint = "workers=0 trains in this process"
        self._pool: Pool[TrialFold] = Pool(worker.__name__, slots, tries=TRIES, start_hint=hint)
        self._pool.start(slots)  # they import torch while the data is written
        data = folder / "shared"
        save_shared(data, shared)
        self._pool.open(worker.opening(data))

    def submit(self, task: TrialFold) -> None:
        self._pool.submit(task, partial(worker.request, task.job, task.checkpoint))

    def wait(self, stopped: Callable[[], bool]) -> tuple[TrialFold, JobResult | JobFailure] | None:
        while not stopped():
            match self._pool.next(_LOOK_SECONDS):
                case Progressed(task, values):
                    self.listener.on_epoch(task.trial, task.job.fold, values["epoch"])
                case Answered(task, answer):
                    return task, answer_from_bytes(task.job, answer)
                case Lost(task, how, retried=True):
                    place = f"trial {task.trial}, fold {task.job.fold}"
                    _log.warning("the process that trained %s is gone (%s); it is tried again", place, how)
                case Lost(task, how):
                    return task, JobFailure(task.job, lost_worker(how))
        return None

    def close(self) -> None:
        self._pool.end()


class StoppedError(Exception):
    """Training is to end here; its checkpoint stays."""


def no_room() -> MemoryExhaustedError:
    """What is said of a trial that the device could not hold."""
    return MemoryExhaustedError("the device has no room for the trial", "a smaller search space")
