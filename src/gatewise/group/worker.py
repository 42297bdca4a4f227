"""A worker that trains whole runs (jobs/serve.py), one after the other: each as `gatewise train` of it would."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.errors import GatewiseError, Interrupted
from gatewise.jobs.serve import Parent
from gatewise.jobs.spawn import INTERRUPT

if TYPE_CHECKING:
    from gatewise.group.task import GroupTask


def request(task: GroupTask, scratch: Path) -> dict[str, object]:
    """Writes the member's rows and returns the message that asks for its run.

    The answer is JSON with `run_id` and `result`, `error` or `interrupted`; reports say `epoch` or `message`.
    """
    from gatewise.jobs.shared import table_settings

    rows = scratch / f"{task.table.fingerprint}.arrow"
    task.table.frame.write_ipc(rows, compression="uncompressed")
    asked = {"config": task.config.to_dict(), "rows": str(rows), "name": task.name, "group": task.group}
    if task.table.origin is not None:
        task.table.origin.write_ipc(origin := str(rows.with_suffix(".origin")), compression="uncompressed")
        asked["origin"] = origin
    asked["budget"] = task.budget.to_dict()
    return asked | table_settings(task.table)


def main(word: str) -> None:
    """Serves members until the parent has no more. INTERRUPT ends a run as Ctrl-C does."""
    signal.signal(INTERRUPT, signal.default_int_handler)  # a shell in the background has it ignored
    parent = Parent(word)

    # While the parent still reads its files; these take seconds.
    import polars as pl

    from gatewise.config.load import build_config
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.jobs.shared import make_table
    from gatewise.registry.info import Group
    from gatewise.registry.train import train
    from gatewise.training.budget import Budget
    from gatewise.training.listeners import Callbacks

    listener = Callbacks(
        epoch=lambda epoch: parent.report({"epoch": epoch}), message=lambda text: parent.report({"message": text})
    )
    for asked in parent.requests():
        answer: dict[str, object]
        try:
            origin = pl.read_ipc(asked["origin"]) if "origin" in asked else None
            table = replace(make_table(pl.read_ipc(asked["rows"]), asked), origin=origin)
            config, group = build_config(asked["config"]), asked["group"] and Group(*asked["group"])
            budget = Budget(**asked["budget"])
            run_id, outcome = train(config, table, (listener,), budget=budget, name=asked["name"], parent=group)
            answer = {"run_id": run_id, "result": outcome.to_dict()}
        except GatewiseError as error:
            answer = {"error": error_to_dict(error)}
        except Interrupted as error:
            answer = {"interrupted": str(error)}
        except KeyboardInterrupt:
            answer = {"interrupted": "before its first epoch was done"}
        parent.answer(json.dumps(answer).encode())


if __name__ == "__main__":
    main(sys.argv[1])
