"""Tuning anew in each fold of a cross-validation, on the rows that the fold may train on and on nothing else."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.config.durations import rough_duration
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import GatewiseError
from gatewise.evaluation.metric_names import metric_text
from gatewise.files import write_json
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.plan import Place, Plan
from gatewise.selection.tuning.nested import tune_on
from gatewise.selection.tuning.space_file import parse_space
from gatewise.selection.tuning.trials import RUNNING, Silent, TrialRow

_log = logging.getLogger("gatewise.cv")


@dataclass
class _Pace:
    """Trials of all searches together, and how long those that are left will take at the pace so far."""

    left: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def remaining(self) -> str:
        if not self.done or not self.left:
            return ""
        return f", {rough_duration((time.monotonic() - self.began) * self.left / self.done)} of tuning left"


class _TrialLog(Silent):
    def __init__(self, where: str, num_trials: int, pace: _Pace) -> None:
        self.where = where
        self.num_trials = self._left = num_trials
        self.pace, self.metric = pace, ""

    def on_study(self, num_trials: int, num_folds: int, rows: list[TrialRow], metric: str) -> None:
        self.metric = metric
        self.leave_out(sum(row.state != RUNNING for row in rows))

    def on_trial(self, row: TrialRow) -> None:
        self.leave_out(1)
        self.pace.done += 1
        value = row.state.lower() if row.value is None else metric_text(self.metric, row.value)
        _log.info(
            "tuning %s: trial %d of %d: %s%s", self.where, row.number, self.num_trials, value, self.pace.remaining
        )

    def leave_out(self, trials: int | None = None) -> None:
        """So many trials, or all that are left of this search, need no more time."""
        trials = self._left if trials is None else trials
        self._left -= trials
        self.pace.left -= trials


def tune_folds(
    plan: Plan, shared: SharedData, folder: Path, fleet: str = "off"
) -> dict[Place, ExperimentConfig | GatewiseError]:
    """What each fold's own search found; an error where one found nothing. Written to tuned.json too.

    Each search has a study under `folder`, so a cross-validation that was killed goes on with it. Searches run one
    after another in this process, since trials that learn from each other give the same result only in order.

    Args:
        fleet: whether the trials of a search are trained as one: auto, on or off.
    """
    tuning = plan.tuning
    assert tuning is not None
    configs: dict[Place, ExperimentConfig | GatewiseError] = {}
    entries: list[dict[str, Any]] = []
    pace = _Pace(tuning.n_trials * len(plan.horizons) * len(plan.models) * plan.num_folds)
    for horizon, model in product(plan.horizons, plan.models):
        config = plan.config(model, horizon)
        space = parse_space(dict(tuning.spaces[model]), config)
        for fold in shared.horizons[horizon].folds:
            where = f"fold {fold.number} of {model}, horizon {horizon}"
            rows = np.union1d(fold.train, fold.val)
            study = folder / "tune" / f"{model}-{horizon}-{fold.number}"
            entry: dict[str, Any] = {"model": model, "horizon": horizon, "fold": fold.number}
            _log.info("tuning %s", where)
            listener = _TrialLog(where, tuning.n_trials, pace)
            try:
                best = tune_on(
                    shared, rows, config, space, tuning.n_trials,
                    stopping=fold.val, pruner=tuning.pruner, folder=study, listener=listener, fleet=fleet,
                )  # fmt: skip
            except GatewiseError as error:
                listener.leave_out()
                configs[model, horizon, fold.number] = error
                entries.append(entry | {"error": error.message})
                continue
            configs[model, horizon, fold.number] = best.config
            found_here: dict[str, Any] = {
                "value": best.best.value,
                "params": dict(best.best.params),
                "inner_folds": best.design,
            }
            found_here |= {"diverged_trials": [row.number for row in best.rows if row.diverged]}
            entries.append(entry | found_here | best.verdict.judgement.to_dict())
    write_json(folder / "tuned.json", entries)
    return configs
