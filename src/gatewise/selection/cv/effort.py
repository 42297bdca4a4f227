"""What each line of a cross-validation took: epochs, speed, size, and what a training step holds in memory.

Speeds are of this machine at that time, beside whatever else ran on it; nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from gatewise.config.schema import ExperimentConfig
from gatewise.jobs.jobs import Job, JobResult
from gatewise.jobs.shared import SharedData
from gatewise.learners.account import account_of
from gatewise.learners.members import networks_of
from gatewise.training.device import choose_device, choose_precision


@dataclass(frozen=True)
class Effort:
    """One model at one horizon, over its folds and seeds. `None` where nothing was measured, or there is no such thing.

    Attributes:
        trainings: that came to an end.
        timed: those of them that their time ended, see `Budget`.
        least_epochs, most_epochs: of one training.
        seconds: of all trainings and their predictions together.
        windows_per_second: in training, validation not counted; the median over trainings, as are the next two.
        predictions_per_second: on test rows, in batches.
        latency_seconds: of one prediction alone.
        weights: numbers that a model of windows holds, the most of any training; `None` of a model of one row.
        memory_bytes: the account of a training step (training/memory.py), of an ensemble its largest member's; `None`
            of a model of one row.
    """

    trainings: int
    timed: int
    least_epochs: int
    most_epochs: int
    seconds: float
    windows_per_second: float | None
    predictions_per_second: float | None
    latency_seconds: float | None
    weights: int | None
    memory_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self))


def efforts(finished: Sequence[tuple[Job, JobResult]], shared: SharedData) -> dict[str, Effort]:
    """By model@horizon, in the order in which they come."""
    lines: dict[str, list[tuple[Job, JobResult]]] = {}
    for job, result in finished:
        lines.setdefault(f"{job.model}@{job.horizon}", []).append((job, result))
    return {name: _effort(trained, shared) for name, trained in lines.items()}


def _effort(trained: Sequence[tuple[Job, JobResult]], shared: SharedData) -> Effort:
    results = [result for _, result in trained]
    speeds, largest = [result.speed for result in results], max((job for job, _ in trained), key=lambda job: job.size)
    return Effort(
        trainings=len(results),
        timed=sum(result.ended == "max_time" for result in results),
        least_epochs=min(result.epochs for result in results),
        most_epochs=max(result.epochs for result in results),
        seconds=sum(result.seconds for result in results),
        windows_per_second=_median(speeds, "windows_per_second"),
        predictions_per_second=_median(speeds, "predictions_per_second"),
        latency_seconds=_median(speeds, "latency_seconds"),
        weights=_weights(largest, speeds),
        memory_bytes=max(
            (_step_bytes(part, largest.horizon, shared) for part in networks_of(largest.config)), default=None
        ),
    )


def _median(speeds: Sequence[Mapping[str, float]], name: str) -> float | None:
    values = [speed[name] for speed in speeds if name in speed]
    return median(values) if values else None


def _weights(job: Job, speeds: Sequence[Mapping[str, float]]) -> int | None:
    if job.config.model.consumes != "sequences":
        return None
    return max((int(speed["weights"]) for speed in speeds if "weights" in speed), default=None)


def _step_bytes(config: ExperimentConfig, horizon: int, shared: SharedData) -> int:
    device, _ = choose_device(config.training.device)
    account = account_of(
        config,
        shared.samples(config).matrix.names,
        shared.horizons[horizon].labels.spec,
        len(shared.table.symbols),
        shared.table.num_rows,
        str(device),
        choose_precision(config.training.precision, device).name,
    )
    return account(config.training.batch_size).total
