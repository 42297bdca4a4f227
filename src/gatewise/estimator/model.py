"""Models on plain arrays, for people who window and split their own data: a scikit-learn estimator.

    model = SequenceModel("lstm", task="classification", hidden_size=128)
    model.fit(X_train, y_train, X_val, y_val)

The arrays are taken as they are: whether they leak is the caller's affair. Tables go through `gatewise.experiment`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from gatewise.as_numpy import Array
from gatewise.errors import BundleError, ConfigError, QualityError
from gatewise.estimator.base import ArrayEstimator, OfClassifiers
from gatewise.estimator.fields import changed_fields
from gatewise.estimator.fitted import Fitted, at_length
from gatewise.estimator.inputs import check_windows, column_names, is_flat
from gatewise.estimator.parts import given_parts, held_out_parts
from gatewise.estimator.targets import Task, check_targets, check_weights
from gatewise.estimator.training import Printed, train_parts
from gatewise.features.base import Values
from gatewise.isolation import plain_numbers
from gatewise.manifest import REMEDY
from gatewise.sealed import read_sealed, write_sealed
from gatewise.training.listeners import Listener, Listeners

FORMAT = "gatewise-sequence-model/1"
_PARAMETERS = ("task", "sequence_length", "val_fraction", "horizon")
_log = logging.getLogger("gatewise.arrays")


class SequenceModel(ArrayEstimator):
    """A model on arrays X [samples, sequence_length, features] and y [samples] or [samples, outputs].

    Both may be lists, frames or tensors, too. X of two axes [samples, columns] holds `sequence_length` steps a row, the
    oldest first, or one. Features and regression targets are scaled by what `fit` sees in the training part.

    Args:
        model: see `ModelRegistry.names`.
        task: `classification` or `regression`, which scikit-learn's tools ask for before a fit. `None`: y of integers,
            booleans or strings makes a classifier, y of floats a regressor, also where they are whole.
        sequence_length: a promise that X keeps; without it windows of any length are taken.
        val_fraction: share of the samples, the newest, that `fit` holds out where it is given no validation part. Rows
            of X are in order of time.
        horizon: samples ahead at which labels are known, of windows one step apart: what is trained on then neither
            shares a step with what is held out nor has a label from there. `None`: not known, and nothing is purged.
        verbose: whether `fit` prints a line an epoch, where it is given no listener.
        fields: the preset's flat names (hidden_size, dropout, learning_rate, batch_size, ...) and those of the training
            section (seed, device, precision, class_weights, ...). batch_size is at most the training part where it is
            not given. Whether a loss fits is asked in `fit`, of y. class_weights may be {label: weight}.

    Attributes:
        classes_: the labels in order of their probabilities' columns; a classifier has them.
        n_features_in_: columns of the last axis of X. feature_names_in_: their names, where X was a frame.
        history_, best_epoch_, n_iter_: one dict an epoch; the epoch that is kept; how many there were.
        train_samples_, val_samples_: int64 positions in X of what was trained on and what was held out; the rest was
            purged. None was held out where a validation part was given.
        result: how the fit went; `None` before it and after `load`. classes: as `classes_`, empty for a regressor.
    """

    @plain_numbers()
    def fit(
        self,
        X: Any,
        y: Any,
        X_val: Any = None,
        y_val: Any = None,
        listener: Listener | None = None,
        *,
        sample_weight: Any = None,
    ) -> Self:
        """Trains with early stopping on the validation part and keeps the best epoch's weights.

        A fit that fails leaves the model as it was.

        Args:
            X_val, y_val: the validation part; `None`: the newest of X is held out.
            sample_weight: [samples], how much each counts in training; one of 0 is left out, of what is held out too.

        Raises:
            QualityError: X is not 3-D or 2-D, not finite, of another sequence_length than promised, or y or
                sample_weight does not match it.
            LabelError: y holds one class only, or y_val one that y does not.
            ConfigError: batch_size is larger than the training part, or a setting does not fit the kind of y.
        """
        config = self.config
        if self.task not in (None, *get_args(Task)):
            raise ConfigError(f"task must be classification, regression or None; got {self.task!r}", "leave it out")
        if listener is not None and not isinstance(listener, Listener):
            raise ConfigError(
                f"listener must have on_step, on_epoch and on_message; got {type(listener).__name__}",
                "weights are sample_weight=; gatewise.training.listeners.Callbacks makes a listener of functions",
            )
        if (X_val is None) != (y_val is None):
            raise QualityError("X_val and y_val must come together; got one of them", "fit(X, y) holds a part of X out")
        x = check_windows(X, "X", self.sequence_length)
        labels, weight = check_targets(y, len(x), "y", self.task), check_weights(sample_weight, len(x))
        if self.sequence_length not in (None, x.shape[1]):
            raise QualityError(
                f"sequence_length must be the steps of X, {x.shape[1]}; got {self.sequence_length}",
                f"leave sequence_length out, or cut windows of {self.sequence_length} steps",
            )
        flat = is_flat(X)
        names = column_names(X) if flat else None
        if X_val is None:
            parts = held_out_parts(x, labels, weight, self.val_fraction, self.horizon)
        else:
            parts = given_parts(x, names, labels, weight, X_val, y_val, self.task)
        if flat and self.sequence_length is None and config.model.consumes == "sequences":
            _log.warning(
                "X has two axes: each row is taken as one step, and %s sees none before it; sequence_length says how "
                "many steps stand in a row, or give windows [samples, steps, features]",
                config.model.name,
            )
        told = listener or (Printed() if self.verbose else Listeners(()))
        is_chosen = bool(self._fields.keys() & {"batch_size", "auto_batch_size"})
        settled = at_length(config, x.shape[1])
        self._state = train_parts(
            parts, settled, self.task, flat, names, self.horizon, told, largest_batch=not is_chosen
        )
        return self

    @plain_numbers()
    def predict(self, X: Any) -> Array:
        """Class labels [samples], or float64 values in the targets' own units, of the shape that y had."""
        fitted = self._fitted
        predicted = fitted.predictor.predict(fitted.inputs(self._windows(X)))
        if len(fitted.classes):
            return np.asarray(fitted.classes[predicted.argmax(axis=1)])
        assert fitted.target_scaler is not None
        values = fitted.target_scaler.inverse(predicted)
        return values if fitted.columns else values[:, 0]

    @OfClassifiers
    @plain_numbers()
    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probabilities [samples, classes], columns in order of `classes_`; a regressor has no such method."""
        fitted = self._fitted
        return fitted.predictor.predict(fitted.inputs(self._windows(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of a classifier, R² of a regressor."""
        from sklearn.metrics import accuracy_score, r2_score

        predicted = self.predict(X)
        truth, weight = check_targets(y, len(predicted), "y", self.task), check_weights(sample_weight, len(predicted))
        metric = accuracy_score if self._kind == "classification" else r2_score
        return float(metric(truth, predicted, sample_weight=weight))

    @plain_numbers()
    def get_hidden_states(self, X: Any) -> npt.NDArray[np.float32]:
        """The top layer's states, float32 [samples, sequence_length, width]; an lstm's is hidden_size · directions.

        Raises:
            ConfigError: the model has none.
        """
        fitted = self._fitted
        return fitted.predictor.hidden_states(fitted.inputs(self._windows(X)))

    @plain_numbers()
    def save(self, folder: str | Path) -> Path:
        """Writes safetensors and JSON under hashes, whole or not at all; returns the folder.

        Raises:
            StorageError: `folder` holds something else than a saved model, or the disk is full or not writable.
        """
        fitted = self._fitted
        given = {name: getattr(self, name) for name in _PARAMETERS}
        parameters = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        values = {"format": FORMAT, "parameters": parameters, **fitted.to_values()}
        write_sealed(Path(folder), {"model": values}, fitted.predictor.tensors())
        return Path(folder)

    @classmethod
    @plain_numbers()
    def load(cls, folder: str | Path) -> Self:
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
            fitted = Fitted.from_values(values, tensors)
            config = fitted.config
            model = cls(config.model.name, **values.get("parameters", {}), **changed_fields(config))
        except (KeyError, TypeError, ValueError, RuntimeError, ConfigError, BundleError) as error:
            raise BundleError(
                f"{folder}/model.json can't be understood: {' '.join(str(error).split())}", REMEDY
            ) from error
        model._state = fitted
        return model

    def _windows(self, X: Any) -> Values:
        """X as in `fit`, if it has the columns that it had there."""
        if self._fitted.flat and is_flat(X):
            try:
                validate_data(self, X, reset=False, skip_check_array=True)
            except (ValueError, TypeError) as error:
                raise QualityError(" ".join(str(error).split()), "give the columns of fit, in their order") from error
        return check_windows(X, "X", self._fitted.steps)
