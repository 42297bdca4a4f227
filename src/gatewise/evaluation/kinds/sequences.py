"""Judging `sequences`: MSE in units of training's standard deviations decides; beside the last value and last season.

Predictions are [n, steps · columns] in the columns' own units, or a function of places among the rows: so references
are made some rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints, PredictionScores
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.evaluation.reference import price_sides, spread
from gatewise.evaluation.season import random_walk, season_rows, seasonal_naive
from gatewise.evaluation.sequence_metrics import Paths, SequenceScores, StepErrors, sequence_scores
from gatewise.features.scaling import fit_scaler
from gatewise.features.symbols import symbol_codes
from gatewise.tabular.base import Features
from gatewise.targets.base import Labels
from gatewise.targets.outputs.sequences import Sequences


class SequencesJudge:
    """See `Judge`."""

    deciding_metric = "mse"
    chance = ("prior", "random_walk", "seasonal_naive")

    def scorer(self, ground: Ground, rows: Ints) -> Callable[[Any], SequenceScores]:
        spec, scale = _spec(ground), _standard_deviations(ground, rows)

        def labels(here: slice) -> Floats:
            return ground.labels.at(rows[here])

        def score(predicted: Any) -> SequenceScores:
            return sequence_scores(labels, predicted, len(rows), (spec.steps, len(spec.columns)), scale)

        return score

    def kept_scores(self, spec: Any, y: Floats, predictions: Floats, symbol: Ints) -> PredictionScores:
        shape = (spec.steps, len(spec.columns))
        scale = spread(y.reshape(-1, len(spec.columns)))[None]
        return sequence_scores(y.__getitem__, predictions, len(y), shape, scale)

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        return _prior(ground.labels, _means(ground, ground.train_rows)[None], np.zeros(1, np.int64), rows)

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> Floats:
        """What `_means` says, of each symbol: [symbols, steps · columns]."""
        return np.stack([_means(ground, ground.train_rows_of(code)) for code in range(len(ground.table.symbols))])

    def baselines(self, ground: Ground, fitted: Floats, rows: Ints, x: Features) -> dict[str, Paths]:
        prior = partial(_prior, ground.labels, fitted, ground.symbol)
        return {"prior": partial(_at, prior, rows)} | self.references(ground, rows)

    def references(self, ground: Ground, rows: Ints) -> dict[str, Paths]:
        return {name: partial(_at, one, rows) for name, one in _references(ground).items()}

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        """By the close of the next row."""
        return None if spec.price is None else price_sides(table, spec, rows, predictions[:, spec.price])

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> dict[str, Any]:
        errors = {name: scored.by_step for name, scored in scores.items() if name != "prior"}
        return {"steps": StepErrors(_spec(ground).columns, errors)}

    def outside(self, ground: Ground, rows: Ints) -> dict[str, float]:
        return {}

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        return None


def _means(ground: Ground, train_rows: Ints) -> Floats:
    """Of each step and column the training mean, or NaN where the present value came nearer in training."""
    spec, labels = _spec(ground), ground.labels
    mean, present = labels.y[labels.read_by(train_rows)].mean(axis=0), labels.y[train_rows]
    nearer = np.empty((spec.steps, len(spec.columns)), bool)
    for step in range(spec.steps):
        truth = labels.y[train_rows + step + 1]
        nearer[step] = np.square(truth - mean).sum(axis=0) < np.square(truth - present).sum(axis=0)
    return np.where(nearer, mean, np.nan).ravel()


def _prior(labels: Labels, means: Floats, symbol: Ints, rows: Ints) -> Floats:
    """What training labels alone say: of several symbols each one's own."""
    of_rows = means[symbol[rows]] if len(means) > 1 else means
    return np.where(np.isnan(of_rows), random_walk(labels, rows), of_rows)


def _references(ground: Ground) -> dict[str, Callable[[Ints], Floats]]:
    labels, starts = ground.labels, ground.table.segment_start
    season = ground.season or season_rows(ground.table, ground.train_rows)
    return {
        "random_walk": partial(random_walk, labels),
        "seasonal_naive": lambda rows: seasonal_naive(labels, starts, rows, season),
    }


def _at(reference: Callable[[Ints], Floats], rows: Ints, here: slice) -> Floats:
    return reference(rows[here])


def _standard_deviations(ground: Ground, rows: Ints) -> Floats:
    """[n, columns] or [1, columns]: as labels were scaled, where they were standardised; else of training's labels."""
    labels, units, symbols = ground.labels, ground.units, ground.table.symbols
    if units is None or units.scaler.kind != "standard":
        series = np.asarray(labels.y, np.float64)
        fitted = fit_scaler("standard", series, labels.read_by(ground.train_rows), _spec(ground).columns)
        return fitted.scale[None]
    scaler = units.scaler.over(symbols)
    return scaler.scale[symbol_codes(ground.table, symbols)[rows]] if scaler.symbols else scaler.scale[None]


def _spec(ground: Ground) -> Sequences:
    spec = ground.labels.spec
    assert isinstance(spec, Sequences)
    return spec
