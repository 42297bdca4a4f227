"""A worker process that trains whole runs, one symbol after the other: each as `gatewise train` on that symbol would.

Run as `python -m gatewise.per_symbol.worker WORD`; see jobs/worker.py for why so. Both sides speak JSON.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from multiprocessing.connection import Connection

from gatewise import host
from gatewise.errors import GatewiseError, Interrupted
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.spawn import INTERRUPT, connect_parent, die_with_parent

MICROSECOND = timedelta(microseconds=1)


class _Teller:
    """A training listener that tells the parent of epochs and messages."""

    def __init__(self, parent: Connection) -> None:
        self._parent = parent

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """Steps are too many to tell."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self._parent.send_bytes(json.dumps({"epoch": epoch}).encode())

    def on_message(self, text: str) -> None:
        self._parent.send_bytes(json.dumps({"message": text}).encode())


def main(word: str) -> None:
    """Serves symbols; returns when the parent has no more, and dies with it. INTERRUPT ends a run as Ctrl-C does."""
    host.prepare()  # this process is ours, whoever started it
    signal.signal(INTERRUPT, signal.default_int_handler)  # a shell in the background has it ignored
    parent = connect_parent(word)
    threading.Thread(target=die_with_parent, daemon=True).start()

    # While the parent still reads its files; these take seconds.
    import polars as pl

    from gatewise.config.load import build_config
    from gatewise.data.table import Table
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.registry.train import train

    while True:
        try:
            asked = json.loads(parent.recv_bytes())
        except (EOFError, KeyboardInterrupt):
            return
        clock = (asked["timeframe_us"] * MICROSECOND, asked["gap_tolerance_us"] * MICROSECOND)
        said: dict[str, object]
        try:
            kind = {name: asked[name] for name in ("calendar", "any_prices", "late_months")}
            table = Table(pl.read_ipc(asked["rows"]), *clock, **kind)
            run_id, outcome = train(build_config(asked["config"]), table, listeners=(_Teller(parent),))
            said = {"run_id": run_id, "result": outcome.to_dict()}
        except GatewiseError as error:
            said = {"error": error_to_dict(error)}
        except Interrupted as error:
            said = {"interrupted": str(error)}
        except KeyboardInterrupt:
            said = {"interrupted": "before its first epoch was done"}
        with Uninterrupted():
            parent.send_bytes(json.dumps(said).encode())


if __name__ == "__main__":
    main(sys.argv[1])
