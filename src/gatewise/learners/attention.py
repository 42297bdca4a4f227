"""What a network with attention read: of each window how much each step took of each, and how much each counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL, Table
from gatewise.errors import ConfigError
from gatewise.learners.base import Inputs, Predictor
from gatewise.learners.neural import NeuralPredictor
from gatewise.models.frame import unwrapped
from gatewise.models.registry import find_spec
from gatewise.training.inference import over_windows

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Attention:
    """How much windows' steps read of each other, none below 0.

    Steps are in order of time, a window's last being its row itself; of a model that folds rows into one step, those.
    Where each column is a series of its own they are means over the series.

    Attributes:
        symbol: text [n], time: datetime64[us] [n], UTC: of the rows that end the windows.
        layers: float32 [n, layers, heads, steps, steps]: how much a step (first) took of each (last); sums to 1.
        steps: float32 [n, steps]: how much each counted for what the head reads; sums to 1.
    """

    symbol: npt.NDArray[Any]
    time: npt.NDArray[np.datetime64]
    layers: Weights
    steps: Weights

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(getattr(self, name).shape)}" for name in ("layers", "steps"))
        return f"Attention of {len(self.time):,} windows: {shapes}; time and symbol of each"


def read_attention(predictor: Predictor, inputs: Inputs, table: Table) -> Attention:
    """Of the windows that end at `inputs.rows`, rows of the table.

    Raises:
        ConfigError: a model without attention.
    """
    names = np.array(table.symbols)[block_numbers(table.frame[SYMBOL])[inputs.rows]]
    layers = _of_windows(predictor, inputs, "attention")
    return Attention(
        names, table.time_us[inputs.rows].astype("datetime64[us]"), layers, step_weights(predictor, inputs)
    )


def step_weights(predictor: Predictor, inputs: Inputs) -> Weights:
    """`Attention.steps`.

    Raises:
        ConfigError: a model that does not tell.
    """
    return _of_windows(predictor, inputs, "maps")


def has_attention(name: str) -> bool:
    """Whether a model tells both."""
    spec = find_spec(name)
    return bool(getattr(spec, "attention", None) and getattr(spec, "maps", None))


def _of_windows(predictor: Predictor, inputs: Inputs, what: str) -> Weights:
    name = inputs.config.model.name
    read: Callable[[Any, Tensor], Tensor] | None = getattr(find_spec(name), what, None)
    if read is None or not isinstance(predictor, NeuralPredictor):
        raise ConfigError(f"{name} has no attention", "gatewise models list says which models have some")
    module, windows = predictor.placed_with(inputs)

    def weights(*tensors: Tensor) -> Tensor:
        of_series: Tensor = read(*unwrapped(module, *tensors))
        return of_series.view(len(tensors[0]), -1, *of_series.shape[1:]).mean(dim=1).cpu()

    return over_windows(windows, inputs.rows, weights)
