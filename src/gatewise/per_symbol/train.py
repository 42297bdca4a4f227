"""One model for each symbol, all in one go: side by side in processes, or as one fleet where there is a GPU.

Each ends as a run of its own, with its bundle and its report, as if `gatewise train` had been asked for that symbol
alone: in a process it is that very code; in a fleet the members' weights are equal to float tolerance. A symbol that
fails is named and leaves the others theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gatewise.config.alike import require_fleet_choice
from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.errors import ConfigError, GatewiseError, Interrupted
from gatewise.evaluation.verdict import TONES
from gatewise.files import home, require_place
from gatewise.host import choose_threads
from gatewise.jobs.fleet_place import FleetCompute, decide_fleet
from gatewise.jobs.jobs import error_from_dict, error_to_dict
from gatewise.jobs.places import InProcess
from gatewise.locks import only_process
from gatewise.per_symbol.task import SymbolFailure, SymbolListener, SymbolRun, SymbolTask
from gatewise.registry.info import Group
from gatewise.registry.runs import start_run
from gatewise.registry.subject import checked_name
from gatewise.registry.writer import Run
from gatewise.training.budget import WHOLE, Budget

_log = logging.getLogger("gatewise.symbols")


@dataclass(frozen=True)
class SymbolRuns:
    """What became of all symbols, in their order.

    Attributes:
        fleet: used, and why.
        compute: where they were trained, in words.
    """

    runs: tuple[SymbolRun, ...]
    failures: tuple[SymbolFailure, ...]
    fleet: dict[str, Any]
    compute: str

    def overall(self) -> dict[str, Any]:
        """The mean over symbols of each metric, every symbol counting as one, and how many got which verdict."""
        parts: dict[str, dict[str, float]] = {}
        for part in dict.fromkeys(part for run in self.runs for part in run.result["metrics"]):
            results = [run.result["metrics"][part] for run in self.runs if part in run.result["metrics"]]
            names = [name for name in results[0] if all(name in metrics for metrics in results)]
            parts[part] = {name: float(np.mean([metrics[name]["value"] for metrics in results])) for name in names}
        verdicts = [run.result["beats_baseline"] for run in self.runs]
        choices = {"true": True, "false": False, "null": None}
        values = [run.result["verdict"] for run in self.runs]
        return {
            "symbols": len(self.runs),
            "mean": parts,
            "verdict": {verdict: values.count(verdict) for verdict in TONES},
            "diverged": [run.symbol for run in self.runs if run.result["diverged_epochs"]],
            "beats_baseline": {name: verdicts.count(value) for name, value in choices.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise train --per-symbol --json`."""
        return {
            "symbols": {run.symbol: {"run_id": run.run_id, **run.result} for run in self.runs},
            "overall": self.overall(),
            "failures": [failure.to_dict() for failure in self.failures],
            "fleet": self.fleet,
            "compute": self.compute,
        }


