"""Models of one row: what they learn from, and what every one of them can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gatewise.features.scaling import Scaler

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Say = Callable[[str], None]

_TAIL = 1 / 6
LEAST_TAIL = 30  # rows; below, nothing is chosen and the middle setting is taken


@dataclass(frozen=True)
class TrainingRows:
    """What a model of one row learns from.

    Attributes:
        x: float32 [n, features], in order of time; or what else the model's config `reads`, float64.
        y: int64 [n], classes, some of which may be absent; or float64 [n, outputs].
        num_classes: of the target; 0 for numbers.
        time_us, known_us: int64 [n], when each row is predicted and when its label is known.
        seed: of what is drawn.
        weight: float64 [n], above 0, how much each row counts, as so many equal rows would; `None`: all alike.
        series: float64 [m], for what reads returns: those of all rows in training windows, in order of time.
        horizon: rows until a label is known; of labels with differing paths the median.
        levels: of the quantiles that are asked of each column of y; empty: its mean.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    num_classes: int
    time_us: Ints
    known_us: Ints
    seed: int
    weight: Floats | None = None
    series: Floats = field(default_factory=lambda: np.empty(0))
    horizon: int = 1
    levels: tuple[float, ...] = ()

    def weight_of(self, rows: Ints | slice) -> Floats | None:
        """Of some positions."""
        return None if self.weight is None else self.weight[rows]

    def older_and_newest(self) -> tuple[Ints, Ints]:
        """Positions of the newest sixth, by which settings are chosen, and of rows whose label is known before it.

        Both are empty where either is too small to choose by.
        """
        first = int(len(self.time_us) * (1 - _TAIL))
        newest = np.arange(first, len(self.time_us))
        older = np.flatnonzero(self.known_us[:first] < self.time_us[first]) if len(newest) else newest
        if self.num_classes:
            newest = newest[np.isin(self.y[newest], self.y[older])]
            enough = len(newest) >= LEAST_TAIL and len(np.unique(self.y[older])) >= 2
        else:
            enough = min(len(newest), len(older)) >= LEAST_TAIL
        return (older, newest) if enough else (older[:0], newest[:0])


class TabularModel(Protocol):
    """A fitted model of one row."""

    def predict(self, x: npt.NDArray[Any]) -> Floats:
        """Probabilities [n, classes], rows summing to 1, or values [n, outputs] in the unit of the y it learned.

        Quantiles stand column by column, those of a column in rising order.
        """

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Its arrays by name and its JSON values; with both, its class's `from_state` gives an equal model."""


State = tuple[Mapping[str, npt.NDArray[Any]], Mapping[str, Any]]


def class_prior(y: Ints, num_classes: int, weight: Floats | None = None) -> Floats:
    """Shares of the classes, float64 [classes], with one row added to each: a class never seen is not impossible."""
    counts = np.bincount(y, weight, minlength=num_classes) + 1.0
    shares: Floats = counts / counts.sum()
    return shares


def with_absent_classes(prob: Floats, classes: Ints, prior: Floats) -> Floats:
    """Columns for all classes, of columns for `classes`; the absent ones take the prior's share from the others."""
    every = np.tile(prior, (len(prob), 1))
    every[:, classes] = prob * prior[classes].sum()
    return every


def unit_variance(values: npt.NDArray[Any], weight: Floats | None = None) -> Scaler:
    """Brings columns [n, columns] to mean 0 and standard deviation 1, of rows that count by their weight; one that
    never varies to 0.
    """
    every = values.astype(np.float64)
    still = every.min(axis=0) == every.max(axis=0)
    if weight is None:
        mean, deviation = every.mean(axis=0), every.std(axis=0)
    else:
        mean = np.average(every, axis=0, weights=weight)
        deviation = np.sqrt(np.average((every - mean) ** 2, axis=0, weights=weight))
    scale = np.where(still, 1.0, deviation)
    names = tuple(str(number) for number in range(every.shape[1]))
    return Scaler("standard", names, np.where(still, every[0], mean), np.where(scale > 0, scale, 1.0))


def say_nothing(text: str) -> None:
    """Where nobody listens."""
