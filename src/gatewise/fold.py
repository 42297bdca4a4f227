"""What is fitted on a training part and on nothing else: scalers and weights, then windows over them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gatewise.class_weights import class_floor, class_weights, log_weights
from gatewise.config.schema import ExperimentConfig
from gatewise.config.target_section import TargetConfig
from gatewise.errors import LabelError
from gatewise.features.base import Values
from gatewise.features.scaling import Scaler, fit_scaler, fit_symbol_scalers, scaled_rows
from gatewise.features.symbols import Codes, symbol_codes
from gatewise.levels import unread_columns
from gatewise.rows import rows_in_windows
from gatewise.sample_weights import SampleWeights, fit_sample_weights
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.learned import Least, Units, least_present, moved
from gatewise.windows import Windows

_log = logging.getLogger("gatewise.fold")


@dataclass(frozen=True)
class FittedFold:
    """A training part's fitted state.

    Attributes:
        scaler: of the features, fitted on `scaled_by`'s rows; one for all, or one a symbol. What
            `features.drop_correlated` takes away is `unread`: so models of all folds, and of a fleet, have one width.
        target_scaler: of numbers to be predicted, likewise, fitted on training labels, with an entry for each column of
            `Labels.y`; a path's columns that are features too have the features' own. `None` for classes.
        class_weights: float32 [classes], above 0, and 0 for a class that training never saw; empty for numbers.
        floor: float64 [classes], what predictions give to a class that training never saw; 0 for one that it saw.
        least: see `least_present`, of the training rows; empty where numbers are learned as they are, and for classes.
        sample_weights: of the training labels; `None` where all count alike.
    """

    scaler: Scaler
    target_scaler: Scaler | None
    class_weights: npt.NDArray[np.float32]
    floor: npt.NDArray[np.float64]
    least: Least = ()
    sample_weights: SampleWeights | None = None


def fit_fold(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> FittedFold:
    """Fits scalers, class weights and sample weights on `train_rows`.

    Raises:
        LabelError: given class weights don't match the classes, or numbers to be predicted never vary.
    """
    matrix, labels = samples.matrix, samples.labels
    seen = scaled_by(config, samples, train_rows)
    scaler = _fit(config, samples, config.features.scaler, matrix.values, seen, matrix.names)
    if unread := unread_columns(config, samples, train_rows):
        scaler = scaler.without(unread)
    learned = train_rows[:: config.windows.stride]
    sample_weights = fit_sample_weights(config.training, samples, learned, samples.steps_scored)
    if labels.classes:
        counts = labels.counts(train_rows)
        weights = class_weights(config.training.class_weights, counts, labels.classes)
        return FittedFold(scaler, None, weights, class_floor(counts), sample_weights=sample_weights)
    kind = "standard" if config.features.scaler == "none" and not labels.steps else config.features.scaler
    start = labels.start
    least = least_present(config.target, None if start is None else start[train_rows])
    without = [name for name, value in zip(labels.outputs, least, strict=False) if not value]
    if without and isinstance(config.target, TargetConfig) and config.target.learn == "relative":
        _log.info("not always positive in training, so learned as plain changes: %s", ", ".join(without))
    values = np.asarray(moved(labels.y, start, least), np.float64)
    read = labels.read_by(train_rows)
    target_scaler = _fit(config, samples, kind, values, read, labels.spec.columns)
    chooses_columns = isinstance(config.target, TargetConfig) and (labels.spec.starts or labels.steps)
    hint = None if chooses_columns else "give a training part in which it moves"
    require_movement(values[read], labels.spec.columns, hint)
    if labels.spec.scale is not None:
        target_scaler = replace(target_scaler, scale=np.full_like(target_scaler.scale, labels.spec.scale))
    # What a window ends with is then in the unit of what follows, so a network may add to it. Of one row ahead it is so
    # only for a network that may: what earlier versions trained keeps its unit.
    if labels.steps or (config.model.may_continue and start is None):
        target_scaler = target_scaler.like(scaler)
    return FittedFold(scaler, target_scaler, np.empty(0, np.float32), np.empty(0), least, sample_weights)


def scaled_by(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> Rows:
    """The rows whose features the scaler is fitted on: those in training windows, and those that a learned path holds,
    as one scaler serves both.
    """
    labels, num_rows = samples.labels, samples.table.num_rows
    seen = rows_in_windows(train_rows, config.windows.sequence_length, num_rows)
    if not labels.steps:
        return seen
    both = np.union1d(seen, labels.read_by(train_rows))
    return both[samples.matrix.valid[both]]


def _fit(
    config: ExperimentConfig,
    samples: Samples,
    kind: str,
    values: Values,
    rows: Rows,
    names: tuple[str, ...],
) -> Scaler:
    if config.features.scale_by == "all":
        return fit_scaler(kind, values, rows, names)
    symbols = samples.table.symbols
    return fit_symbol_scalers(kind, values, rows, names, symbol_codes(samples.table, symbols), symbols)


def scaled_features(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows
) -> npt.NDArray[np.float32]:
    """What baselines see of rows: the scaled features [rows, features], and the symbol one-hot if the model is told."""
    symbols = samples.table.symbols
    codes = symbol_codes(samples.table, symbols)
    onehot = len(symbols) if config.reads_symbol else 0
    return scaled_rows(samples.matrix.values, fold.scaler.over(symbols), codes, rows, onehot)


def row_weights(samples: Samples, fold: FittedFold) -> npt.NDArray[np.float32] | None:
    """float32 [table rows], how much each row's label counts in training, whatever its class: what it was given times
    what was fitted; `None`: all alike.
    """
    if fold.sample_weights is None:
        return samples.weight
    fitted = fold.sample_weights.over(samples.table.num_rows)
    return fitted if samples.weight is None else fitted * samples.weight


def trained_labels(samples: Samples, fold: FittedFold, rows: Rows) -> npt.NDArray[Any]:
    """Labels of rows as they are trained on: int64 [n], or scaled numbers, float64 [n, outputs]."""
    units, y = label_units(samples, fold), samples.labels.at(rows)
    return y if units is None else units.scale(y, rows)


def trained_series(samples: Samples, fold: FittedFold) -> npt.NDArray[Any]:
    """What they are read off, see `Labels.y`: int64 [table rows], or scaled float32 [table rows, columns].

    NaN where a symbol had no training label.
    """
    units, labels = label_units(samples, fold), samples.labels
    if units is None:
        return labels.y.astype(np.int64)
    scaled = units.scale(labels.y, dtype=np.float32)
    # Where there is no label, what stands in its place may be far from all of them.
    scaled[np.isnan(labels.y) if labels.steps else ~labels.valid] = 0
    return scaled


def label_units(samples: Samples, fold: FittedFold) -> Units | None:
    """What the labels' numbers are learned in; `None` for classes."""
    if fold.target_scaler is None:
        return None
    labels, symbols = samples.labels, samples.table.symbols
    scaler = fold.target_scaler.over(symbols)
    codes: Codes | None = None
    if scaler.symbols:  # in a fleet of symbols, labels reach beyond the rows of the one symbol at hand
        several = len(symbols) > 1
        codes = symbol_codes(samples.table, symbols) if several else np.zeros(len(labels.y), np.int32)
    return Units(labels.spec, scaler, codes, labels.start, fold.least)


