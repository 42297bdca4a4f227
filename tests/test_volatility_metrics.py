"""Metrics of forecast variances held against hand arithmetic and scikit-learn.

A forecast is a log of a volatility, half the log of a variance: a factor of two that is forgotten moves each metric and
raises nothing.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score

from gatewise.errors import DivergedError
from gatewise.evaluation.volatility_metrics import volatility_scores

RNG = np.random.default_rng(0)
V = np.exp(RNG.normal(size=500))
F = np.sqrt(V) * np.exp(0.4 * RNG.normal(size=500) + 0.3)


def metrics(variance: np.ndarray, forecast: np.ndarray, group: np.ndarray | None = None) -> dict[str, float]:
    scores = volatility_scores(0.5 * np.log(variance), 0.5 * np.log(forecast), group)
    return {name: float(value) for name, value in scores.metrics(scores.contributions.sum(axis=0)).items()}


def test_by_hand() -> None:
    found = metrics(np.array([1.0, 4.0]), np.array([2.0, 2.0]))
    ln2 = np.log(2.0)
    assert found["qlike"] == pytest.approx(((0.5 + ln2 - 1) + (2 - ln2 - 1)) / 2)
    assert found["log_mse"] == pytest.approx(ln2**2)
    assert found["log_r2"] == pytest.approx(0.0)
    assert found["mz_r2"] == 0.0  # a forecast that never moves explains nothing


def test_against_scikit_learn() -> None:
    found, a, f = metrics(V, F), np.log(V), np.log(F)
    assert found["log_mse"] == pytest.approx(mean_squared_error(a, f))
    assert found["log_r2"] == pytest.approx(r2_score(a, f))
    assert found["mz_r2"] == pytest.approx(LinearRegression().fit(f[:, None], a).score(f[:, None], a))


def test_a_constant_factor_moves_all_but_the_regression() -> None:
    found, other = metrics(V, F), metrics(V, 2 * F**3)
    assert other["mz_r2"] == pytest.approx(found["mz_r2"])
    assert all(other[name] > found[name] + 0.1 for name in ("qlike", "log_mse"))
    assert other["log_r2"] < found["log_r2"] - 0.1


def test_the_level_of_a_symbol_is_none_of_its_skill() -> None:
    group = np.arange(500) % 2
    level = np.where(group == 0, 1.0, 1e6)
    found = metrics(V * level, F * level, group)
    apart = [metrics(V[group == one], F[group == one]) for one in (0, 1)]
    assert metrics(V * level, F * level)["mz_r2"] > 0.99
    for name in ("log_r2", "mz_r2"):
        assert found[name] == pytest.approx(np.mean([one[name] for one in apart]), abs=0.02)


def test_a_forecast_that_no_float_holds_is_refused() -> None:
    with pytest.raises(DivergedError, match="1 of them not"):
        volatility_scores([0.0, 0.0], [0.0, -1e4])
