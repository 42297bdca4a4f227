"""What a second stage learns from: members' predictions of training rows that they were not trained on.

Folds are walk-forward within the training rows, purged and embargoed as those of a cross-validation: what predicts a
row was trained, stopped and scaled on samples whose labels were known before the row's input began. Whatever is fitted
is fitted anew on each fold, so predictions come in each fold's units and go out in those of the whole part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gatewise.config.ensemble_section import BlendingConfig, StackingConfig
from gatewise.config.schema import CvConfig, ExperimentConfig
from gatewise.errors import NotEnoughRowsError
from gatewise.fold import FittedFold, fit_fold, label_units
from gatewise.learners.base import Inputs, Predictor
from gatewise.learners.combine import inputs_of
from gatewise.learners.members import Member
from gatewise.learners.tabular import learned_order, training_rows
from gatewise.sample_weights import fit_sample_weights
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit, make_folds, make_holdout
from gatewise.splits.spans import take_spans
from gatewise.tabular.base import Floats, TrainingRows

# (a member of a fold, the fold, what is fitted on it) -> what predicts
TrainMember = Callable[[Member, FoldSplit, FittedFold], Predictor]


def inner_folds(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> tuple[FoldSplit, ...]:
    """Folds of the training rows: `test` is what the second stage learns from, `train` and `val` what members do.

    Raises:
        NotEnoughRowsError: fewer rows than the folds take.
    """
    model, timeframe = config.model, samples.table.timeframe
    spans = take_spans(samples.spans, np.isin(samples.spans.row, train_rows))
    try:
        if isinstance(model, StackingConfig):
            cv = CvConfig(n_splits=model.n_splits, val=config.cv.val)
            return make_folds(spans, cv, config.split, timeframe)
        assert isinstance(model, BlendingConfig)
        return (make_holdout(spans, model.holdout, config.cv, config.split, timeframe),)
    except NotEnoughRowsError as error:
        fewer = "model.n_splits=2" if isinstance(model, StackingConfig) else "a smaller model.holdout"
        raise NotEnoughRowsError(f"of {config.model.name}, {error.message}", f"give more rows, or {fewer}") from error


def second_stage_rows(
    config: ExperimentConfig,
    members: Sequence[Member],
    samples: Samples,
    fold: FittedFold,
    folds: Sequence[FoldSplit],
    train_member: TrainMember,
) -> TrainingRows:
    """What the second stage is fitted on, in order of time."""
    rows, predicted = [], []
    for inner in folds:
        fitted = fit_fold(config, samples, inner.train)
        each = [_predicted(member, samples, fitted, fold, inner.test, train_member(member, inner, fitted))
                for member in members]  # fmt: skip
        rows.append(inner.test)
        predicted.append(np.stack(each))
    return predicted_rows(config, samples, fold, np.concatenate(rows), np.concatenate(predicted, axis=1))


def predicted_rows(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows, predictions_MNK: Floats
) -> TrainingRows:
    """Of members' predictions of `rows`, in the units of `fold`, with sample weights of these rows' own."""
    order = learned_order(samples, rows)
    fold = replace(fold, sample_weights=fit_sample_weights(config.training, samples, rows))
    x = inputs_of(predictions_MNK[:, order], bool(samples.labels.classes))
    return training_rows(config, samples, fold, rows[order], x)


def _predicted(
    member: Member, samples: Samples, fitted: FittedFold, fold: FittedFold, rows: Rows, predictor: Predictor
) -> Floats:
    predictions = predictor.predict(Inputs.of(member.config, samples, fitted, rows, member.config.training.device))
    inner, outer = label_units(samples, fitted), label_units(samples, fold)
    if inner is None or outer is None:
        return predictions
    return outer.scale(inner.unscale(predictions, rows), rows)
