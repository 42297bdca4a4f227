"""From members' predictions to the ensemble's: by their mean, by votes, or by a model that learned from them.

Shapes: M members, n rows, K numbers a row. Quantiles are averaged level by level, which averages the members'
distributions along the axis of what is predicted (Lichtendahl, Grushka-Cockayne & Winkler 2013, "Is It Better to
Average Probabilities or Quantiles?", Management Science 59(7)); rising ones stay so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gatewise.tabular.base import Features, Floats, State, TabularModel

LEAST = 1e-6  # of a probability, before its logarithm is taken


class Combine(Protocol):
    """Puts predictions together."""

    def __call__(self, predictions_MNK: Floats) -> Floats:
        """[n, K]."""

    def to_state(self) -> State:
        """Arrays by name and JSON values of what was learned."""


@dataclass(frozen=True)
class Vote:
    """Nothing is learned.

    Attributes:
        weights: float64 [M], of members; only their shares matter.
        hard: whether a member gives all it has to its most probable class, the first of equal ones.
    """

    weights: Floats
    hard: bool = False

    @classmethod
    def of(cls, weights: Sequence[float], count: int, hard: bool) -> Vote:
        """Of `count` members; no weights: all alike."""
        return cls(np.asarray(weights or [1.0] * count, np.float64), hard)

    def __call__(self, predictions_MNK: Floats) -> Floats:
        shares = self.weights / self.weights.sum()
        if self.hard:
            predictions_MNK = np.eye(predictions_MNK.shape[2])[predictions_MNK.argmax(axis=2)]
        return np.asarray(np.tensordot(shares, predictions_MNK, axes=1))

    def to_state(self) -> State:
        return {}, {}


@dataclass(frozen=True)
class SecondStage:
    """A model of one row that reads members' predictions; Wolpert (1992), "Stacked generalization".

    Attributes:
        floor: float64 [K], what classes that training never saw are given; empty for numbers.
    """

    model: TabularModel
    floor: npt.NDArray[np.float64]

    def __call__(self, predictions_MNK: Floats) -> Floats:
        predictions = self.model.predict(inputs_of(predictions_MNK, bool(len(self.floor))))
        unseen = self.floor > 0
        if not unseen.any():
            return predictions
        seen = np.where(unseen, 0.0, predictions)
        return np.asarray(seen / seen.sum(axis=1, keepdims=True) * (1 - self.floor.sum()) + self.floor)

    def to_state(self) -> State:
        return self.model.to_state()


def inputs_of(predictions_MNK: Floats, are_classes: bool) -> Features:
    """What the second stage reads, [n, M·K]: of classes the logarithms, so that it can give back what a member says."""
    each = np.log(np.maximum(predictions_MNK, LEAST)) if are_classes else predictions_MNK
    return np.moveaxis(each, 0, 1).reshape(each.shape[1], -1).astype(np.float32)
