"""What happened last will happen again: the last label that is known at the moment of the prediction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.evaluation.base import ClassPrediction, Floats, Ints, class_prediction


def last_known_row(known_at: Ints, valid: npt.NDArray[np.bool_], symbol_start: Ints) -> Ints:
    """For each row t the latest row s of its symbol whose label is known at t: known_at[s] <= t. -1: there is none.

    Args:
        known_at: int64 [rows], the row at which each label is settled.
        valid: bool [rows], whether there is a label.
        symbol_start: int64 [rows], the first row of the row's symbol.
    """
    settled = np.full(len(known_at), -1, dtype=np.int64)
    labelled = np.flatnonzero(valid)
    np.maximum.at(settled, known_at[labelled], labelled)
    latest = np.maximum.accumulate(settled)
    return np.where(latest >= symbol_start, latest, -1)


def class_persistence(y: Ints, last_known: Ints, train_rows: Ints, rows: Ints, prior: Floats) -> ClassPrediction:
    """Decides on the last known label; its probabilities are how often each class followed that label in training.

    Args:
        y: int64 [table rows].
        last_known: of `last_known_row`.
        train_rows, rows: int64, where to learn and where to predict.
        prior: float64 [classes], said where no label is known yet, and one row's weight in every share.
    """
    num_classes = len(prior)
    learned = train_rows[last_known[train_rows] >= 0]
    before, after = y[last_known[learned]], y[learned]
    counts = np.bincount(before * num_classes + after, minlength=num_classes**2).reshape(num_classes, num_classes)
    shares = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
    source = last_known[rows]
    known = source >= 0
    label = np.where(known, y[source], np.argmax(prior))
    return class_prediction(np.where(known[:, None], shares[label], prior), label)
