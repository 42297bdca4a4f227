"""What kinds of one number for each column of y share: a network's outputs are the predictions, squares the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.targets.outputs.base import Flags, Floats, Ints, OutputSpec, random_values, value_columns


class Points:
    """Base of such kinds; see `OutputSpec`."""

    loss: ClassVar[str] = "mse"
    scale: ClassVar[float | None] = None
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {}

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return raw.astype(np.float64)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        return restore(predictions)

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(np.square(predictions - y).mean(axis=1))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.empty(0, np.int64)

    def prediction_columns(self: OutputSpec, predictions: Floats) -> dict[str, Floats]:
        return dict(zip(self.outputs, predictions.T, strict=True))

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        return {}

    def target_columns(self: OutputSpec, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        return value_columns(self.outputs, y, known)

    def random_labels(self: OutputSpec, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return random_values(rng, num_rows, self.num_outputs)
