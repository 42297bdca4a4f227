"""Several models on several folds, trained as one: what `Neural.train` does for each, by one fleet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from gatewise.config.alike import require_alike
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, GatewiseError
from gatewise.fold import FittedFold, make_windows
from gatewise.learners.base import Trained
from gatewise.learners.kept_state import checkpoint_key
from gatewise.learners.neural import NeuralPredictor, build
from gatewise.parts import own_code
from gatewise.resident import resident
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.checkpoint import load_checkpoint, save_checkpoint
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.fit import check_batch_size
from gatewise.training.fleet.fit import Member, fit_fleet
from gatewise.training.listeners import Listener
from gatewise.training.progress import FitResult
from gatewise.training.step import within_memory
from gatewise.windows import Windows

ALONE = 'fleet="off" trains them one by one'


@dataclass(frozen=True)
class MemberTask:
    """The arguments of `Neural.train` that may differ. Tasks on one fold should hand over the same `FittedFold`."""

    config: ExperimentConfig
    samples: Samples
    fold: FittedFold
    train_rows: Rows
    val_rows: Rows


@within_memory()
def train_fleet(
    tasks: Sequence[MemberTask],
    listeners: Sequence[Listener],
    checkpoint: Path | None = None,
    graph: bool = False,
    budget: Budget = WHOLE,
) -> list[Trained | GatewiseError]:
    """Trains each task's model to the weights that `Neural.train` would give it, to float tolerance.

    Args:
        listeners: one a task.
        checkpoint: where to keep the fleet's state; if the file is there already, training goes on from it.
        graph, budget: see `fit_fleet`.

    Returns:
        For each task its model, or the error that it alone came to: no finite epoch (DivergedError), a fold
        smaller than a batch (ConfigError). The batch size is the one given, never measured.

    Raises:
        ConfigError: tasks that differ in what members must share; the field is named.
        BundleError: the checkpoint is damaged, or of other tasks, other code or other data.
        MemoryExhaustedError: see `fit_fleet`.
    """
    first = tasks[0].config
    for task in tasks:
        _check_alike(tasks[0], task)
    device, device_words = choose_device(first.training.device)
    precision = choose_precision(first.training.precision, device)
    outcomes: dict[int, Trained | GatewiseError] = {}
    members: dict[int, Member] = {}
    for number, (task, windows) in enumerate(zip(tasks, _member_windows(tasks, device), strict=True)):
        rows, settings = task.train_rows[:: task.config.windows.stride], task.config.training
        try:
            check_batch_size(settings, len(rows))
        except ConfigError as error:
            outcomes[number] = error
            continue
        model = build(task.config, task.samples).to(device)
        members[number] = Member(model, windows, rows, task.val_rows, settings)
    if members:
        key = _key(tasks, [checkpoint_key(task.config, task.samples) for task in tasks])
        saved = load_checkpoint(checkpoint, key) if checkpoint else None
        own_parts = {part: code for task in tasks for part, code in task.config.own_parts.items()}
        save = partial(save_checkpoint, checkpoint, key=key, own_parts=own_parts) if checkpoint else None
        spec, member_listeners = tasks[0].samples.labels.spec, [listeners[number] for number in members]
        with own_code():
            results = fit_fleet(list(members.values()), precision, spec, member_listeners, saved, save, graph, budget)
        for (number, member), result in zip(members.items(), results, strict=True):
            if isinstance(result, FitResult):
                predictor = NeuralPredictor(member.model, tasks[number].samples.labels.spec, tasks[number].fold.floor)
                size, count = member.settings.batch_size, len(member.train_rows)
                outcomes[number] = Trained(predictor, result, device_words, precision, size, count)
            else:
                outcomes[number] = result
    return [outcomes[number] for number in range(len(tasks))]


def _check_alike(first: MemberTask, task: MemberTask) -> None:
    require_alike(first.config, task.config)
    ours, theirs = (f"{spec.num_outputs} {spec.kind}" for spec in (first.samples.labels.spec, task.samples.labels.spec))
    if ours != theirs:
        raise ConfigError(f"members of a fleet must predict alike; got {ours} and {theirs}: target.kind", ALONE)


def _member_windows(tasks: Sequence[MemberTask], device: torch.device) -> list[Windows]:
    """Each task's windows on the device: one matrix under all, and what tasks on one fold share held once."""
    made: dict[tuple[object, ...], Windows] = {}
    windows, values = [], tasks[0].samples.matrix.values
    matrix = resident(values, device)
    for task in tasks:
        if task.samples.matrix.values is not values:
            raise ConfigError("members of a fleet must share one feature matrix: features", ALONE)
        key = (id(task.samples.labels), id(task.fold), task.config.windows.model_dump_json(), task.config.features.clip)
        if key not in made:
            member = make_windows(task.config, task.samples, task.fold, torch.device("cpu"))
            names = ("center", "inverse_scale", "y", "row_weight", "symbol", "log_weight")
            given = [name for name in names if getattr(member, name) is not None]
            made[key] = replace(member, matrix=matrix, **{name: getattr(member, name).to(device) for name in given})
        windows.append(made[key])
    return windows


def _key(tasks: Sequence[MemberTask], keys: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for task, key in zip(tasks, keys, strict=True):
        digest.update(key.encode())
        for rows in (task.train_rows, task.val_rows):
            digest.update(rows.size.to_bytes(8, "little"))
            digest.update(rows.tobytes())
    return digest.hexdigest()[:32]
