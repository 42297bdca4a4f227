"""Judging `classes`: log loss decides; beside shares, what followed the last known label, a logistic one and trees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import ClassPrediction, Floats, Ints, PredictionScores, class_prediction
from gatewise.evaluation.baselines import ClassPredictor, fit_class_baselines
from gatewise.evaluation.class_metrics import class_scores, confusion_counts
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.kinds.base import BaselineRows, Ground, Scorer
from gatewise.evaluation.moments import moments
from gatewise.evaluation.persistence import class_persistence, last_known_row
from gatewise.evaluation.reliability import brier_parts, reliability
from gatewise.tabular.base import Features, class_prior


class ClassesJudge:
    """See `Judge`; predictions are probabilities [n, classes], or what was made of them."""

    deciding_metric = "log_loss"
    chance = ("prior",)

    def scorer(self, ground: Ground, rows: Ints) -> Scorer:
        return partial(_scores, ground.labels.at(rows).astype(np.int64), ground.labels.classes, prior=_prior(ground))

    def kept_scores(self, spec: Any, y: Ints, predictions: Floats, symbol: Ints) -> PredictionScores:
        return _scores(y, spec.classes, predictions)

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        return np.tile(_prior(ground), (len(rows), 1))

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> dict[str, ClassPredictor]:
        time_us, labels, rows = ground.table.time_us, ground.labels, learned.rows
        return fit_class_baselines(
            learned.x,
            labels.at(rows).astype(np.int64),
            len(labels.classes),
            time_us[rows],
            time_us[labels.known_at[rows]],
            learned.seed,
            learned.say,
            learned.without,
        )

    def baselines(
        self, ground: Ground, fitted: Mapping[str, ClassPredictor], rows: Ints, x: Features
    ) -> dict[str, ClassPrediction]:
        return {name: predict(x) for name, predict in fitted.items()} | self.references(ground, rows)

    def references(self, ground: Ground, rows: Ints) -> dict[str, ClassPrediction]:
        labels, y = ground.labels, ground.labels.y.astype(np.int64)
        last = last_known_row(labels.known_at, labels.valid, _symbol_start(ground.symbol))
        return {"persistence": class_persistence(y, last, ground.train_rows, rows, _prior(ground))}

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        """up is +1, down is -1, any other class 0; `None` where the classes do not say up and down."""
        if not {"up", "down"} <= set(spec.classes):
            return None
        side = np.array([{"up": 1, "down": -1}.get(name, 0) for name in spec.classes], np.int8)
        return np.asarray(side[predictions.argmax(axis=1)])

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> dict[str, Any]:
        y, predicted = ground.labels.at(rows).astype(np.int64), class_prediction(predictions)
        confusion = confusion_counts(y, predicted.label, len(ground.labels.classes))
        when = None if result.reason else moments(ground.table.time_us[rows], ground.symbol[rows])
        memory = result.memory_rows * (when.a_row if when else 1)
        return {
            "confusion": confusion,
            "reliability": reliability(y, predicted, when, memory, result.confidence),
            "brier_parts": brier_parts(predicted.prob, y),
        }

    def outside(self, ground: Ground, rows: Ints) -> dict[str, float]:
        return {}

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        return None


def _scores(
    y: Ints, classes: tuple[str, ...], predicted: ClassPrediction | Floats, prior: Floats | None = None
) -> PredictionScores:
    made = predicted if isinstance(predicted, ClassPrediction) else class_prediction(predicted)
    return class_scores(y, made, classes, prior)


def _prior(ground: Ground) -> Floats:
    return class_prior(ground.labels.at(ground.train_rows).astype(np.int64), len(ground.labels.classes))


def _symbol_start(symbol: Ints) -> Ints:
    first = np.concatenate([[True], np.diff(symbol) != 0])
    return np.maximum.accumulate(np.where(first, np.arange(len(symbol)), 0))
