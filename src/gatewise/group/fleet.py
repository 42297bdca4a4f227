"""Runs of a group whose models are trained as one fleet, over one matrix of all their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np

from gatewise.errors import GatewiseError, Interrupted
from gatewise.experiment import Prepared, own_listeners, prepare
from gatewise.group.processes import Answer
from gatewise.group.task import GroupFailure, GroupListener, GroupRun, GroupTask
from gatewise.learners.base import Trained
from gatewise.learners.neural_fleet import MemberTask, train_fleet
from gatewise.loading import traceless
from gatewise.locks import only_process
from gatewise.registry.runs import start_run
from gatewise.registry.train import Recorder, record
from gatewise.registry.writer import Run
from gatewise.training.budget import Budget
from gatewise.training.listeners import Callbacks, Listeners


def train_as_one(tasks: Sequence[GroupTask], listener: GroupListener) -> Iterator[Answer]:
    """Trains all models together, then judges and records them one after the other."""
    ready: dict[str, Prepared] = {}
    for task in tasks:
        try:
            ready[task.member] = prepare(task.config, task.table)
        except GatewiseError as error:
            yield GroupFailure(task.member, error)
    if not ready:
        return
    runs = {
        task.member: start_run(ready[task.member].config, task.table, task.name, parent=task.group)
        for task in tasks
        if task.member in ready
    }
    with ExitStack() as held:
        for run in runs.values():
            held.enter_context(only_process(run.folder, f"run {run.run_id}"))
        yield from _train(runs, ready, listener, tasks[0].budget)


def _train(
    runs: Mapping[str, Run], ready: dict[str, Prepared], listener: GroupListener, budget: Budget
) -> Iterator[Answer]:
    open_runs, kept = dict(runs), []
    try:
        for member in runs:
            listener.on_start(member)
        listeners = []
        for member, run in runs.items():
            epochs = Callbacks(partial(listener.on_epoch, member))
            listeners.append(Listeners((epochs, Recorder(run), *own_listeners(ready[member].config, run.folder))))
        members, ready = _over_one_matrix(ready)
        results = train_fleet(members, listeners, budget=budget)
        for (member, run), trained in zip(runs.items(), results, strict=True):
            del open_runs[member]  # it ends by itself
            try:
                yield _concluded(member, run, ready[member], trained)
            except GatewiseError as error:
                yield GroupFailure(member, error)
            except Interrupted:
                kept.append(f"{member} ({run.run_id[:8]})")
    except GatewiseError as error:
        for member, run in open_runs.items():
            run.finish("FAILED")
            yield GroupFailure(member, error)
    except BaseException as error:
        for run in open_runs.values():
            run.finish("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    if kept:
        raise Interrupted(f"the best weights so far are in the bundles of {', '.join(kept)}")


def _concluded(member: str, run: Run, prepared: Prepared, trained: Trained | GatewiseError) -> GroupRun:
    with traceless():
        from gatewise.outcome import conclude

    with run:
        if isinstance(trained, GatewiseError):
            raise trained
        outcome = conclude(prepared, trained, run.folder)
        record(run, outcome, prepared.samples.table)
    return GroupRun(member, run.run_id, outcome.to_dict())


def _over_one_matrix(ready: Mapping[str, Prepared]) -> tuple[list[MemberTask], dict[str, Prepared]]:
    """The fleet's tasks, and what was prepared with its matrices as views of the one that they share."""
    every = [prepared.samples for prepared in ready.values()]
    if len({id(samples.table) for samples in every}) == 1:  # seeds: what is fitted on the same rows is held once
        first = next(iter(ready.values()))
        shared = [
            MemberTask(prepared.config, first.samples, first.fold, prepared.split.train, prepared.split.val)
            for prepared in ready.values()
        ]
        return shared, dict(ready)
    values = np.concatenate([samples.matrix.values for samples in every])
    starts = [samples.labels.start for samples in every if samples.labels.start is not None]
    labels = replace(
        every[0].labels,
        y=np.concatenate([samples.labels.y for samples in every]),
        valid=np.concatenate([samples.labels.valid for samples in every]),
        start=np.concatenate(starts) if starts else None,
    )
    tasks, viewed, start = [], {}, 0
    for member, prepared in ready.items():
        samples, split = prepared.samples, prepared.split
        end = start + samples.table.num_rows
        whole = replace(samples, matrix=replace(samples.matrix, values=values), labels=labels)
        tasks.append(MemberTask(prepared.config, whole, prepared.fold, split.train + start, split.val + start))
        viewed_samples = replace(samples, matrix=replace(samples.matrix, values=values[start:end]))
        viewed[member] = replace(prepared, samples=viewed_samples)
        start = end
    return tasks, viewed
