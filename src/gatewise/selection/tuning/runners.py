"""Which runner a search takes; and trials trained as one, by the fleets that train a cross-validation's folds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from gatewise.config.alike import is_shared
from gatewise.config.names import long_name
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import MemoryExhaustedError
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.fleet_place import decide_fleet, fleet_checkpoint, split_fleets, train_jobs
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.jobs.shared import SharedData
from gatewise.jobs.store import JobStore
from gatewise.selection.tuning.space import Choice, Range, SearchSpace
from gatewise.selection.tuning.trial_runner import (
    InProcess,
    Runner,
    StoppedError,
    TrialFold,
    TrialListener,
    WorkerRunner,
    no_room,
)

# Trials under way are drawn without knowing each other: of the usual 50 this leaves two thirds that know others.
FLEET_SLOTS = 16


class FleetRunner:
    """Trials side by side in this process; the folds under way whose models have one shape are trained as one.

    A round takes one fold of every trial under way. It is told of once all its fleets have ended, trial by trial in
    their order, so that what the search knows at any moment does not depend on the clock; results lie on the disk until
    they are told, and a fleet that was cut off is in its checkpoint.
    """

    def __init__(self, slots: int, shared: SharedData, store: JobStore, listener: TrialListener) -> None:
        self.slots = slots
        self.shared = shared
        self.store = store
        self.listener = listener
        self._tasks: list[TrialFold] = []
        self._ended: deque[tuple[TrialFold, JobResult | JobFailure]] = deque()

    def submit(self, task: TrialFold) -> None:
        self._tasks.append(task)

    def wait(self, stopped: Callable[[], bool]) -> tuple[TrialFold, JobResult | JobFailure] | None:
        if not self._ended:
            self._tasks.sort(key=lambda task: task.trial)
            answers = self._kept()
            if not answers:
                if stopped():
                    return None
                try:
                    answers = self._train(stopped)
                except StoppedError:
                    return None
            # Of one key is one result: trials of the same settings.
            self._ended.extend((task, answers[task.job.key]) for task in self._tasks if task.job.key in answers)
            self._tasks = [task for task in self._tasks if task.job.key not in answers]
        task, answer = self._ended.popleft()
        if all(other.job.key != task.job.key for other, _ in self._ended):
            self.store.drop(task.job.key)
        return task, answer

    def close(self) -> None:
        """There is nothing to end."""

    def _kept(self) -> dict[str, JobResult | JobFailure]:
        """Of a round that was done when the process that trained it ended: what it had not told."""
        keys = {task.job.key for task in self._tasks}
        return {key: result for key in sorted(keys) if (result := self.store.read(key)) is not None}

    def _train(self, stopped: Callable[[], bool]) -> dict[str, JobResult | JobFailure]:
        """A round."""
        fleets = list(split_fleets(list({task.job.key: task.job for task in self._tasks}.values())))
        answers: dict[str, JobResult | JobFailure] = {}
        for fleet in fleets:
            for answer in self._train_fleet(fleet, stopped):
                answers[answer.job.key if isinstance(answer, JobFailure) else answer.key] = answer
        with Uninterrupted():
            for answer in answers.values():
                if isinstance(answer, JobResult):
                    self.store.write(answer)
            for fleet in fleets:
                fleet_checkpoint(fleet, self.store).unlink(missing_ok=True)
        return answers

    def _train_fleet(self, fleet: list[Job], stopped: Callable[[], bool]) -> list[JobResult | JobFailure]:
        from gatewise.training.step import is_out_of_memory

        def on_step() -> None:
            if stopped():
                raise StoppedError

        listener = _Ear(self._tasks, self.listener)
        try:
            return list(train_jobs(fleet, self.shared, fleet_checkpoint(fleet, self.store), listener, on_step))
        except MemoryExhaustedError as error:
            return [JobFailure(job, error) for job in fleet]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return [JobFailure(job, no_room()) for job in fleet]


@dataclass(frozen=True)
class _Ear:
    """A fleet's listener that knows which trials a job is of."""

    tasks: list[TrialFold]
    listener: TrialListener

    def on_start(self, job: Job) -> None:
        """Trials are told of by their epochs."""

    def on_epoch(self, job: Job, epoch: int) -> None:
        for task in self.tasks:
            if task.job.key == job.key:
                self.listener.on_epoch(task.trial, job.fold, epoch)

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        """Trials are not updated."""


def fleet_choice(config: ExperimentConfig, space: SearchSpace, n_trials: int, choice: str) -> tuple[bool, str]:
    """Whether a search trains its trials as fleets, and why.

    Args:
        choice: auto, on or off.

    Raises:
        ConfigError: no such device.
    """
    slots = min(FLEET_SLOTS, n_trials)
    used, why = decide_fleet(config.training, slots, choice, [config.model])
    shapes = prod(_count(each) for each in space.parameters if is_shared(long_name(each.name)))
    if used and choice == "auto" and 2 * shapes > slots:
        return False, f"a fleet's models have one shape, and the space holds {shapes} for {slots} trials at once"
    return used, why


def make_runner(
    workers: int, n_trials: int, fleet: bool, shared: SharedData, store: JobStore, listener: TrialListener
) -> Runner:
    """Trials as fleets; or worker processes, or with 0 of them one trial at a time in this process."""
    if fleet:
        return FleetRunner(min(FLEET_SLOTS, n_trials), shared, store, listener)
    count = min(workers, n_trials)
    return WorkerRunner(count, shared, store.scratch, listener) if count else InProcess(shared, listener)


def _count(parameter: Choice | Range) -> int:
    """Values; what sets shapes is whole."""
    if isinstance(parameter, Choice):
        return len(parameter.values)
    return int((parameter.high - parameter.low) // (parameter.step or 1)) + 1
