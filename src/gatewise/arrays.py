"""What people hand in as arrays, checked and made ready: windows X, and y as class numbers or values.

What learners eat is made of them too: samples of a table whose rows are the windows' steps, one window after the other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.as_numpy import TEXT, Array, as_numpy, labels_of, missing_labels, numbers_of
from gatewise.class_weights import class_weights, weights_remark
from gatewise.config.loss_section import require_computable
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ConfigError, LabelError, NotEnoughRowsError, QualityError
from gatewise.features.base import FeatureMatrix
from gatewise.features.base import Values as FeatureValues
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.fold import FittedFold, require_movement
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.targets.base import Labels
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.values import Values

log = logging.getLogger("gatewise.arrays")

_WHOLE = "iub"
_LARGEST = float(np.finfo(np.float32).max)
_FEW = 10  # different whole numbers as floats: more of them are likely a count or a price
_SHAPE_HINT = "a list of windows is stacked by np.stack(windows); one window alone is X[None]"
_LABELS_HINT = "integers, booleans or text make a classifier, floats a regressor"


@dataclass(frozen=True)
class Targets:
    """y of the training and the validation part, one after the other.

    Attributes:
        classes: sorted labels; empty for regression.
        scaler: of the outputs, fitted on the training part; `None` for classes.
        y: int64 [samples] class numbers, or float64 [samples, outputs] in their own units.
        class_weights: float32 [classes]; empty for regression.
        columns: whether values came as [samples, outputs], and so go out.
    """

    classes: Array
    scaler: Scaler | None
    y: Array
    class_weights: npt.NDArray[np.float32]
    columns: bool


def check_windows(X: object, name: str) -> FeatureValues:
    """X as contiguous floats [samples, sequence_length, features], each of them at least one.

    float32 and float64 stay what they are, all else becomes float64: what stands at a level is not rounded before a
    scaler has taken the level off.

    Raises:
        QualityError: another shape, no numbers, or not finite.
        NotEnoughRowsError: no sample.
    """
    x = as_numpy(X, name, _SHAPE_HINT)
    if x.dtype.kind == "O" and x.ndim == 3:
        x = numbers_of(x, name)
    if x.ndim != 3 or x.dtype.kind not in "fiu":
        raise QualityError(
            f"{name} must be numbers [samples, sequence_length, features]; got {x.dtype} {x.shape}", _SHAPE_HINT
        )
    if len(x) == 0:
        raise NotEnoughRowsError(f"{name} must hold at least one sample; got none", "check how the parts were cut")
    if x.size == 0:
        raise QualityError(f"{name} must have at least one step and one feature; got {x.shape}", _SHAPE_HINT)
    x = np.ascontiguousarray(x, x.dtype if x.dtype.kind == "f" else np.float64)
    if not (x.min() >= -_LARGEST and x.max() <= _LARGEST):  # NaN is neither
        raise QualityError(
            f"{name} must be finite and within float32; {np.count_nonzero(~(np.abs(x) <= _LARGEST))} values are not",
            "leave those windows out, or fill the values before cutting windows: np.isfinite(X).all(axis=(1, 2))",
        )
    return x


def check_targets(y: object, num_samples: int, name: str) -> Array:
    """y as numbers, booleans or text, [samples] or [samples, outputs]; classes are [samples].

    Raises:
        QualityError: another shape, or a type that is none of these.
        LabelError: labels of mixed types, more than one a sample, or a sample without.
    """
    array = as_numpy(y, name, "one label or one row of numbers a sample")
    if array.dtype.kind == TEXT and not isinstance(y, np.ndarray):  # numbers among text would be text by now
        array = np.asarray(y, dtype=object)
    if array.dtype.kind == "O":
        array = labels_of(array, name)
    if array.dtype.kind not in f"f{_WHOLE}{TEXT}":
        raise QualityError(f"{name} must hold numbers, booleans or text; got {array.dtype}", _LABELS_HINT)
    if array.ndim not in (1, 2) or len(array) != num_samples or array.shape[1:] == (0,):
        raise QualityError(
            f"{name} must be [samples] or [samples, outputs] with {num_samples} samples; got {array.shape}",
            "give X and y of the same samples, in the same order",
        )
    if array.ndim == 2 and array.dtype.kind != "f":
        raise LabelError(
            f"{name} must hold one label a sample, [samples]; got {array.dtype} {array.shape}",
            f"for labels: {name}[:, 0]; for numbers to be predicted: {name}.astype(float)",
        )
    return array


def encode_targets(y_train: Array, y_val: Array, config: ExperimentConfig) -> Targets:
    """Class numbers for integers, booleans and text; values for floats. `y_train` alone decides and is fitted.

    Raises:
        LabelError: one class only, values that never vary, or y_val holds what y_train does not.
        QualityError: values that are not finite, or of another number of outputs in y_val.
        ConfigError: a regression loss for classes, class weights for values, or a model that predicts no such y.
    """
    are_values = y_train.dtype.kind == "f"
    wanted, held = ("values", "floats") if are_values else ("classes", f"labels ({y_train.dtype})")
    hint = "y_train.astype(int) makes labels" if are_values else "y_train.astype(float) makes numbers"
    if wanted not in config.model.targets:
        raise ConfigError(f"{config.model.name} predicts {config.model.targets[0]}; y_train holds {held}", hint)
    training = config.training
    require_computable(training.loss, training.monitor, wanted, f"y_train holds {held}", f"{hint}, or leave it out")
    return (_encode_values if are_values else _encode_classes)(y_train, y_val, config)


def window_ends(num_samples: int, length: int) -> Rows:
    """Row numbers of the windows' last steps, int64 [samples]."""
    return np.arange(num_samples) * length + length - 1


