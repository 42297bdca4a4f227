"""`values`: one number for each column of y, of which the mean is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.targets.outputs.base import Flags, Floats, Ints, random_values, value_columns


@dataclass(frozen=True)
class Values:
    """y float64 [rows, outputs]; see `OutputSpec`."""

    outputs: tuple[str, ...]
    unit: str = ""
    starts: tuple[str, ...] = ()
    price: int | None = None

    kind: ClassVar[str] = "values"
    loss: ClassVar[str] = "mse"
    scale: ClassVar[float | None] = None
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        return self.outputs

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return raw.astype(np.float64)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        return restore(predictions)

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(np.square(predictions - y).mean(axis=1))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.empty(0, np.int64)

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        return {name: predictions[:, number] for number, name in enumerate(self.outputs)}

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        return {}

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        return value_columns(self.outputs, y, known)

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return random_values(rng, num_rows, len(self.outputs))
