"""Whether QLIKE asks for the true variance, is the same trained on and judged by, and what forecasts are judged beside.

A loss that is least elsewhere than at the truth ranks forecasts wrongly, however well it is computed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from audit_tables import random_walk, small_experiment
from gatewise.config.training_section import TrainingConfig
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.volatility import VolatilityJudge
from gatewise.evaluation.volatility_metrics import volatility_scores
from gatewise.fold import fit_fold, label_units
from gatewise.samples import make_samples
from gatewise.training.losses import make_loss


def metrics_of(v: list[float], f: list[float], group: list[int] | None = None) -> dict[str, float]:
    scores = volatility_scores(0.5 * np.log(v), 0.5 * np.log(f), group)
    return {name: float(value) for name, value in scores.metrics(scores.contributions.sum(axis=0)).items()}


def test_sums_over_any_rows_give_the_metrics_of_those_rows() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(2, 50))
    scores, at = volatility_scores(y, p), np.array([3, 3, 10, 40])
    again = volatility_scores(y[at], p[at])
    sums = scores.on_rows(at).contributions.sum(axis=0)
    # r2 is about the mean of these rows, wherever that lies beside the whole's.
    expected = again.metrics(again.contributions.sum(axis=0))
    np.testing.assert_allclose(list(scores.metrics(sums).values()), list(expected.values()))


def test_qlike_is_least_at_the_true_variance_and_the_squared_log_below_it() -> None:
    """Of realised variances around a true one of 1, as sums of squared normal returns are."""
    rng = np.random.default_rng(0)
    realised = np.square(rng.normal(size=(40_000, 5))).mean(axis=1)
    grid = np.linspace(0.5, 1.5, 101)
    qlike = [metrics_of(list(realised), [f] * len(realised))["qlike"] for f in (0.8, 1.0, 1.2)]
    assert min(qlike) == qlike[1]
    losses = [np.mean(realised / f - np.log(realised / f) - 1) for f in grid]
    assert grid[int(np.argmin(losses))] == pytest.approx(1, abs=0.02)
    # E ln of a mean of k squares is psi(k/2) - ln(k/2): for 5 about -0.21.
    squares = [np.mean((np.log(realised) - np.log(f)) ** 2) for f in grid]
    assert grid[int(np.argmin(squares))] == pytest.approx(math.exp(-0.2132), abs=0.02)


def test_a_loss_of_scaled_outputs_is_the_metric_of_the_variance() -> None:
    """The target's scale is one half whatever the training rows, so no further unit is needed."""
    config = small_experiment(target__kind="realized_volatility", target__volatility_rows=None, target__horizon=3)
    samples = make_samples(config, random_walk(600, symbols="AB"))
    fold = fit_fold(config, samples, samples.rows[:200])
    assert fold.target_scaler is not None
    np.testing.assert_array_equal(fold.target_scaler.scale, 0.5)
    np.testing.assert_allclose(fold.target_scaler.center, samples.labels.y[samples.rows[:200]].mean(), rtol=1e-12)
    rows = samples.rows[200:260]
    units, y = label_units(samples, fold), samples.labels.at(rows)
    assert units is not None
    forecast = y + np.random.default_rng(0).normal(0, 0.3, y.shape)
    scores = volatility_scores(y, forecast)
    outputs, learned = (torch.from_numpy(units.scale(values, rows)) for values in (forecast, y))
    for name, column in (("qlike", 1), ("mse", 2)):
        loss = make_loss(TrainingConfig(loss={"name": name}).loss, "volatility")
        np.testing.assert_allclose(loss(outputs, learned).numpy(), scores.contributions[:, column], rtol=1e-9)


def test_baselines_are_the_last_horizon_the_last_five_and_the_best_constant() -> None:
    config = small_experiment(target__kind="realized_volatility", target__volatility_rows=None, target__horizon=3)
    table = random_walk(600)
    samples = make_samples(config, table)
    train, rows = samples.rows[:200], samples.rows[250:300]
    ground, judge = Ground(table, samples.labels, train), VolatilityJudge()
    close = np.log(table.frame["close"].to_numpy())
    squares = np.append(0, np.square(np.diff(close)))
    walk = [0.5 * math.log(squares[t - 2 : t + 1].sum()) for t in rows]
    five = [0.5 * math.log(squares[t - 14 : t + 1].sum() / 5) for t in rows]
    found = judge.references(ground, rows)
    np.testing.assert_allclose(found["random_walk"][:, 0], walk, rtol=1e-9)
    np.testing.assert_allclose(found["mean_5"][:, 0], five, rtol=1e-9)
    prior = judge.knowing_nothing(ground, rows)
    labels = samples.labels.at(train)
    constants = prior[0, 0] + np.linspace(-0.5, 0.5, 101)
    losses = [volatility_scores(labels, np.full(labels.shape, c)).loss.mean() for c in constants]
    assert int(np.argmin(losses)) == 50
