"""Models on plain arrays, for people who window and split their own data.

    model = ModelRegistry.create("lstm", hidden_size=128)
    model.fit(X_train, y_train, X_val, y_val)

The arrays are taken as they are: whether they leak is the caller's affair. Tables go through `gatewise.experiment`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gatewise.arrays import (
    check_targets,
    check_windows,
    encode_targets,
    make_array_samples,
    output_spec,
    unscaled,
    window_ends,
)
from gatewise.as_numpy import Array
from gatewise.config.load import build_config, load_config
from gatewise.config.names import FORMER, SHORT
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, ModelConfig, TrainingConfig, model_config
from gatewise.errors import BundleError, ConfigError, GatewiseError, QualityError, UnknownNameError
from gatewise.features.far import far_inputs, say_far
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.isolation import plain_numbers
from gatewise.learners.base import Inputs, Predictor, Shape
from gatewise.learners.table import learner_of, train_model
from gatewise.parts import own_names
from gatewise.sealed import REMEDY, read_sealed, write_sealed
from gatewise.training.listeners import Listener, Listeners
from gatewise.training.progress import FitResult

FORMAT = "gatewise-sequence-model/1"
_SETTING = re.compile(r"\b(?:features|model|training|windows)(?:\.[a-z]\w*)+")
_log = logging.getLogger("gatewise.arrays")
# Fields that mean nothing without a run's folder, or without a table's symbols.
_OF_RUNS = ("name", "checkpoint_every_epochs", "per_symbol", "symbol_embedding")


def _fields_of(model: type[ModelConfig]) -> dict[str, str]:
    """{name that `create` takes: dotted field}."""
    known = {key: dotted for key, dotted in SHORT.items() if not dotted.startswith(("model.", "split."))}
    known |= {former.removeprefix("training."): dotted for former, dotted in FORMER.items()}
    known |= {key: f"training.{key}" for key in TrainingConfig.model_fields if key not in _OF_RUNS}
    known |= {key: f"model.{key}" for key in model.model_fields if key not in _OF_RUNS}
    if model.consumes == "rows":  # of training they read the seed alone
        known = {key: at for key, at in known.items() if not at.startswith("training.") or key == "seed"}
    return known | {"scaler": "features.scaler"}


@contextmanager
def _in_fields_of_create(model: type[ModelConfig]) -> Iterator[None]:
    """Names settings in the hints of errors as `create` takes them."""
    taken = {dotted: name for name, dotted in reversed(_fields_of(model).items())}
    try:
        yield
    except GatewiseError as error:
        if error.hint:
            error.hint = _SETTING.sub(lambda match: taken.get(match[0], match[0]), error.hint)
        raise


class ModelRegistry:
    """The zoo for arrays."""

    @staticmethod
    def names() -> list[str]:
        """The models that `create` knows; of one's own, those that packages bring by entry points."""
        return sorted({*MODEL_CONFIGS, *own_names("model")})

    @staticmethod
    def create(name: str, **fields: Any) -> SequenceModel:
        """A model that is not trained yet.

        Args:
            name: see `names`.
            fields: the preset's flat names (hidden_size, dropout, learning_rate, batch_size, ...) and those of
                the training section (seed, device, precision, class_weights, ...). sequence_length is a promise that
                X keeps; without it any length is taken. Whether a loss fits is asked in `fit`, of y. class_weights
                may be {label: weight}.

        Raises:
            UnknownNameError: an unknown model or field; the nearest is listed.
            ConfigError: a value out of range.
        """
        model = model_config(name)
        known = _fields_of(model)
        weights = fields.get("class_weights")
        if isinstance(weights, Mapping):  # in a config, classes are text
            fields["class_weights"] = {str(label): weight for label, weight in weights.items()}
        for field in fields:
            if field not in known:
                raise UnknownNameError("field", field, known)
        settings = {known[field]: value for field, value in fields.items()}
        with _in_fields_of_create(model):
            config = load_config(overrides={"model.name": name, "target.kind": "given", **settings})
        return SequenceModel(config, None if fields.get("sequence_length") is None else config.windows.sequence_length)

    @staticmethod
    def load(folder: str | Path) -> SequenceModel:
        """A model that `SequenceModel.save` wrote; see `SequenceModel.load`."""
        return SequenceModel.load(folder)


