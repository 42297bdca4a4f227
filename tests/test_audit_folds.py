"""The audit of cv's folds: bad purges, shared rows, and state that is fitted beyond a fold's training part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.schema import CvConfig, ExperimentConfig, SplitConfig
from gatewise.fold import FittedFold, fit_fold
from gatewise.learners.base import Trained
from gatewise.learners.table import train_model
from gatewise.proofs.base import Parts
from gatewise.proofs.folds import check_folds
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import FoldSplit, make_folds
from gatewise.training.listeners import Listener

STEP_US = 60_000_000
MakeFolds = Callable[[Spans, CvConfig, SplitConfig, timedelta], Sequence[FoldSplit]]
SPLITTERS = {"expanding": {}, "sliding": {}, "kfold": {}, "combinatorial": {"cv__n_splits": 4}}


def altered_spans(**offsets: int) -> MakeFolds:
    """Purges spans whose ends are moved by so many microseconds."""

    def make(spans: Spans, cv: CvConfig, split: SplitConfig, timeframe: timedelta) -> Sequence[FoldSplit]:
        moved = {edge: getattr(spans, edge) + offset for edge, offset in offsets.items()}
        return make_folds(replace(spans, **moved), cv, split, timeframe)

    return make


def altered_folds(alter: Callable[[FoldSplit], FoldSplit]) -> MakeFolds:
    def make(spans: Spans, cv: CvConfig, split: SplitConfig, timeframe: timedelta) -> Sequence[FoldSplit]:
        return [alter(fold) for fold in make_folds(spans, cv, split, timeframe)]

    return make


def with_split(**changes: object) -> MakeFolds:
    return lambda spans, cv, split, timeframe: make_folds(spans, cv, split.model_copy(update=changes), timeframe)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_honest_folds_pass(splitter: str) -> None:
    config = small_experiment(cv__splitter=splitter, **SPLITTERS[splitter])
    check = check_folds(case_of(random_walk(2_000, symbols="AB", gaps=2), config=config))
    assert check.passed, check.detail
    assert splitter in check.detail
    assert "best epoch" in check.detail


BAD_FOLDS = {
    "ends of spans off by one": (altered_spans(last_us=-STEP_US), "is not kept: train"),
    "starts of spans off by one": (altered_spans(first_us=STEP_US), "is not kept"),
    "labels ignored": (altered_spans(last_us=-5 * STEP_US), "is not kept: train"),
    "inputs ignored": (altered_spans(first_us=100 * STEP_US), "span meets"),
    "no embargo": (with_split(embargo_rows=0), "embargo of 10m is not kept"),
    "trained on test": (altered_folds(lambda f: replace(f, train=np.union1d(f.train, f.test))), "two of its parts"),
    "stopped by test": (altered_folds(lambda f: replace(f, val=f.test)), "two of its parts"),
    "rows that are no samples": (altered_folds(lambda f: replace(f, train=np.arange(50))), "is no sample"),
}


@pytest.mark.parametrize("name", BAD_FOLDS)
def test_bad_folds_are_caught(name: str) -> None:
    make, words = BAD_FOLDS[name]
    config = small_experiment(cv__splitter="kfold")
    check = check_folds(case_of(random_walk(2_000), Parts(make_folds=make), config))
    assert not check.passed
    assert check.detail.startswith("fold ")
    assert words in check.detail


def fitted_on_everything(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> FittedFold:
    return replace(fit_fold(config, samples, train_rows), scaler=fit_fold(config, samples, samples.rows).scaler)


def weighted_by_everything(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> FittedFold:
    everything = fit_fold(config, samples, samples.rows)
    return replace(fit_fold(config, samples, train_rows), class_weights=everything.class_weights)


def trained_on_everything(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, train: Rows, val: Rows, listener: Listener
) -> Trained:
    return train_model(config, samples, fold, samples.rows, val, listener)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (Parts(fit_fold=fitted_on_everything), "feature scaler"),
        (Parts(fit_fold=weighted_by_everything), "class weights"),
        (Parts(train=trained_on_everything), "weights ("),
    ],
)
def test_state_that_knows_other_rows_is_caught(parts: Parts, words: str) -> None:
    config = small_experiment(training__class_weights="balanced")
    check = check_folds(case_of(random_walk(2_000), parts, config))
    assert not check.passed
    assert words in check.detail


def test_where_cv_would_refuse_there_is_nothing_to_check_and_that_is_said() -> None:
    check = check_folds(case_of(random_walk(1_500), config=small_experiment(cv__n_splits=50)))
    assert check.passed
    assert check.detail.startswith("none to check, as gatewise cv would cut none: ")
