"""`sequences`: the next rows of several columns at once, a number for each column and step, of which the mean is asked.

A label is no row of numbers that is kept: it is read off the columns' own series, see `Labels.steps`. K outputs stand
step by step, all columns of the first step, then of the second: [n, K] is [n, steps, columns].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.targets.outputs.base import Flags, Floats, Ints, random_values, value_columns


@dataclass(frozen=True)
class Sequences:
    """y float64 [rows, steps · columns]; see `OutputSpec`.

    Attributes:
        steps: how many rows ahead, each of them predicted.
        columns: of the table.
    """

    steps: int
    columns: tuple[str, ...]
    unit: str = ""

    kind: ClassVar[str] = "sequences"
    loss: ClassVar[str] = "mse"
    scale: ClassVar[float | None] = None
    classes: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"{name}_{step}" for step in range(1, self.steps + 1) for name in self.columns)

    @property
    def starts(self) -> tuple[str, ...]:
        return self.columns * self.steps

    @property
    def price(self) -> int | None:
        return self.columns.index("close") if "close" in self.columns else None

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {}

    @property
    def num_outputs(self) -> int:
        return self.steps * len(self.columns)

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return raw.astype(np.float64)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        return restore(predictions)

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(np.square(predictions - y).mean(axis=1))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.empty(0, np.int64)

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        return dict(zip(self.outputs, predictions.T, strict=True))

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        return {}

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        return value_columns(self.outputs, y, known)

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return random_values(rng, num_rows, self.num_outputs)

    def by_step(self, values: Floats) -> Floats:
        """[n, steps · columns] as [n, steps, columns]."""
        return values.reshape(-1, self.steps, len(self.columns))
