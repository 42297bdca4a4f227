"""Epochs that fit the time a training has, by a few of each model's own steps before anything is trained.

Where fewer than five epochs would fit, an epoch trains on fewer windows, drawn afresh each time, and is judged by fewer
validation rows. A schedule that would only end after the time is up would never leave its warm-up: epochs are as many
as fit, so that it comes to its end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gatewise.config.durations import rough_duration
from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.config.load import change_config
from gatewise.config.schema import ExperimentConfig
from gatewise.config.training_section import TrainingConfig
from gatewise.data.table import Table
from gatewise.errors import GatewiseError
from gatewise.jobs.jobs import Job
from gatewise.jobs.run import fit_job
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.learners.members import networks_of
from gatewise.learners.pace import Pace, pace_of
from gatewise.selection.cv.plan import Plan

LEAST_EPOCHS = 5
SPARE = 0.9  # of the time; the rest is for steps that are slower than those that were measured
VALIDATION_SHARE = 1 / 3  # of an epoch's time at the most, where time is short

_log = logging.getLogger("gatewise.cv")


@dataclass(frozen=True)
class Lowered:
    """Fields of a model's training section that take lower values, and how long an epoch would take without."""

    values: Mapping[str, int]
    epoch_seconds: float


def paced(plan: Plan, table: Table) -> tuple[Plan, SharedData]:
    """The plan with epochs of each network that fit its time, and a remark on each that was changed; and its data.

    Two seconds a network, or a few steps of it. A model of one row knows no epochs.

    Raises:
        GatewiseError: see `make_shared`.
    """
    shared = make_shared(plan.configs(), table)
    (horizon,) = plan.horizons
    largest = max(shared.horizons[horizon].folds, key=lambda fold: fold.train.size)
    models, lowered = dict(plan.models), dict[str, Lowered]()
    measured: dict[str, Pace | None] = {}

    def pace(job: Job, config: ExperimentConfig) -> Pace | None:
        place = repr((config.model, config.windows, config.training.batch_size))
        if place not in measured:
            _log.info("measuring a few steps of %s", config.model.name)
            try:
                measured[place] = pace_of(config, shared.samples(config), fit_job(job, shared), largest.train)
            except GatewiseError:  # its trainings fail by it, each by name, and leave the others alone
                measured[place] = None
        return measured[place]

    jobs = {job.model: job for job in plan.jobs(shared) if job.fold == largest.number}
    for name, config in plan.models.items():
        job, windows = jobs[name], (-(-largest.train.size // config.windows.stride), largest.val.size)
        seconds = plan.max_seconds or 0.0
        if isinstance(config.model, EnsembleConfig):
            seconds /= config.model.num_trainings
        paces = [each for part in networks_of(job.config) if (each := pace(job, part)) is not None]
        values: dict[str, int] = {}
        for each in paces:  # of several parts, which have one section, the least of each field
            fitting = fitting_epochs(each, *windows, config.training, seconds)
            values |= {field: min(value, values.get(field, value)) for field, value in fitting.items()}
        if values:
            models[name] = change_config(config, {f"training.{field}": value for field, value in values.items()})
            whole = max(windows[0] * each.train_seconds + windows[1] * each.val_seconds for each in paces)
            lowered[name] = Lowered(values, whole)
    most = largest.train.size, largest.val.size
    remarks = (*plan.remarks, *_remarks(lowered, most, plan.max_seconds or 0.0))
    return replace(plan, models=models, remarks=remarks), shared


def fitting_epochs(
    pace: Pace, train_windows: int, val_windows: int, training: TrainingConfig, max_seconds: float
) -> dict[str, int]:
    """Fields of the training section and the lower values that they take; none where all fits as it is.

    Args:
        train_windows, val_windows: that there are.
        training: as it was asked for; with fewer epochs than five it keeps those.
    """
    values: dict[str, int] = {}
    room, least = SPARE * max_seconds, min(LEAST_EPOCHS, training.max_epochs)
    train = min(train_windows, training.windows_per_epoch or train_windows)
    val = min(val_windows, training.validation_windows or val_windows)
    epoch_seconds = room / least
    if train * pace.train_seconds + val * pace.val_seconds > epoch_seconds:
        few = max(1, int(VALIDATION_SHARE * epoch_seconds / pace.val_seconds))
        if few < val:
            values["validation_windows"] = val = few
        fewer = max(1, int((epoch_seconds - val * pace.val_seconds) / pace.train_seconds))
        fewer -= fewer % training.batch_size if fewer > training.batch_size else 0
        if fewer < train:
            values["windows_per_epoch"] = train = fewer
    epochs = max(least, int(room / (train * pace.train_seconds + val * pace.val_seconds)))
    if epochs < training.max_epochs:
        values["max_epochs"] = epochs
    return values


def _remarks(lowered: Mapping[str, Lowered], windows: tuple[int, int], max_seconds: float) -> Iterator[str]:
    """What was lowered and why, a sentence a field."""
    train, val = windows
    fit = f"{LEAST_EPOCHS} epochs fit the {rough_duration(max_seconds)} of a training"
    why = {
        "windows_per_epoch": f"Lowered training.windows_per_epoch so that {fit}, of {train:,} windows",
        "validation_windows": f"Lowered training.validation_windows for the same reason, of {val:,}",
        "max_epochs": "Lowered training.max_epochs so that the schedule ends with the time",
    }
    for field, sentence in why.items():
        models = {name: one for name, one in lowered.items() if field in one.values}
        took = " (all take about {})" if field == "windows_per_epoch" else ""
        taken = [
            f"{name} {one.values[field]:,}{took.format(rough_duration(max(one.epoch_seconds, 1)))}"
            for name, one in models.items()
        ]
        if taken:
            yield f"{sentence}: {', '.join(taken)}"
