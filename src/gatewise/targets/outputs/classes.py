"""`classes`: a probability for each of several classes, and the most probable one as the decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.targets.outputs.base import Flags, Floats, Ints


@dataclass(frozen=True)
class Classes:
    """y int64 [rows]; see `OutputSpec`."""

    classes: tuple[str, ...]

    kind: ClassVar[str] = "classes"
    loss: ClassVar[str] = "cross_entropy"
    scale: ClassVar[float | None] = None
    outputs: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = ""
    starts: ClassVar[tuple[str, ...]] = ()
    price: ClassVar[int | None] = None

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {}

    @property
    def num_outputs(self) -> int:
        return len(self.classes)

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return probabilities(raw, floor)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        return predictions

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(-np.log(np.maximum(predictions[np.arange(len(y)), y], 1e-15)))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.bincount(y.astype(np.int64), minlength=len(self.classes))

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        return {f"prob_{name}": predictions[:, number] for number, name in enumerate(self.classes)}

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        return {"label": np.array(self.classes)[predictions.argmax(axis=1)]}

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        names = [self.classes[number] if there else None for number, there in zip(y, known, strict=True)]
        return [pl.Series("target", names, dtype=pl.String)]

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return rng.integers(0, len(self.classes), num_rows)


def probabilities(outputs: npt.NDArray[np.floating[Any]], floor: Floats | None = None) -> Floats:
    """Softmax of a classifier's outputs [rows, classes], in float64.

    Args:
        floor: float64 [classes], what classes that training never saw are given (their outputs depend on the chance of
            initial weights), 0 for the others, which share the rest. `None`: all were seen.
    """
    logits = outputs.astype(np.float64)
    if floor is None or not floor.any():
        floor = np.zeros(logits.shape[1])
    logits = np.where(floor > 0, -np.inf, logits)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True) * (1 - floor.sum()) + floor)
