"""Judging `values`: RMSE decides; beside the mean, the present value, a ridge regression and trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints, PredictionScores
from gatewise.evaluation.baselines import ValuePredictor, fit_value_baselines
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.kinds.base import BaselineRows, Ground, Scorer
from gatewise.evaluation.reference import (
    mean_or_present,
    nearer_of_mean_and_present,
    outside_training,
    price_sides,
    spread,
    usual_moves,
)
from gatewise.evaluation.value_metrics import value_scores
from gatewise.tabular.base import Features
from gatewise.targets.learned import start_values


class ValuesJudge:
    """See `Judge`; predictions are numbers [n, outputs] in the labels' own unit."""

    deciding_metric = "rmse"
    chance = ("prior", "persistence")

    def scorer(self, ground: Ground, rows: Ints) -> Scorer:
        table, labels = ground.table, ground.labels
        y, start, symbol = labels.at(rows), start_values(table, labels.spec, rows), ground.symbol[rows]
        scale = usual_moves(table, labels, ground.train_rows)

        def score(predicted: Floats) -> PredictionScores:
            return value_scores(y, predicted, labels.outputs, start, scale, symbol)

        return score

    def kept_scores(self, spec: Any, y: Floats, predictions: Floats, symbol: Ints) -> PredictionScores:
        start = None if spec.starts else np.zeros_like(y)
        return value_scores(y, predictions, spec.outputs, start, spread(y), symbol)

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        if ground.labels.spec.starts:
            return nearer_of_mean_and_present(ground.table, ground.labels, ground.train_rows, rows)
        return np.tile(np.asarray(ground.labels.at(ground.train_rows), np.float64).mean(axis=0), (len(rows), 1))

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> dict[str, ValuePredictor]:
        time_us, labels, rows = ground.table.time_us, ground.labels, learned.rows
        y = labels.at(rows).astype(np.float64)
        return fit_value_baselines(
            learned.x,
            ground.units.scale(y, rows) if ground.units else y,
            time_us[rows],
            time_us[labels.known_at[rows]],
            learned.seed,
            learned.say,
            learned.without,
        )

    def baselines(
        self, ground: Ground, fitted: Mapping[str, ValuePredictor], rows: Ints, x: Features
    ) -> dict[str, Floats]:
        predicted = {name: predict(x) for name, predict in fitted.items()}
        if ground.units:
            predicted = {name: ground.units.unscale(values, rows) for name, values in predicted.items()}
        if ground.labels.spec.starts:
            predicted["prior"] = mean_or_present(ground.table, ground.labels, ground.train_rows, rows)
        return predicted | self._persistence(ground, rows, predicted["prior"])

    def references(self, ground: Ground, rows: Ints) -> dict[str, Floats]:
        return self._persistence(ground, rows, self.knowing_nothing(ground, rows))

    def _persistence(self, ground: Ground, rows: Ints, prior: Floats) -> dict[str, Floats]:
        start = start_values(ground.table, ground.labels.spec, rows)
        return {"persistence": np.where(np.isfinite(start), start, prior)}

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        return None if spec.price is None else price_sides(table, spec, rows, predictions[:, spec.price])

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> dict[str, Any]:
        return {}

    def outside(self, ground: Ground, rows: Ints) -> dict[str, float]:
        return outside_training(ground.labels, ground.train_rows, rows)

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        return usual_moves(ground.table, ground.labels, ground.train_rows_of(symbol))
