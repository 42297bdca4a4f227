"""What a second stage learns from: predictions of rows by members that knew no label of theirs, nor a later one.

A second stage that is fitted on what members say of their own training rows trusts the member that
learned them by heart, and nothing shows it before live rows come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.schema import ExperimentConfig
from gatewise.learners import levels
from gatewise.learners.levels import inner_folds
from gatewise.proofs.base import Parts
from gatewise.proofs.levels import check_levels
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit

Folds = Sequence[FoldSplit]
MEMBERS = {"model__base_models": "logistic,xgboost"}
FOLDS = {"blending": 1, "stacking": 3}


def config_of(name: str = "stacking", **more: Any) -> ExperimentConfig:
    splits = {"model__n_splits": FOLDS[name]} if name == "stacking" else {}
    return small_experiment(**{"model__name": name, **MEMBERS, **splits, **more})


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_settled_before_what_they_predict_begins_and_test_the_rows_in_order(name: str, seed: int) -> None:
    """By a plain loop over samples, in rows of a table with gaps and two symbols."""
    rng = np.random.default_rng(seed)
    horizon, length = (int(most) for most in rng.integers(2, 30, 2))
    config = config_of(name, target__horizon=horizon, windows__sequence_length=length, features__sets=["ohlcv"])
    case = case_of(random_walk(1_500, seed, symbols="AB", gaps=3), config=config)
    samples, time_us = case.samples, case.table.time_us
    folds = inner_folds(config, samples, case.split.train)
    assert len(folds) == FOLDS[name]
    tested: list[int] = []
    for fold in folds:
        begins = min(time_us[row - samples.reach_rows] for row in fold.test)
        for row in (*fold.train, *fold.val):
            assert time_us[samples.labels.known_at[row]] < begins
        assert fold.val.size
        assert time_us[fold.train].max() < time_us[fold.val].min()
        tested += fold.test.tolist()
    assert len(set(tested)) == len(tested)
    assert set(tested) <= set(case.split.train.tolist())
    newest = time_us[case.split.train].max()
    assert time_us[tested].max() == newest


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("kind", [{}, {"target__kind": "forward_return"}])
def test_the_audit_passes_ensembles_as_they_are(name: str, kind: dict[str, Any]) -> None:
    members = {"model__base_models": "ridge,xgboost"} if kind else {}
    check = check_levels(case_of(random_walk(2_000), config=config_of(name, **kind, **members)))
    assert check.passed, check.detail
    assert "0 predictions" not in check.detail


def not_purged(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> Folds:
    return [
        replace(fold, train=np.union1d(fold.train, fold.purged)) for fold in inner_folds(config, samples, train_rows)
    ]


def stopped_on_what_is_tested(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> Folds:
    return [replace(fold, val=fold.test) for fold in inner_folds(config, samples, train_rows)]


def trained_on_all(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> Folds:
    return [replace(fold, train=train_rows) for fold in inner_folds(config, samples, train_rows)]


@pytest.mark.parametrize("leak", [not_purged, stopped_on_what_is_tested, trained_on_all])
def test_the_audit_notices_folds_that_know_a_label_too_early(leak: Callable[..., Folds]) -> None:
    check = check_levels(case_of(random_walk(2_000), Parts(inner_folds=leak), config_of()))
    assert not check.passed
    assert "is known only after" in check.detail


def test_the_audit_notices_what_is_fitted_on_labels_that_are_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folds are whole, and the scaler of what is to be predicted saw the whole training part."""
    config = config_of(target__kind="forward_return", model__base_models="ridge,xgboost")
    case, honest = case_of(random_walk(2_000), config=config), levels.fit_fold
    monkeypatch.setattr(levels, "fit_fold", lambda config, samples, rows: honest(config, samples, case.split.train))
    check = check_levels(case)
    assert not check.passed
    assert "changes with labels that are known later" in check.detail


def test_the_second_stage_is_fitted_on_no_row_that_its_members_had_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that learns every training row by heart, and nothing else, gets no weight from rows out of fold."""
    from gatewise.experiment import prepare
    from gatewise.learners.table import train_model
    from gatewise.training.listeners import Listeners

    heart = {"xgboost": {"rounds": 200, "eta": 1.0, "max_leaves": 500, "min_rows": 1, "l2": 0.0}}
    config = config_of(
        target__kind="forward_return", model__base_models="ridge,xgboost", model__members=heart, model__n_splits=2
    )
    prepared = prepare(config, random_walk(2_000))
    arguments = prepared.samples, prepared.fold, prepared.split.train, prepared.split.val, Listeners(())
    made = train_model(config, *arguments)
    share = abs(made.predictor.tensors()["final/weights"][:-1, 0].numpy())
    monkeypatch.setattr(
        "gatewise.learners.ensemble.inner_folds",
        lambda *given: [replace(fold, test=fold.train) for fold in inner_folds(*given)],
    )
    trusting = abs(train_model(config, *arguments).predictor.tensors()["final/weights"][:-1, 0].numpy())
    assert trusting[1] > 0.5
    assert share[1] < 0.2
