"""Class weights change what is learned best, and not the prior: probabilities stay those of the world at hand.

A model of reweighted losses speaks of a world in which rare classes are frequent. Judged raw its log loss is worse than
knowing nothing, which reads as a bad model and is a wrong prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import gatewise
from gatewise.class_weights import class_weights, log_weights, weights_remark
from gatewise.config.load import load_config
from gatewise.errors import ConfigError, LabelError, UnknownNameError

CLASSES = ("down", "flat", "up")
COUNTS = np.array([10, 80, 10])
FIELDS: dict[str, Any] = {
    "hidden_size": 4, "num_layers": 1, "dropout": 0.0, "batch_size": 256, "max_epochs": 30, "learning_rate": 0.03,
    "device": "cpu",
}  # fmt: skip


def rare(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X [rows, 1, 1], y, and the true probability of the rare class 1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    posterior = 1 / (1 + np.exp(4.0 - 1.5 * x))
    return x[:, None, None], (rng.random(rows) < posterior).astype(int), posterior


def log_loss(prob: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(prob[np.arange(len(y)), y]).mean())


def test_a_balanced_models_probabilities_are_those_of_the_world_it_was_trained_in() -> None:
    X, y, posterior = rare(4000)
    model = gatewise.ModelRegistry.create("lstm", **FIELDS, class_weights="balanced")
    prob = model.fit(X[:2500], y[:2500], X[2500:], y[2500:]).predict_proba(X)
    # The same by the formula for a shifted prior, from a model that knows nothing of ours.
    weights = len(y[:2500]) / (2 * np.bincount(y[:2500]))
    fitted = LogisticRegression(class_weight="balanced", C=1e6).fit(X[:2500, 0], y[:2500])
    peer = fitted.predict_proba(X[:, 0]) / weights
    peer /= peer.sum(axis=1, keepdims=True)
    prior = np.tile(np.bincount(y[:2500]) / 2500, (1500, 1))
    assert log_loss(prob[2500:], y[2500:]) < log_loss(prior, y[2500:]) - 0.01
    assert np.abs(prob[:, 1] - posterior).mean() < 0.02
    assert np.abs(prob[:, 1] - peer[:, 1]).mean() < 0.02
    assert prob[:2500, 1].mean() == pytest.approx(y[:2500].mean(), rel=0.25), "raw, it would say about a third"


def test_the_monitored_loss_is_the_log_loss_of_what_is_predicted() -> None:
    X, y, _ = rare(600)
    model = gatewise.ModelRegistry.create("lstm", **(FIELDS | {"max_epochs": 3}), class_weights={0: 1, 1: 20})
    model.fit(X[:400], y[:400], X[400:], y[400:])
    assert model.result is not None
    assert model.result.best_loss == pytest.approx(log_loss(model.predict_proba(X[400:]), y[400:]), rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(weights=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3), seed=st.integers(0, 99))
def test_dividing_by_the_weights_undoes_the_shift_that_they_make(weights: list[float], seed: int) -> None:
    weight = np.array(weights, np.float32)
    z = np.random.default_rng(seed).normal(size=(5, 3))
    shift = log_weights(weight)
    raised = np.exp(z + (0.0 if shift is None else shift))
    corrected = raised / raised.sum(axis=1, keepdims=True) / weight
    plain = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(corrected / corrected.sum(axis=1, keepdims=True), plain, rtol=1e-4)


def test_weights_that_are_all_the_same_shift_nothing() -> None:
    assert log_weights(np.full(3, 2.5, np.float32)) is None
    assert log_weights(np.empty(0, np.float32)) is None


@pytest.mark.parametrize("rule", [(1.0, 2.0, 4.0), {"up": 4.0, "down": 1.0, "flat": 2.0}])
def test_weights_are_given_in_the_classes_order_or_by_name(rule: Any) -> None:
    np.testing.assert_array_equal(class_weights(rule, COUNTS, CLASSES), np.array([1, 2, 4], np.float32))


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ({"up": 1.0, "down": 1.0}, LabelError, "missing: flat"),
        ({"up": 1.0, "down": 1.0, "flat": 1.0, "upp": 2.0}, UnknownNameError, "upp"),
        ((1.0, 2.0), LabelError, "3 numbers above 0"),
        ((0.0, 1.0, 1.0), LabelError, "above 0"),
        ((1e-60, 1.0, 1.0), LabelError, "above 0"),
        ((-1.0, 1.0, 1.0), LabelError, "above 0"),
        ({"up": 1.0, "down": 0.0, "flat": 1.0}, LabelError, "above 0"),
    ],
)
def test_weights_that_can_not_be_are_refused_in_one_line(rule: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        class_weights(rule, COUNTS, CLASSES)
    assert getattr(caught.value, "hint", None)
    assert "\n" not in str(caught.value)


def test_weights_by_name_come_from_a_config_file_or_a_flag_and_need_classes() -> None:
    config = load_config(assignments=["training.class_weights={down: 1, flat: 0.5, up: 2}"])
    assert config.training.class_weights == {"down": 1, "flat": 0.5, "up": 2}
    assert load_config(base=config.to_dict()) == config


@pytest.mark.parametrize("rule", ["balanced", "{down: 1}", "[1, 2, 1]"])
@pytest.mark.parametrize("kind", ["forward_return", "next_row"])
def test_weights_of_classes_are_refused_where_numbers_are_predicted_with_a_way_out(rule: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"need classes; target.kind is {kind}") as caught:
        load_config(assignments=[f"training.class_weights={rule}", f"target.kind={kind}"])
    assert caught.value.hint is not None
    assert caught.value.hint.startswith('training.class_weights="none"')
    load_config(assignments=['training.class_weights="none"', f"target.kind={kind}"])
    if rule == "balanced":
        load_config(assignments=["training.class_weights=balanced", 'target.kind="direction"'])


@pytest.mark.parametrize(
    ("rule", "faint"),
    [
        ("balanced", ()),
        ("none", ()),
        ((1.0, 1.0, 1.0), ()),
        ((8.0, 1.0, 8.0), ()),
        ((1.0, 1.0, 1e6), ("down", "flat")),
        ((1.0, 1e-5, 1.0), ("flat",)),
    ],
)
def test_classes_that_weights_leave_no_say_are_named(rule: Any, faint: tuple[str, ...]) -> None:
    said = weights_remark(rule, COUNTS, CLASSES)
    assert [name for name in CLASSES if f" {name} " in (said or "").replace(":", " ")] == list(faint)
    rare_by_nature = np.array([1, 10_000, 10_000])
    assert weights_remark((1.0, 1.0, 1.0), rare_by_nature, CLASSES) is None


def test_weights_that_float32_does_not_hold_beside_each_other_are_refused() -> None:
    with pytest.raises(
        LabelError, match=r"a share of the training loss that float32 holds.*down 1e-10, flat 8e-10"
    ) as e:
        class_weights((1.0, 1.0, 1e10), COUNTS, CLASSES)
    assert e.value.hint
    assert len(class_weights((1.0, 1.0, 1e6), COUNTS, CLASSES)) == 3


def test_arrays_say_which_label_hardly_counts(caplog: pytest.LogCaptureFixture) -> None:
    X, y, _ = rare(300)
    gatewise.ModelRegistry.create("lstm", **(FIELDS | {"max_epochs": 1}), class_weights={0: 1e-6, 1: 1}).fit(X, y, X, y)
    assert "next to no share of the training loss: 0 " in caplog.text


def test_arrays_take_weights_by_label_and_name_the_label_that_is_not_there() -> None:
    X, y, _ = rare(300)
    create = gatewise.ModelRegistry.create
    with pytest.raises(UnknownNameError, match="7"):
        create("lstm", **FIELDS, class_weights={0: 1, 7: 2}).fit(X, y, X, y)
    with pytest.raises(LabelError, match="missing: 1"):
        create("lstm", **FIELDS, class_weights={0: 1}).fit(X, y, X, y)
