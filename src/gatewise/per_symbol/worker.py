"""A worker that trains whole runs (jobs/serve.py), one symbol after the other: each as `gatewise train` on it would."""

from __future__ import annotations

import json
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.errors import GatewiseError, Interrupted
from gatewise.jobs.serve import Parent
from gatewise.jobs.spawn import INTERRUPT

if TYPE_CHECKING:
    from gatewise.per_symbol.task import SymbolTask

_MICROSECOND = timedelta(microseconds=1)


def request(task: SymbolTask, scratch: Path) -> dict[str, object]:
    """Writes the symbol's rows and returns the message that asks for its run.

    The answer is JSON with `run_id` and `result`, `error` or `interrupted`; reports say `epoch` or `message`.
    """
    rows = scratch / f"{task.table.fingerprint}.arrow"
    task.table.frame.write_ipc(rows, compression="uncompressed")
    return {
        "config": task.config.to_dict(),
        "rows": str(rows),
        "timeframe_us": task.table.timeframe // _MICROSECOND,
        "gap_tolerance_us": task.table.gap_tolerance // _MICROSECOND,
        "calendar": task.table.calendar,
        "any_prices": task.table.any_prices,
        "late_months": task.table.late_months,
    }


def main(word: str) -> None:
    """Serves symbols until the parent has no more. INTERRUPT ends a run as Ctrl-C does."""
    signal.signal(INTERRUPT, signal.default_int_handler)  # a shell in the background has it ignored
    parent = Parent(word)

    # While the parent still reads its files; these take seconds.
    import polars as pl

    from gatewise.config.load import build_config
    from gatewise.data.table import Table
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.registry.train import train
    from gatewise.training.listeners import Callbacks

    listener = Callbacks(
        epoch=lambda epoch: parent.report({"epoch": epoch}), message=lambda text: parent.report({"message": text})
    )
    for asked in parent.requests():
        clock = (asked["timeframe_us"] * _MICROSECOND, asked["gap_tolerance_us"] * _MICROSECOND)
        answer: dict[str, object]
        try:
            kind = {name: asked[name] for name in ("calendar", "any_prices", "late_months")}
            table = Table(pl.read_ipc(asked["rows"]), *clock, **kind)
            run_id, outcome = train(build_config(asked["config"]), table, listeners=(listener,))
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
