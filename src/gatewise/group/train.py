"""A group of runs in one go, one a symbol or one a seed: side by side in processes, or as one fleet on a GPU.

Each ends as a run of its own, with its bundle and its report, as if `gatewise train` had been asked for that member
alone: in a process it is that very code; in a fleet the members' weights are equal to float tolerance. A member
that fails is named and leaves the others theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gatewise.config.alike import require_fleet_choice
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError, GatewiseError, Interrupted
from gatewise.evaluation.verdict import TONES
from gatewise.files import home, require_place, write_json
from gatewise.group.task import GroupFailure, GroupListener, GroupRun, GroupTask
from gatewise.host import choose_threads
from gatewise.jobs.fleet_place import FleetCompute, decide_fleet
from gatewise.jobs.jobs import error_from_dict, error_to_dict
from gatewise.jobs.places import InProcess
from gatewise.locks import only_process
from gatewise.registry.info import Group, Kind
from gatewise.registry.remove import remove_runs, with_members
from gatewise.registry.runs import start_run
from gatewise.registry.subject import checked_name
from gatewise.registry.writer import Run

_log = logging.getLogger("gatewise.group")
NOUNS: dict[Kind, str] = {"per-symbol": "symbol", "seeds": "seed"}


@dataclass(frozen=True)
class GroupOutcome:
    """What became of all members, in their order.

    Attributes:
        kind: per-symbol or seeds.
        fleet: used, and why.
        compute: where they were trained, in words.
    """

    kind: Kind
    runs: tuple[GroupRun, ...]
    failures: tuple[GroupFailure, ...]
    fleet: dict[str, Any]
    compute: str

    @property
    def noun(self) -> str:
        """What each member is one of: symbol or seed."""
        return NOUNS[self.kind]

    def overall(self) -> dict[str, Any]:
        """The mean over members of each metric, every member counting as one, and how many got which verdict.

        Of seeds also the standard deviation, divisor n - 1: what another seed changes, on the same rows.
        """
        means: dict[str, dict[str, float]] = {}
        spreads: dict[str, dict[str, float | None]] = {}
        for part in dict.fromkeys(part for run in self.runs for part in run.result["metrics"]):
            results = [run.result["metrics"][part] for run in self.runs if part in run.result["metrics"]]
            names = [name for name in results[0] if all(name in metrics for metrics in results)]
            values = {name: [metrics[name]["value"] for metrics in results] for name in names}
            means[part] = {name: float(np.mean(column)) for name, column in values.items()}
            spreads[part] = {
                name: float(np.std(column, ddof=1)) if len(column) > 1 else None for name, column in values.items()
            }
        answers = [run.result["beats_baseline"] for run in self.runs]
        choices = {"true": True, "false": False, "null": None}
        verdicts = [run.result["verdict"] for run in self.runs]
        return {
            f"{self.noun}s": len(self.runs),
            "mean": means,
            **({"std": spreads} if self.kind == "seeds" else {}),
            "verdict": {verdict: verdicts.count(verdict) for verdict in TONES},
            "diverged": [self._key(run.member) for run in self.runs if run.result["diverged_epochs"]],
            "beats_baseline": {name: answers.count(value) for name, value in choices.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise train --per-symbol --json`, and of `--seeds`."""
        return {
            f"{self.noun}s": {run.member: {"run_id": run.run_id, **run.result} for run in self.runs},
            "overall": self.overall(),
            "failures": [
                {self.noun: self._key(failure.member), "error": error_to_dict(failure.error)}
                for failure in self.failures
            ],
            "fleet": self.fleet,
            "compute": self.compute,
        }

    def _key(self, member: str) -> str | int:
        return int(member) if self.kind == "seeds" else member


