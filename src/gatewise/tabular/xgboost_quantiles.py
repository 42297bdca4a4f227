"""`xgboost` where quantiles are asked: trees on the pinball loss, all levels of a column in one model.

A tree a level and round, whose leaves are set to quantiles of the rows in them: 5 levels of 20,000 rows and 39 features
take 11 s on one core, of 100,000 rows over a minute.
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
from gatewise.tabular.base import Features, Floats, Ints, State, TabularModel, TrainingRows, unit_variance
from gatewise.tabular.xgboost import PATIENCE, Xgboost, read_booster, tree_settings

if TYPE_CHECKING:
    from xgboost import Booster


@dataclass(frozen=True)
class XgboostQuantiles:
    """Trees.

    Attributes:
        boosters: one a column, each with an output a level. outputs: brings y to unit variance.
        num_levels: of each column.
    """

    boosters: tuple[Booster, ...]
    outputs: Scaler
    num_levels: int

    @classmethod
    def fit(cls, rows: TrainingRows, config: XgboostConfig) -> Self:
        """As many rounds as are given, or as serve the newest rows best; then all rows are fitted."""
        load_xgboost()
        outputs = unit_variance(rows.y)
        y = outputs.transform(rows.y, dtype=np.float64)
        return cls(tuple(_fit(rows, column, config) for column in y.T), outputs, len(rows.levels))

    def predict(self, x: Features) -> Floats:
        """[n, columns · levels], column by column, each column's in rising order."""
        import xgboost

        if not len(x):
            return np.empty((0, len(self.boosters) * self.num_levels))
        matrix, columns = xgboost.DMatrix(x, nthread=1), []
        for booster, center, scale in zip(self.boosters, self.outputs.center, self.outputs.scale, strict=True):
            levels = booster.predict(matrix).astype(np.float64).reshape(len(x), self.num_levels)
            columns.append(np.sort(levels, axis=1) * scale + center)
        return np.hstack(columns)

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        boosters = [json.loads(bytes(booster.save_raw("json"))) for booster in self.boosters]
        return {}, {"boosters": boosters, "outputs": self.outputs.to_dict(), "num_levels": self.num_levels}

    @classmethod
    def from_state(cls, state: State) -> Self:
        load_xgboost()
        values = state[1]
        boosters = tuple(map(read_booster, values["boosters"]))
        return cls(boosters, Scaler.from_dict(values["outputs"]), int(values["num_levels"]))


def fit_xgboost(rows: TrainingRows, config: XgboostConfig) -> TabularModel:
    """Trees of whatever is asked of the rows."""
    return XgboostQuantiles.fit(rows, config) if rows.levels else Xgboost.fit(rows, config)


def xgboost_of(state: State) -> TabularModel:
    """What gave this state."""
    return XgboostQuantiles.from_state(state) if "boosters" in state[1] else Xgboost.from_state(state)


def _fit(rows: TrainingRows, y: Floats, config: XgboostConfig) -> Booster:
    import xgboost

    settings = tree_settings(rows, config) | {"objective": "reg:quantileerror", "quantile_alpha": list(rows.levels)}

    def matrix(some: Ints | slice) -> xgboost.DMatrix:
        return xgboost.DMatrix(rows.x[some], label=y[some], weight=rows.weight_of(some), nthread=1)

    rounds = config.rounds
    if rounds is None:
        older, newest = rows.older_and_newest()
        rounds = max(1, config.most_rounds // 3)
        if len(newest):
            trial = xgboost.train(
                settings,
                matrix(older),
                config.most_rounds,
                evals=[(matrix(newest), "newest")],
                early_stopping_rounds=PATIENCE,
                verbose_eval=False,
            )
            rounds = int(trial.best_iteration) + 1
    return xgboost.train(settings, matrix(slice(None)), rounds)