def make_array_samples(rows: FeatureValues, length: int, targets: Targets) -> tuple[Samples, FittedFold]:
    """What learners eat, and what is fitted; labels stand at the rows that end windows.

    Args:
        rows: [samples · length, features]; the scaler that is handed back leaves them as they are.

    Nothing says when a label of an array is known: it counts as known at its window's end.
    """
    count, ends = len(rows), window_ends(len(targets.y), length)
    row_number = np.arange(count)
    time = pl.Series(TIME, row_number).cast(pl.Datetime("us", "UTC"))
    step = timedelta(microseconds=1)
    table = Table(pl.DataFrame({SYMBOL: pl.repeat("array", count, eager=True), TIME: time}), step, step)
    y = np.zeros((count, *targets.y.shape[1:]), targets.y.dtype)
    valid = np.zeros(count, bool)
    y[ends], valid[ends] = targets.y, True
    spec = output_spec(targets.classes, targets.scaler.names if targets.scaler else ())
    labels = Labels(y, np.where(valid, row_number, -1), valid, spec)
    names = tuple(f"x{number}" for number in range(rows.shape[1]))
    matrix = FeatureMatrix(rows, np.ones(count, bool), names, 1)
    spans = Spans(ends, ends - length + 1, ends, ends)
    fold = FittedFold(unscaled(rows.shape[1]), targets.scaler, targets.class_weights, np.zeros(len(spec.classes)))
    return Samples(table, matrix, labels, ends, spans, length - 1, 1), fold


def output_spec(classes: Array, outputs: tuple[str, ...]) -> OutputSpec:
    """Of labels, or of numbers where there are none."""
    return Classes(tuple(map(str, classes))) if len(classes) else Values(outputs)


def unscaled(width: int) -> Scaler:
    """Leaves values as they are."""
    return Scaler("none", ("",) * width, np.zeros(width), np.ones(width))


