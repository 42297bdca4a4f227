"""Folds in which a class is missing.

A model that has never seen a class must not say of it what its initial weights say, nor be judged on other folds than
the prior that it stands beside: either would pass for a result.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import torch

from cv_worlds import first_only_up, plan_of, run_cv, walk
from gatewise.bundle import Bundle
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import LabelError
from gatewise.evaluation.scoring import PRIOR
from gatewise.experiment import prepare
from gatewise.fold import class_weights, fit_fold, make_windows
from gatewise.jobs.jobs import make_job
from gatewise.jobs.run import fit_job, run_job
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.learners.table import train_model
from gatewise.selection.cv.frames import gather
from gatewise.tabular.base import class_prior
from gatewise.targets.outputs.classes import probabilities
from gatewise.training.inference import predict_outputs
from gatewise.training.listeners import Listeners

pytestmark = pytest.mark.usefixtures("gatewise_home")
NOBODY = Listeners(())
FOLD = 2


def planted(train: tuple[int, ...], val: tuple[int, ...], test: tuple[int, ...]) -> tuple[SharedData, ExperimentConfig]:
    """Three classes drawn by lot, in each part of a fold those that it is to hold."""
    barriers = {"target__barrier": "fixed", "target__upper": 0.001, "target__lower": 0.001}
    plan = plan_of(target__kind="triple_barrier", calibration__method="none", **barriers)
    shared, rng = make_shared(plan.configs(), walk()), np.random.default_rng(0)
    fold, of = shared.fold(3, FOLD), shared.horizons[3]
    y = of.labels.y.copy()
    for rows, classes in ((fold.train, train), (fold.val, val), (fold.test, test)):
        y[rows] = rng.choice(classes, rows.size)
    return replace(shared, horizons={3: replace(of, labels=replace(of.labels, y=y))}), plan.base


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    odds = np.exp(logits.astype(np.float64))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ((1, 2), (0, 1, 2), (0, 1, 2)),
        ((0, 1, 2), (0, 2), (0, 1, 2)),
        ((0, 1, 2), (0, 1, 2), (0, 1)),
        ((0, 2), (0, 2), (1,)),
        ((1,), (0, 1, 2), (0, 1, 2)),
    ],
    ids=["not in training", "not in validation", "not in test", "in test alone", "one in training"],
)
def test_a_class_that_training_never_saw_gets_the_priors_share_and_the_others_share_the_rest(train, val, test) -> None:
    shared, config = planted(train, val, test)
    fold, samples, job = shared.fold(3, FOLD), shared.samples(config), make_job(config, shared, FOLD, "lstm")
    result = run_job(job, shared, NOBODY)
    fitted = fit_fold(config, samples, fold.train)
    trained = train_model(config, samples, fitted, fold.train, fold.val, NOBODY)
    windows = make_windows(config, samples, fitted, torch.device("cpu"))
    logits = predict_outputs(trained.predictor.module, windows, fold.test)
    n, seen = fold.train.size, list(train)
    expected = np.full((fold.test.size, 3), 1 / (n + 3))
    expected[:, seen] = softmax(logits[:, seen]) * (1 - (3 - len(seen)) / (n + 3))
    np.testing.assert_allclose(result.predictions, expected, rtol=1e-6)
    prior = class_prior(samples.labels.y[fold.train], 3)
    lacked = [number for number in range(3) if number not in train]
    np.testing.assert_allclose(fitted.floor[lacked], prior[lacked], rtol=1e-12)
    if len(train) == 1:
        np.testing.assert_allclose(result.predictions, np.tile(prior, (fold.test.size, 1)), rtol=1e-6)
    assert all(np.isfinite(value) for value in result.metrics.values())
    line, beside = (p.lines[0] for p in gather([(job, result)], shared, "triple_barrier") if p.fold.number == FOLD)
    assert line.unseen == beside.unseen == tuple(samples.labels.classes[number] for number in lacked)


def test_a_bundle_keeps_what_it_gives_to_a_class_it_never_saw(tmp_path: Path) -> None:
    shared, config = planted((1, 2), (1, 2), (0, 1, 2))
    fold, samples = shared.fold(3, FOLD), shared.samples(config)
    fitted = fit_fold(config, samples, fold.train)
    trained = train_model(config, samples, fitted, fold.train, fold.val, NOBODY)
    bundle = Bundle.of(config, samples, fitted, trained.predictor)
    bundle.save(tmp_path / "bundle")
    frames = [of.predict(shared.table, fold.test) for of in (bundle, Bundle.load(tmp_path / "bundle"))]
    assert frames[0].equals(frames[1])
    assert frames[1]["prob_down"].unique().to_list() == [1 / (fold.train.size + 3)]


def test_validation_rows_of_a_class_never_seen_choose_no_epoch_and_alone_they_are_refused() -> None:
    shared, config = planted((1, 2), (0, 1), (0, 1, 2))
    fold, samples = shared.fold(3, FOLD), shared.samples(config)
    own = fold.val[samples.labels.y[fold.val] != 0]
    fitted = fit_fold(config, samples, fold.train)
    whole, without = (train_model(config, samples, fitted, fold.train, rows, NOBODY) for rows in (fold.val, own))
    losses = [[epoch["val_loss"] for epoch in trained.fit.history] for trained in (whole, without)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    shared, config = planted((1, 2), (0,), (0, 1, 2))
    with pytest.raises(LabelError, match="some validation row must count"):
        fit_job(make_job(config, shared, FOLD, "lstm"), shared)


@pytest.mark.parametrize(
    ("rule", "weights"), [("none", [1, 0, 1]), ("balanced", [2, 0, 2 / 3]), ((3.0, 5.0, 1.0), [3, 0, 1])]
)
def test_a_class_without_a_row_weighs_nothing_whatever_the_rule(rule, weights) -> None:
    found = class_weights(rule, np.array([10, 0, 30]), ("down", "flat", "up"))
    np.testing.assert_allclose(found, weights, rtol=1e-6)


def test_where_every_class_was_seen_probabilities_are_the_softmax_to_the_last_bit() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert np.array_equal(probabilities(logits), probabilities(logits, np.zeros(3)))
    np.testing.assert_allclose(probabilities(logits), softmax(logits), rtol=1e-12)


def test_a_fold_whose_training_lacks_a_class_is_compared_and_marked_everywhere() -> None:
    outcome = run_cv(plan_of(("lstm", "gru")), first_only_up())
    assert not outcome.failures
    assert outcome.coverage.compared == (1, 2, 3)
    assert outcome.frame["unseen"].to_list() == [["down"] if fold == 1 else [] for fold in outcome.frame["fold"]]
    said = outcome.to_dict()
    assert said["coverage"]["unseen"] == [{"horizon": 3, "fold": 1, "classes": ["down"]}]
    assert [line["unseen"] for line in said["folds"] if line["fold"] == 1] == [["down"]] * 3
    (words,) = [line for line in outcome.verdict.lines if "never occurs" in line]
    assert words.startswith("down never occurs in the training part of fold 1; ")
    page = outcome.report.read_text(encoding="utf-8")
    assert words in page
    assert "horizon 3, fold 1: down" in page
    # One class in training: the model, as the prior, knows nothing but its share.
    first = pl.read_parquet(outcome.out_of_fold).filter(pl.col("fold") == 1)
    shares = first.group_by("model").agg(pl.col("prob_down").unique()).sort("model")
    (lstm,), (prior,) = (shares.filter(pl.col("model") == name)["prob_down"].item() for name in ("lstm", PRIOR))
    assert lstm == pytest.approx(prior, rel=1e-6)


def test_a_run_needs_two_classes_to_learn_and_says_which_it_never_sees(caplog: pytest.LogCaptureFixture) -> None:
    said = {"target__kind": "triple_barrier", "target__barrier": "fixed", "target__upper": 10.0}
    with caplog.at_level("WARNING", "gatewise"):
        prepared = prepare(plan_of(**said, target__lower=0.0005).base, walk())
    assert prepared.samples.labels.unseen(prepared.split.train) == ("up",)
    assert "training never sees up" in caplog.text
    with pytest.raises(LabelError, match=r"two classes or more; its .* samples hold no down and no up"):
        prepare(plan_of(**said, target__lower=10.0).base, walk())
