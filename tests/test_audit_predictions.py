"""The audit of predictions, and of permuted labels: scoring that looks ahead, training on what is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.bundle import Bundle
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.fold import FittedFold
from gatewise.learners.base import Trained
from gatewise.learners.table import train_model
from gatewise.proofs.base import Parts
from gatewise.proofs.chance import _nearest, _rank, check_permuted_labels
from gatewise.proofs.fitting import check_training
from gatewise.proofs.predictions import check_predictions
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.training.listeners import Listener


def normalised_over_the_batch(bundle: Bundle, table: Table, rows: Rows) -> pl.DataFrame:
    """Ranks a row's probability among all rows of the table: fine for a study, look-ahead for a trader."""
    everything = bundle.predict(table)
    mean = everything["prob_up"].mean()
    return bundle.predict(table, rows).with_columns(prob_up=pl.col("prob_up") - mean)


def smoothed_backwards(bundle: Bundle, table: Table, rows: Rows) -> pl.DataFrame:
    everything = bundle.predict(table).with_columns(prob_up=pl.col("prob_up").reverse().ewm_mean(span=3).reverse())
    return bundle.predict(table, rows).select("symbol", "time").join(everything, on=["symbol", "time"], how="left")


def centred_on_the_rows_at_hand(bundle: Bundle, table: Table, rows: Rows) -> pl.DataFrame:
    return bundle.predict(table, rows).with_columns(pl.col("prob_up") - pl.col("prob_up").mean())


@pytest.mark.parametrize("predict", [normalised_over_the_batch, smoothed_backwards])
def test_a_prediction_that_looks_at_later_rows_is_caught(predict: object) -> None:
    check = check_predictions(case_of(parts=Parts(predict=predict)))
    assert not check.passed
    assert check.detail.startswith("the prediction at A 2024-01-0")


def test_a_prediction_that_depends_on_its_batch_is_caught_by_scoring_it_alone() -> None:
    check = check_predictions(case_of(parts=Parts(predict=centred_on_the_rows_at_hand)))
    assert not check.passed
    assert "scored alone" in check.detail


@pytest.mark.parametrize(
    ("kind", "learn"), [("triple_barrier", "levels"), ("next_row", "levels"), ("next_row", "relative")]
)
@pytest.mark.parametrize("symbols", ["A", "AB"])
def test_the_bundle_passes(kind: str, learn: str, symbols: str) -> None:
    table = random_walk(1_500, seed=3, symbols=symbols, gaps=3, missing=3)
    check = check_predictions(case_of(table, config=small_experiment(target__kind=kind, target__learn=learn)))
    assert check.passed, check.detail


def trains_on_what_is_judged(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, train: Rows, val: Rows, listener: Listener
) -> Trained:
    longer = config.training.model_copy(update={"max_epochs": 15, "learning_rate": 0.01})
    larger = config.model_copy(update={"training": longer})
    return train_model(larger, samples, fold, np.union1d(train, val), val, listener)


@pytest.mark.parametrize(
    ("kind", "learn"), [("direction", "levels"), ("forward_return", "levels"), ("next_row", "relative")]
)
def test_training_on_judged_samples_is_caught_by_permuted_labels(kind: str, learn: str) -> None:
    config = small_experiment(target__kind=kind, target__learn=learn)
    check = check_permuted_labels(case_of(config=config, parts=Parts(train=trains_on_what_is_judged)))
    assert not check.passed
    assert check.detail.startswith("a small lstm predicts labels that were permuted")


def test_judged_samples_in_the_training_part_are_caught_by_the_tree_that_remembers() -> None:
    case = case_of()
    overlapping = replace(case, split=replace(case.split, train=np.union1d(case.split.train, case.split.val[::5])))
    check = check_permuted_labels(overlapping)
    assert not check.passed
    assert check.detail.startswith("a tree that remembers predicts labels that were permuted")


@pytest.mark.parametrize("kind", ["triple_barrier", "direction", "forward_return", "next_row", "relative changes"])
def test_honest_training_is_at_chance(kind: str) -> None:
    kinds = {"relative changes": {"target__kind": "next_row", "target__learn": "relative"}}
    config = small_experiment(**kinds.get(kind, {"target__kind": kind}))
    case = case_of(random_walk(1_500, seed=1, stale=0.2), config=config)
    check = check_permuted_labels(case)
    assert check.passed, check.detail


def test_the_p_value_is_uniform_when_labels_are_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.proofs.chance.NUM_SHUFFLES", 199)
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        y, guess = rng.integers(0, 3, 60), rng.integers(0, 3, 60)
        p_values.append(_rank(lambda labels, guess=guess: (labels != guess).astype(float), y, rng)[3])
    # Ties make it a little larger, never smaller: at most the nominal share falls below each level.
    for level in (0.01, 0.05, 0.2):
        share = np.mean(np.array(p_values) <= level)
        assert share <= level + 3 * np.sqrt(level / 400)


def test_the_samples_that_are_tried_are_the_nearest_to_the_judged_ones() -> None:
    case = case_of(random_walk(1_500, seed=1))
    train, judged = _nearest(case)
    assert np.array_equal(judged, case.split.val)
    assert np.array_equal(train, case.split.train[-len(train) :])


def test_chance_is_not_called_looking_ahead() -> None:
    chance = np.random.default_rng(1)

    def noisy(bundle: Bundle, table: Table, rows: Rows) -> pl.DataFrame:
        return bundle.predict(table, rows).with_columns(pl.col("prob_up") + chance.normal(size=len(rows)))

    def unseeded(config: ExperimentConfig, *others: object) -> Trained:
        training = config.training.model_copy(update={"seed": int(chance.integers(2**31))})
        return train_model(config.model_copy(update={"training": training}), *others)  # type: ignore[arg-type]

    for check in (check_predictions(case_of(parts=Parts(predict=noisy))),
                  check_training(case_of(parts=Parts(train=unseeded)))):  # fmt: skip
        assert not check.passed
        assert "a generator that its seed does not set" in check.detail
