"""Quantiles of no model cross, trees learn those of a world that is known, and what they have to beat is causal.

A reference that saw a row too much would be one that no honest model beats.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy import stats

from audit_tables import random_walk
from gatewise.config.load import load_config
from gatewise.config.model_section import MODEL_CONFIGS, XgboostConfig
from gatewise.config.target_section import TargetConfig
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.spread import ROWS, quantiles_by_spread
from gatewise.experiment import Prepared, prepare
from gatewise.learners.base import Inputs
from gatewise.learners.table import learner_of
from gatewise.tabular.base import TrainingRows
from gatewise.tabular.xgboost_quantiles import XgboostQuantiles
from gatewise.targets.make import make_labels
from gatewise.targets.outputs.quantiles import Quantiles, pinball

Floats = npt.NDArray[np.float64]
LEVELS = (0.1, 0.4, 0.5, 0.9)


# ---- trees


def world(n: int, seed: int, columns: int = 1) -> tuple[TrainingRows, Floats]:
    """(rows, their true quantiles [n, columns · Q]): normal, of a spread that the first feature says."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    spread = np.exp(0.8 * x[:, :1].astype(np.float64)) * 10.0 ** np.arange(columns)
    y = 5 + spread * rng.normal(size=(n, columns))
    truth = (5 + spread[:, :, None] * stats.norm.ppf(LEVELS)).reshape(n, -1)
    return TrainingRows(x, y, 0, np.arange(n), np.arange(n) + 1, 7, levels=LEVELS), truth


def test_trees_learn_the_quantiles_of_a_known_spread_and_in_order() -> None:
    rows, _ = world(4_000, 0, columns=2)
    fresh, truth = world(4_000, 1, columns=2)
    said = XgboostQuantiles.fit(rows, XgboostConfig(name="xgboost")).predict(fresh.x).reshape(-1, 2, 4)
    assert (np.diff(said, axis=2) >= 0).all()
    prior = np.quantile(rows.y, LEVELS, axis=0).T[None]
    for column in range(2):
        own, best, blind = (
            pinball(each[:, [column]], fresh.y[:, [column]], LEVELS).mean()
            for each in (said, truth.reshape(-1, 2, 4), prior)
        )
        assert own < best + 0.35 * (blind - best)
    below = (fresh.y[:, :, None] <= said).mean(axis=0)
    assert below == pytest.approx(np.tile(LEVELS, (2, 1)), abs=0.05)


def test_rows_of_more_weight_count_as_so_many() -> None:
    rows, _ = world(2_000, 2)
    high = (rows.y[:, 0] > 5).astype(float) * 9 + 1
    config = XgboostConfig(name="xgboost", rounds=20)
    plain, heavy = (XgboostQuantiles.fit(each, config).predict(rows.x) for each in (rows, replace(rows, weight=high)))
    assert (heavy.mean(axis=0) > plain.mean(axis=0) + 0.05).all()


# ---- every model


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(configured("gru"), random_walk(400))


def configured(name: str) -> Any:
    kind = MODEL_CONFIGS[name]
    sizes = {f"model.{field}": value for field, value in kind.sized(kind.tiny).items()}
    return load_config(
        overrides={
            "target.kind": "forward_return", "target.horizon": 3, "target.quantiles": LEVELS, "model.name": name,
            "windows.sequence_length": 8, "features.sets": ["ohlcv"], "split.embargo_rows": 1,
            **({"training.batch_size": 32, "training.device": "cpu"} if kind.consumes == "sequences" else {}),
            **sizes,
        }
    )  # fmt: skip


@pytest.mark.trains
@pytest.mark.parametrize(
    "name", [name for name, kind in MODEL_CONFIGS.items() if "quantiles" in kind.targets and name not in ("voting",)]
)
def test_no_model_predicts_quantiles_that_cross(name: str, prepared: Prepared) -> None:
    config, rows = configured(name), prepared.split.val
    sketch = learner_of(config.model).sketch(config, prepared.samples, prepared.fold, prepared.split.train)
    inputs = Inputs.of(config, prepared.samples, prepared.fold, rows, "cpu")
    said = sketch.predict(inputs)
    assert said.shape == (len(rows), len(LEVELS))
    assert (np.diff(said, axis=1) >= 0).all()


# ---- what knows how much a series moved


def grounds(kind: str, close: Floats) -> tuple[Ground, Quantiles]:
    table = random_walk(len(close))
    table = table.with_frame(table.frame.with_columns(close=pl.Series(close)))
    columns = {"columns": ("close",)} if kind == "next_row" else {}
    labels = make_labels(table, TargetConfig(kind=kind, horizon=2, quantiles=LEVELS, **columns))
    spec = labels.spec
    assert isinstance(spec, Quantiles)
    return Ground(table, labels, np.flatnonzero(labels.valid)[:300]), spec


def moving(n: int = 500) -> Floats:
    rng = np.random.default_rng(4)
    return np.asarray(100 * np.exp(np.cumsum(0.01 * np.exp(np.sin(np.arange(n) / 40)) * rng.normal(size=n))))


@pytest.mark.parametrize("kind", ["forward_return", "next_row"])
def test_it_is_training_labels_in_units_of_the_last_sixty_moves(kind: str) -> None:
    close = moving()
    ground, spec = grounds(kind, close)
    rows = np.array([20, 310, 400])
    prior = np.full((3, 4), 9.0)
    said = quantiles_by_spread(ground, spec, rows, prior)["trailing_volatility"]
    assert (said[0] == 9.0).all(), "of a row that has no sixty moves it is the prior"

    def unit(row: int) -> float:
        moves = np.diff(np.log(close) if kind == "forward_return" else close)
        return float(moves[row - ROWS : row].std(ddof=1))

    present = close if kind == "next_row" else np.zeros(len(close))
    seen = [row for row in ground.train_rows if row >= ROWS]
    errors = [(ground.labels.y[row, 0] - present[row]) / unit(row) for row in seen]
    for number, row in enumerate(rows[1:], start=1):
        wanted = present[row] + unit(row) * np.quantile(errors, LEVELS, method="inverted_cdf")
        np.testing.assert_allclose(said[number], wanted, rtol=1e-9)


@pytest.mark.parametrize("kind", ["forward_return", "next_row"])
def test_what_comes_later_moves_nothing_of_it(kind: str) -> None:
    close = moving()
    ahead = close.copy()
    ahead[401:] *= 7
    said = []
    for each in (close, ahead):
        ground, spec = grounds(kind, each)
        said.append(quantiles_by_spread(ground, spec, np.arange(310, 401), np.zeros((91, 4)))["trailing_volatility"])
    assert np.array_equal(*said)
