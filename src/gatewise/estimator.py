"""Models on plain arrays, for people who window and split their own data.

    model = ModelRegistry.create("lstm", hidden_size=128)
    model.fit(X_train, y_train, X_val, y_val)

The arrays are taken as they are: whether they leak is the caller's affair. Tables go through `gatewise.experiment`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from gatewise.config.load import FLAT_FIELDS, build_config, load_config
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, TrainingConfig
from gatewise.errors import BundleError, ConfigError, LabelError, NotEnoughRowsError, QualityError, UnknownNameError
from gatewise.features.scaling import Scaler, fit_scaler
from gatewise.models.registry import MODELS, build_model
from gatewise.sealed import read_sealed, write_sealed
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.fit import fit
from gatewise.training.inference import predict_outputs
from gatewise.training.listeners import Listener, Listeners
from gatewise.training.progress import FitResult
from gatewise.windows import Windows

Array = npt.NDArray[Any]
FORMAT = "gatewise-sequence-model/1"


class ModelRegistry:
    """The zoo for arrays."""

    @staticmethod
    def names() -> list[str]:
        """The models that `create` knows."""
        return sorted(MODELS)

    @staticmethod
    def create(name: str, **fields: Any) -> SequenceModel:
        """A model that is not trained yet.

        Args:
            name: see `names`.
            fields: the preset's flat names (hidden_size, dropout, learning_rate, batch_size, ...) and those of
                the training section (seed, device, precision, class_weights, ...).

        Raises:
            UnknownNameError: an unknown model or field; the nearest is listed.
            ConfigError: a value out of range.
        """
        if name not in MODELS:
            raise UnknownNameError("model", name, MODELS)
        known = {key: dotted for key, dotted in FLAT_FIELDS.items() if key != "model"}
        known |= {key: f"training.{key}" for key in TrainingConfig.model_fields}
        known |= {key: f"model.{key}" for key in MODEL_CONFIGS[name].model_fields if key != "name"}
        known |= {"scaler": "features.scaler"}
        for field in fields:
            if field not in known:
                raise UnknownNameError("field", field, known)
        overrides = {known[field]: value for field, value in fields.items()}
        return SequenceModel(load_config(overrides={"model.name": name, **overrides}))

    @staticmethod
    def load(folder: str | Path) -> SequenceModel:
        """A model that `SequenceModel.save` wrote; see `SequenceModel.load`."""
        return SequenceModel.load(folder)


class SequenceModel:
    """A model on arrays X [samples, sequence_length, features] and y [samples] or [samples, outputs].

    y of integers, booleans or strings makes a classifier, whose classes are the sorted labels of `y_train`; y of floats
    makes a regressor. Features and regression targets are scaled by what `fit` sees in the training part.

    Attributes:
        config: what `ModelRegistry.create` resolved.
        classes: the labels in order of their probabilities' columns; empty for a regressor.
        result: how the fit went; `None` before it and after `load`.
    """

    def __init__(self, config: ExperimentConfig) -> None:
        self.config = config
        self.classes: Array = np.empty(0)
        self.result: FitResult | None = None
        self._module: torch.nn.Module | None = None
        self._scaler: Scaler | None = None
        self._target_scaler: Scaler | None = None
        self._sequence_length = 0

    def fit(self, X_train: Array, y_train: Array, X_val: Array, y_val: Array, listener: Listener | None = None) -> Self:
        """Trains with early stopping on the validation part and keeps the best epoch's weights.

        Raises:
            QualityError: X is not 3-D, not finite, or y does not match it.
            LabelError: y_val holds a class that y_train does not.
            ConfigError: batch_size is larger than the training part.
        """
        x_train, x_val = self._check(X_train, "X_train"), self._check(X_val, "X_val")
        if x_train.shape[1:] != x_val.shape[1:]:
            raise QualityError(f"X_train and X_val must have equal steps and features; got {x_train.shape[1:]}, "
                               f"{x_val.shape[1:]}")  # fmt: skip
        y_train, y_val = np.asarray(y_train), np.asarray(y_val)
        for name, x, y in (("y_train", x_train, y_train), ("y_val", x_val, y_val)):
            if len(x) != len(y) or y.ndim > 2:
                raise QualityError(
                    f"{name} must be [samples] or [samples, outputs] with {len(x)} samples; got {y.shape}"
                )
        samples, length, width = x_train.shape
        self._sequence_length = length
        flat = np.concatenate([x_train, x_val]).reshape(-1, width)
        ends = np.arange(len(x_train) + len(x_val)) * length + length - 1
        self._scaler = fit_scaler(
            self.config.features.scaler, flat, np.arange(samples * length), tuple(f"x{i}" for i in range(width))
        )
        target, weight = self._encode(y_train, y_val)
        y_rows = np.zeros((len(flat), *target.shape[1:]), target.dtype)
        weight_rows = np.zeros(len(flat), np.float32)
        y_rows[ends], weight_rows[ends] = target, weight
        device, _ = choose_device(self.config.training.device)
        precision = choose_precision(self.config.training.precision, device)
        windows = Windows.over(flat, self._scaler, length, device).supervised(y_rows, weight_rows)
        torch.manual_seed(self.config.training.seed)
        outputs = len(self.classes) or target.shape[1]
        module = build_model(self.config.model, width, outputs).to(device)
        self.result = fit(
            module, windows, ends[:samples], ends[samples:], self.config.training, precision, len(self.classes),
            listener or Listeners(()),
        )  # fmt: skip
        self._module = module
        return self

    def predict(self, X: Array) -> Array:
        """Class labels [samples], or values [samples, outputs] in the targets' own units."""
        outputs = self._outputs(X)
        if len(self.classes):
            return np.asarray(self.classes[outputs.argmax(axis=1)])
        assert self._target_scaler is not None
        return self._target_scaler.inverse(outputs)

    def predict_proba(self, X: Array) -> npt.NDArray[np.float64]:
        """Probabilities [samples, classes], columns in order of `classes`.

        Raises:
            ConfigError: the model is a regressor.
        """
        if not len(self.classes) and self._module is not None:
            raise ConfigError("predict_proba needs a classifier; this model was fitted on floats", "predict")
        outputs = self._outputs(X).astype(np.float64)
        odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def get_hidden_states(self, X: Array) -> npt.NDArray[np.float32]:
        """The top layer's states, float32 [samples, sequence_length, hidden_size · directions]."""
        windows, ends = self._windows(X)
        module = self._fitted().eval()
        with torch.inference_mode():
            chunks = [module.hidden_states(windows.gather(rows)) for rows in torch.from_numpy(ends).split(256)]
        return np.asarray(torch.cat(chunks).cpu().numpy())

    def save(self, folder: str | Path) -> Path:
        """Writes safetensors and JSON under hashes, whole or not at all; returns the folder."""
        module = self._fitted()
        assert self._scaler is not None
        values = {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "classes": self.classes.tolist(),
            "class_dtype": self.classes.dtype.str,
            "sequence_length": self._sequence_length,
            "scaler": self._scaler.to_dict(),
            "target_scaler": self._target_scaler.to_dict() if self._target_scaler else None,
        }
        write_sealed(Path(folder), {"model": values}, module.state_dict())
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> SequenceModel:
        """Reads what `save` wrote, on the CPU.

        Raises:
            BundleError: a file is missing, damaged, or of another format.
        """
        documents, tensors = read_sealed(Path(folder))
        values = documents.get("model", {})
        if values.get("format") != FORMAT:
            raise BundleError(f"{folder} must hold {FORMAT}; got {values.get('format')}")
        model = cls(build_config(values["config"]))
        model.classes = np.asarray(values["classes"], dtype=np.dtype(values["class_dtype"]))
        model._sequence_length = values["sequence_length"]
        model._scaler = Scaler.from_dict(values["scaler"])
        if values["target_scaler"]:
            model._target_scaler = Scaler.from_dict(values["target_scaler"])
        outputs = len(model.classes) or len(values["target_scaler"]["names"])
        model._module = build_model(model.config.model, len(model._scaler.names), outputs)
        model._module.load_state_dict(tensors)
        return model

    def _encode(self, y_train: Array, y_val: Array) -> tuple[Array, npt.NDArray[np.float32]]:
        from gatewise.fold import class_weights

        if y_train.dtype.kind == "f":
            both = np.concatenate([y_train, y_val]).astype(np.float32).reshape(len(y_train) + len(y_val), -1)
            if not np.isfinite(both).all():
                raise QualityError("regression targets must be finite")
            names = tuple(f"y{i}" for i in range(both.shape[1]))
            kind = "standard" if self.config.features.scaler == "none" else self.config.features.scaler
            self._target_scaler = fit_scaler(kind, both, np.arange(len(y_train)), names)
            self.classes = np.empty(0)
            return self._target_scaler.transform(both), np.ones(len(both), np.float32)
        self.classes, encoded = np.unique(y_train, return_inverse=True)
        unseen = np.setdiff1d(y_val, self.classes)
        if len(unseen):
            raise LabelError(f"y_val must hold classes of y_train; {', '.join(map(str, unseen[:5]))} never occur there")
        counts = np.bincount(encoded, minlength=len(self.classes))
        weights = class_weights(self.config.training.class_weights, counts, tuple(map(str, self.classes)))
        both = np.concatenate([encoded.reshape(-1), np.searchsorted(self.classes, y_val)]).astype(np.int64)
        return both, weights[both]

    def _check(self, X: Array, name: str) -> npt.NDArray[np.float32]:
        x = np.asarray(X)
        if x.ndim != 3 or x.dtype.kind not in "fiu":
            raise QualityError(f"{name} must be numbers [samples, sequence_length, features]; got {x.dtype} {x.shape}")
        if len(x) == 0:
            raise NotEnoughRowsError(f"{name} must hold at least one sample; got none")
        x = np.ascontiguousarray(x, np.float32)
        if not np.isfinite(x).all():
            raise QualityError(f"{name} must be finite; {int((~np.isfinite(x)).sum())} values are not")
        return x

    def _fitted(self) -> Any:
        if self._module is None:
            raise ConfigError("the model must be fitted first", "model.fit(X_train, y_train, X_val, y_val)")
        return self._module

    def _windows(self, X: Array) -> tuple[Windows, npt.NDArray[np.int64]]:
        device = next(self._fitted().parameters()).device
        x = self._check(X, "X")
        assert self._scaler is not None
        wanted = (self._sequence_length, len(self._scaler.names))
        if x.shape[1:] != wanted:
            raise QualityError(
                f"X must have {wanted[0]} steps and {wanted[1]} features, as in training; got {x.shape[1:]}"
            )
        ends = np.arange(len(x)) * wanted[0] + wanted[0] - 1
        return Windows.over(x.reshape(-1, wanted[1]), self._scaler, wanted[0], device), ends

    def _outputs(self, X: Array) -> npt.NDArray[np.float32]:
        windows, ends = self._windows(X)
        return predict_outputs(self._fitted(), windows, ends)
