"""Symbols' runs one after the other in this process, or side by side in worker processes."""

from __future__ import annotations

import json
import logging
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from gatewise.errors import GatewiseError, Interrupted, LostWorkerError
from gatewise.host import choose_threads
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.jobs import error_from_dict
from gatewise.jobs.process import Spawned
from gatewise.per_symbol import worker
from gatewise.per_symbol.task import SymbolFailure, SymbolListener, SymbolRun, SymbolTask

_log = logging.getLogger("gatewise.symbols")
Answer = SymbolRun | SymbolFailure


@dataclass(frozen=True)
class EpochsOf:
    """A training's listener that hands on which epoch of which symbol is done."""

    symbol: str
    listener: SymbolListener

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """Steps are too many."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.listener.on_epoch(self.symbol, epoch)

    def on_message(self, text: str) -> None:
        """Said of every symbol, it would be said too often; what matters is in each run's report."""


def train_in_turn(tasks: Sequence[SymbolTask], listener: SymbolListener) -> Iterator[Answer]:
    """One run after the other, here."""
    from gatewise.registry.train import train

    for task in tasks:
        listener.on_start(task.symbol)
        try:
            run_id, outcome = train(task.config, task.table, listeners=(EpochsOf(task.symbol, listener),))
            yield SymbolRun(task.symbol, run_id, outcome.to_dict())
        except GatewiseError as error:
            yield SymbolFailure(task.symbol, error)


def train_side_by_side(tasks: Sequence[SymbolTask], listener: SymbolListener, count: int) -> Iterator[Answer]:
    """So many processes at once that share the machine's cores; they die with this one, however it dies.

    Raises:
        Interrupted: Ctrl-C; each process ends its run as a lone one would be ended.
    """
    team = _Team(max(1, choose_threads()[0] // count), listener)
    waiting = deque(sorted(tasks, key=lambda task: -task.table.num_rows))  # none long is left over at the end
    try:
        with tempfile.TemporaryDirectory(prefix="gatewise-") as scratch:
            for _ in range(count):
                team.start(waiting.popleft(), Path(scratch))
            while team.at_work:
                for answer in team.hear():
                    yield answer
                    if waiting:
                        team.start(waiting.popleft(), Path(scratch))
    except KeyboardInterrupt:
        with Uninterrupted():  # told twice, it would leave runs behind that no process ends
            raise Interrupted("; ".join(team.interrupt())) from None
    finally:
        team.end()


class _Team:
    """Processes, and what each works on."""

    def __init__(self, threads: int, listener: SymbolListener) -> None:
        self.threads = threads
        self.listener = listener
        self.at_work: dict[Spawned, SymbolTask] = {}
        self.idle: list[Spawned] = []

    def start(self, task: SymbolTask, scratch: Path) -> None:
        """Gives a task to an idle process, or to a new one."""
        # A group of its own: Ctrl-C on a terminal reaches it through this process alone, and so once.
        process = self.idle.pop() if self.idle else Spawned(worker.__name__, self.threads, own_group=True)
        rows = scratch / f"{task.table.fingerprint}.arrow"
        task.table.frame.write_ipc(rows, compression="uncompressed")
        self.at_work[process] = task
        process.say(
            {
                "config": task.config.to_dict(),
                "rows": str(rows),
                "timeframe_us": task.table.timeframe // worker.MICROSECOND,
                "gap_tolerance_us": task.table.gap_tolerance // worker.MICROSECOND,
                "calendar": task.table.calendar,
                "any_prices": task.table.any_prices,
                "late_months": task.table.late_months,
            }
        )
        self.listener.on_start(task.symbol)

    def hear(self) -> list[Answer]:
        """Waits for words; the tasks that ended with them."""
        answers: list[Answer] = []
        by_connection = {process.connection: process for process in self.at_work}
        for connection in wait(list(by_connection)):
            process = next(own for found, own in by_connection.items() if found is connection)
            symbol = self.at_work[process].symbol
            try:
                with Uninterrupted():  # half a message read would garble all that follow
                    said = json.loads(process.connection.recv_bytes())
            except (EOFError, OSError):
                del self.at_work[process]
                how = process.end()
                answers.append(
                    SymbolFailure(
                        symbol,
                        LostWorkerError(
                            f"the process that trained it is gone ({how})",
                            "if memory ran out: fewer workers or a smaller training.batch_size; its run, if one was "
                            "begun, goes on with gatewise train --resume (gatewise runs list)",
                        ),
                    )
                )
                continue
            if "epoch" in said:
                self.listener.on_epoch(symbol, said["epoch"])
            elif "message" in said:
                _log.debug("%s: %s", symbol, said["message"])
            else:
                del self.at_work[process]
                self.idle.append(process)
                if "interrupted" in said:
                    raise Interrupted(f"{symbol} {said['interrupted']}")
                if "error" in said:
                    answers.append(SymbolFailure(symbol, error_from_dict(said["error"])))
                else:
                    answers.append(SymbolRun(symbol, said["run_id"], said["result"]))
        return answers

    def interrupt(self) -> list[str]:
        """Lets every process end its run as Ctrl-C does; what each said of it."""
        words = []
        for process in self.at_work:
            process.interrupt()
        for process, task in self.at_work.items():
            how = "is gone"
            with suppress(EOFError, OSError):
                while True:
                    said = json.loads(process.connection.recv_bytes())
                    if "interrupted" in said or "error" in said or "result" in said:
                        how = said.get("interrupted", "ended before it was told")
                        break
            words.append(f"{task.symbol} {how}")
        return words

    def end(self) -> None:
        """Leaves no process behind."""
        processes = [*self.at_work, *self.idle]
        for process in processes:  # all at once, so that they end side by side
            process.hang_up()
        for process in processes:
            process.end()
