"""A model of any name, small enough to be tried in a second, and what it is tried on.

Windows of 6 steps of 3 features, all of them noise; what is planted stands in the last step's first feature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gatewise.arrays import Targets, make_array_samples, window_ends
from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig, model_config
from gatewise.features.base import Values
from gatewise.features.scaling import fit_scaler
from gatewise.fold import FittedFold, make_windows
from gatewise.learners.base import Inputs, Trained
from gatewise.learners.table import train_model
from gatewise.models.base import ModelSpec, Network
from gatewise.models.registry import build_model, find_spec
from gatewise.nn.initial import seeded
from gatewise.nn.recurrent_op import Readout
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.history import History
from gatewise.targets.outputs.volatility import Volatility
from gatewise.training.listeners import Listeners
from gatewise.windows import Windows

STEPS, FEATURES, OUTPUTS = 6, 3, 2
TRAIN, VAL, TEST = 320, 80, 200  # windows
_APART = 0.5  # how far classes are kept from the border between them
CPU = torch.device("cpu")
# Of an ensemble: one member of each kind, few trainings, and rows enough for a second stage to choose its penalty by.
_ENSEMBLE = {"base_models": ("gru", "last_row:xgboost"), "n_splits": 2, "holdout": 0.6}
_TRAINING = {
    "batch_size": 32,
    "max_epochs": 3,
    "learning_rate": 0.02,
    "scheduler": "constant",
    "training.early_stopping_patience": 100,
    "training.device": "cpu",
    "training.precision": "fp32",
    "training.seed": 5,
}


@dataclass(frozen=True)
class Tiny:
    """What a law is held against."""

    name: str

    @property
    def spec(self) -> ModelSpec:
        return find_spec(self.name)

    def config(self, **fields: Any) -> ExperimentConfig:
        """Of a small model.

        Args:
            fields: of the model or, by short names, of the training, that shall be others.
        """
        section = model_config(self.name)
        small = {**section.tiny, **(_ENSEMBLE if issubclass(section, EnsembleConfig) else {}), **fields}
        model = {f"model.{key}": value for key, value in section.sized(small).items()}
        training = _TRAINING | {key: value for key, value in fields.items() if key not in section.model_fields}
        shape = {"target.kind": "given", "windows.sequence_length": STEPS}
        return load_config(overrides={"model.name": self.name, **shape, **model, **training})

    def network(self, seed: int = 1, readout: Readout = "last", **fields: Any) -> Network:
        """A small one with the initial weights of a seed.

        Args:
            fields: of the model that shall be others, where it has them.
        """
        model = self.config(**model_config(self.name).sized(fields)).model
        return build_model(model, FEATURES, OUTPUTS, readout, generator=seeded(seed))

    @cached_property
    def planted(self) -> TinyData:
        """A signal that can be learnt."""
        x = _noise(TRAIN + VAL + TEST)
        x[:, -1, 0] += np.copysign(_APART, x[:, -1, 0])
        return TinyData(x, x[:, -1, 0])

    @cached_property
    def nothing(self) -> TinyData:
        """A signal that has nothing to do with what is seen."""
        count = TRAIN + VAL + TEST
        return TinyData(_noise(count), np.random.default_rng(9).normal(size=count))

    @cached_property
    def windows(self) -> Windows:
        """Of the planted signal's sign, for the loop."""
        return make_windows(self.config(), *self.planted.data("classes"), CPU)

    @cached_property
    def rows(self) -> tuple[Rows, Rows]:
        """That end training and validation windows."""
        rows = window_ends(TRAIN + VAL, STEPS)
        return rows[:TRAIN], rows[TRAIN:]

    def kinds(self) -> list[str]:
        """Which of classes and values it predicts; what predicts neither, volatility."""
        return [kind for kind in ("classes", "values") if kind in self.spec.config.targets] or ["volatility"]


@dataclass(frozen=True)
class TinyData:
    """Windows [n, steps, features], and a signal [n] of which labels are made.

    Attributes:
        level: is added to each feature, and to the signal where values are predicted.
    """

    x: npt.NDArray[np.float64]
    signal: npt.NDArray[np.float64]
    level: float = 0.0

    def data(self, kind: str) -> tuple[Samples, FittedFold]:
        """What learners eat; labels are the signal's sign, the signal, or half of it: the log of a volatility."""
        if kind == "volatility":
            return self._volatility()
        # As the features of a table: float64 where they stand at a level.
        high = self.x.reshape(-1, FEATURES) + self.level
        rows: Values = high if self.level else high.astype(np.float32)
        if kind == "classes":
            y = (self.signal > 0).astype(np.int64)
            targets = Targets(np.array(["down", "up"]), None, y, np.ones(2, np.float32), np.zeros(2), False)
        else:
            values = self.signal[:, None] + self.level
            scaler = fit_scaler("standard", values, np.arange(TRAIN), ("signal",))
            targets = Targets(np.empty(0), scaler, values, np.empty(0, np.float32), np.empty(0), True)
        samples, fold = make_array_samples(rows, STEPS, targets)
        scaler = fit_scaler("standard", rows, np.arange(TRAIN * STEPS), samples.matrix.names)
        return samples, replace(fold, scaler=scaler)

    def _volatility(self) -> tuple[Samples, FittedFold]:
        """The features are logs of variances, and a window's returns as large as its last step's first feature says.

        At a level these are as small as the level is high, as no log reaches that far.
        """
        unit = 1 / (self.level or 1.0)
        samples, fold = replace(self, signal=0.5 * self.signal + np.log(unit), level=0.0).data("values")
        variances, rng = np.exp(self.x.reshape(-1, FEATURES)), np.random.default_rng(4)
        size = np.exp(0.5 * np.repeat(self.x[:, -1, 0], STEPS))
        returns = unit * size * rng.choice([-1.0, 1.0], size=len(size))
        history = History(unit**2 * variances, STEPS, variances[:, 1], returns)
        assert fold.target_scaler is not None
        spec = Volatility(fold.target_scaler.names)
        scaler = replace(fold.target_scaler, scale=np.full(1, spec.scale))
        labels = replace(samples.labels, spec=spec, history=history)
        return replace(samples, labels=labels), replace(fold, target_scaler=scaler)

    def train(self, config: ExperimentConfig, kind: str) -> tuple[Trained, Inputs]:
        """Trains on the first rows; gives what predicts, and the rows that it never saw."""
        samples, fold = self.data(kind)
        rows = samples.rows
        trained = train_model(config, samples, fold, rows[:TRAIN], rows[TRAIN : TRAIN + VAL], Listeners(()))
        return trained, Inputs.of(config, samples, fold, rows[-TEST:], "cpu")


def _noise(count: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(3).normal(size=(count, STEPS, FEATURES))
