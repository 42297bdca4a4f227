"""Tuning anew in each fold of a cross-validation, on the rows that the fold may train on and on nothing else."""

from __future__ import annotations

import logging
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.config.schema import ExperimentConfig
from gatewise.errors import GatewiseError
from gatewise.files import write_json
from gatewise.selection.nested import tune_on
from gatewise.selection.plan import Place, Plan
from gatewise.selection.shared import SharedData
from gatewise.selection.space_file import parse_space
from gatewise.selection.trials import Silent, TrialRow

_log = logging.getLogger("gatewise.cv")


class _Words(Silent):
    def __init__(self, where: str) -> None:
        self.where = where

    def on_trial(self, row: TrialRow) -> None:
        said = row.state.lower() if row.value is None else f"{row.value:.6g}"
        _log.info("tuning %s: trial %d: %s", self.where, row.number, said)


def tune_folds(plan: Plan, shared: SharedData, folder: Path) -> dict[Place, ExperimentConfig | GatewiseError]:
    """What each fold's own search found; an error where one found nothing. Written to tuned.json too.

    Each search has a study under `folder`, so a cross-validation that was killed goes on with it. Searches run one
    after another in this process, since trials that learn from each other give the same result only in order.
    """
    tuning = plan.tuning
    assert tuning is not None
    found: dict[Place, ExperimentConfig | GatewiseError] = {}
    told: list[dict[str, Any]] = []
    for horizon, model in product(plan.horizons, plan.models):
        config = plan.config(model, horizon)
        space = parse_space(dict(tuning.spaces[model]), config)
        for fold in shared.horizons[horizon].folds:
            where = f"fold {fold.number} of {model}, horizon {horizon}"
            rows = np.union1d(fold.train, fold.val)
            study = folder / "tune" / f"{model}-{horizon}-{fold.number}"
            entry: dict[str, Any] = {"model": model, "horizon": horizon, "fold": fold.number}
            _log.info("tuning %s", where)
            try:
                best = tune_on(
                    shared, rows, config, space, tuning.n_trials,
                    stopping=fold.val, pruner=tuning.pruner, folder=study, listener=_Words(where),
                )  # fmt: skip
            except GatewiseError as error:
                found[model, horizon, fold.number] = error
                told.append(entry | {"error": error.message})
                continue
            found[model, horizon, fold.number] = best.config
            found_here = {"value": best.best.value, "params": dict(best.best.params), "inner_folds": best.design}
            told.append(entry | found_here)
    write_json(folder / "tuned.json", told)
    return found
