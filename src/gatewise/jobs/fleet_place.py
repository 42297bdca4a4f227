"""Jobs whose models have one shape, trained as one fleet: for GPUs, of which one small model leaves nearly all idle."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from gatewise.config.alike import shared_settings
from gatewise.config.model_section import ModelConfig
from gatewise.config.schema import TrainingConfig
from gatewise.errors import ConfigError, GatewiseError
from gatewise.jobs.jobs import Job, JobFailure, JobListener, JobResult
from gatewise.jobs.places import Answers
from gatewise.jobs.run import fit_job, judge_job
from gatewise.jobs.shared import SharedData
from gatewise.jobs.store import JobStore
from gatewise.training.listeners import Callbacks

MOST_MEMBERS = 64
# NVIDIA's driver makes the first on Linux, Windows' subsystem for Linux the second.
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg")


class FleetCompute:
    """One fleet after the other, in this process."""

    description = "in this process, members trained as one"

    def __init__(self, choice: str = "auto") -> None:
        """Takes `fleet`, as it was asked for, for the searches of a cross-validation that tunes."""
        self.choice = choice

    def start(self, jobs: int) -> None:
        """There is nothing to get ready."""

    def map(self, jobs: Sequence[Job], shared: SharedData, store: JobStore, listener: JobListener) -> Answers:
        """See `Compute`."""
        for fleet in split_fleets(jobs):
            checkpoint = fleet_checkpoint(fleet, store)
            failed = 0
            for answer in train_jobs(fleet, shared, checkpoint, listener):
                failed += isinstance(answer, JobFailure)
                yield answer
            if failed < len(fleet):  # else memory may be there the next time
                checkpoint.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        pass


def decide_fleet(
    training: TrainingConfig,
    num_jobs: int,
    choice: str,
    models: Iterable[ModelConfig] = (),
    timed: bool = False,
    online: bool = False,
) -> tuple[bool, str]:
    """Whether jobs are trained as a fleet, and why; see `choose_fleet`, which is asked where there may be a GPU.

    Args:
        training: says the device and the precision.
        choice: auto, on or off.
        models: all that are to be trained.
        timed: whether each training has a time of its own.
        online: whether each model is updated on its test rows.

    Raises:
        ConfigError: a device or precision that this machine does not have; a fleet is asked for, and a model can be in
            none, or each has its own time or its own updates.
    """
    if online and choice == "on":
        raise ConfigError("members of a fleet are trained as one, so online.every can't update them", 'fleet="off"')
    if online:
        return False, "online.every updates each model by itself"
    if timed and choice == "on":
        raise ConfigError("members of a fleet train in step, so max_time can't end one of them", 'fleet="off"')
    if timed:
        return False, "max_time gives each training its own time, and members of a fleet train in step"
    if choice == "auto" and (training.device == "cpu" or not any(Path(name).exists() for name in _GPU_FILES)):
        # Known without torch, which takes the seconds in which workers could start.
        return False, "no GPU: on a CPU members gain nothing from one stack; they run side by side in processes"
    from gatewise.models.registry import stacks
    from gatewise.training.device import choose_device, choose_precision
    from gatewise.training.fleet.fit import choose_fleet

    if choice != "off" and (lone := sorted({model.name for model in models if not stacks(model)})):
        if choice == "on":
            raise ConfigError(f"{', '.join(lone)} can't be trained as a fleet", 'fleet="off"')
        return False, f"{', '.join(lone)} can't be members"
    device, _ = choose_device(training.device)
    used, why = choose_fleet(device, num_jobs, choice)
    if used and choice == "auto" and choose_precision(training.precision, device).scale_gradients:
        return False, 'fp16 needs its gradients scaled, which a fleet does not; training.precision="fp32" allows one'
    return used, why


def fleet_key(job: Job) -> str:
    """Equal for jobs that can stand in one fleet."""
    return json.dumps([job.horizon, shared_settings(job.config)])


def split_fleets(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Jobs that can be trained as one, together; in the order of the first of each."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(fleet_key(job), []).append(job)
    for group in groups.values():
        for first in range(0, len(group), MOST_MEMBERS):
            yield group[first : first + MOST_MEMBERS]


def fleet_checkpoint(jobs: Sequence[Job], store: JobStore) -> Path:
    """Where a fleet of these jobs, in this order, keeps its state on the way."""
    names = "".join(job.key for job in jobs)
    return store.checkpoint(hashlib.sha256(names.encode()).hexdigest()[:32])


def train_jobs(
    jobs: Sequence[Job],
    shared: SharedData,
    checkpoint: Path,
    listener: JobListener,
    on_step: Callable[[], None] | None = None,
) -> Answers:
    """One fleet; a job that can't begin, diverges or can't be judged fails alone.

    All are judged before the first is told of, so that a fleet that was cut off goes on with the same members.

    Args:
        checkpoint: where the fleet's state is kept; the caller removes it.
        on_step: called on every step; what it raises ends the training.

    Raises:
        KeyboardInterrupt: Ctrl-C; the checkpoint goes on from here.
    """
    from gatewise.learners.neural_fleet import MemberTask, train_fleet

    started = time.perf_counter()
    members, tasks, fitted = [], [], {}
    for job in jobs:
        fold = shared.fold(job.horizon, job.fold, job.symbol)
        part = _part(job)
        try:
            # Of one fold all seeds share what is fitted: held once on the device.
            if part not in fitted:
                fitted[part] = fit_job(job, shared)
        except GatewiseError as error:
            yield JobFailure(job, error)
            continue
        members.append(job)
        tasks.append(MemberTask(job.config, shared.samples(job.config), fitted[part], fold.train, fold.val))
    if not members:
        return
    for job in members:
        listener.on_start(job)
    try:
        listeners = [Callbacks(partial(listener.on_epoch, job), on_step) for job in members]
        trained = train_fleet(tasks, listeners, checkpoint)
    except GatewiseError as error:
        yield from (JobFailure(job, error) for job in members)
        return
    if any(not isinstance(result, GatewiseError) and result.fit.ended == "interrupted" for result in trained):
        raise KeyboardInterrupt
    answers: list[JobResult | JobFailure] = []
    for job, result in zip(members, trained, strict=True):
        try:
            if isinstance(result, GatewiseError):
                raise result
            answers.append(judge_job(job, shared, fitted[_part(job)], result, started))
        except GatewiseError as error:
            answers.append(JobFailure(job, error))
    yield from answers


def _part(job: Job) -> tuple[object, ...]:
    """What scalers and class weights depend on."""
    return job.horizon, job.fold, job.symbol, job.config.features, str(job.config.training.class_weights)
