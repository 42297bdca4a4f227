"""Runs of a group one after the other in this process, or side by side in worker processes."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from gatewise.errors import GatewiseError, Interrupted, LostWorkerError
from gatewise.group import worker
from gatewise.group.task import GroupFailure, GroupListener, GroupRun, GroupTask
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.jobs import error_from_dict
from gatewise.jobs.pool import Answered, Lost, Pool, Progressed, Started
from gatewise.training.listeners import Callbacks

_log = logging.getLogger("gatewise.group")
Answer = GroupRun | GroupFailure


def train_in_turn(tasks: Sequence[GroupTask], listener: GroupListener) -> Iterator[Answer]:
    """One run after the other, here."""
    from gatewise.registry.train import train

    for task in tasks:
        listener.on_start(task.member)
        try:
            epochs = Callbacks(partial(listener.on_epoch, task.member))
            run_id, outcome = train(
                task.config, task.table, listeners=(epochs,), budget=task.budget, name=task.name, parent=task.group
            )
            yield GroupRun(task.member, run_id, outcome.to_dict())
        except GatewiseError as error:
            yield GroupFailure(task.member, error)


def train_side_by_side(tasks: Sequence[GroupTask], listener: GroupListener, count: int) -> Iterator[Answer]:
    """So many processes at once that share the machine's cores; they die with this one, however it dies.

    Raises:
        Interrupted: Ctrl-C; each process ends its run as a lone one would be ended.
        LostWorkerError: a process can't be started; the others end their runs likewise.
    """
    hint = "workers=1 trains in this process"
    # A group of its own: Ctrl-C on a terminal reaches a worker through this process alone, and so once.
    pool: Pool[GroupTask] = Pool(worker.__name__, count, own_group=True, start_hint=hint)
    with pool, tempfile.TemporaryDirectory(prefix="gatewise-") as scratch:
        for task in sorted(tasks, key=lambda task: -task.table.num_rows):  # none long is left over at the end
            pool.submit(task, partial(worker.request, task, Path(scratch)))
        try:
            yield from _answers(pool, listener)
        except KeyboardInterrupt:
            with Uninterrupted():  # a second Ctrl-C would leave runs behind that no process ends
                raise Interrupted("; ".join(_interrupt(pool))) from None
        except (Interrupted, LostWorkerError):
            with Uninterrupted():
                _interrupt(pool)
                raise


def _answers(pool: Pool[GroupTask], listener: GroupListener) -> Iterator[Answer]:
    while pool.pending:
        match pool.next():
            case Started(task):
                listener.on_start(task.member)
            case Progressed(task, {"epoch": epoch}):
                listener.on_epoch(task.member, epoch)
            case Progressed(task, {"message": text}):
                _log.debug("%s: %s", task.member, text)
            case Answered(task, data):
                answer = json.loads(data)
                if "interrupted" in answer:
                    raise Interrupted(f"{task.member} {answer['interrupted']}")
                if "error" in answer:
                    yield GroupFailure(task.member, error_from_dict(answer["error"]))
                else:
                    yield GroupRun(task.member, answer["run_id"], answer["result"])
            case Lost(task, how):
                yield GroupFailure(
                    task.member,
                    LostWorkerError(
                        f"the process that trained it is gone ({how})",
                        "if memory ran out: fewer workers or a smaller training.batch_size; its run, if one was "
                        "begun, goes on with gatewise train --resume (gatewise runs list)",
                    ),
                )


def _interrupt(pool: Pool[GroupTask]) -> list[str]:
    """Lets every process end its run as Ctrl-C does; how each ended."""
    pool.interrupt()
    endings = []
    while pool.pending:
        match pool.next():
            case Answered(task, data):
                ending = json.loads(data).get("interrupted", "ended before it was interrupted")
                endings.append(f"{task.member} {ending}")
            case Lost(task):
                endings.append(f"{task.member} is gone")
    return endings
