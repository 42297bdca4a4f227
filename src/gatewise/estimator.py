"""Models on plain arrays, for people who window and split their own data.

    model = ModelRegistry.create("lstm", hidden_size=128)
    model.fit(X_train, y_train, X_val, y_val)

The arrays are taken as they are: whether they leak is the caller's affair. Tables go through `gatewise.experiment`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from gatewise.arrays import check_targets, check_windows, encode_targets
from gatewise.as_numpy import Array
from gatewise.config.load import build_config, load_config
from gatewise.config.names import FORMER, SHORT
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, TrainingConfig
from gatewise.errors import BundleError, ConfigError, QualityError, UnknownNameError
from gatewise.features.far import far_inputs, say_far
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.isolation import plain_numbers
from gatewise.models.registry import NETWORKS, build_model
from gatewise.nn.initial import seeded
from gatewise.sealed import REMEDY, read_sealed, write_sealed
from gatewise.targets.outputs.classes import probabilities
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.fit import fit
from gatewise.training.inference import hidden_states, predict_outputs
from gatewise.training.listeners import Listener, Listeners
from gatewise.training.memory import estimate_memory
from gatewise.training.progress import FitResult
from gatewise.training.timed_steps import try_batch_sizes
from gatewise.windows import Windows

FORMAT = "gatewise-sequence-model/1"
_log = logging.getLogger("gatewise.arrays")
# Fields that mean nothing without a run's folder, or without a table's symbols.
_OF_RUNS = ("name", "checkpoint_every_epochs", "per_symbol", "symbol_embedding")


class ModelRegistry:
    """The zoo for arrays."""

    @staticmethod
    def names() -> list[str]:
        """The models that `create` knows."""
        return sorted(NETWORKS)

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
        if name not in NETWORKS:
            raise UnknownNameError("model of windows", name, NETWORKS)
        known = {key: dotted for key, dotted in SHORT.items() if key != "model"}
        known |= {name.removeprefix("training."): dotted for name, dotted in FORMER.items()}
        known |= {key: f"training.{key}" for key in TrainingConfig.model_fields if key not in _OF_RUNS}
        known |= {key: f"model.{key}" for key in MODEL_CONFIGS[name].model_fields if key not in _OF_RUNS}
        known |= {"scaler": "features.scaler"}
        weights = fields.get("class_weights")
        if isinstance(weights, Mapping):  # in a config, classes are text
            fields["class_weights"] = {str(label): weight for label, weight in weights.items()}
        for field in fields:
            if field not in known:
                raise UnknownNameError("field", field, known)
        said = {known[field]: value for field, value in fields.items()}
        config = load_config(overrides={"model.name": name, "target.kind": "given", **said})
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
        self._module: torch.nn.Module | None = None
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
        ends = np.arange(len(targets.y)) * length + length - 1
        seen = x_train.reshape(-1, width)
        names = tuple(f"x{i}" for i in range(width))
        scaler = fit_scaler(self.config.features.scaler, seen, np.arange(len(seen)), names)
        flat = np.concatenate([scaler.transform(seen), scaler.transform(x_val.reshape(-1, width))])
        y_rows = np.zeros((len(flat), *targets.y.shape[1:]), targets.y.dtype)
        weight_rows = np.zeros(len(flat), np.float32)
        y_rows[ends], weight_rows[ends] = targets.y, targets.weight
        device, _ = choose_device(self.config.training.device)
        windows = _windows_of_scaled(flat, length, device).supervised(
            y_rows, weight_rows, log_weight=targets.log_weight
        )
        module, result = self._train(
            windows, ends[:samples], ends[samples:], len(targets.classes), len(targets.classes) or targets.y.shape[1],
            listener or Listeners(()),
        )  # fmt: skip
        self.classes, self.result, self._module = targets.classes, result, module
        self._scaler, self._target_scaler, self._sequence_length = scaler, targets.scaler, length
        self._columns = targets.columns
        return self

    @plain_numbers()
    def predict(self, X: Array) -> Array:
        """Class labels [samples], or float64 values in the targets' own units, of the shape that y_train had."""
        outputs = self._outputs(X)
        if len(self.classes):
            return np.asarray(self.classes[outputs.argmax(axis=1)])
        assert self._target_scaler is not None
        values = self._target_scaler.inverse(outputs)
        return values if self._columns else values[:, 0]

    @plain_numbers()
    def predict_proba(self, X: Array) -> npt.NDArray[np.float64]:
        """Probabilities [samples, classes], columns in order of `classes`.

        Raises:
            ConfigError: the model is a regressor.
        """
        if not len(self.classes) and self._module is not None:
            raise ConfigError("predict_proba needs a classifier; this model was fitted on floats", "predict")
        return probabilities(self._outputs(X))

    @plain_numbers()
    def get_hidden_states(self, X: Array) -> npt.NDArray[np.float32]:
        """The top layer's states, float32 [samples, sequence_length, hidden_size · directions]."""
        windows, ends = self._windows(X)
        return hidden_states(self._fitted(), windows, ends)

    @plain_numbers()
    def save(self, folder: str | Path) -> Path:
        """Writes safetensors and JSON under hashes, whole or not at all; returns the folder.

        Raises:
            StorageError: `folder` holds something else than a saved model, or the disk is full or not writable.
        """
        module = self._fitted()
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
        }
        write_sealed(Path(folder), {"model": values}, module.state_dict())
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
            outputs = len(model.classes) or len(values["target_scaler"]["names"])
            model._module = build_model(model.config.model, len(model._scaler.names), outputs).eval()
            model._module.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
            raise BundleError(
                f"{folder}/model.json can't be understood: {' '.join(str(error).split())}", REMEDY
            ) from error
        return model

    def _train(
        self,
        windows: Windows,
        train_rows: npt.NDArray[np.int64],
        val_rows: npt.NDArray[np.int64],
        num_classes: int,
        num_outputs: int,
        listener: Listener,
    ) -> tuple[torch.nn.Module, FitResult]:
        settings, device = self.config.training, windows.matrix.device
        precision = choose_precision(settings.precision, device)

        def build() -> torch.nn.Module:
            width, generator = windows.matrix.shape[1], seeded(settings.seed)
            return build_model(self.config.model, width, num_outputs, generator=generator).to(device)

        def memory_bytes(batch_size: int) -> int:
            return estimate_memory(
                self.config.model, batch_size, windows.sequence_length, windows.matrix.shape[1],
                precision=precision.name,
            ).total  # fmt: skip

        if settings.auto_batch_size:
            rows = torch.from_numpy(train_rows).to(device)
            choice = try_batch_sizes(build(), windows, rows, settings, precision, num_classes, memory_bytes)
            settings = settings.model_copy(update={"batch_size": choice.batch_size})
            listener.on_message(f"Batch size: {choice.batch_size} ({choice.reason})")
        module = build()
        return module, fit(module, windows, train_rows, val_rows, settings, precision, num_classes, listener)

    def _fitted(self) -> Any:
        if self._module is None:
            raise ConfigError("the model must be fitted first", "model.fit(X_train, y_train, X_val, y_val)")
        return self._module

    def _windows(self, X: Array) -> tuple[Windows, npt.NDArray[np.int64]]:
        device = next(self._fitted().parameters()).device
        x = check_windows(X, "X")
        assert self._scaler is not None
        wanted = (self._sequence_length, len(self._scaler.names))
        if x.shape[1:] != wanted:
            raise QualityError(
                f"X must have {wanted[0]} steps and {wanted[1]} features, as in training; got {x.shape[1:]}",
                "cut windows as for fit, over the same columns",
            )
        steps, ends = x.reshape(-1, wanted[1]), np.arange(len(x)) * wanted[0] + wanted[0] - 1
        if words := far_inputs(self._scaler, steps, np.arange(len(steps))):
            _log.warning("%s", say_far([words]))
        return _windows_of_scaled(self._scaler.transform(steps), wanted[0], device), ends

    def _outputs(self, X: Array) -> npt.NDArray[np.float32]:
        windows, ends = self._windows(X)
        return predict_outputs(self._fitted(), windows, ends)


def _windows_of_scaled(rows: npt.NDArray[np.float32], length: int, device: torch.device) -> Windows:
    """Windows over rows that are scaled already."""
    width = rows.shape[1]
    as_it_is = Scaler("none", ("",) * width, np.zeros(width), np.ones(width))
    return Windows.over(rows, as_it_is, length, device)
