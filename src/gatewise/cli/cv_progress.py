"""A cross-validation on a terminal: a bar over all trainings with the time left, one for each that runs, and a line for
each that is done. On stderr.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from gatewise.cli.output import progress_console
from gatewise.config.durations import rough_duration

if TYPE_CHECKING:
    from gatewise.jobs.jobs import Job, JobFailure, JobResult


class CvProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet, self.clock = quiet, clock
        self.console = progress_console()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self.overall: TaskID | None = None
        self.running: dict[str, TaskID] = {}
        self.done: dict[str, float] = {}  # of each job's size, by its epochs
        self.total = self.ended = self.work = 0
        self.began = 0.0
        self.is_estimated = False
        self.timed: dict[str, float] = {}  # what each that has not ended may take, where each has its own time
        self.started: dict[str, float] = {}

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_plan(self, jobs: Sequence[Job], resumed: int) -> None:
        self.total, self.began = len(jobs), self.clock()
        before = f", {resumed} finished before" if resumed else ""
        self.timed = {job.key: _most_seconds(job) for job in jobs if job.max_seconds is not None}
        in_all = (
            f", in {rough_duration(sum(self.timed.values()))} of training at most" if any(self.timed.values()) else ""
        )
        self._say(f"{len(jobs)} training{'' if len(jobs) == 1 else 's'} to run{before}{in_all}")
        if jobs:
            self.work = sum(job.size for job in jobs)
            self.overall = self.bar.add_task("all", total=self.work, words="")

    def on_start(self, job: Job) -> None:
        if not self.done:  # what came before was workers getting ready
            self.began = self.clock()
        self.done[job.key] = 0.0
        self.started[job.key] = self.clock()
        if job.key not in self.running:  # a lost worker's job starts twice
            self.running[job.key] = self.bar.add_task(job.label, total=job.config.training.max_epochs, words="")

    def on_epoch(self, job: Job, epoch: int) -> None:
        most = job.config.training.max_epochs
        self.done[job.key] = job.size * epoch / most
        if job.key in self.running:
            self.bar.update(self.running[job.key], completed=epoch, words=f"epoch {epoch}/{most}")
        self._draw_overall()
        # Each that runs has told of its pace.
        if not self.timed and not self.is_estimated and all(self.done.values()) and (left := self._left()):
            self.is_estimated = True
            self._say(f"At this pace at most {left.removeprefix(', ')}; trainings may stop early")

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        if job.key in self.running:
            words = f"online {done}/{num_stretches}"
            self.bar.update(self.running[job.key], total=num_stretches, completed=done, words=words)

    def on_end(self, job: Job, answer: JobResult | JobFailure) -> None:
        self.ended += 1
        self.done[job.key] = job.size
        self.timed.pop(job.key, None)
        self.started.pop(job.key, None)
        if job.key in self.running:
            self.bar.remove_task(self.running.pop(job.key))
        self._draw_overall()
        self._say(f"[{self.ended}/{self.total}] {job.label}: {_outcome(answer)}{self._left()}")

    def _draw_overall(self) -> None:
        if self.overall is not None:
            text = f"{self.ended}/{self.total} trainings{self._left()}"
            self.bar.update(self.overall, completed=sum(self.done.values()), words=text)

    def _left(self) -> str:
        """Time left at the pace so far; training may stop early, so it is rather too long than too short."""
        done = sum(self.done.values())
        if not done or self.ended == self.total:
            return ""
        if self.timed:
            passed = {key: self.clock() - began for key, began in self.started.items()}
            left = sum(max(0.0, most - passed.get(key, 0.0)) for key, most in self.timed.items())
            return f", at most {rough_duration(left / max(1, len(self.started)))} left" if left >= 1 else ""
        return f", {rough_duration((self.clock() - self.began) * (self.work - done) / done)} left"

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)


def _most_seconds(job: Job) -> float:
    """What a training with a time of its own may take; a model of one row is fitted in little."""
    return job.max_seconds or 0.0 if job.config.model.consumes == "sequences" else 0.0


def _outcome(answer: JobResult | JobFailure) -> str:
    from gatewise.evaluation.metric_names import deciding_among, metric_text, metric_words
    from gatewise.jobs.jobs import JobFailure

    if isinstance(answer, JobFailure):
        return f"FAILED: {answer.error.message}"
    metric = deciding_among(answer.metrics)
    epochs = f"{answer.epochs} epoch{'s' if answer.epochs > 1 else ''}, best {answer.best_epoch}"
    if answer.ended == "diverged":
        epochs += ", then diverged"
    return f"{metric_words(metric)} {metric_text(metric, answer.metrics[metric])}, {epochs}, {answer.seconds:.1f}s"
