"""From out-of-fold predictions to the measures of overfitting: what is a trial, and which rows judge it.

A trial is what a reader of the table would choose between, a model at a horizon: its seeds, and the backtest paths of
combinatorial folds, are averaged row by row. All trials are judged on the rows that every one of them predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatewise.config.schema import ExperimentConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.backtest import backtest
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import PRIOR
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.frames import Prediction
from gatewise.selection.luck.overfitting import OverfittingReport, overfitting_report
from gatewise.selection.luck.skill import SKILLS
from gatewise.targets.base import Labels

_PRIME = 1_000_003


@dataclass(frozen=True)
class _Trial:
    """Means over seeds and paths by row of the table: loss [rows], values [rows, num_outputs]; seen counts how many.

    Attributes:
        source: int64 [rows], the same number where the same fitted models predicted.
    """

    loss: Floats
    values: Floats
    seen: Ints
    source: Ints


def measure_overfitting(
    predictions: Sequence[Prediction], shared: SharedData, config: ExperimentConfig
) -> OverfittingReport:
    """Judges the choice among a cross-validation's models and horizons.

    Of several horizons each trial is judged by its lead over its own horizon's prior, since losses on different labels
    do not compare.

    Args:
        config: target, cost, confidence and seed; those of the first model.
    """
    table = shared.table
    trials: dict[tuple[int, str], _Trial] = {}
    for horizon, model in dict.fromkeys((p.horizon, p.model) for p in predictions):
        of_model = [p for p in predictions if (p.horizon, p.model) == (horizon, model)]
        trials[horizon, model] = _average(of_model, shared)
    rows = np.flatnonzero(np.all([trial.seen > 0 for trial in trials.values()], axis=0))
    symbol = block_numbers(table.frame[SYMBOL])
    models = {key: trial for key, trial in trials.items() if key[1] != PRIOR}
    names = {key: f"{key[1]}@{key[0]}" for key in models}
    priors = {horizon: trials[horizon, PRIOR].loss[rows] for horizon in shared.horizons}
    returns: dict[str, Floats] = {}
    for (horizon, model), trial in models.items():
        position = _position(trial, rows, shared, horizon)
        if position is not None and "close" in table.columns:
            close = table.frame["close"].to_numpy()
            rule = backtest(
                position,
                rows,
                close=close,
                segment_start=table.segment_start,
                time_us=table.time_us,
                symbol=symbol,
                cost=config.evaluation.cost,
                in_price_units=table.any_prices,
            )
            if rule is not None:
                returns[names[horizon, model]] = rule.net
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


def _average(seeds: Sequence[Prediction], shared: SharedData) -> _Trial:
    table, labels = shared.table, shared.horizons[seeds[0].horizon].labels
    seen = np.zeros(table.num_rows, np.int64)
    loss = np.zeros(table.num_rows)
    sums = np.zeros((table.num_rows, seeds[0].values.shape[1]))
    source = np.zeros(table.num_rows, np.int64)
    for one in seeds:
        seen[one.rows] += 1
        loss[one.rows] += judge_of(labels).scorer(Ground(table, labels, one.fold.train), one.rows)(one.values).loss
        sums[one.rows] += one.values
        source[one.rows] = source[one.rows] * _PRIME + one.fold.number  # overflows, and tells folds apart all the same
    times = np.maximum(seen, 1)
    return _Trial(loss / times, sums / times[:, None], seen, source)


def _skill(trial: _Trial, prior: _Trial, rows: Ints, labels: Labels, symbol: Ints) -> tuple[Floats, Floats]:
    source = np.unique(np.column_stack([trial.source[rows], symbol[rows]]), axis=0, return_inverse=True)[1].ravel()
    return SKILLS[labels.spec.kind](labels.spec, trial.values[rows], prior.values[rows], labels.at(rows), source)


def _position(trial: _Trial, rows: Ints, shared: SharedData, horizon: int) -> Floats | None:
    labels = shared.horizons[horizon].labels
    ground = Ground(shared.table, labels, np.empty(0, np.int64))
    position = judge_of(labels).positions(ground, rows, trial.values[rows])
    return None if position is None else np.nan_to_num(position)