def _encode_values(y_train: Array, y_val: Array, config: ExperimentConfig) -> Targets:
    if config.training.class_weights != "none":
        raise ConfigError(
            "class_weights need labels; y_train holds floats", "leave class_weights out, or give integers or text"
        )
    if y_val.dtype.kind == TEXT:
        raise QualityError(f"y_val must hold numbers, as y_train does; got {y_val.dtype}", _LABELS_HINT)
    parts = [y.reshape(len(y), -1) for y in (y_train, y_val)]
    if parts[0].shape[1] != parts[1].shape[1]:
        raise QualityError(
            f"y_train and y_val must have equal outputs; got {y_train.shape} and {y_val.shape}",
            "give both the same columns",
        )
    both = np.concatenate(parts).astype(np.float64)
    broken = ~(np.abs(both) <= _LARGEST)
    if broken.any():
        _refuse_missing_labels(y_train, y_val)
        raise QualityError(
            f"regression targets must be finite and within float32; {int(broken.sum())} values are not",
            "leave those samples out of X and y",
        )
    names = tuple(f"y{i}" for i in range(both.shape[1]))
    require_movement(both[: len(y_train)], names, "give a training part in which it moves")
    _tell_few_values(y_train)
    # Without a scale of its own a loss would be in the targets' units, and the learning rate with it.
    kind = "standard" if config.features.scaler == "none" else config.features.scaler
    scaler = fit_scaler(kind, both, np.arange(len(y_train)), names)
    return Targets(np.empty(0), scaler, both, np.empty(0, np.float32), y_train.ndim == 2)


def _refuse_missing_labels(y_train: Array, y_val: Array) -> None:
    """Integers of which one is missing come as floats; to say that floats must be finite would lead astray."""
    for name, y in (("y_train", y_train), ("y_val", y_val)):
        gone = np.isnan(y.astype(np.float64))
        known = y[~gone]
        if gone.any() and known.size and y.ndim == 1 and (known == np.round(known)).all():
            error = missing_labels(int(gone.sum()), y.size, name)
            error.message += " (the others are whole numbers, as floats)"
            raise error


def _tell_few_values(y_train: Array) -> None:
    if y_train.ndim > 1 and y_train.shape[1] > 1:
        return
    distinct = np.unique(y_train[:: max(1, len(y_train) // 1000)])
    if 1 < len(distinct) <= _FEW and (distinct == np.round(distinct)).all():
        distinct = np.unique(y_train)
        if len(distinct) <= _FEW and len(distinct) * 3 <= len(y_train) and (distinct == np.round(distinct)).all():
            log.warning(
                "y_train holds %d different whole numbers as floats (%s): they are taken as values to be predicted; "
                "y.astype(int) makes classes of them",
                len(distinct),
                ", ".join(f"{value:g}" for value in distinct),
            )


def _encode_classes(y_train: Array, y_val: Array, config: ExperimentConfig) -> Targets:
    if (y_train.dtype.kind == TEXT) != (y_val.dtype.kind == TEXT):
        raise LabelError(
            f"y_val must hold labels of y_train's type, {y_train.dtype}; got {y_val.dtype}", "give both as text"
        )
    classes, encoded = np.unique(y_train, return_inverse=True)
    if len(classes) == 1:
        raise LabelError(
            f"y_train must hold at least two classes; all {len(y_train)} labels are {classes[0]}",
            "take a longer training part, or one that holds more of the classes",
        )
    unseen = np.setdiff1d(y_val, classes)
    if len(unseen):
        raise LabelError(
            f"y_val must hold classes of y_train; {', '.join(map(str, unseen[:5]))} never "
            f"{'occurs' if len(unseen) == 1 else 'occur'} there",
            "take a longer training part, or leave those samples out",
        )
    counts = np.bincount(encoded, minlength=len(classes))
    rule, names = config.training.class_weights, tuple(map(str, classes))
    weights = class_weights(rule, counts, names)
    if remark := weights_remark(rule, counts, names):
        log.warning("%s", remark)
    y = np.concatenate([encoded, np.searchsorted(classes, y_val)]).astype(np.int64)
    return Targets(classes, None, y, weights, False)
