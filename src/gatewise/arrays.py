"""What people hand in as arrays, checked and made ready: windows X, and y as class numbers or scaled values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, LabelError, NotEnoughRowsError, QualityError
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.fold import class_weights

Array = npt.NDArray[Any]

_TEXT = "U"
_WHOLE = "iub"
_SHAPE_HINT = "a list of windows is stacked by np.stack(windows); one window alone is X[None]"
_LABELS_HINT = "integers, booleans or text make a classifier, floats a regressor"


@dataclass(frozen=True)
class Targets:
    """y of the training and the validation part, one after the other.

    Attributes:
        classes: sorted labels; empty for regression.
        scaler: of the outputs, fitted on the training part; `None` for classes.
        y: int64 [samples] class numbers, or float32 [samples, outputs] scaled values.
        weight: float32 [samples], the class weights.
    """

    classes: Array
    scaler: Scaler | None
    y: Array
    weight: npt.NDArray[np.float32]


def check_windows(X: object, name: str) -> npt.NDArray[np.float32]:
    """X as contiguous float32 [samples, sequence_length, features], each of them at least one.

    Raises:
        QualityError: another shape, no numbers, or not finite.
        NotEnoughRowsError: no sample.
    """
    x = _as_array(X, name, _SHAPE_HINT)
    if x.ndim != 3 or x.dtype.kind not in "fiu":
        raise QualityError(
            f"{name} must be numbers [samples, sequence_length, features]; got {x.dtype} {x.shape}", _SHAPE_HINT
        )
    if len(x) == 0:
        raise NotEnoughRowsError(f"{name} must hold at least one sample; got none", "check how the parts were cut")
    if x.size == 0:
        raise QualityError(f"{name} must have at least one step and one feature; got {x.shape}", _SHAPE_HINT)
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused below
        x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        raise QualityError(
            f"{name} must be finite; {int((~np.isfinite(x)).sum())} values are not",
            "leave those windows out, or fill the values before cutting windows: np.isfinite(X).all(axis=(1, 2))",
        )
    return x


def check_targets(y: object, num_samples: int, name: str) -> Array:
    """y as numbers, booleans or text, [samples] or [samples, outputs]; classes are [samples].

    Raises:
        QualityError: another shape, or a type that is none of these.
        LabelError: labels of mixed types, or more than one a sample.
    """
    array = _as_array(y, name, "one label or one row of numbers a sample")
    if array.dtype.kind == "O" or (array.dtype.kind == _TEXT and not isinstance(y, np.ndarray)):
        array = _of_one_type(np.asarray(y, dtype=object), name)
    if array.dtype.kind not in f"f{_WHOLE}{_TEXT}":
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
    """Class numbers for integers, booleans and text; scaled values for floats. `y_train` alone decides and is fitted.

    Raises:
        LabelError: one class only, or y_val holds what y_train does not.
        QualityError: values that are not finite, or of another number of outputs in y_val.
        ConfigError: a regression loss for classes, or class weights for values.
    """
    return (_encode_values if y_train.dtype.kind == "f" else _encode_classes)(y_train, y_val, config)


def _encode_values(y_train: Array, y_val: Array, config: ExperimentConfig) -> Targets:
    if config.training.class_weights != "none":
        raise ConfigError(
            "class_weights need labels; y_train holds floats", "leave class_weights out, or give integers or text"
        )
    if y_val.dtype.kind == _TEXT:
        raise QualityError(f"y_val must hold numbers, as y_train does; got {y_val.dtype}", _LABELS_HINT)
    parts = [y.reshape(len(y), -1) for y in (y_train, y_val)]
    if parts[0].shape[1] != parts[1].shape[1]:
        raise QualityError(
            f"y_train and y_val must have equal outputs; got {y_train.shape} and {y_val.shape}",
            "give both the same columns",
        )
    with np.errstate(over="ignore"):
        both = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(both).all():
        raise QualityError(
            f"regression targets must be finite; {int((~np.isfinite(both)).sum())} values are not",
            "leave those samples out of X and y",
        )
    # Without a scale of its own a loss would be in the targets' units, and the learning rate with it.
    kind = "standard" if config.features.scaler == "none" else config.features.scaler
    scaler = fit_scaler(kind, both, np.arange(len(y_train)), tuple(f"y{i}" for i in range(both.shape[1])))
    return Targets(np.empty(0), scaler, scaler.transform(both), np.ones(len(both), np.float32))


def _encode_classes(y_train: Array, y_val: Array, config: ExperimentConfig) -> Targets:
    if config.training.loss != "auto":
        raise ConfigError(
            f"loss {config.training.loss!r} is for numbers; y_train holds labels ({y_train.dtype})",
            "y_train.astype(float) for a regressor, or leave loss out for a classifier",
        )
    if (y_train.dtype.kind == _TEXT) != (y_val.dtype.kind == _TEXT):
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
            f"y_val must hold classes of y_train; {', '.join(map(str, unseen[:5]))} never occur there",
            "take a longer training part, or leave those samples out",
        )
    counts = np.bincount(encoded, minlength=len(classes))
    weights = class_weights(config.training.class_weights, counts, tuple(map(str, classes)))
    y = np.concatenate([encoded, np.searchsorted(classes, y_val)]).astype(np.int64)
    return Targets(classes, None, y, weights[y])


def _as_array(value: object, name: str, hint: str) -> Array:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors on a GPU or with a gradient
        raise QualityError(f"{name} must be an array; {' '.join(str(error).split())}", hint) from error


def _of_one_type(items: Array, name: str) -> Array:
    """An array of Python objects as one of text or numbers, where they are all of a kind."""
    is_text = [isinstance(item, str) for item in items.flat]
    array = np.asarray(items.tolist())
    if any(is_text) != all(is_text) or array.dtype.kind == "O":
        kinds = ", ".join(sorted({type(item).__name__ for item in items.flat}))
        raise LabelError(
            f"{name} must hold labels of one type; got {kinds}", "give all of them as text, or as integers"
        )
    return array
