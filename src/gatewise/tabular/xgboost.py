"""`xgboost`: gradient boosting of trees on one row's features.

One thread: two wait for each other at every split and every tree, and a busy process beside them stops both. Trees
begin at the prior (or the mean), so that few of them are better than none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from gatewise.config.model_section import XgboostConfig
from gatewise.features.scaling import Scaler
from gatewise.loading import load_xgboost
from gatewise.tabular.base import (
    Features,
    Floats,
    Ints,
    State,
    TrainingRows,
    class_prior,
    unit_variance,
    with_absent_classes,
)

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

PATIENCE = 10  # rounds
_LARGEST_SEED = 2**31


@dataclass(frozen=True)
class Xgboost:
    """Trees.

    Attributes:
        booster: `None` where training held one class alone.
        classes: those that occur in training; empty for numbers. prior: float64 [classes of the target].
        outputs: brings y to unit variance; `None` for classes.
    """

    booster: Booster | None
    classes: Ints
    prior: Floats
    outputs: Scaler | None

    @classmethod
    def fit(cls, rows: TrainingRows, config: XgboostConfig) -> Self:
        """As many rounds as are given, or as serve the newest rows best; then all rows are fitted."""
        load_xgboost()
        outputs, classes, prior = None, np.empty(0, np.int64), np.empty(0)
        if rows.num_classes:
            prior = class_prior(rows.y, rows.num_classes, rows.weight)
            classes, y = np.unique(rows.y, return_inverse=True)
            if len(classes) < 2:
                return cls(None, classes, prior, None)
        else:
            outputs = unit_variance(rows.y, rows.weight)
            y = outputs.transform(rows.y, dtype=np.float64)
        shell = cls(None, classes, prior, outputs)
        rounds = config.rounds or shell._choose_rounds(rows, y, config)
        booster = shell._train(rows, slice(None), y, config, rounds)
        return cls(booster, classes, prior, outputs)

    def predict(self, x: Features) -> Floats:
        if self.booster is None or not len(x):
            return np.tile(self.prior if self.outputs is None else self.outputs.center, (len(x), 1))
        predicted = self.booster.predict(self._matrix(x)).astype(np.float64)
        if self.outputs is not None:
            return self.outputs.inverse(predicted.reshape(len(x), -1))
        prob = (
            np.stack([1 - predicted, predicted], axis=1)
            if predicted.ndim == 1
            else predicted / predicted.sum(axis=1, keepdims=True)
        )
        return with_absent_classes(prob, self.classes, self.prior)

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        values = {
            "booster": None if self.booster is None else json.loads(bytes(self.booster.save_raw("json"))),
            "outputs": None if self.outputs is None else self.outputs.to_dict(),
        }
        return {"classes": self.classes, "prior": self.prior}, values

    @classmethod
    def from_state(cls, state: State) -> Self:
        load_xgboost()
        arrays, values = state
        booster = None
        if values["booster"] is not None:
            booster = read_booster(values["booster"])
        outputs = None if values["outputs"] is None else Scaler.from_dict(values["outputs"])
        return cls(booster, arrays["classes"], arrays["prior"], outputs)

    def _choose_rounds(self, rows: TrainingRows, y: npt.NDArray[Any], config: XgboostConfig) -> int:
        older, newest = rows.older_and_newest()
        if not len(newest):
            return max(1, config.most_rounds // 3)
        if self.outputs is None and len(np.unique(y[older])) < len(self.classes):  # one comes among the newest alone
            present, code = np.unique(y[older], return_inverse=True)
            part = Xgboost(None, self.classes[present], self.prior, None)
            ahead = (newest, np.searchsorted(present, y[newest]))
            trial = part._train(rows, older, code, config, config.most_rounds, ahead)
        else:
            ahead = (newest, y[newest])
            trial = self._train(rows, older, y[older], config, config.most_rounds, ahead)
        return int(trial.best_iteration) + 1

    def _train(
        self,
        rows: TrainingRows,
        some: Ints | slice,
        y: npt.NDArray[Any],
        config: XgboostConfig,
        rounds: int,
        ahead: tuple[Ints, npt.NDArray[Any]] | None = None,
    ) -> Booster:
        """On some of the rows, and with the rest of them ahead as what stops it; y belongs to each."""
        import xgboost

        count = len(self.classes)
        objective = "reg:squarederror" if self.outputs else "binary:logistic" if count == 2 else "multi:softprob"
        settings = tree_settings(rows, config) | {"objective": objective, "base_score": 0.0 if self.outputs else 0.5}
        if not self.outputs:
            settings["min_child_weight"] /= 5  # leaves are measured by their curvature: about a fifth a row
        settings |= {"num_class": count} if count > 2 else {}
        train = self._matrix(rows.x[some], y, rows.weight_of(some))
        if ahead is None:
            return xgboost.train(settings, train, rounds)
        newest, truth = ahead
        watched = [(self._matrix(rows.x[newest], truth, rows.weight_of(newest)), "newest")]
        return xgboost.train(settings, train, rounds, evals=watched, early_stopping_rounds=PATIENCE, verbose_eval=False)

    def _matrix(self, x: Features, y: npt.NDArray[Any] | None = None, weight: Floats | None = None) -> DMatrix:
        """Rows that begin at the prior."""
        import xgboost

        matrix = xgboost.DMatrix(x, label=y, weight=weight, nthread=1)
        if self.outputs is None:
            share = np.log(self.prior[self.classes])
            margin = np.full(len(x), share[1] - share[0]) if len(share) == 2 else np.tile(share, (len(x), 1))
            matrix.set_base_margin(margin.astype(np.float32))
        return matrix


def tree_settings(rows: TrainingRows, config: XgboostConfig) -> dict[str, Any]:
    """XGBoost's parameters, whatever is learned; leaves hold so many rows, each of curvature 1."""
    return {
        "eta": config.eta,
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": config.max_leaves,
        "max_depth": 0,
        "max_bin": config.max_bins,
        "min_child_weight": config.min_rows or int(np.clip(len(rows.x) // 500, 20, 200)),
        "reg_lambda": config.l2,
        "seed": rows.seed % _LARGEST_SEED,
        "nthread": 1,
        "verbosity": 0,
    }


def read_booster(values: Any) -> Booster:
    """Of the JSON values that it was written as."""
    from xgboost import Booster

    booster = Booster({"nthread": 1})
    booster.load_model(bytearray(json.dumps(values).encode()))
    return booster
