"""Judging `quantiles`: pinball loss decides; beside those of the training labels, those that know how much the series
moved of late, and trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints, PredictionScores
from gatewise.evaluation.baselines import ValuePredictor, choose_rows, fit_quantile_baselines
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.kinds.base import BaselineRows, Ground, Scorer
from gatewise.evaluation.quantile_metrics import quantile_scores
from gatewise.evaluation.reference import by_symbol, price_sides, spread, usual_moves
from gatewise.evaluation.spread import quantiles_by_spread
from gatewise.tabular.base import Features
from gatewise.targets.learned import start_values
from gatewise.targets.outputs.quantiles import Quantiles, empirical_quantiles, pinball

TREE_ROWS = 20_000  # most that trees learn from: they take a tree a level, and leaves that are sorted


class QuantilesJudge:
    """See `Judge`; predictions are [n, columns · levels] in the labels' own unit."""

    deciding_metric = "pinball"
    chance = ("prior",)

    def scorer(self, ground: Ground, rows: Ints) -> Scorer:
        scale = usual_moves(ground.table, ground.labels, ground.train_rows)
        return partial(quantile_scores, ground.labels.at(rows), spec=_spec(ground), scale=scale)

    def kept_scores(self, spec: Any, y: Floats, predictions: Floats, symbol: Ints) -> PredictionScores:
        return quantile_scores(y, predictions, spec, spread(y))

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        """Quantiles of the training labels; of columns that continue those, or of their moves, whichever lost less."""
        spec, labels = _spec(ground), ground.labels
        y = np.asarray(labels.at(ground.train_rows), np.float64)
        plain = empirical_quantiles(y, spec.levels)
        if not spec.starts:
            return np.tile(plain.ravel(), (len(rows), 1))
        seen, present = (start_values(ground.table, spec, some) for some in (ground.train_rows, rows))
        there = np.isfinite(seen).all(axis=1)
        moves = empirical_quantiles((y - seen)[there], spec.levels)
        continued = pinball(moves + seen[there, :, None], y[there], spec.levels).mean(axis=(0, 2))
        returns = pinball(plain[None], y[there], spec.levels).mean(axis=(0, 2)) < continued
        stays = (returns | ~np.isfinite(present))[:, :, None]
        return np.where(stays, plain, moves + present[:, :, None]).reshape(len(rows), -1)

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> dict[str, ValuePredictor]:
        """The quantiles of all training labels, and trees, in the unit that labels are learned in."""
        rows, units, labels = ground.train_rows, ground.units, ground.labels
        y = labels.at(rows).astype(np.float64)
        prior = empirical_quantiles(units.scale(y, rows) if units else y, _spec(ground).levels).ravel()
        some = choose_rows(ground.table.time_us[learned.rows], TREE_ROWS)
        rows, time_us = learned.rows[some], ground.table.time_us
        y = labels.at(rows).astype(np.float64)
        return {"prior": lambda x: np.tile(prior, (len(x), 1))} | fit_quantile_baselines(
            learned.x[some],
            units.scale(y, rows) if units else y,
            time_us[rows],
            time_us[labels.known_at[rows]],
            learned.seed,
            _spec(ground).levels,
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
            predicted["prior"] = by_symbol(ground.table, ground.train_rows, rows, partial(self._of_rows, ground))
        return predicted | self.references(ground, rows)

    def references(self, ground: Ground, rows: Ints) -> dict[str, Floats]:
        return quantiles_by_spread(ground, _spec(ground), rows, self.knowing_nothing(ground, rows))

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        """By the median, where it is predicted."""
        if spec.price is None or 0.5 not in spec.levels:
            return None
        median = spec.apart(predictions)[:, spec.price, spec.levels.index(0.5)]
        return price_sides(table, spec, rows, median)

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> dict[str, Any]:
        return {}

    def outside(self, ground: Ground, rows: Ints) -> dict[str, float]:
        return {}

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        return usual_moves(ground.table, ground.labels, ground.train_rows_of(symbol))

    def _of_rows(self, ground: Ground, train_rows: Ints, rows: Ints) -> Floats:
        return self.knowing_nothing(Ground(ground.table, ground.labels, train_rows), rows)


def _spec(ground: Ground) -> Quantiles:
    spec = ground.labels.spec
    assert isinstance(spec, Quantiles)
    return spec
