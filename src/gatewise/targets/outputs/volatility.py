"""`volatility`: the log of a volatility, of which half the log of the mean variance is asked.

Scaled by 1/2, what is learned is the log of a variance less a constant: so a loss needs no other unit, and what it says
of a scaled output, a metric says of the variance itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.targets.outputs.base import Flags, Floats, Ints, random_values, value_columns


@dataclass(frozen=True)
class Volatility:
    """y float64 [rows, 1]; see `OutputSpec`."""

    outputs: tuple[str, ...]
    unit: str = ""

    kind: ClassVar[str] = "volatility"
    loss: ClassVar[str] = "mse"
    scale: ClassVar[float | None] = 0.5
    classes: ClassVar[tuple[str, ...]] = ()
    starts: ClassVar[tuple[str, ...]] = ()
    price: ClassVar[int | None] = None
    num_outputs: ClassVar[int] = 1

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        return self.outputs

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return raw.astype(np.float64)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        return restore(predictions)

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(np.square(predictions - y).mean(axis=1))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.empty(0, np.int64)

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        return {self.outputs[0]: predictions[:, 0]}

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        """The volatility itself, a number for people; what is judged is its log."""
        return {"volatility": np.exp(predictions[:, 0])}

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        return value_columns(self.outputs, y, known)

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return random_values(rng, num_rows, 1)


def smearing(predictions: Floats, y: Floats) -> Floats:
    """What to add to predicted logs so that exp(y - predictions) is 1 on average, [outputs] of [n, outputs].

    Duan (1983), "Smearing Estimate", JASA 78(383): the mean of a log is not the log of a mean. QLIKE is least with it.
    """
    apart = y - predictions
    most = apart.max(axis=0)
    return np.asarray(most + np.log(np.exp(apart - most).mean(axis=0)))