def train_symbols(
    config: ExperimentConfig,
    listener: SymbolListener,
    table: Table | None = None,
    fleet: str = "auto",
    workers: int | None = None,
    name: str | None = None,
    budget: Budget = WHOLE,
) -> SymbolRuns:
    """Trains, judges and records a run for each symbol.

    Args:
        config: of all; `training.per_symbol` and `data.symbols` are each run's own.
        table: the rows of all; `None` loads what `config.data` names.
        fleet: auto, on or off.
        workers: processes; 1 trains in this one, `None` takes one a core.
        name: of the group of runs, and with its symbol of each; `None`: made of data, model and target.
        budget: what may end each symbol's training early.

    Raises:
        ConfigError: invalid settings.
        GatewiseError: see `load_table`; and the first failure, if every symbol failed.
        LostWorkerError: processes can't be started.
        Interrupted: Ctrl-C; runs that were going on can be resumed one by one.
    """
    require_fleet_choice(fleet)
    if config.reads_symbol:
        raise ConfigError(
            "a model of one symbol has none to tell apart",
            "leave out features.symbol_onehot and model.symbol_embedding",
        )
    require_place(home())
    budget.require_ahead(config.training.max_epochs)
    table = load_table(config.data) if table is None else table
    tasks = symbol_tasks(config, table, budget)
    name = checked_name(name)
    used, why = decide_fleet(config.training, len(tasks), fleet, [config.model])
    if used and config.training.auto_batch_size:
        if fleet == "on":
            raise ConfigError("members of a fleet share one batch size, so none is measured", "training.batch_size=512")
        used, why = False, "each symbol's batch size is to be measured"
    count = min(workers or choose_threads()[0], len(tasks))
    if used:
        compute = FleetCompute.description
    else:
        compute = InProcess.description if count == 1 else f"{count} processes on this machine"
    _log.info("one model for each of %d symbols: %s", len(tasks), compute)
    _log.info("fleet: %s (%s)", "on" if used else "off", why)
    listener.on_plan([task.symbol for task in tasks], config.training.max_epochs, compute)
    answers: dict[str, SymbolRun | SymbolFailure] = {}
    group = start_run(config, table, name, kind="per-symbol", steps=len(tasks))
    with only_process(group.folder, f"group {group.run_id}"), group:
        member = Group(group.run_id, group.info.mlflow_run_id)
        tasks = [replace(task, name=name and f"{name} {task.symbol}", group=member) for task in tasks]
        try:
            for answer in _answers(tasks, listener, used, count):
                answers[answer.symbol] = answer
                listener.on_end(answer.symbol, answer)
                group.log(len(answers), {})
        except Interrupted as error:
            done = ", ".join(f"{name} ({a.run_id[:8]})" for name, a in answers.items() if isinstance(a, SymbolRun))
            raise Interrupted(f"{error}; done before: {done or 'none'}") from None
        in_order = [answers[task.symbol] for task in tasks]
        runs = tuple(answer for answer in in_order if isinstance(answer, SymbolRun))
        failures = tuple(answer for answer in in_order if isinstance(answer, SymbolFailure))
        if not runs:
            raise failure_words(failures)
        outcome = SymbolRuns(runs, failures, {"used": used, "why": why}, compute)
        _record(group, outcome)
    return outcome


def _record(group: Run, outcome: SymbolRuns) -> None:
    overall = outcome.overall()
    means = {f"{part}/{name}": value for part, metrics in overall["mean"].items() for name, value in metrics.items()}
    group.log(len(outcome.runs) + len(outcome.failures), means)
    group.judge(None, f"{overall['verdict']['better']} of {len(outcome.runs)} better", None)


def symbol_tasks(config: ExperimentConfig, table: Table, budget: Budget = WHOLE) -> list[SymbolTask]:
    """A task a symbol: its own rows of the table, and a config that `gatewise train` makes the same run of."""
    training = config.training.model_copy(update={"per_symbol": False})
    starts = [*table.symbol_starts.tolist(), table.num_rows]
    tasks = []
    for symbol, first, end in zip(table.symbols, starts[:-1], starts[1:], strict=True):
        data = config.data.model_copy(update={"symbols": (symbol,)})
        symbol_config = config.model_copy(update={"data": data, "training": training})
        tasks.append(SymbolTask(symbol, symbol_config, table.slice(first, end - first), budget=budget))
    return tasks


def _answers(
    tasks: Sequence[SymbolTask], listener: SymbolListener, fleet: bool, count: int
) -> Iterator[SymbolRun | SymbolFailure]:
    # What each way takes is loaded where it is taken: workers are to start before this process imports torch.
    if fleet:
        from gatewise.per_symbol.fleet import train_as_one

        return train_as_one(tasks, listener)
    from gatewise.per_symbol.processes import train_in_turn, train_side_by_side

    return train_in_turn(tasks, listener) if count == 1 else train_side_by_side(tasks, listener, count)


def failure_words(failures: Sequence[SymbolFailure]) -> GatewiseError:
    """What came to nothing in one line: the first failure's own type and hint, and whose they are."""
    first = failures[0]
    others = f"; also failed: {', '.join(failure.symbol for failure in failures[1:])}" if len(failures) > 1 else ""
    return error_from_dict({**error_to_dict(first.error), "message": f"{first.symbol}: {first.error.message}{others}"})
