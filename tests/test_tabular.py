"""Models of one row are kept as arrays and JSON, begin at the prior, and do what their settings say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load, save
from sklearn.linear_model import Ridge as Reference
from sklearn.preprocessing import StandardScaler

from gatewise.config.model_section import LogisticConfig, RidgeConfig, XgboostConfig
from gatewise.tabular.base import TrainingRows, class_prior
from gatewise.tabular.linear_models import Logistic, Ridge
from gatewise.tabular.xgboost import Xgboost
from gatewise.tabular.xgboost_quantiles import XgboostQuantiles

FITS: dict[str, tuple[Any, Any, bool]] = {
    "logistic": (Logistic, LogisticConfig(name="logistic"), True),
    "ridge": (Ridge, RidgeConfig(name="ridge"), False),
    "xgboost, classes": (Xgboost, XgboostConfig(name="xgboost"), True),
    "xgboost, quantiles": (XgboostQuantiles, XgboostConfig(name="xgboost"), False),
    "xgboost, numbers": (Xgboost, XgboostConfig(name="xgboost"), False),
}


def rows_of(y: npt.NDArray[Any], num_classes: int, seed: int = 0) -> TrainingRows:
    x = np.random.default_rng(seed).normal(size=(len(y), 4)).astype(np.float32)
    return TrainingRows(x, y, num_classes, np.arange(len(y)) * 60, np.arange(3, len(y) + 3) * 60, 7)


def world(classes: bool, n: int = 600, kinds: int = 3) -> TrainingRows:
    noise = np.random.default_rng(1).normal(size=n)
    rows = rows_of(np.zeros(n, np.int64), kinds)
    signal = rows.x[:, 0] + 0.5 * noise
    if classes:
        return rows_of(np.digitize(signal, np.linspace(-0.5, 0.5, kinds - 1)).astype(np.int64), kinds)
    return rows_of(np.stack([signal * 3 + 5, -signal], axis=1), 0)


@pytest.mark.parametrize("name", FITS)
def test_a_model_made_of_its_state_says_the_same_to_the_bit(name: str) -> None:
    kind, config, classes = FITS[name]
    rows = world(classes)
    if kind is XgboostQuantiles:
        rows = replace(rows, levels=(0.1, 0.9))
    model = kind.fit(rows, config)
    arrays, values = model.to_state()
    again = kind.from_state((load(save(arrays)), json.loads(json.dumps(values))))
    assert np.array_equal(again.predict(rows.x), model.predict(rows.x))
    assert again.predict(rows.x[:0]).shape == (0, model.predict(rows.x).shape[1])


@pytest.mark.parametrize("kinds", [2, 3])
def test_trees_that_have_not_learned_yet_say_the_prior(kinds: int) -> None:
    rows = world(True, kinds=kinds)
    model = Xgboost.fit(rows, XgboostConfig(name="xgboost", rounds=1, eta=1e-6))
    prior = class_prior(rows.y, kinds)
    np.testing.assert_allclose(model.predict(rows.x), np.tile(prior, (600, 1)), atol=1e-5)


def test_trees_of_numbers_that_have_not_learned_yet_say_the_mean() -> None:
    rows = world(False)
    model = Xgboost.fit(rows, XgboostConfig(name="xgboost", rounds=1, eta=1e-6))
    np.testing.assert_allclose(model.predict(rows.x), np.tile(rows.y.mean(axis=0), (600, 1)), rtol=1e-4)


def test_a_penalty_that_is_given_is_scikit_learns() -> None:
    rows = world(False)
    model = Ridge.fit(rows, RidgeConfig(name="ridge", penalty=50.0))
    x = StandardScaler().fit_transform(rows.x.astype(np.float64))
    spread = rows.y.std(axis=0)
    reference = Reference(50.0).fit(x, rows.y / spread)
    np.testing.assert_allclose(model.predict(rows.x), reference.predict(x) * spread, rtol=1e-6)


@pytest.mark.parametrize(("few", "many"), [({"rounds": 1}, {"rounds": 100}), ({"max_leaves": 2}, {"max_leaves": 63})])
def test_more_trees_and_more_leaves_fit_training_rows_closer(few: dict[str, Any], many: dict[str, Any]) -> None:
    rows = world(False)

    def error(settings: dict[str, Any]) -> float:
        model = Xgboost.fit(rows, XgboostConfig(name="xgboost", **{"rounds": 40, "min_rows": 2, **settings}))
        return float(np.square(model.predict(rows.x) - rows.y).mean())

    assert error(many) < error(few)


def test_nothing_is_chosen_by_labels_that_were_not_known_before_the_newest_rows() -> None:
    """Labels of the rows just before the newest sixth are poisoned; they are known too late to be trained on there."""
    rows = world(False)
    older, newest = rows.older_and_newest()
    assert newest[0] == 500
    assert (rows.known_us[older] < rows.time_us[500]).all()
    assert older[-1] == 496