class SequenceModel:
    """A model on arrays X [samples, sequence_length, features] and y [samples] or [samples, outputs].

    Both may be lists, frames or tensors, too. y of integers, booleans or strings makes a classifier, whose classes are
    the sorted labels of `y_train`; y of floats makes a regressor, also where they are whole. Features and regression
    targets are scaled by what `fit` sees in the training part.

    Attributes:
        config: what `ModelRegistry.create` resolved.
        classes: the labels in order of their probabilities' columns; empty for a regressor.
        result: how the fit went; `None` before it and after `load`.
    """

    def __init__(self, config: ExperimentConfig, sequence_length: int | None = None) -> None:
        self.config = config
        self.classes: Array = np.empty(0)
        self.result: FitResult | None = None
        self._predictor: Predictor | None = None
        self._device = config.training.device
        self._scaler: Scaler | None = None
        self._target_scaler: Scaler | None = None
        self._promised_length = sequence_length
        self._sequence_length = 0
        self._columns = True

    @plain_numbers()
    def fit(self, X_train: Array, y_train: Array, X_val: Array, y_val: Array, listener: Listener | None = None) -> Self:
        """Trains with early stopping on the validation part and keeps the best epoch's weights.

        A fit that fails leaves the model as it was.

        Raises:
            QualityError: X is not 3-D, not finite, of another sequence_length than promised, or y does not match it.
            LabelError: y_train holds one class only, or y_val one that y_train does not.
            ConfigError: batch_size is larger than the training part, or a setting does not fit the kind of y.
        """
        x_train, x_val = check_windows(X_train, "X_train"), check_windows(X_val, "X_val")
        if x_train.shape[1:] != x_val.shape[1:]:
            raise QualityError(
                f"X_train and X_val must have equal steps and features; got {x_train.shape[1:]}, {x_val.shape[1:]}",
                "cut both into windows of one length, over the same columns",
            )
        samples, length, width = x_train.shape
        if self._promised_length not in (None, length):
            raise QualityError(
                f"sequence_length must be the steps of X, {length}; got {self._promised_length}",
                f"leave sequence_length out, or cut windows of {self._promised_length} steps",
            )
        targets = encode_targets(
            check_targets(y_train, samples, "y_train"), check_targets(y_val, len(x_val), "y_val"), self.config
        )
        steps = x_train.reshape(-1, width)
        names = tuple(f"x{i}" for i in range(width))
        scaler = fit_scaler(self.config.features.scaler, steps, np.arange(len(steps)), names)
        rows = np.concatenate([scaler.transform(steps), scaler.transform(x_val.reshape(-1, width))])
        array_samples, fold = make_array_samples(rows, length, targets)
        parts = array_samples.rows[:samples], array_samples.rows[samples:]
        with _in_fields_of_create(type(self.config.model)):
            trained = train_model(self._config_at(length), array_samples, fold, *parts, listener or Listeners(()))
        self.classes, self.result, self._predictor = targets.classes, trained.fit, trained.predictor
        self._scaler, self._target_scaler, self._sequence_length = scaler, targets.scaler, length
        self._columns, self._device = targets.columns, self.config.training.device
        return self

    @plain_numbers()
    def predict(self, X: Array) -> Array:
        """Class labels [samples], or float64 values in the targets' own units, of the shape that y_train had."""
        predicted = self._fitted().predict(self._inputs(X))
        if len(self.classes):
            return np.asarray(self.classes[predicted.argmax(axis=1)])
        assert self._target_scaler is not None
        values = self._target_scaler.inverse(predicted)
        return values if self._columns else values[:, 0]

    @plain_numbers()
    def predict_proba(self, X: Array) -> npt.NDArray[np.float64]:
        """Probabilities [samples, classes], columns in order of `classes`.

        Raises:
            ConfigError: the model is a regressor.
        """
        if not len(self.classes) and self._predictor is not None:
            raise ConfigError("predict_proba needs a classifier; this model was fitted on floats", "predict")
        return self._fitted().predict(self._inputs(X))

    @plain_numbers()
    def get_hidden_states(self, X: Array) -> npt.NDArray[np.float32]:
        """The top layer's states, float32 [samples, sequence_length, width]; an lstm's is hidden_size · directions.

        Raises:
            ConfigError: the model has none.
        """
        return self._fitted().hidden_states(self._inputs(X))

    @plain_numbers()
    def save(self, folder: str | Path) -> Path:
        """Writes safetensors and JSON under hashes, whole or not at all; returns the folder.

        Raises:
            StorageError: `folder` holds something else than a saved model, or the disk is full or not writable.
        """
        predictor = self._fitted()
        assert self._scaler is not None
        values = {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "classes": self.classes.tolist(),
            "class_dtype": self.classes.dtype.str,
            "sequence_length": self._sequence_length,
            "columns": self._columns,
            "scaler": self._scaler.to_dict(),
            "target_scaler": self._target_scaler.to_dict() if self._target_scaler else None,
            "state": predictor.state(),
        }
        write_sealed(Path(folder), {"model": values}, predictor.tensors())
        return Path(folder)

    @classmethod
    @plain_numbers()
    def load(cls, folder: str | Path) -> SequenceModel:
        """Reads what `save` wrote, on the CPU.

        Raises:
            BundleError: a file is missing, damaged, or of another format.
        """
        documents, tensors = read_sealed(Path(folder))
        values = documents.get("model", {})
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BundleError(
                f"{folder} must hold {FORMAT}; got {values.get('format') if isinstance(values, dict) else None}",
                "gatewise.Bundle.load reads the bundles of runs; another format takes the gatewise that wrote it",
            )
        try:
            model = cls(build_config(values["config"]))
            model.classes = np.asarray(values["classes"], dtype=np.dtype(values["class_dtype"]))
            model._sequence_length = int(values["sequence_length"])
            model._columns = bool(values.get("columns", True))  # as it was before y's shape was kept
            model._scaler = Scaler.from_dict(values["scaler"])
            if values["target_scaler"]:
                model._target_scaler = Scaler.from_dict(values["target_scaler"])
            spec = output_spec(model.classes, () if len(model.classes) else tuple(values["target_scaler"]["names"]))
            shape = Shape(len(model._scaler.names), spec, 0, np.zeros(len(model.classes)))
            restore = learner_of(model.config.model).restore
            model._predictor = restore(model._config_at(0), shape, tensors, values.get("state", {}))
            model._device = "cpu"
        except (KeyError, TypeError, ValueError, RuntimeError, ConfigError, BundleError) as error:
            raise BundleError(
                f"{folder}/model.json can't be understood: {' '.join(str(error).split())}", REMEDY
            ) from error
        return model

    def _config_at(self, length: int) -> ExperimentConfig:
        """What learners are told."""
        windows = self.config.windows.model_copy(update={"sequence_length": length})
        return self.config.model_copy(update={"windows": windows})

    def _fitted(self) -> Predictor:
        if self._predictor is None:
            raise ConfigError("the model must be fitted first", "model.fit(X_train, y_train, X_val, y_val)")
        return self._predictor

    def _inputs(self, X: Array) -> Inputs:
        x = check_windows(X, "X")
        assert self._scaler is not None
        wanted = (self._sequence_length, len(self._scaler.names))
        if x.shape[1:] != wanted:
            raise QualityError(
                f"X must have {wanted[0]} steps and {wanted[1]} features, as in training; got {x.shape[1:]}",
                "cut windows as for fit, over the same columns",
            )
        steps = x.reshape(-1, wanted[1])
        if far := far_inputs(self._scaler, steps, np.arange(len(steps))):
            _log.warning("%s", say_far([far]))
        values, ends = self._scaler.transform(steps), window_ends(len(x), wanted[0])
        return Inputs(self._config_at(wanted[0]), values, unscaled(wanted[1]), None, 0, ends, self._device)
