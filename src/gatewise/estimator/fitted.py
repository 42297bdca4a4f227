"""What a fit leaves behind: all that a model on arrays predicts with, and the values and tensors that it is kept as."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from torch import Tensor

from gatewise.arrays import output_spec, unscaled, window_ends
from gatewise.as_numpy import Array
from gatewise.config.load import build_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import QualityError
from gatewise.features.base import Values
from gatewise.features.far import far_inputs, say_far
from gatewise.features.scaling import Scaler
from gatewise.learners.base import Inputs, Predictor, Shape
from gatewise.learners.table import learner_of
from gatewise.splits.base import Rows
from gatewise.training.progress import FitResult

_log = logging.getLogger("gatewise.arrays")


def _none() -> Rows:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit's state.

    Attributes:
        config: what it was fitted by, at the windows' own length.
        predictor: the trained model.
        classes: sorted labels; empty for a regressor.
        floor: float64 [classes], what those are given that the training part lacked.
        scaler, target_scaler: of the features, and of numbers to be predicted.
        columns: whether values came as [samples, outputs], and so go out.
        flat: whether X had two axes.
        names: of the columns of a frame.
        device: where it predicts.
        result: how the fit went; `None` where it was loaded from a folder.
        train_samples, val_samples: int64 positions in X of what was trained on, and of what was held out to stop it;
            empty where it was loaded from a folder, val_samples also where a validation part was given.
    """

    config: ExperimentConfig
    predictor: Predictor
    classes: Array
    floor: Array
    scaler: Scaler
    target_scaler: Scaler | None
    columns: bool
    flat: bool
    names: Array | None
    device: str
    result: FitResult | None = None
    train_samples: Rows = field(default_factory=_none)
    val_samples: Rows = field(default_factory=_none)

    @property
    def steps(self) -> int:
        return self.config.windows.sequence_length

    @property
    def features(self) -> int:
        """A step's."""
        return len(self.scaler.names)

    @property
    def num_columns(self) -> int:
        """What X had on its last axis."""
        return self.features * (self.steps if self.flat else 1)

    def inputs(self, x: Values) -> Inputs:
        """Windows [samples, steps, features] as learners take them.

        Raises:
            QualityError: other steps or features than in training.
        """
        if x.shape[1:] != (self.steps, self.features):
            raise QualityError(
                f"X must have {self.steps} steps and {self.features} features, as in training; got {x.shape[1:]}",
                "cut windows as for fit, over the same columns",
            )
        rows = x.reshape(-1, self.features)
        if far := far_inputs(self.scaler, rows, np.arange(len(rows))):
            _log.warning("%s", say_far([far]))
        ends = window_ends(len(x), self.steps)
        values = self.scaler.transform(rows)
        return Inputs(self.config, values, unscaled(self.features), None, 0, ends, self.device)

    def to_values(self) -> dict[str, Any]:
        """JSON values of all but the predictor's tensors and how the fit went."""
        return {
            "config": self.config.to_dict(),
            "classes": self.classes.tolist(),
            "class_dtype": self.classes.dtype.str,
            "floor": self.floor.tolist(),
            "sequence_length": self.steps,
            "columns": self.columns,
            "flat": self.flat,
            "names": None if self.names is None else self.names.tolist(),
            "scaler": self.scaler.to_dict(),
            "target_scaler": self.target_scaler.to_dict() if self.target_scaler else None,
            "state": self.predictor.state(),
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor], **more: Any) -> Self:
        """Of what `to_values` gave; on the CPU.

        Args:
            more: how the fit went.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError, ConfigError, BundleError: no such values or tensors.
        """
        config = at_length(build_config(values["config"]), int(values["sequence_length"]))
        classes = np.asarray(values["classes"], dtype=np.dtype(values["class_dtype"]))
        target_scaler = Scaler.from_dict(values["target_scaler"]) if values["target_scaler"] else None
        scaler, names = Scaler.from_dict(values["scaler"]), values.get("names")
        floor = np.asarray(values.get("floor") or np.zeros(len(classes)), np.float64)
        # Without target_scaler there are classes: they say so themselves where both are absent.
        spec = output_spec(classes, () if len(classes) else tuple(values["target_scaler"]["names"]))
        shape = Shape(scaler.names, spec, 0, floor)
        return cls(
            config,
            learner_of(config.model).restore(config, shape, tensors, values.get("state", {})),
            classes,
            floor,
            scaler,
            target_scaler,
            bool(values.get("columns", True)),  # as it was before y's shape was kept
            bool(values.get("flat", False)),
            None if names is None else np.asarray(names, dtype=object),
            "cpu",
            **more,
        )


def at_length(config: ExperimentConfig, steps: int) -> ExperimentConfig:
    """The config with windows of so many steps, as learners are told.

    Raises:
        ConfigError: the model can't read so many.
    """
    config.model.require_length(steps)
    return config.model_copy(update={"windows": config.windows.model_copy(update={"sequence_length": steps})})
