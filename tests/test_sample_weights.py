"""Weights by average uniqueness and age: against the book's example, a loop over labels and rows, and closed forms.

A weight that is off by a row, or that saw a row too many, trains a model that works and is only a little worse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from audit_tables import random_walk, small_experiment
from gatewise import SequenceModel
from gatewise.config.load import load_config
from gatewise.config.model_section import LogisticConfig, RidgeConfig, XgboostConfig
from gatewise.config.training_section import TrainingConfig
from gatewise.config.volatility_models import HarConfig
from gatewise.errors import ConfigError
from gatewise.fold import FittedFold, fit_fold, make_windows
from gatewise.learners.table import train_model
from gatewise.learners.tabular import training_rows
from gatewise.rows import rows_in_windows
from gatewise.sample_weights import average_uniqueness, decay_remark, even_remark, fit_sample_weights, time_decay, weigh
from gatewise.samples import Samples, make_samples
from gatewise.splits.chronological import chronological_split
from gatewise.tabular.base import TrainingRows
from gatewise.tabular.har import Har
from gatewise.tabular.linear_models import Logistic, Ridge
from gatewise.tabular.xgboost import Xgboost
from gatewise.training.device import Precision
from gatewise.training.listeners import Listeners
from gatewise.training.objective import make_objective

UNIQUE, DECAYED = (TrainingConfig(sample_weights=rule) for rule in ("uniqueness", "uniqueness_decay"))
Ints = npt.NDArray[np.int64]


def by_loops(rows: Ints, known_at: Ints) -> npt.NDArray[np.float64]:
    """By what is meant: a label reads the rows after its own, up to the one at which it is known."""
    read = [set(range(row + 1, known + 1)) for row, known in zip(rows, known_at, strict=True)]
    return np.array([np.mean([1 / sum(t in other for other in read) for t in one]) for one in read])


# ---- the arithmetic


def test_the_books_example() -> None:
    """Of returns r[0,3], r[2,4] and r[4,6]: López de Prado 2018, section 4.5.3."""
    unique = average_uniqueness(np.array([0, 2, 4]), np.array([3, 4, 6]))
    np.testing.assert_allclose(unique, [5 / 6, 3 / 4, 1], rtol=1e-12)


def test_labels_that_do_not_overlap_count_alike_to_the_bit() -> None:
    rows = np.arange(0, 1000, 7)
    weights = weigh(UNIQUE, rows, rows + 7, rows)
    assert weights is not None
    assert np.array_equal(weights.weight, np.ones(len(rows)))
    assert weights.effective_rows == len(rows)


@pytest.mark.parametrize("horizon", [1, 2, 20])
def test_of_a_fixed_horizon_it_is_one_over_that_inside(horizon: int) -> None:
    rows = np.arange(500)
    unique = average_uniqueness(rows, rows + horizon)
    np.testing.assert_allclose(unique[horizon - 1 : 500 - horizon + 1], 1 / horizon, rtol=1e-10)
    first = np.mean([1 / min(t + 1, horizon) for t in range(horizon)])
    np.testing.assert_allclose(unique[[0, -1]], first, rtol=1e-10)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=40))
def test_it_is_what_a_loop_over_labels_and_rows_gives(labels: list[tuple[int, int]]) -> None:
    rows, length = np.array(labels).T
    np.testing.assert_allclose(average_uniqueness(rows, rows + length), by_loops(rows, rows + length), rtol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_weights_move_with_their_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, order = rng.integers(0, 200, 50), rng.permutation(50)
    known, time_us = rows + rng.integers(1, 30, 50), rows // 3
    plain, moved = weigh(DECAYED, rows, known, time_us), weigh(DECAYED, rows[order], known[order], time_us[order])
    assert plain is not None
    assert moved is not None
    np.testing.assert_allclose(moved.weight, plain.weight[order], rtol=1e-9)
    assert plain.weight.mean() == pytest.approx(1)


@pytest.mark.parametrize("oldest", [0.0, 0.3, 1.0])
def test_age_takes_away_along_a_line_over_cumulated_uniqueness(oldest: float) -> None:
    """A line through (0, oldest) and (all of it, 1), at what has cumulated: López de Prado 2018, section 4.7."""
    unique = np.array([0.5, 0.25, 1.0, 0.25])
    expected = [oldest + (1 - oldest) * share for share in (0.25, 0.375, 0.875, 1.0)]
    np.testing.assert_allclose(time_decay(unique, np.arange(4), oldest), expected)
    np.testing.assert_allclose(time_decay(unique[::-1], np.arange(4)[::-1], oldest), expected[::-1])


def test_labels_of_one_moment_are_of_one_age() -> None:
    decay = time_decay(np.array([0.5, 0.5, 1.0, 1.0]), np.array([10, 20, 10, 20]), 0.0)
    np.testing.assert_allclose(decay, [0.5, 1, 0.5, 1])


def test_effective_rows_are_kishs() -> None:
    weights = weigh(UNIQUE, np.array([0, 0, 0, 9]), np.array([2, 2, 2, 11]), np.arange(4))  # 1/3, 1/3, 1/3, 1
    assert weights is not None
    assert weights.effective_rows == pytest.approx(4 / (4 / 3))
    assert weights.to_dict()["mean_uniqueness"] == pytest.approx(0.5)


def test_each_class_keeps_its_share_and_age_may_change_it() -> None:
    rows, classes = np.arange(600), np.arange(600) % 3
    ahead = np.where(classes == 1, 20, 3) + rows % 2  # of class 1 no barrier is reached
    unique, decayed = (weigh(rule, rows, rows + ahead, rows, classes) for rule in (UNIQUE, DECAYED))
    assert unique is not None
    assert decayed is not None
    for number in range(3):
        of_class = classes == number
        assert unique.weight[of_class].mean() == pytest.approx(1)
        expected = unique.uniqueness[of_class] / unique.uniqueness[of_class].mean()
        np.testing.assert_allclose(unique.weight[of_class], expected)
    fading = unique.weight * time_decay(unique.uniqueness, rows, 0.5)
    np.testing.assert_allclose(decayed.weight, fading / fading.mean())
    plain = weigh(UNIQUE, rows, rows + ahead, rows)  # of numbers
    assert plain is not None
    np.testing.assert_allclose(plain.weight, plain.uniqueness / plain.uniqueness.mean())


def test_weights_that_change_nothing_are_remarked_on() -> None:
    rows = np.arange(2000)
    fixed, barriers = (weigh(UNIQUE, rows, rows + ahead, rows) for ahead in (5, np.where(rows < 1000, 1, 20)))
    assert "2,000 rows count as 1,99" in str(even_remark(fixed))
    assert even_remark(barriers) is None
    assert even_remark(None) is None
    assert "changes nothing" in str(decay_remark(TrainingConfig(time_decay=0.1)))
    assert decay_remark(TrainingConfig(time_decay=0.1, sample_weights="uniqueness_decay")) is None


# ---- in a fold


def fitted(symbols: str = "A", **changes: Any) -> tuple[Samples, Ints, FittedFold]:
    config = small_experiment(**({"training__sample_weights": "uniqueness", "features__sets": ["ohlcv"]} | changes))
    samples = make_samples(config, random_walk(700, symbols=symbols))
    split = chronological_split(samples.spans, config.split, samples.table.timeframe)
    return samples, split.train, fit_fold(config, samples, split.train)


def test_only_labels_that_are_learned_from_count() -> None:
    samples, train, fold = fitted(windows__stride=3)
    assert fold.sample_weights is not None
    learned = train[::3]
    assert np.array_equal(fold.sample_weights.rows, learned)
    np.testing.assert_allclose(
        fold.sample_weights.uniqueness, by_loops(learned, samples.labels.known_at[learned]), rtol=1e-9
    )
    everywhere = fold.sample_weights.over(700)
    assert (np.delete(everywhere, learned) == 1).all()  # what is judged counts alike


def test_each_symbol_has_its_own_concurrency() -> None:
    _, train, fold = fitted("AB", split__embargo_rows=0)
    alone, _, lone = fitted("A", split__embargo_rows=0)
    assert fold.sample_weights is not None
    assert lone.sample_weights is not None
    of_a = train < alone.table.num_rows
    assert 0 < of_a.sum() < len(train)
    np.testing.assert_allclose(fold.sample_weights.uniqueness[of_a], lone.sample_weights.uniqueness, rtol=1e-9)


def test_labels_of_all_steps_that_are_scored_count() -> None:
    samples, train, fold = fitted(windows__supervise="every", windows__stride=4)
    assert fold.sample_weights is not None
    scored = rows_in_windows(train[::4], samples.steps_scored, 700)
    assert np.array_equal(fold.sample_weights.rows, scored[samples.labels.valid[scored]])


def test_what_follows_training_moves_no_weight() -> None:
    config = small_experiment(training__sample_weights="uniqueness_decay")
    samples = make_samples(config, random_walk(700))
    train = samples.rows[:300]
    known = np.where(np.arange(700) > train[-1], np.minimum(np.arange(700) + 1, 699), samples.labels.known_at)
    other = replace(samples, labels=replace(samples.labels, known_at=known))
    weights = [fit_sample_weights(config.training, one, train) for one in (samples, other)]
    assert weights[0] is not None
    assert weights[1] is not None
    assert np.array_equal(weights[0].weight, weights[1].weight)


def test_none_is_what_it_was() -> None:
    assert fitted(training__sample_weights="none")[2].sample_weights is None
    assert load_config().digest == load_config(overrides={"training.sample_weights": "none"}).digest
    assert load_config().digest != load_config(overrides={"training.sample_weights": "uniqueness"}).digest


# ---- in training


def test_a_batchs_loss_is_the_weighted_mean_of_its_samples_with_class_weights_too() -> None:
    config = small_experiment(training__sample_weights="uniqueness_decay", training__class_weights="balanced")
    samples = make_samples(config, random_walk(700))
    train = samples.rows[:400]
    fold = fit_fold(config, samples, train)
    assert fold.sample_weights is not None
    rows = torch.from_numpy(train[5:60])
    batch = make_windows(config, samples, fold, torch.device("cpu")).batch(rows)
    by_class, y = fold.class_weights[samples.labels.y[train]], torch.from_numpy(samples.labels.y[train[5:60]])
    weight = torch.from_numpy((by_class * fold.sample_weights.weight)[5:60])
    logits = torch.randn(55, 3, generator=torch.Generator().manual_seed(0))
    objective = make_objective(config.training, Precision(torch.float32, False, ""), samples.labels.spec)
    loss_N, _ = objective(lambda x_BTF: logits, batch)
    raised = logits + torch.from_numpy(fold.class_weights).log()
    expected = (nn.functional.cross_entropy(raised, y, reduction="none") * weight).sum() / weight.sum()
    torch.testing.assert_close((loss_N * batch.weight).sum() / batch.weight.sum(), expected.float())


def test_given_weights_multiply_fitted_ones_and_leave_samples_out() -> None:
    config = small_experiment(training__sample_weights="uniqueness")
    samples = make_samples(config, random_walk(700))
    given_weight = np.random.default_rng(1).integers(0, 3, 700).astype(np.float32)
    samples, train = replace(samples, weight=given_weight), samples.rows[:300]
    fold = fit_fold(config, samples, train)
    kept = train[given_weight[train] > 0]
    assert fold.sample_weights is not None
    np.testing.assert_allclose(fold.sample_weights.uniqueness, by_loops(kept, samples.labels.known_at[kept]), rtol=1e-9)
    rows = training_rows(config, samples, fold, kept, np.zeros((len(kept), 1), np.float32))
    np.testing.assert_allclose(rows.weight, fold.sample_weights.weight * given_weight[kept], rtol=1e-6)


TABULAR = {
    "logistic": (Logistic, LogisticConfig(name="logistic", strength=0.01), 3),
    "ridge": (Ridge, RidgeConfig(name="ridge", penalty=10), 0),
    "xgboost, classes": (Xgboost, XgboostConfig(name="xgboost", rounds=5, min_rows=5), 3),
    "xgboost, numbers": (Xgboost, XgboostConfig(name="xgboost", rounds=5, min_rows=5), 0),
    "har": (Har, HarConfig(name="har"), 0),
    "har_log": (Har, HarConfig(name="har_log"), 0),
}


@pytest.mark.parametrize("name", TABULAR)
def test_a_whole_weight_is_so_many_equal_rows(name: str) -> None:
    kind, config, num_classes = TABULAR[name]
    rng = np.random.default_rng(3)
    x = rng.integers(-4, 5, (300, 3)).astype(np.float32)  # few values, so that trees may cut between all of them
    signal = x[:, 0] + rng.normal(size=300)
    y = np.digitize(signal, [-1, 1]).astype(np.int64) if num_classes else np.stack([signal, -(x[:, 1] ** 2)], axis=1)
    if kind is Har:
        x, y = np.exp(x / 4), signal[:, None] / 4
    times = rng.integers(1, 4, 300)

    def rows(repeats: Ints, weight: npt.NDArray[np.float64] | None) -> TrainingRows:
        number = np.repeat(np.arange(300), repeats)
        return TrainingRows(x[number], y[number], num_classes, number, number + 1, 7, weight)

    weighted = kind.fit(rows(np.ones(300, np.int64), times.astype(np.float64)), config)
    repeated = kind.fit(rows(times, None), config)
    plain = kind.fit(rows(np.ones(300, np.int64), None), config)
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), atol=2e-5)
    assert np.abs(weighted.predict(x) - plain.predict(x)).max() > 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"model__name": "logistic"},
        {"model__name": "lstm", "model__hidden_size": 4, "model__num_layers": 1, "training__max_epochs": 1,
         "training__batch_size": 64},
        {"model__name": "stacking", "model__base_models": ["ridge", "xgboost"], "model__n_splits": 2,
         "target__kind": "forward_return"},
    ],
    ids=["rows", "network", "ensemble"],
)  # fmt: skip
def test_every_kind_of_model_learns_by_them(changes: dict[str, Any]) -> None:
    predictions = []
    for rule in ("none", "uniqueness_decay"):
        config = small_experiment(training__sample_weights=rule, features__sets=["ohlcv"], **changes)
        samples = make_samples(config, random_walk(700))
        train, val = samples.rows[:450], samples.rows[480:520]
        fold = fit_fold(config, samples, train)
        tensors = train_model(config, samples, fold, train, val, Listeners(())).predictor.tensors()
        predictions.append(torch.cat([tensors[name].double().flatten() for name in sorted(tensors)]))
    assert predictions[0].shape != predictions[1].shape or not torch.equal(*predictions)


# ---- on arrays, and what is refused


def arrays(count: int = 120) -> tuple[npt.NDArray[np.float64], Ints]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(count, 4, 2))
    return X, (X[:, -1, 0] > 0).astype(int)


@pytest.mark.parametrize("model", ["lstm", "logistic"])
def test_on_arrays_they_go_by_the_horizon_and_multiply_those_that_are_given(model: str) -> None:
    X, y = arrays()
    fields: dict[str, Any] = (
        {"seed": 1} if model == "logistic" else {"hidden_size": 4, "num_layers": 1, "max_epochs": 2}
    )
    weight = weigh(UNIQUE, np.arange(90), np.arange(90) + 6, np.arange(90), y[:90])
    assert weight is not None
    split = (X[90:], y[90:])
    by_rule = SequenceModel(model, horizon=6, sample_weights="uniqueness", **fields).fit(X[:90], y[:90], *split)
    by_hand = SequenceModel(model, horizon=6, **fields).fit(X[:90], y[:90], *split, sample_weight=weight.weight)
    plain = SequenceModel(model, horizon=6, **fields).fit(X[:90], y[:90], *split)
    np.testing.assert_allclose(by_rule.predict_proba(X), by_hand.predict_proba(X), atol=1e-6)
    assert not np.array_equal(by_rule.predict_proba(X), plain.predict_proba(X))


def test_on_arrays_without_a_horizon_they_are_refused() -> None:
    X, y = arrays()
    with pytest.raises(ConfigError, match="nothing says when a label of an array is known") as caught:
        SequenceModel("logistic", sample_weights="uniqueness").fit(X, y)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("horizon=20")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.sample_weights=uniquenes", "did you mean 'uniqueness'?"),
        ("training.time_decay=-0.5", "training.time_decay"),
        ("training.time_decay=1.5", "training.time_decay"),
    ],
)
def test_what_is_no_rule_is_refused(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(assignments=[setting])
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_models_of_one_row_take_them() -> None:
    taken = {"model.name": "ridge", "target.kind": "forward_return", "training.sample_weights": "uniqueness"}
    assert load_config(overrides=taken, typed=True).training.sample_weights == "uniqueness"
