"""Baselines must be fair: as good as one row allows, from training rows only, and never from a label not yet known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.evaluation.baselines import choose_rows, fit_class_baselines, fit_value_baselines
from gatewise.evaluation.class_metrics import classification_metrics
from gatewise.evaluation.persistence import class_persistence, last_known_row
from gatewise.evaluation.value_metrics import regression_metrics
from gatewise.tabular.base import class_prior

Ints = npt.NDArray[np.int64]


def clock(n: int, horizon: int = 3) -> tuple[Ints, Ints]:
    return np.arange(n) * 60, (np.arange(n) + horizon) * 60


def features(n: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_persistence_takes_the_latest_label_that_is_known_and_no_later_one(seed: int, n: int, symbols: int) -> None:
    rng = np.random.default_rng(seed)
    symbol = np.sort(rng.integers(0, symbols, n))
    start = np.searchsorted(symbol, symbol)
    end = np.searchsorted(symbol, symbol, side="right")
    known_at = np.arange(n) + rng.integers(1, 8, n)  # later rows may well be known sooner
    valid = (known_at < end) & (rng.random(n) < 0.8)
    known_at[~valid] = -1
    expected = [max((s for s in range(start[t], t + 1) if valid[s] and known_at[s] <= t), default=-1) for t in range(n)]
    assert last_known_row(known_at, valid, start).tolist() == expected


def test_persistence_decides_on_the_last_label_and_says_how_often_classes_followed_it() -> None:
    y = np.array([0, 0, 0, 1, 0, 2, 1])
    last = np.array([-1, 0, 1, 2, 3, 4, 5])
    prior = np.array([0.5, 0.3, 0.2])
    said = class_persistence(y, last, np.arange(5), np.array([0, 5, 6]), prior)
    assert said.label.tolist() == [0, 0, 2]
    np.testing.assert_allclose(said.prob[0], prior)  # nothing is known yet
    np.testing.assert_allclose(said.prob[1], (np.array([2, 1, 0]) + prior) / 4)  # after a 0: 0, 0, 1
    np.testing.assert_allclose(said.prob[2], prior)  # a 2 was never followed in training


def test_chosen_rows_are_evenly_strided_back_from_the_latest_in_order_of_time() -> None:
    time = np.array([50, 10, 90, 30, 70, 0, 20, 80, 60, 40])
    assert time[choose_rows(time, 5)].tolist() == [10, 30, 50, 70, 90]
    assert time[choose_rows(time, 99)].tolist() == sorted(time)
    assert len(set(choose_rows(np.arange(1_003), 100))) == 100
    assert choose_rows(np.arange(1_003), 100)[-1] == 1_002


def test_the_prior_gives_every_class_a_chance() -> None:
    np.testing.assert_allclose(class_prior(np.array([0, 0, 1]), 3), [3 / 6, 2 / 6, 1 / 6])


def test_logistic_finds_a_line_and_boosting_finds_what_no_line_can() -> None:
    x, new = features(3_000, 1), features(1_000, 2)

    def crossed(rows: npt.NDArray[np.float32]) -> Ints:
        return ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(np.int64)

    line = fit_class_baselines(x, (x[:, 2] > 0.3).astype(np.int64), 2, *clock(3_000), 0)
    assert np.mean(line["logistic"](new).label == (new[:, 2] > 0.3)) > 0.97
    cross = fit_class_baselines(x, crossed(x), 2, *clock(3_000), 0)
    assert np.mean(cross["xgboost"](new).label == crossed(new)) > 0.9
    assert np.mean(cross["logistic"](new).label == crossed(new)) < 0.6


def test_baselines_on_pure_noise_stay_near_the_prior() -> None:
    x, y = features(3_000, 3), np.random.default_rng(4).integers(0, 3, 6_000)
    fitted = fit_class_baselines(x, y[:3_000], 3, *clock(3_000), 0)
    for name, predict in fitted.items():
        said = classification_metrics(y[3_000:], predict(features(3_000, 5)).prob, "abc")
        assert said["log_loss"] == pytest.approx(np.log(3), abs=0.02), name


def test_a_class_absent_from_training_is_improbable_and_not_impossible() -> None:
    x, y = features(400), np.random.default_rng(1).integers(0, 2, 400) * 2
    for predict in fit_class_baselines(x, y, 3, *clock(400), 0).values():
        prob = predict(features(50, 9)).prob
        np.testing.assert_allclose(prob[:, 1], 1 / 403)
        np.testing.assert_allclose(prob.sum(axis=1), 1)


@pytest.mark.parametrize("n", [1, 5, 40, 400])
def test_one_class_alone_falls_back_to_the_prior(n: int) -> None:
    for predict in fit_class_baselines(features(n), np.ones(n, dtype=np.int64), 3, *clock(n), 0).values():
        np.testing.assert_allclose(predict(features(4)).prob, np.tile(class_prior(np.ones(n, int), 3), (4, 1)))


@pytest.mark.parametrize("n", [2, 7, 10, 60, 400])
def test_few_rows_and_constant_features_are_no_reason_to_fail(n: int) -> None:
    x = features(n)
    x[:, 1] = 7
    y = np.arange(n) % 2
    for predict in fit_class_baselines(x, y, 2, *clock(n), 0).values():
        assert np.isfinite(predict(x).prob).all()
    for value in fit_value_baselines(x, np.stack([x[:, 0], x[:, 1]], axis=1), *clock(n), 0).values():
        assert np.isfinite(value(x)).all()


def test_a_class_that_comes_only_in_the_newest_rows_is_no_reason_to_fail() -> None:
    y = np.where(np.arange(600) < 560, np.arange(600) % 2, 2)
    for predict in fit_class_baselines(features(600), y, 3, *clock(600), 0).values():
        assert predict(features(5)).prob.shape == (5, 3)


def test_ridge_finds_a_plane_and_boosting_a_step() -> None:
    x, new = features(3_000, 1), features(1_000, 2)

    def plane(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.stack([rows[:, 0] * 2 - rows[:, 1] + 5, 1_000 * rows[:, 3]], axis=1)

    fitted = fit_value_baselines(x, plane(x), *clock(3_000), 0)
    assert regression_metrics(plane(new), fitted["ridge"](new), ("a", "b"))["r2"] > 0.999
    np.testing.assert_allclose(fitted["prior"](new)[0], plane(x).astype(np.float64).mean(axis=0), rtol=1e-5)
    step = fit_value_baselines(x, np.abs(x[:, :1]), *clock(3_000), 0)
    assert regression_metrics(np.abs(new[:, 0]), step["xgboost"](new), ("a",))["r2"] > 0.9


def test_a_spike_in_new_data_does_not_blow_a_linear_baseline_up() -> None:
    x = features(500)
    spike, bound = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    spike[0, 0], bound[0, 0] = 1e6, 1e3
    ridge = fit_value_baselines(x, x[:, :1], *clock(500), 0)["ridge"]
    np.testing.assert_allclose(ridge(spike), ridge(bound))
    assert ridge(spike)[0, 0] < 20


def test_the_same_seed_fits_the_same_baselines() -> None:
    x, y = features(600), np.random.default_rng(2).integers(0, 2, 600)
    first, second = (fit_class_baselines(x, y, 2, *clock(600), 5) for _ in range(2))
    for name in first:
        assert np.array_equal(first[name](x).prob, second[name](x).prob)
