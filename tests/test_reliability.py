"""Calibration errors and a Brier score's parts, against netcal's numbers, closed forms and gone through one by one.

A gap that is taken over the wrong rows, or of the wrong class, is a number between 0 and 1 all the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from gatewise.evaluation.base import class_prediction
from gatewise.evaluation.class_metrics import class_scores, classification_metrics
from gatewise.evaluation.judge import judge_part
from gatewise.evaluation.moments import moments
from gatewise.evaluation.reliability import brier_parts, classwise_error, reliability, width_error
from gatewise.targets.outputs.classes import probabilities

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NAMES = ("a", "b", "c", "d")


def waves() -> tuple[Floats, Ints]:
    """400 rows without a generator, so that other programs can be shown the same."""
    i = np.arange(400)
    return probabilities(
        1.5 * np.stack([np.sin(i * 0.7), np.cos(i * 1.3), np.sin(i * 2.1 + 1)], axis=1)
    ), i * 7919 % 13 % 3


def drawn(seed: int, rows: int, num_classes: int) -> tuple[Floats, Ints]:
    """(What a calibrated model says, what comes)."""
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.ones(num_classes), rows)
    y = (rng.random((rows, 1)) > prob.cumsum(axis=1)).sum(axis=1)
    return prob, np.minimum(y, num_classes - 1)


def test_errors_over_bins_of_equal_width_are_those_of_netcal() -> None:
    """netcal 1.4.0 on the same rows: `ECE(15).measure(prob, y)`; of a class `ECE(15).measure(prob[:, k], y == k)`."""
    prob, y = waves()
    found = classification_metrics(y, prob, NAMES[:3])
    assert found["ece_width"] == pytest.approx(0.2861106908546462, abs=1e-9)
    of_class = [width_error(prob[:, k], (y == k).astype(float)) for k in range(3)]
    assert of_class == pytest.approx([0.21596677435417655, 0.20259235352543553, 0.21071163690900302], abs=1e-9)
    assert found["ece_classwise"] == classwise_error(prob, y) == pytest.approx(np.mean(of_class))


def test_a_class_that_is_never_decided_on_shows_in_the_classwise_error_alone() -> None:
    """c is always said to come at 30 % and never comes; what is decided on, a, comes as often as it is said."""
    prob, y = np.tile([0.4, 0.3, 0.3], (1_000, 1)), np.repeat([0, 1], [400, 600])
    found = classification_metrics(y, prob, NAMES[:3])
    assert found["ece_width"] == pytest.approx(0)
    assert found["ece_classwise"] == pytest.approx((0 + 0.3 + 0.3) / 3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 900), st.integers(2, 4))
def test_the_parts_add_up_to_the_brier_score(seed: int, rows: int, num_classes: int) -> None:
    prob, y = drawn(seed, rows, num_classes)
    parts = brier_parts(prob, y)
    brier = classification_metrics(y, prob, NAMES[:num_classes])["brier"]
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins == pytest.approx(brier)
    share = np.bincount(y, minlength=num_classes) / rows
    assert parts.uncertainty == pytest.approx((share * (1 - share)).sum())
    assert min(parts.reliability, parts.resolution) >= 0


def test_parts_by_hand() -> None:
    """Two values of what is said, in bins of their own: Murphy's identity, without anything inside of bins."""
    said = np.repeat([0.2, 0.6], 100)
    came = np.concatenate([np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [30, 70])])
    parts = brier_parts(np.column_stack([1 - said, said]), came)
    assert parts.reliability == pytest.approx(2 * 0.5 * (0.1**2 + 0.1**2))
    assert parts.resolution == pytest.approx(2 * 0.3**2)
    assert parts.uncertainty == pytest.approx(2 * 0.4 * 0.6)
    assert parts.within_bins == pytest.approx(0, abs=1e-12)


def test_brier_skill_is_what_is_gained_on_the_prior_with_an_interval() -> None:
    prob, y = drawn(1, 20_000, 3)
    prior = np.array([0.2, 0.5, 0.3])
    knows_nothing = np.tile(prior, (20_000, 1))
    model, reference = (class_scores(y, class_prediction(each), NAMES[:3], prior) for each in (prob, knows_nothing))
    how = {"time_us": np.arange(20_000), "symbol": np.zeros(20_000, np.int64), "horizon": 1, "confidence": 0.95}
    part = judge_part("test", model, {"prior": reference}, deciding_metric="log_loss", chance=("prior",), **how)
    found = part.metrics["brier_skill"]
    brier = [((each - np.eye(3)[y]) ** 2).sum(axis=1) for each in (prob, prior)]
    assert found.value == pytest.approx(1 - brier[0].mean() / brier[1].mean())
    assert found.low is not None
    assert found.high is not None
    rng = np.random.default_rng(0)
    again = [rng.integers(0, 20_000, 20_000) for _ in range(200)]
    spread = np.std([1 - brier[0][at].mean() / brier[1][at].mean() for at in again])
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * spread, rel=0.35)
    assert (part.baselines["prior"]["brier_skill"].value, part.baselines["prior"]["brier_skill"].low) == (0, None)
    assert "brier_skill" not in classification_metrics(y, prob, NAMES[:3])


def test_what_was_seen_in_a_bin_has_intervals_that_hold_what_was_true_also_with_moods() -> None:
    """Whether the model is right comes in moods of about ten rows; nominal 95 %."""
    held, bins = 0, 0
    rows, when = 6_000, moments(np.arange(6_000), np.zeros(6_000, np.int64))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        mood = lfilter([np.sqrt(1 - 0.8**2)], [1.0, -0.8], rng.normal(size=rows + 100))[100:]
        said = np.clip(0.6 + 0.1 * rng.normal(size=rows), 0.51, 0.95)
        rank = np.argsort(np.argsort(mood)) / rows
        y = (rank > said).astype(np.int64)  # class 0 comes as often as it is said to
        seen = reliability(y, class_prediction(np.column_stack([said, 1 - said])), when, memory=9.0)
        for confidence, each in zip(seen.confidence, seen.accuracy, strict=True):
            assert each.low is not None
            assert each.high is not None
            held, bins = held + (each.low <= confidence <= each.high), bins + 1
    assert 0.93 < held / bins <= 1


def test_few_rows_in_a_bin_say_why_there_is_no_interval() -> None:
    prob, y = drawn(2, 1_500, 3)
    seen = reliability(y, class_prediction(prob), moments(np.arange(1_500), np.zeros(1_500, np.int64)), memory=40.0)
    assert {each.low for each in seen.accuracy} == {None}
    assert all(each.reason for each in seen.accuracy)
    assert seen.to_dict()["low"] == [None] * 15