def train_group(
    config: ExperimentConfig,
    table: Table,
    tasks: Sequence[GroupTask],
    kind: Kind,
    listener: GroupListener,
    fleet: str = "auto",
    workers: int | None = None,
    name: str | None = None,
) -> GroupOutcome:
    """Trains, judges and records a run for each task.

    Args:
        config, table: of the group.
        tasks: each member's.
        kind: per-symbol or seeds.
        fleet: auto, on or off.
        workers: processes; 1 trains in this one, `None` takes one a core.
        name: of the group, and with its member's of each run; `None`: made of data, model and target.

    Raises:
        ConfigError: invalid settings.
        GatewiseError: the first failure, if every member failed.
        LostWorkerError: processes can't be started.
        Interrupted: Ctrl-C; runs that were going on can be resumed one by one.
    """
    noun = NOUNS[kind]
    require_fleet_choice(fleet)
    require_place(home())
    name = checked_name(name)
    used, why = decide_fleet(config.training, len(tasks), fleet, [config.model])
    if used and config.training.auto_batch_size:
        if fleet == "on":
            raise ConfigError("members of a fleet share one batch size, so none is measured", "training.batch_size=512")
        used, why = False, f"each {noun}'s batch size is to be measured"
    count = min(workers or choose_threads()[0], len(tasks))
    if used:
        compute = FleetCompute.description
    else:
        compute = InProcess.description if count == 1 else f"{count} processes on this machine"
    _log.info("one model for each of %d %ss: %s", len(tasks), noun, compute)
    _log.info("fleet: %s (%s)", "on" if used else "off", why)
    epochs = min(config.training.max_epochs, tasks[0].budget.stop_after_epoch or config.training.max_epochs)
    listener.on_plan([task.member for task in tasks], epochs, compute)
    group = start_run(config, table, name, kind=kind, steps=len(tasks))
    parent = Group(group.run_id, group.info.mlflow_run_id)
    tasks = [replace(task, name=_member_name(task, kind, name, group), group=parent) for task in tasks]
    try:
        with only_process(group.folder, f"group {group.run_id}"), group:
            runs, failures = _train(tasks, listener, group, used, count)
            if not runs:
                raise failure_words(failures, noun)
            outcome = GroupOutcome(kind, runs, failures, {"used": used, "why": why}, compute)
            _record(group, outcome)
    except GatewiseError:
        if with_members([group.info]) == [group.info]:  # what can't be trained on leaves no run behind
            remove_runs([group.info])
        raise
    return outcome


def _train(
    tasks: Sequence[GroupTask], listener: GroupListener, group: Run, fleet: bool, count: int
) -> tuple[tuple[GroupRun, ...], tuple[GroupFailure, ...]]:
    """Runs and failures, in the order of the tasks."""
    answers: dict[str, GroupRun | GroupFailure] = {}
    try:
        for answer in _answers(tasks, listener, fleet, count):
            answers[answer.member] = answer
            listener.on_end(answer.member, answer)
            group.log(len(answers), {})
    except Interrupted as error:
        done = ", ".join(f"{member} ({a.run_id[:8]})" for member, a in answers.items() if isinstance(a, GroupRun))
        raise Interrupted(f"{error}; done before: {done or 'none'}") from None
    in_order = [answers[task.member] for task in tasks]
    return (
        tuple(answer for answer in in_order if isinstance(answer, GroupRun)),
        tuple(answer for answer in in_order if isinstance(answer, GroupFailure)),
    )


def _member_name(task: GroupTask, kind: Kind, name: str | None, group: Run) -> str | None:
    """Names made of data tell symbols apart, but not seeds."""
    if kind == "seeds":
        return f"{name or group.info.name} seed {task.member}"
    return name and f"{name} {task.member}"


def _record(group: Run, outcome: GroupOutcome) -> None:
    write_json(group.folder / "summary.json", outcome.to_dict())
    overall = outcome.overall()
    means = {f"{part}/{name}": value for part, metrics in overall["mean"].items() for name, value in metrics.items()}
    group.log(len(outcome.runs) + len(outcome.failures), means)
    group.judge(None, f"{overall['verdict']['better']} of {len(outcome.runs)} better", None)


def _answers(
    tasks: Sequence[GroupTask], listener: GroupListener, fleet: bool, count: int
) -> Iterator[GroupRun | GroupFailure]:
    # What each way takes is loaded where it is taken: workers are to start before this process imports torch.
    if fleet:
        from gatewise.group.fleet import train_as_one

        return train_as_one(tasks, listener)
    from gatewise.group.processes import train_in_turn, train_side_by_side

    return train_in_turn(tasks, listener) if count == 1 else train_side_by_side(tasks, listener, count)


def failure_words(failures: Sequence[GroupFailure], noun: str = "symbol") -> GatewiseError:
    """What came to nothing in one line: the first failure's own type and hint, and whose they are."""
    names = [failure.member if noun == "symbol" else f"{noun} {failure.member}" for failure in failures]
    others = f"; also failed: {', '.join(names[1:])}" if len(names) > 1 else ""
    first = failures[0].error
    return error_from_dict({**error_to_dict(first), "message": f"{names[0]}: {first.message}{others}"})
