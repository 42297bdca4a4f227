"""What is fitted on a training part and on nothing else: scalers and class weights, then windows over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gatewise.config.schema import ExperimentConfig
from gatewise.errors import LabelError
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.rows import rows_in_windows
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.windows import Windows


@dataclass(frozen=True)
class Fold:
    """A training part's fitted state.

    Attributes:
        scaler: of the features, fitted on the rows that training windows touch.
        target_scaler: of regression targets, fitted on training labels; `None` for classes.
        class_weights: float32 [classes]; empty for regression.
    """

    scaler: Scaler
    target_scaler: Scaler | None
    class_weights: npt.NDArray[np.float32]


def fit_fold(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> Fold:
    """Fits scalers and class weights on `train_rows`.

    Raises:
        LabelError: a class never occurs in training, or given class weights don't match the classes.
    """
    matrix, labels = samples.matrix, samples.labels
    seen = rows_in_windows(train_rows, config.windows.sequence_length, samples.table.num_rows)
    scaler = fit_scaler(config.features.scaler, matrix.values, seen, matrix.names)
    if labels.is_classes:
        counts = np.bincount(labels.y[train_rows].astype(np.int64), minlength=len(labels.classes))
        return Fold(scaler, None, class_weights(config.training.class_weights, counts, labels.classes))
    kind = "standard" if config.features.scaler == "none" else config.features.scaler
    target_scaler = fit_scaler(kind, labels.y.astype(np.float32), train_rows, labels.outputs)
    return Fold(scaler, target_scaler, np.empty(0, np.float32))


def class_weights(
    rule: str | tuple[float, ...], counts: npt.NDArray[np.int64], classes: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    """none: ones; balanced: n / (classes · count); or as given. Raises LabelError for a class that never occurs."""
    if missing := [name for name, count in zip(classes, counts, strict=True) if count == 0]:
        raise LabelError(
            f"every class must occur in training; {', '.join(missing)} never does ({counts.sum():,} samples)",
            "move the barriers (target.upper, target.lower), the horizon, or give more rows",
        )
    if isinstance(rule, tuple):
        if len(rule) != len(classes) or min(rule) < 0 or max(rule) == 0:
            raise LabelError(
                f"training.class_weights must be {len(classes)} numbers >= 0, not all 0, for {', '.join(classes)}; "
                f"got {list(rule)}"
            )
        return np.asarray(rule, np.float32)
    if rule == "none":
        return np.ones(len(classes), np.float32)
    return np.asarray(counts.sum() / (len(classes) * counts), np.float32)


def make_windows(config: ExperimentConfig, samples: Samples, fold: Fold, device: torch.device) -> Windows:
    """The resident series, supervised: labels scaled, class weights and missing labels as row weights."""
    labels = samples.labels
    windows = Windows.over(
        samples.matrix.values, fold.scaler, config.windows.sequence_length, device, config.features.clip
    )
    weight = labels.valid.astype(np.float32)
    if labels.is_classes:
        return windows.supervised(labels.y, weight * fold.class_weights[labels.y], samples.steps_scored)
    assert fold.target_scaler is not None
    y = fold.target_scaler.transform(np.asarray(labels.y, np.float32))
    return windows.supervised(np.asarray(y, np.float32), weight, samples.steps_scored)
