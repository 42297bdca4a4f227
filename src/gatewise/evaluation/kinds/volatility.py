"""Judging `volatility`: QLIKE decides; beside the mean, the last horizons, the HAR family, ridge and trees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints, PredictionScores
from gatewise.evaluation.baselines import (
    HistoryPredictor,
    ValuePredictor,
    fit_history_baselines,
    fit_value_baselines,
)
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.kinds.base import BaselineRows, Ground, Scorer
from gatewise.evaluation.volatility_metrics import volatility_scores
from gatewise.tabular.base import Features
from gatewise.targets.outputs.volatility import smearing

# Those that read the history, and those that read features.
Fitted = tuple[Mapping[str, HistoryPredictor], Mapping[str, ValuePredictor]]


class VolatilityJudge:
    """See `Judge`; predictions are logs of volatility [n, 1]."""

    deciding_metric = "qlike"
    chance = ("prior",)

    def scorer(self, ground: Ground, rows: Ints) -> Scorer:
        return partial(volatility_scores, ground.labels.at(rows), group=ground.symbol[rows])

    def kept_scores(self, spec: Any, y: Floats, predictions: Floats, symbol: Ints) -> PredictionScores:
        return volatility_scores(y, predictions, symbol)

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        """The mean variance of the training labels, which loses least of all constants."""
        variance = np.exp(2 * np.asarray(ground.labels.at(ground.train_rows), np.float64))
        return np.tile(0.5 * np.log(variance.mean(axis=0)), (len(rows), 1))

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> Fitted:
        """Those of features learn logs, whose mean is not the log of the mean: so each is moved as its training rows
        say.
        """
        time_us, labels, rows = ground.table.time_us, ground.labels, learned.rows
        y = labels.at(rows).astype(np.float64)
        y = ground.units.scale(y, rows) if ground.units else 2 * y
        how = (y, time_us[rows], time_us[labels.known_at[rows]], learned.seed, learned.say, learned.without)
        of_history = {} if labels.history is None else fit_history_baselines(labels.history, rows, *how)
        of_features = fit_value_baselines(learned.x, *how)
        return of_history, {name: _smeared(predict, learned.x, y) for name, predict in of_features.items()}

    def baselines(self, ground: Ground, fitted: Fitted, rows: Ints, x: Features) -> dict[str, Floats]:
        of_history, of_features = fitted
        history, units = ground.labels.history, ground.units
        predicted = {name: predict(history, rows) for name, predict in of_history.items() if history is not None}
        predicted |= {name: predict(x) for name, predict in of_features.items()}
        predicted = {name: units.unscale(values, rows) if units else values / 2 for name, values in predicted.items()}
        return predicted | {"prior": self.knowing_nothing(ground, rows)} | self.references(ground, rows)

    def references(self, ground: Ground, rows: Ints) -> dict[str, Floats]:
        """The variances of the last horizon, and of the last five."""
        history = ground.labels.history
        if history is None:
            return {}
        logs = 0.5 * np.log(history.means[rows])
        return {"random_walk": logs[:, :1], "mean_5": logs[:, 1:2]}

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        return None

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> dict[str, Any]:
        return {}

    def outside(self, ground: Ground, rows: Ints) -> dict[str, float]:
        return {}

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        return None


def _smeared(predict: ValuePredictor, x: Features, y: Floats) -> ValuePredictor:
    """Moved by what `smearing` says of these rows; logs of variances are predicted, y [n, 1] is what came."""
    shift = smearing(predict(x), y)
    return lambda rows: predict(rows) + shift
