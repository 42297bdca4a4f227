"""What people hand in as y, checked and encoded: class numbers or values; and how much each sample counts."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import numpy.typing as npt

from gatewise.arrays import Targets
from gatewise.as_numpy import TEXT, Array, as_numpy, labels_of, missing_labels
from gatewise.class_weights import class_floor, class_weights, weights_remark
from gatewise.config.loss_section import require_computable
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, LabelError, QualityError
from gatewise.features.scaling import fit_scaler
from gatewise.fold import require_movement

Task = Literal["classification", "regression"]
log = logging.getLogger("gatewise.arrays")

_WHOLE = "iub"
_LARGEST = float(np.finfo(np.float32).max)
_FEW = 10  # different whole numbers as floats: more of them are likely a count or a price
_LABELS_HINT = "integers, booleans or text make a classifier, floats a regressor"


def check_targets(y: object, num_samples: int, name: str, task: Task | None = None) -> Array:
    """y as numbers, booleans or text, [samples] or [samples, outputs]; classes are [samples].

    Args:
        task: what y is taken for: numbers become floats, and whole floats may be labels; `None`: its dtype says.

    Raises:
        QualityError: another shape, or a type that is none of these.
        LabelError: labels of mixed types, more than one a sample, or a sample without.
    """
    if y is None:
        raise QualityError("the model requires y to be passed, but the target y is None", "model.fit(X, y)")
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
    if task == "classification":
        return _labels(array, name)
    if task == "regression" and array.dtype.kind in _WHOLE:
        array = array.astype(np.float64)
    if array.ndim == 2 and array.dtype.kind != "f":
        raise LabelError(
            f"{name} must hold one label a sample, [samples]; got {array.dtype} {array.shape}",
            f"for labels: {name}[:, 0]; for numbers to be predicted: {name}.astype(float)",
        )
    if task is None and array.ndim == 1 and array.dtype.kind == "f":
        _refuse_missing_labels(array, name)
    return array


def check_weights(weights: object, num_samples: int) -> npt.NDArray[np.float32] | None:
    """How much each sample counts, float32 [samples]; `None` stays.

    Raises:
        QualityError: another shape, negative or not finite, or all zero.
    """
    if weights is None:
        return None
    array = as_numpy(weights, "sample_weight", "one number a sample")
    if array.dtype.kind not in f"f{_WHOLE}" or array.shape != (num_samples,):
        raise QualityError(
            f"sample_weight must be numbers [{num_samples}], one a sample; got {array.dtype} {array.shape}",
            "sample_weight[i] belongs to X[i] and y[i]",
        )
    if not ((array >= 0) & (array <= _LARGEST)).all() or not array.any():
        raise QualityError(
            "sample_weight must be finite, none below 0 and not all of the weights zero",
            "a sample of weight 0 is left out",
        )
    return array.astype(np.float32)


def encode_targets(
    y: Array, num_train: int, config: ExperimentConfig, task: Task | None = None, known: Array | None = None
) -> Targets:
    """Class numbers for integers, booleans and text, values for floats, unless `task` says which; fitted on training.

    Args:
        y: of the training part, and after its `num_train` samples of the validation part.
        known: labels that may come beside those of the training part; `None`: none may.

    Raises:
        LabelError: one class only, values that never vary, or validation holds labels that training does not.
        QualityError: values that are not finite.
        ConfigError: a regression loss for classes, class weights for values, or a model that predicts no such y.
    """
    are_values = y.dtype.kind == "f" if task is None else task == "regression"
    wanted, held = ("values", "floats") if are_values else ("classes", f"labels ({y.dtype})")
    hint = "y.astype(int) makes labels" if are_values else "y.astype(float) makes numbers"
    if wanted not in config.model.targets:
        raise ConfigError(f"{config.model.name} predicts {config.model.targets[0]}; y holds {held}", hint)
    training = config.training
    require_computable(training.loss, training.monitor, wanted, f"y holds {held}", f"{hint}, or leave it out")
    if are_values:
        return _encode_values(y, num_train, config, task)
    return _encode_classes(y, num_train, config, known)


def join_targets(y: Array, y_val: Array) -> Array:
    """Both parts' y as one, the training part first.

    Raises:
        QualityError: of another number of outputs.
        LabelError: text beside numbers.
    """
    if (y.dtype.kind == TEXT) != (y_val.dtype.kind == TEXT):
        if y.dtype.kind == "f":
            raise QualityError(f"y_val must hold numbers, as y does; got {y_val.dtype}", _LABELS_HINT)
        raise LabelError(f"y_val must hold labels of y's type, {y.dtype}; got {y_val.dtype}", "give both as text")
    parts = [part if part.ndim == y.ndim else part.reshape(len(part), *[-1] * (y.ndim - 1)) for part in (y, y_val)]
    if parts[1].shape[1:] != y.shape[1:]:
        raise QualityError(
            f"y and y_val must have equal outputs; got {y.shape} and {y_val.shape}", "give both the same columns"
        )
    return np.concatenate(parts)


def _labels(array: Array, name: str) -> Array:
    """Labels [samples], whatever their type; whole floats stay floats."""
    if array.ndim == 2 and array.shape[1] == 1:
        from sklearn.utils import column_or_1d

        array = column_or_1d(array, warn=True)  # scikit-learn's own words and kind of warning
    if array.ndim == 2:
        raise LabelError(f"{name} must hold one label a sample, [samples]; got {array.shape}", f"{name}[:, 0]")
    if array.dtype.kind == "f":
        if gone := int(np.isnan(array).sum()):
            raise missing_labels(gone, array.size, name)
        if not (np.isfinite(array) & (array == np.round(array))).all():
            raise LabelError(
                f"Unknown label type: continuous. {name} must hold labels; got {array.dtype}",
                'task="regression" predicts numbers',
            )
    return array


def _encode_values(y: Array, num_train: int, config: ExperimentConfig, task: Task | None) -> Targets:
    if config.training.class_weights != "none":
        raise ConfigError(
            "class_weights need labels; y holds floats", "leave class_weights out, or give integers or text"
        )
    if y.dtype.kind == TEXT:
        raise QualityError(f"y must hold numbers; got {y.dtype}", 'task="classification" predicts labels')
    values = y.reshape(len(y), -1).astype(np.float64)
    broken = ~(np.abs(values) <= _LARGEST)
    if broken.any():
        raise QualityError(
            f"regression targets must be finite and within float32; {int(broken.sum())} values are not",
            "leave those samples out of X and y",
        )
    names = tuple(f"y{i}" for i in range(values.shape[1]))
    require_movement(values[:num_train], names, "give a training part in which it moves")
    if task is None:
        _tell_few_values(y[:num_train])
    # Without a scale of its own a loss would be in the targets' units, and the learning rate with it.
    kind = "standard" if config.features.scaler == "none" else config.features.scaler
    scaler = fit_scaler(kind, values, np.arange(num_train), names)
    return Targets(np.empty(0), scaler, values, np.empty(0, np.float32), np.empty(0), y.ndim == 2)


def _refuse_missing_labels(y: Array, name: str) -> None:
    """Integers of which one is missing come as floats; to say that floats must be finite would lead astray."""
    gone = np.isnan(y)
    known = y[~gone]
    if gone.any() and known.size and (known == np.round(known)).all():
        error = missing_labels(int(gone.sum()), y.size, name)
        error.message += " (the others are whole numbers, as floats)"
        raise error


def _tell_few_values(y: Array) -> None:
    if y.ndim > 1 and y.shape[1] > 1:
        return
    distinct = np.unique(y[:: max(1, len(y) // 1000)])
    if 1 < len(distinct) <= _FEW and (distinct == np.round(distinct)).all():
        distinct = np.unique(y)
        if len(distinct) <= _FEW and len(distinct) * 3 <= len(y) and (distinct == np.round(distinct)).all():
            log.warning(
                "y holds %d different whole numbers as floats (%s): they are taken as values to be predicted; "
                "y.astype(int) makes classes of them",
                len(distinct),
                ", ".join(f"{value:g}" for value in distinct),
            )


def _encode_classes(y: Array, num_train: int, config: ExperimentConfig, known: Array | None) -> Targets:
    trained = np.unique(y[:num_train])
    if len(trained) == 1:
        raise LabelError(
            f"y must hold at least two classes to train on; all {num_train} labels are {trained[0]}",
            "take a longer training part, or one that holds more of the classes",
        )
    classes = trained if known is None else np.unique(known)
    unseen = np.setdiff1d(y[num_train:], classes)
    if len(unseen):
        raise LabelError(
            f"y_val must hold classes of y; {', '.join(map(str, unseen[:5]))} never "
            f"{'occurs' if len(unseen) == 1 else 'occur'} there",
            "take a longer training part, or leave those samples out",
        )
    encoded = np.searchsorted(classes, y).astype(np.int64)
    counts = np.bincount(encoded[:num_train], minlength=len(classes))
    if not counts[encoded[num_train:]].any():
        raise LabelError(
            "the samples held out must hold a class that the others hold; got none",
            "fit(X, y, X_val, y_val) with a validation part of your own, or samples in order of time",
        )
    rule, names = config.training.class_weights, tuple(map(str, classes))
    weights = class_weights(rule, counts, names)
    if remark := weights_remark(rule, counts, names):
        log.warning("%s", remark)
    return Targets(classes, None, encoded, weights, class_floor(counts), False)
