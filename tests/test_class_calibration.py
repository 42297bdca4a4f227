"""Calibration of classes: against scikit-learn and closed forms, and that only validation rows are read.

A map that is fitted to the wrong class, or judged on the rows that it was fitted to, still gives probabilities.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

import gatewise as gw
from api_frames import bars
from audit_tables import random_walk
from gatewise.bundle import Bundle, calibrated
from gatewise.calibration.class_calibrator import ClassCalibrator
from gatewise.calibration.class_choice import BLOCKS, cross_fitted, fit_classes
from gatewise.calibration.class_fits import fit_map
from gatewise.calibration.class_maps import Isotonic, Scaling
from gatewise.calibration.fit import fit_calibrator
from gatewise.config.calibration_section import CLASS_METHODS
from gatewise.config.load import load_config
from gatewise.errors import BundleError
from gatewise.experiment import Prepared, prepare
from gatewise.learners.table import learner_of
from gatewise.samples import Samples
from gatewise.sealed import read_sealed, write_sealed
from gatewise.targets.outputs.classes import Classes, probabilities

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CLASSES = {
    "target.kind": "triple_barrier", "target.horizon": 5, "windows.sequence_length": 4, "features.sets": ["ohlcv"],
    "training.device": "cpu", "model.hidden_size": 4, "model.num_layers": 1, "model.dropout": 0,
    "training.batch_size": 64,
}  # fmt: skip


def world(rows: int, num_classes: int, seed: int, too_sure: float = 1.0) -> tuple[Floats, Ints]:
    """(What a model says of rows, the classes that come): logits are `too_sure` times the true ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, num_classes)) + np.linspace(0, 1, num_classes)
    true = probabilities(logits)
    y = (rng.random((rows, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return probabilities(too_sure * logits), np.minimum(y, num_classes - 1)


def log_loss(prob: Floats, y: Ints) -> float:
    return float(-np.log(prob[np.arange(len(y)), y]).mean())


# ---- the maps


class Saying(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """scikit-learn's view of a model whose inputs are its predictions."""

    def __init__(self, num_classes: int = 2) -> None:
        self.num_classes = num_classes
        self.classes_ = np.arange(num_classes)

    def fit(self, x: Floats, y: Ints) -> Saying:
        return self

    def predict_proba(self, x: Floats) -> Floats:
        return x

    def predict(self, x: Floats) -> Ints:
        return np.asarray(x.argmax(axis=1))


class Odds(Saying):
    def decision_function(self, x: Floats) -> Floats:
        return np.log(x[:, 1] / x[:, 0])


def by_scikit_learn(method: str, model: Saying, prob: Floats, y: Ints) -> Floats:
    fitted = CalibratedClassifierCV(FrozenEstimator(model), method=method, ensemble=False).fit(prob, y)
    return np.asarray(fitted.predict_proba(prob))


def test_temperature_and_isotonic_are_those_of_scikit_learn() -> None:
    """But for a row more of each class in temperature, and for the floor that isotonic's zeros get."""
    prob, y = world(20_000, 3, 0, too_sure=2.0)
    wanted = by_scikit_learn("temperature", Saying(3), prob, y)
    np.testing.assert_allclose(fit_map("temperature", prob, y)(prob), wanted, atol=1e-3)
    wanted = by_scikit_learn("isotonic", Saying(3), prob, y)
    np.testing.assert_allclose(fit_map("isotonic", prob, y)(prob), wanted, atol=1e-3)


def test_vector_scaling_of_two_classes_is_platts_in_scikit_learn() -> None:
    prob, y = world(3_000, 2, 1, too_sure=3.0)
    wanted = by_scikit_learn("sigmoid", Odds(2), prob, y)
    np.testing.assert_allclose(fit_map("vector", prob, y)(prob), wanted, atol=2e-5)


@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_a_planted_temperature_and_planted_offsets_are_found(num_classes: int) -> None:
    prob, y = world(30_000, num_classes, 2, too_sure=2.5)
    made = fit_map("temperature", prob, y)
    assert isinstance(made, Scaling)
    assert 1 / made.slopes[0] == pytest.approx(2.5, rel=0.08)
    shift = np.linspace(-0.5, 0.5, num_classes)
    made = fit_map("vector", probabilities(np.log(prob) + shift), y)
    assert isinstance(made, Scaling)
    offsets = np.array(made.offsets)
    np.testing.assert_allclose(offsets - offsets.mean(), -shift / 2.5, atol=0.08)


def test_what_is_said_alike_of_all_rows_becomes_their_shares() -> None:
    """As Platt counts: each class's own rows, less what each of the others gets of them."""
    y = np.repeat([0, 1, 2], [700, 250, 50])
    made = fit_map("vector", np.full((1_000, 3), 1 / 3), y)(np.full((1, 3), 1 / 3))
    counts = np.array([700, 250, 50])
    given_away = counts / (counts + 3)
    wanted = (counts - 2 * given_away + (given_away.sum() - given_away)) / 1_000
    np.testing.assert_allclose(made[0], wanted, atol=1e-6)


@pytest.mark.parametrize("method", CLASS_METHODS)
def test_classes_in_another_order_get_the_same_probabilities(method: str) -> None:
    prob, y = world(2_000, 4, 3, too_sure=1.7)
    order = np.array([2, 0, 3, 1])
    place = np.argsort(order)
    plain, moved = fit_map(method, prob, y), fit_map(method, prob[:, order], place[y])
    np.testing.assert_allclose(moved(prob[:, order]), plain(prob)[:, order], atol=1e-6)


@pytest.mark.parametrize("method", CLASS_METHODS)
def test_probabilities_stay_such_where_a_class_never_came_or_all_was_right(method: str) -> None:
    prob = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 50)
    made = fit_map(method, prob, np.array([0, 1] * 50))
    for said in (prob, np.array([[0.0, 0.0, 1.0], [0.2, 0.2, 0.6]])):
        got = made(said)
        assert (got > 0).all()
        np.testing.assert_allclose(got.sum(axis=1), 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(CLASS_METHODS))
def test_of_two_classes_what_was_said_to_be_likelier_is_not_less_likely(seed: int, method: str) -> None:
    prob, y = world(60, 2, seed)
    up = np.linspace(0.01, 0.99, 99)
    made = fit_map(method, prob, y)(np.column_stack([1 - up, up]))
    assert (np.diff(made[:, 1]) >= -1e-12).all()


@pytest.mark.parametrize("method", CLASS_METHODS)
def test_a_row_alone_gets_the_bits_that_it_gets_among_others(method: str) -> None:
    prob, y = world(500, 3, 4, too_sure=2.0)
    made = fit_map(method, prob, y)
    together = made(prob)
    assert all(np.array_equal(made(prob[number : number + 1])[0], together[number]) for number in range(200))
    assert np.array_equal(made(prob[137:311]), together[137:311])


# ---- the choice


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(load_config(overrides=CLASSES), random_walk(4_000))


def labelled(prepared: Prepared, seed: int, too_sure: float) -> tuple[Samples, Ints, Floats]:
    """(Samples whose labels come as `world` says, validation rows, what is said of these)."""
    rows = prepared.split.val
    prob, y = world(len(prepared.samples.labels.y), 3, seed, too_sure)
    return replace(prepared.samples, labels=replace(prepared.samples.labels, y=y)), rows, prob[rows]


def chosen(prepared: Prepared, seed: int, too_sure: float, methods: tuple[str, ...]) -> ClassCalibrator:
    samples, rows, prob = labelled(prepared, seed, too_sure)
    return fit_classes(methods, samples, rows, prob, samples.labels.at(rows), 5)


def test_a_model_that_is_too_sure_is_set_right_and_one_that_is_right_stays(prepared: Prepared) -> None:
    made = chosen(prepared, 5, 3.0, CLASS_METHODS)
    assert made.method in ("temperature", "vector")
    assert made.scores[made.method].log_loss == min(score.log_loss for score in made.scores.values())
    (remark,) = made.remarks(Classes(("a", "b", "c")))
    assert f"{made.scores['none'].log_loss:.4f}" in remark
    assert chosen(prepared, 5, 3.0, ("temperature",)).temperature == pytest.approx(3, rel=0.25)
    right = chosen(prepared, 5, 1.0, CLASS_METHODS)
    assert (right.method, right.map, right.moves) == ("none", None, False)
    assert "no method is better" in right.reason
    assert set(right.scores) == {"none", *CLASS_METHODS}
    prob = world(10, 3, 6)[0]
    assert right(Classes(("a", "b", "c")), prob) is prob


def test_a_calibrated_model_is_rarely_moved(prepared: Prepared) -> None:
    moved = sum(chosen(prepared, seed, 1.0, ("temperature", "vector")).moves for seed in range(100, 120))
    assert moved <= 6


def test_no_row_is_judged_by_a_map_that_saw_a_label_settled_by_its_bars(prepared: Prepared) -> None:
    samples, rows, prob = labelled(prepared, 7, 2.0)
    y, time_us = samples.labels.at(rows), samples.table.time_us
    known = time_us[samples.labels.known_at[rows]]
    before = cross_fitted("vector", samples, rows, prob, y)
    block, across = np.arange(len(rows)) * BLOCKS // len(rows), 0  # of one symbol a row is a moment
    edges = np.flatnonzero(np.diff(block))
    for at in sorted({0, len(rows) - 1, *(int(edge) + apart for edge in edges for apart in range(-2, 4))}):
        shares_a_bar = (time_us[rows] < known[at]) & (known > time_us[rows[at]])
        across += bool((block[shares_a_bar] != block[at]).any())
        other = np.where(shares_a_bar, (y + 1) % 3, y)
        assert np.array_equal(cross_fitted("vector", samples, rows, prob, other)[at], before[at])
    assert across >= 4
    assert not np.array_equal(cross_fitted("vector", samples, rows, prob, (y + 1) % 3), before)


def test_labels_of_other_rows_than_validations_move_nothing(prepared: Prepared) -> None:
    samples, rows, prob = labelled(prepared, 8, 2.0)

    def fitted(spoiled: Ints) -> Any:
        y = samples.labels.y.copy()
        y[spoiled] = (y[spoiled] + 1) % 3
        return fit_calibrator(
            prepared.config, replace(samples, labels=replace(samples.labels, y=y)), prepared.fold, rows, prob
        )

    before = fitted(rows[:0])
    assert before.moves
    assert fitted(np.setdiff1d(np.arange(samples.table.num_rows), rows)) == before
    assert fitted(rows[::2]) != before


def test_few_rows_choose_nothing_but_do_what_is_asked(prepared: Prepared) -> None:
    samples, rows, prob = labelled(prepared, 9, 3.0)
    few, y = rows[:40], samples.labels.at(rows[:40])
    made = fit_classes(CLASS_METHODS, samples, few, prob[:40], y, 5)
    assert (made.method, dict(made.scores)) == ("none", {})
    assert "too few" in made.reason
    assert fit_classes(("isotonic",), samples, few, prob[:40], y, 5).moves


def test_where_training_never_saw_a_class_its_share_stays(prepared: Prepared) -> None:
    samples, rows, prob = labelled(prepared, 9, 3.0)
    made = fit_classes(CLASS_METHODS, samples, rows, prob, samples.labels.at(rows), 5, ["up"])
    assert made.method == "none"
    assert made.reason == "training never saw up"


# ---- the bundle


@pytest.fixture(scope="module")
def plain(prepared: Prepared) -> Bundle:
    sketch = learner_of(prepared.config.model).sketch(
        prepared.config, prepared.samples, prepared.fold, prepared.split.train
    )
    return Bundle.of(prepared.config, prepared.samples, prepared.fold, sketch)


def bundle_by(method: str, plain: Bundle, prepared: Prepared) -> Bundle:
    config = load_config(overrides=CLASSES | {"calibration.method": method})
    asked = Bundle(replace(plain.record, config=config))
    return calibrated(asked, prepared.samples, prepared.fold, prepared.split.val)


@pytest.mark.trains
@pytest.mark.parametrize("method", CLASS_METHODS)
def test_a_bundle_predicts_through_its_map_wherever_it_is_loaded(
    method: str, prepared: Prepared, plain: Bundle, tmp_path: Path
) -> None:
    made = bundle_by(method, plain, prepared)
    table, matrix, rows = prepared.samples.table, prepared.samples.matrix, prepared.split.test
    assert isinstance(made.record.calibrator, ClassCalibrator)
    assert made.record.calibrator.map is not None
    learned = plain.learned_rows(table, matrix, rows)
    said = made.predict_rows(table, matrix, rows)
    np.testing.assert_array_equal(said, made.record.calibrator.map(learned))
    assert np.array_equal(made.finished(table, rows, learned, calibrate=False), plain.predict_rows(table, matrix, rows))
    made.save(tmp_path / "bundle")
    kept = Bundle.load(tmp_path / "bundle")
    assert kept.record.calibrator == made.record.calibrator
    assert np.array_equal(kept.predict_rows(table, matrix, rows), said)
    assert (kept.predict(table, rows)["label"].to_numpy() == np.array(kept.spec.classes)[said.argmax(axis=1)]).all()


@pytest.mark.trains
def test_a_bundle_says_what_it_chose_among_also_where_it_took_none(prepared: Prepared, plain: Bundle) -> None:
    made = calibrated(plain, prepared.samples, prepared.fold, prepared.split.val)
    calibrator = made.record.calibrator
    assert isinstance(calibrator, ClassCalibrator)
    assert set(json.loads(json.dumps(calibrator.to_dict()))["scores"]) == {"none", *CLASS_METHODS}


@pytest.mark.trains
@pytest.mark.parametrize(
    "broken",
    [
        {"method": "conformal"}, {"method": "none"}, {"map": None}, {"map": {"slopes": [1.0], "offsets": [0.0]}},
        {"map": {"slopes": ["a"] * 3, "offsets": [0.0] * 3}}, {"rows": "many"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_calibrator_that_is_none_of_classes_is_refused(
    broken: dict[str, Any], prepared: Prepared, plain: Bundle, tmp_path: Path
) -> None:
    bundle_by("vector", plain, prepared).save(tmp_path / "bundle")
    documents, weights = read_sealed(tmp_path / "bundle")
    documents["bundle"]["calibrator"] |= broken
    write_sealed(tmp_path / "broken", documents, weights)
    with pytest.raises(BundleError, match="calibrator"):
        Bundle.load(tmp_path / "broken")


def test_isotonic_lines_rise() -> None:
    prob, y = world(3_000, 3, 10, too_sure=2.0)
    made = fit_map("isotonic", prob, y)
    assert isinstance(made, Isotonic)
    assert all((np.diff(line) >= 0).all() for line in (*made.said, *made.seen))
    assert log_loss(made(prob), y) < log_loss(prob, y)


# ---- a run


@pytest.mark.trains
def test_a_run_says_draws_and_keeps_what_calibration_did(gatewise_home: Path) -> None:
    frame = bars("AAA")
    small = {"seq_len": 4, "sets": ["ohlcv"], "hidden_size": 3, "num_layers": 1, "batch_size": 64, "max_epochs": 1}
    few = {"evaluation": {"baseline_rows": 100}}  # so that the prior beside the model is not that of all training rows
    result = gw.fit(frame, horizon=5, calibration="vector", device="cpu", progress=False, config=few, **small)
    said = json.loads((result.folder / "metrics.json").read_text("utf-8"))
    calibration, test = said["calibration"], said["evaluation"]["parts"]["test"]
    assert (calibration["method"], set(calibration["scores"])) == ("vector", {"none", "vector"})
    assert calibration["uncalibrated"]["test"] == test["uncalibrated"]["metrics"]
    assert calibration["uncalibrated"]["test"]["log_loss"] != said["metrics"]["test"]["log_loss"]
    for part in (test, test["uncalibrated"]):
        assert len({len(values) for values in part["reliability"].values()}) == 1
        parts = part["brier_parts"]
        whole = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bins"]
        assert whole == pytest.approx(part["metrics"]["brier"]["value"])
        over = 1 - part["metrics"]["brier"]["value"] / test["baselines"]["prior"]["brier"]["value"]
        assert part["metrics"]["brier_skill"]["value"] == pytest.approx(over)
    assert any("calibrated (vector)" in remark for remark in said["remarks"])
    page = Path(result.report()).read_text("utf-8")
    for words in ("Methods of calibration", "before calibration", "vector (taken)", "fitted to these very rows"):
        assert words in page
    run = pl.read_parquet(result.folder / "predictions.parquet").with_columns(time=pl.col("source_time"))
    again = frame.select("time").hstack(result.predict(frame)).drop_nulls()
    both = run.join(again, on="time", suffix="_again")
    assert both.height > 50
    assert both["prob_up"].to_list() == both["prob_up_again"].to_list()
