"""From out-of-fold predictions to the measures of overfitting: what is a trial, and which rows judge it.

A trial is what a reader of the table would choose between, a model at a horizon, see `pooled`. All trials are judged on
the rows that every one of them predicted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gatewise.broker import Market, simulate
from gatewise.broker.market import Sides
from gatewise.config.schema import ExperimentConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import PRIOR
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.pooled import Pooled
from gatewise.selection.luck.overfitting import OverfittingReport, overfitting_report
from gatewise.selection.luck.skill import SKILLS
from gatewise.targets.base import Labels


def measure_overfitting(
    trials: Mapping[tuple[int, str], Pooled], shared: SharedData, config: ExperimentConfig
) -> OverfittingReport:
    """Judges the choice among a cross-validation's models and horizons.

    Of several horizons each trial is judged by its lead over its own horizon's prior, since losses on different labels
    do not compare.

    Args:
        trials: by horizon and model, the prior among them.
        config: target, cost, confidence and seed; those of the first model.
    """
    table = shared.table
    rows = np.flatnonzero(np.all([trial.seen > 0 for trial in trials.values()], axis=0))
    symbol = block_numbers(table.frame[SYMBOL])
    models = {key: trial for key, trial in trials.items() if key[1] != PRIOR}
    names = {key: f"{key[1]}@{key[0]}" for key in models}
    priors = {horizon: trials[horizon, PRIOR].loss[rows] for horizon in shared.horizons}
    market = Market.from_table(table)
    returns: dict[str, Floats] = {}
    for (horizon, model), trial in models.items():
        side = _side(trial, rows, shared, horizon)
        if side is not None and market is not None:
            target = config.target.over(horizon)
            hold, fee = config.broker.holding(target), config.evaluation.cost
            account = simulate(side, rows, market, config.broker, hold=hold, fee=fee)
            if account is not None:
                returns[names[horizon, model]] = account.net
    return overfitting_report(
        {names[key]: trial.loss[rows] for key, trial in models.items()},
        {names[key]: priors[key[0]] for key in models} if len(priors) > 1 else next(iter(priors.values())),
        time_us=table.time_us[rows],
        symbol=symbol[rows],
        horizon=max(shared.horizons),
        seed=config.training.seed,
        metric=judge_of(shared.horizons[max(shared.horizons)].labels).deciding_metric,
        returns=returns or None,
        skill={
            names[key]: _skill(trial, trials[key[0], PRIOR], rows, shared.horizons[key[0]].labels, symbol)
            for key, trial in models.items()
        },
        confidence=config.evaluation.confidence,
        samples=config.evaluation.bootstrap_samples,
    )


def _skill(trial: Pooled, prior: Pooled, rows: Ints, labels: Labels, symbol: Ints) -> tuple[Floats, Floats]:
    source = np.unique(np.column_stack([trial.source[rows], symbol[rows]]), axis=0, return_inverse=True)[1].ravel()
    return SKILLS[labels.spec.kind](labels.spec, trial.values[rows], prior.values[rows], labels.at(rows), source)


def _side(trial: Pooled, rows: Ints, shared: SharedData, horizon: int) -> Sides | None:
    labels = shared.horizons[horizon].labels
    return judge_of(labels).positions(shared.table, labels.spec, rows, trial.values[rows])
