"""Metrics are sums over rows here, so that a bootstrap is fast; scikit-learn and closed forms say what they must be.

A wrong average would not crash: it would quietly be printed beside a model for ever.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from gatewise.errors import DivergedError, LabelError
from gatewise.evaluation.base import class_prediction
from gatewise.evaluation.class_metrics import class_scores, classification_metrics, confusion_counts
from gatewise.evaluation.reliability import reliability
from gatewise.evaluation.value_metrics import regression_metrics

CLASSES = ("down", "flat", "up", "moon", "crash")


def random_case(
    seed: int, n: int, num_classes: int, used: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, used, n), rng.dirichlet(np.full(num_classes, 0.7), n)


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(2, 5), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_classification_metrics_are_those_of_scikit_learn(seed: int, n: int, num_classes: int, used: int) -> None:
    y, prob = random_case(seed, n, num_classes, min(used, num_classes))
    label, names = prob.argmax(axis=1), CLASSES[:num_classes]
    found = classification_metrics(y, prob, names)
    expected = {
        "accuracy": sk.accuracy_score(y, label),
        "balanced_accuracy": sk.recall_score(y, label, labels=np.unique(y), average="macro", zero_division=0),
        "log_loss": sk.log_loss(y, prob, labels=range(num_classes)),
        "brier": sk.brier_score_loss(y, prob, labels=range(num_classes), scale_by_half=False),
    }
    for average in ("macro", "weighted"):
        three = sk.precision_recall_fscore_support(y, label, average=average, zero_division=0)[:3]
        expected |= {f"{average}_{name}": v for name, v in zip(("precision", "recall", "f1"), three, strict=True)}
    each = sk.precision_recall_fscore_support(y, label, labels=range(num_classes), average=None, zero_division=0)[:3]
    for name, values in zip(("precision", "recall", "f1"), each, strict=True):
        expected |= {f"{name}_{c}": v for c, v in zip(names, values, strict=True)}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["n"] == n
    assert (
        confusion_counts(y, label, num_classes).tolist()
        == sk.confusion_matrix(y, label, labels=range(num_classes)).tolist()
    )


def test_calibration_error_is_the_gap_between_what_was_said_and_what_was_right() -> None:
    y = np.array([0] * 60 + [1] * 40)
    prob = np.tile([0.8, 0.2], (100, 1))
    assert classification_metrics(y, prob, ("a", "b"))["ece"] == pytest.approx(0.2)


def test_calibration_error_is_that_of_bins_gone_through_one_by_one() -> None:
    rng = np.random.default_rng(5)
    prob = rng.dirichlet(np.ones(3), 1_500)
    y = np.array([rng.choice(3, p=p) for p in prob])
    said, right = prob.max(axis=1), prob.argmax(axis=1) == y
    order = np.argsort(said)
    gaps = [abs(said[b].mean() - right[b].mean()) * len(b) for b in np.split(order, 15)]
    found = classification_metrics(y, prob, CLASSES[:3])["ece"]
    assert found == pytest.approx(sum(gaps) / 1_500, abs=1e-12)
    drawn = reliability(y, class_prediction(prob))
    seen = np.array([each.value for each in drawn.accuracy])
    assert np.sum(np.abs(drawn.confidence - seen) * drawn.rows) / 1_500 == pytest.approx(found)
    assert drawn.rows.tolist() == [100] * 15


def test_few_rows_take_fewer_calibration_bins() -> None:
    y, prob = random_case(3, 250, 3, 3)
    assert len(reliability(y, class_prediction(prob)).rows) == 2


def test_a_decision_that_is_not_the_most_probable_class_counts_as_decided() -> None:
    prob = np.tile([0.9, 0.1], (4, 1))
    found = classification_metrics(np.array([1, 1, 1, 0]), prob, ("a", "b"), label=np.array([1, 1, 1, 1]))
    assert found["accuracy"] == 0.75
    assert found["ece"] == pytest.approx(0.65)


def test_one_class_alone_has_finite_metrics() -> None:
    found = classification_metrics(np.zeros(30, dtype=np.int64), np.tile([0.7, 0.2, 0.1], (30, 1)), CLASSES[:3])
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 1
    assert np.isfinite(list(found.values())).all()


def test_a_certain_mistake_costs_a_finite_log_loss() -> None:
    found = classification_metrics(np.array([1]), np.array([[1.0, 0.0]]), ("a", "b"))
    assert found["log_loss"] == pytest.approx(-np.log(np.finfo(np.float64).eps))


def test_a_sum_over_any_multiset_of_rows_gives_that_multiset_s_metrics() -> None:
    y, prob = random_case(8, 200, 3, 3)
    drawn = np.random.default_rng(1).integers(0, 200, 200)
    scores = class_scores(y, class_prediction(prob), CLASSES[:3])
    found = scores.metrics(scores.contributions[drawn].sum(axis=0)[None])
    alone = classification_metrics(y[drawn], prob[drawn], CLASSES[:3])
    # The calibration bins are those of all rows, so calibration errors may differ.
    assert {k: float(v[0]) for k, v in found.items() if k != "ece"} == pytest.approx(
        {k: v for k, v in alone.items() if not k.startswith("ece") and k != "n"}
    )


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_regression_metrics_are_those_of_scikit_learn(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, outputs)) * 10.0 ** rng.integers(-4, 5, outputs) + rng.normal()
    value = y + rng.normal(size=y.shape)
    names = [f"o{k}" for k in range(outputs)]
    found = regression_metrics(y, value, names)
    assert found["r2"] == pytest.approx(sk.r2_score(y, value), rel=1e-6, abs=1e-9)
    each = {f"o{k}": (y[:, k], value[:, k]) for k in range(outputs)} if outputs > 1 else {"": (y[:, 0], value[:, 0])}
    for name, pair in each.items():
        tail = f"_{name}" if name else ""
        assert found[f"mae{tail}"] == pytest.approx(sk.mean_absolute_error(*pair))
        assert found[f"rmse{tail}"] == pytest.approx(sk.root_mean_squared_error(*pair))


def test_several_outputs_are_put_together_in_units_of_their_scale() -> None:
    y, value = np.zeros((3, 2)), np.tile([2.0, 3_000.0], (3, 1))
    found = regression_metrics(y, value, ("price", "volume"), scale=[2.0, 1_000.0])
    assert found["rmse"] == pytest.approx(np.sqrt((1 + 9) / 2))
    assert found["mae"] == pytest.approx(2.0)
    assert found["rmse_volume"] == pytest.approx(3_000)


@pytest.mark.parametrize(("value", "r2"), [(2.5, 1.0), (2.6, 0.0)])
def test_r2_of_a_constant_truth_is_one_or_zero(value: float, r2: float) -> None:
    y = np.full((40, 1), 2.5)
    assert regression_metrics(y, np.full_like(y, value), ("o",))["r2"] == r2 == sk.r2_score(y, np.full_like(y, value))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=4))
def test_r2_of_several_groups_is_about_the_mean_of_each_and_knows_none_of_their_levels(seed: int, levels: list) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(levels), size=60)
    y, error = rng.normal(size=60), rng.normal(size=60)
    means = np.array([y[group == number].mean() if (group == number).any() else 0 for number in range(len(levels))])
    wanted = 1 - np.square(error).sum() / np.square(y - means[group]).sum()
    level = np.array(levels)[group]
    found = regression_metrics(level + y, level + y + error, ("a",), group=group)
    assert found["r2"] == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    assert regression_metrics(y, y + error, ("a",)) == regression_metrics(y, y + error, ("a",), group=np.zeros(60, int))


def test_direction_counts_rows_that_moved_and_gives_half_for_saying_nothing() -> None:
    y, value = np.array([11.0, 9.0, 10.0, 12.0, 13.0]), np.array([10.5, 10.5, 99.0, 10.0, 11.0])
    start = np.array([10.0, 10.0, 10.0, 10.0, np.nan])
    # right, wrong, did not move, said nothing, start unknown
    assert regression_metrics(y, value, ("o",), reference=start)["directional_accuracy"] == pytest.approx(1.5 / 3)
    assert "directional_accuracy" not in regression_metrics(y, value, ("o",))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -0.1])
def test_probabilities_that_are_none_are_refused(broken: float) -> None:
    with pytest.raises(DivergedError, match="1 of 2 rows"):
        classification_metrics(np.array([0, 1]), np.array([[0.5, 0.5], [broken, 0.5]]), ("a", "b"))


def test_predicted_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DivergedError, match="1 values not finite"):
        regression_metrics(np.zeros(2), np.array([0.0, np.nan]), ("o",))


def test_labels_outside_the_classes_and_no_labels_are_refused() -> None:
    with pytest.raises(LabelError, match=r"0\.\.1; got 0\.\.2"):
        classification_metrics(np.array([0, 2]), np.full((2, 2), 0.5), ("a", "b"))
    with pytest.raises(LabelError, match="at least one"):
        classification_metrics(np.array([], dtype=np.int64), np.empty((0, 2)), ("a", "b"))
    with pytest.raises(LabelError, match="at least one"):
        regression_metrics(np.empty((0, 1)), np.empty((0, 1)), ("o",))
