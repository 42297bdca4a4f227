"""Where jobs run: in this process, in worker processes of this machine, or on Ray (ray_place.py).

Whatever the place, a job's numbers are the same, bit for bit on the CPU: training does not depend on how many threads
share it, and the data is made once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from gatewise.errors import GatewiseError, LostWorkerError, TrainingError
from gatewise.jobs import worker
from gatewise.jobs.answers import answer_from_bytes
from gatewise.jobs.jobs import Job, JobFailure, JobListener, JobResult
from gatewise.jobs.pool import Answered, Lost, Pool, Progressed, Started
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import SharedData, save_shared
from gatewise.jobs.store import JobStore
from gatewise.training.listeners import Callbacks

_log = logging.getLogger("gatewise.cv")
TRIES = 2

Answers = Iterator[JobResult | JobFailure]


class Compute(Protocol):
    """A place for jobs. As a context manager it leaves no process behind."""

    @property
    def description(self) -> str:
        """What it is, for people."""

    def start(self, jobs: int) -> None:
        """Gets ready for about so many jobs while the caller still makes them."""

    def map(self, jobs: Sequence[Job], shared: SharedData, store: JobStore, listener: JobListener) -> Answers:
        """Runs jobs and yields what came of each as it comes; writes no result itself, only checkpoints.

        Raises:
            LostWorkerError: workers can't be started.
            StorageError: the disk is full or not writable.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None: ...


class InProcess:
    """One job after the other, here."""

    description = "one after the other in this process"

    def start(self, jobs: int) -> None:
        """There is nothing to get ready."""

    def map(self, jobs: Sequence[Job], shared: SharedData, store: JobStore, listener: JobListener) -> Answers:
        """See `Compute`."""
        for job in jobs:
            listener.on_start(job)
            yield _here(job, shared, listener, store.checkpoint(job.key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        pass


class LocalCompute:
    """Worker processes on this machine that share its cores; they die with this process, however it dies.

    A worker that is lost in the middle of a job is replaced and the job tried once more, from its checkpoint.
    """

    def __init__(self, workers: int) -> None:
        hint = "workers=1 trains in this process"
        self.pool: Pool[Job] = Pool(worker.__name__, workers, tries=TRIES, start_hint=hint)

    @property
    def description(self) -> str:
        threads = "one thread" if self.pool.threads == 1 else f"{self.pool.threads} threads"
        return f"{self.pool.size} processes on this machine, {threads} each"

    def start(self, jobs: int) -> None:
        """Starts the workers, which take seconds to import what they train with."""
        self.pool.start(jobs)

    def map(self, jobs: Sequence[Job], shared: SharedData, store: JobStore, listener: JobListener) -> Answers:
        """See `Compute`."""
        if not jobs:
            return
        self.start(len(jobs))
        data = store.scratch / "shared"
        save_shared(data, shared)
        self.pool.open(worker.opening(data))
        for job in jobs:
            self.pool.submit(job, partial(worker.request, job, store.checkpoint(job.key)))
        while self.pool.pending:
            match self.pool.next():
                case Started(job):
                    listener.on_start(job)
                case Progressed(job, {"stretch": [done, num_stretches]}):
                    listener.on_stretch(job, done, num_stretches)
                case Progressed(job, values):
                    listener.on_epoch(job, values["epoch"])
                case Answered(job, answer):
                    yield answer_from_bytes(job, answer)
                case Lost(job, how, retried=True):
                    _log.warning("the process that trained %s is gone (%s); it is tried again", job.label, how)
                case Lost(job, how):
                    yield JobFailure(job, lost_worker(how))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.pool.end()


def _here(job: Job, shared: SharedData, listener: JobListener, checkpoint: Path) -> JobResult | JobFailure:
    """What came of a job in this process; what would end a worker process fails the job alone."""
    try:
        epochs, stretches = partial(listener.on_epoch, job), partial(listener.on_stretch, job)
        return run_job(job, shared, Callbacks(epochs), checkpoint, stretches)
    except GatewiseError as error:
        return JobFailure(job, error)
    except (RuntimeError, MemoryError) as error:  # torch's own are RuntimeErrors
        text = " ".join([type(error).__name__, *str(error).split()])
        return JobFailure(
            job, TrainingError(f"its training broke off: {text}", "if memory ran out: a smaller training.batch_size")
        )


def lost_worker(how: str) -> LostWorkerError:
    """What is said of a job whose process was lost as often as it was tried."""
    return LostWorkerError(
        f"the process that trained it was lost {TRIES} times ({how})",
        "if memory ran out: go on with fewer workers, or start a new one with a smaller training.batch_size",
    )