def require_movement(y: npt.NDArray[np.float64], names: Sequence[str], hint: str | None = None) -> None:
    """Refuses numbers to be predicted that never vary, and says which of several don't.

    Args:
        y: float64 [training samples, outputs].
        hint: what to do; `None`: what helps where columns of a table are predicted.

    Raises:
        LabelError: no output varies.
    """
    still = (y == y[0]).all(axis=0) if len(y) > 1 else np.zeros(len(names), bool)
    if still.all():
        raise LabelError(
            f"the target must vary in training; all {len(y):,} labels are {', '.join(f'{v:g}' for v in y[0])}",
            hint or "predict another column (target.columns), or give rows in which it moves",
        )
    if still.any():
        _log.warning(
            "of what is to be predicted, this never varies in training and can't be learned: %s",
            ", ".join(f"{name} (always {value:g})" for name, value, no in zip(names, y[0], still, strict=True) if no),
        )


def place_windows(
    config: ExperimentConfig, values: Values, scaler: Scaler, codes: Codes | None, device: torch.device
) -> Windows:
    """The resident series as a config's model reads it, in training and in every prediction.

    Args:
        codes: int32 [rows], each row's symbol in the order of the scaler's, where the model or the scaler asks.
    """
    length, clip = config.windows.sequence_length, config.features.clip
    return Windows.over(values, scaler, length, device, clip, codes, config.reads_symbol)


def make_windows(config: ExperimentConfig, samples: Samples, fold: FittedFold, device: torch.device) -> Windows:
    """The series of `place_windows`, supervised: labels scaled, all weights and missing labels as row weights."""
    labels, symbols = samples.labels, samples.table.symbols
    scaler, codes = fold.scaler, None
    if config.reads_symbol or (scaler.symbols and len(symbols) > 1):
        scaler, codes = scaler.over(symbols), symbol_codes(samples.table, symbols)
    windows = place_windows(config, samples.matrix.values, scaler, codes, device)
    y, weight = trained_series(samples, fold), labels.valid.astype(np.float32)
    if len(fold.class_weights):
        weight *= fold.class_weights[y]
    if (counted := row_weights(samples, fold)) is not None:
        weight *= counted
    weights = log_weights(fold.class_weights)
    return windows.supervised(y, weight, samples.steps_scored, weights, labels.steps, labels.after)
