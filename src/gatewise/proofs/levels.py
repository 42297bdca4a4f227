"""The levels of an ensemble: what members say of a row for the second stage knows no label that was not yet known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gatewise.config.ensemble_section import LevelsConfig
from gatewise.config.schema import ExperimentConfig
from gatewise.learners.ensemble import Ensemble
from gatewise.learners.members import Trainings
from gatewise.learners.table import learner_of
from gatewise.proofs.base import Case, Check, moment, name_row, small_config
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit
from gatewise.tabular.base import Features
from gatewise.training.budget import WHOLE
from gatewise.training.listeners import Listeners

NUM_TRAINED = 2_000


def check_levels(case: Case) -> Check:
    """Members' folds are over before the rows that they predict begin, and later labels change no prediction."""
    if not isinstance(case.config.model, LevelsConfig):
        return Check("levels", True, f"none to check: {case.config.model.name} has no second stage")
    time_us = case.table.time_us
    train = np.sort(newest_of(case.split.train, time_us, NUM_TRAINED))
    with warnings_only("gatewise"):
        folds = case.parts.inner_folds(case.config, case.samples, train)
    for fold in folds:
        if offence := _too_late(case, fold):
            return Check("levels", False, offence)
    rng, fold = case.rng("levels"), folds[-1]
    began_us = _began_us(case, fold)
    later = case.samples.labels.valid & (time_us[np.maximum(case.samples.labels.known_at, 0)] >= began_us)
    y = case.samples.labels.y.copy()
    y[later] = case.samples.labels.spec.random_labels(rng, int(later.sum()))
    garbled = replace(case.samples, labels=replace(case.samples.labels, y=y))
    config = small_config(case.config, int(rng.integers(2**31)), len(train))
    before, after = (_level_one(case, config, samples, train, fold) for samples in (case.samples, garbled))
    if not np.array_equal(before, after):
        return Check(
            "levels",
            False,
            f"what members say of rows from {moment(began_us)} on for the second stage changes with labels that are "
            "known later",
        )
    return Check(
        "levels",
        True,
        f"the samples of {len(folds)} folds are settled before the rows that their members predict begin; "
        f"{len(before):,} predictions for the second stage are the same to the bit with garbage as the {later.sum():,} "
        "labels known later",
    )


def _began_us(case: Case, fold: FoldSplit) -> int:
    """When the inputs of a fold's tested rows begin, by the table's own clock."""
    return int(case.table.time_us[fold.test - case.samples.reach_rows].min())


def _too_late(case: Case, fold: FoldSplit) -> str | None:
    rows = np.concatenate([fold.train, fold.val])
    late = rows[case.table.time_us[case.samples.labels.known_at[rows]] >= _began_us(case, fold)]
    if not late.size:
        return None
    began = moment(_began_us(case, fold))
    return (
        f"fold {fold.number}: members learn from the label at {name_row(case.table, int(late[0]))}, which is known "
        f"only after {began}, when the rows that they predict for the second stage begin"
    )


def _level_one(case: Case, config: ExperimentConfig, samples: Samples, train: Rows, fold: FoldSplit) -> Features:
    """What the second stage would read, in units that no garbage has touched."""
    learner = learner_of(config.model)
    assert isinstance(learner, Ensemble)
    with warnings_only("gatewise"):
        fitted = case.parts.fit_fold(config, case.samples, train)
        trainings = Trainings(Listeners(()), WHOLE, config.model.num_trainings, None)
        return learner.level_one(config, samples, fitted, [fold], trainings).x
