"""A learner learns from a fold and gives a predictor; nothing above asks what kind of model it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gatewise.config.schema import ExperimentConfig, ModelConfig
from gatewise.errors import ConfigError
from gatewise.features.base import Values
from gatewise.features.scaling import Scaler
from gatewise.features.symbols import Codes, symbol_codes
from gatewise.fold import FittedFold
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.history import History
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.device import Precision
from gatewise.training.listeners import Listener
from gatewise.training.progress import FitResult


@dataclass(frozen=True)
class Shape:
    """What a model is made for, beside its config.

    Attributes:
        features: of the matrix, by name.
        spec: what it predicts.
        num_symbols: that it was trained on.
        floor: float64 [classes], what classes that training never saw are given, 0 for the others; empty for numbers.
    """

    features: tuple[str, ...]
    spec: OutputSpec
    num_symbols: int
    floor: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """Rows to be predicted, and what is around them.

    Attributes:
        config: of the experiment.
        values: the feature matrix, as it was built: not scaled.
        scaler: of the features; with a row a symbol where each has its own.
        codes: int32 [rows of the matrix], each row's symbol; `None` where neither model nor scaler asks.
        num_symbols: that the model knows.
        rows: int64 [n], row numbers; each ends a full window.
        device: auto, cpu, cuda or cuda:N.
        history: of the same rows as the matrix; `None` where the model reads features alone.
    """

    config: ExperimentConfig
    values: Values
    scaler: Scaler
    codes: Codes | None
    num_symbols: int
    rows: Rows
    device: str = "auto"
    history: History | None = None

    @classmethod
    def of(
        cls, config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows, device: str = "auto"
    ) -> Inputs:
        """Rows of what was trained on."""
        symbols = samples.table.symbols
        scaler, codes = fold.scaler.over(symbols), symbol_codes(samples.table, symbols)
        history = samples.labels.history
        return cls(config, samples.matrix.values, scaler, codes, len(symbols), rows, device, history)


class Predictor(Protocol):
    """What predicts."""

    def predict(self, inputs: Inputs) -> npt.NDArray[np.float64]:
        """Probabilities [n, classes], rows summing to 1, or values [n, outputs] as the fold's target scaler has them.

        A row's numbers depend on its own window and on nothing else.
        """

    def hidden_states(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """The top layer's states at each step, [n, steps, width].

        Raises:
            ConfigError: it has none.
        """

    def tensors(self) -> Mapping[str, Tensor]:
        """Its arrays by name, on the CPU, for a file."""

    def state(self) -> Mapping[str, Any]:
        """All else that it is made of beside its config and `Shape`, as JSON values."""


def no_hidden_states(model: ModelConfig) -> ConfigError:
    """What `Predictor.hidden_states` raises where there are none."""
    return ConfigError(f"{model.name} has no hidden states", "gatewise models list says which models have some")


@dataclass(frozen=True)
class Trained:
    """A predictor, how it came about, and where.

    Attributes:
        device: for people, like `cuda:0 (NVIDIA H200)`.
        batch_size: the one used, measured or given; all rows for what knows no batches.
        train_windows: how many windows an epoch may draw from, after `windows.stride`.
        members: of an ensemble, each trained as it would be alone.
        optimizer: its state after the best epoch, by name and on the CPU, where `online` says that it goes on; else
            empty.
    """

    predictor: Predictor
    fit: FitResult
    device: str
    precision: Precision
    batch_size: int
    train_windows: int
    members: tuple[TrainedMember, ...] = ()
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedMember:
    """A member of an ensemble: what it is called there, its own experiment, and what came of it."""

    label: str
    config: ExperimentConfig
    trained: Trained


class Learner(Protocol):
    """Learns from a fold."""

    def check(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows, val_rows: Rows
    ) -> None:
        """Finds what would stop `train`, before anything is begun.

        Raises:
            ConfigError, LabelError, NotEnoughRowsError: see the learners.
        """

    def train(
        self,
        config: ExperimentConfig,
        samples: Samples,
        fold: FittedFold,
        train_rows: Rows,
        val_rows: Rows,
        listener: Listener,
        checkpoint: Path | None = None,
        budget: Budget = WHOLE,
    ) -> Trained:
        """Trains the configured model; the same config and rows give the same one.

        Args:
            checkpoint: where the state of a long training is kept; if it is there already, training goes on from it.
            budget: what may end it early; a model that is fitted once is fitted whole.
        """

    def update(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, trained: Trained, rows: Rows, number: int
    ) -> Trained:
        """Learns from newer rows too, by the section `online` with `how: warm`; `trained` stays as it is.

        A network goes on from where it stands; a model of one row is fitted anew. Scalers and class weights are those
        of the fold, so that what goes on reads what it read before.

        Args:
            rows: all that may be learned from, in order of time.
            number: of the update, which with the seed decides what is drawn.

        Raises:
            DivergedError: a loss is not finite.
        """

    def sketch(self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows) -> Predictor:
        """A predictor of the configured kind at little cost, for checks to which its quality is no matter."""

    def restore(
        self, config: ExperimentConfig, shape: Shape, tensors: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> Predictor:
        """What gave these tensors and this state.

        Raises:
            BundleError: they are no such predictor's.
        """
