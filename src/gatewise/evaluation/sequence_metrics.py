"""Metrics of paths, [steps, columns] a row: sums over rows for all steps together, and means step by step.

Predictions are read some rows at a time, and so are labels: beside the predictions themselves nothing here is as large
as rows x steps x columns, whoever predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError
from gatewise.evaluation.base import Floats, Ints

_NUMBERS_AT_ONCE = 2**21
METRICS = ("mse", "mae", "mse_source", "mae_source")
# Predictions [m, steps · columns] of some of the rows, by their places.
Paths = Callable[[slice], Floats]


@dataclass(frozen=True)
class SequenceScores:
    """Contributions [n, 5]: 1, and what `METRICS` are the means of, each a mean over steps and columns.

    Attributes:
        signals: [n, columns + 3]; see `Scores`.
        by_step: float64 [4, steps, columns], means over the rows.
    """

    contributions: Floats
    signals: Floats
    by_step: Floats

    @property
    def loss(self) -> Floats:
        return self.contributions[:, 1]

    @property
    def truth(self) -> Floats:
        """Nothing: metrics depend on errors alone."""
        return np.empty((len(self.contributions), 0))

    def basis(self, metric: str) -> Floats:
        """No metric is a share of some rows."""
        return self.contributions[:, :1]

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        return {name: sums[..., number] / sums[..., 0] for number, name in enumerate(METRICS, start=1)}

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> SequenceScores:
        return replace(self, contributions=self.contributions[at], signals=self.signals[at])


def sequence_scores(
    y: Paths, value: Paths | npt.NDArray[Any], num_rows: int, shape: tuple[int, int], scale: Floats
) -> SequenceScores:
    """Scores of predicted paths.

    Args:
        y, value: true and predicted, in the columns' own units.
        shape: steps, columns.
        scale: float64 [n, columns] or [1, columns], what counts as 1 in `mse` and `mae`.

    Raises:
        DivergedError: a prediction is not finite, or of another width.
    """
    steps, width = shape
    read: Paths = value if callable(value) else value.__getitem__
    contributions, signals = np.ones((num_rows, 5)), np.empty((num_rows, width + 3))
    by_step = np.zeros((4, steps, width))
    at_once = max(1, _NUMBERS_AT_ONCE // (steps * width))
    for first in range(0, num_rows, at_once):
        here = slice(first, min(first + at_once, num_rows))
        truth, predicted = y(here), np.asarray(read(here), np.float64)
        if predicted.shape != truth.shape or not np.isfinite(predicted).all():
            raise DivergedError(
                f"predictions must be finite and of shape {truth.shape}; got shape {predicted.shape}, "
                f"{int(np.sum(~np.isfinite(predicted)))} values not finite",
                "lower training.learning_rate or set training.gradient_clip",
            )
        error = (predicted - truth).reshape(-1, steps, width)
        scaled = error / (scale[here] if len(scale) > 1 else scale)[:, None]
        each = (np.square(scaled), np.abs(scaled), np.square(error), np.abs(error))
        for number, values in enumerate(each):
            contributions[here, 1 + number] = values.mean(axis=(1, 2))
            by_step[number] += values.sum(axis=0)
        signals[here, :width] = scaled.mean(axis=1)
    squared, absolute = contributions[:, 1], contributions[:, 2]
    # A mood of the sizes shows best in their logarithm, which no single large one rules.
    sizes = np.log(absolute + max(0.1 * absolute.mean(), np.finfo(np.float64).tiny))
    signals[:, width:] = np.column_stack([absolute, squared, sizes])
    return SequenceScores(contributions, signals, by_step / num_rows)


@dataclass(frozen=True)
class StepErrors:
    """Errors of paths step by step and column by column, of the model and of what knows the series alone.

    Attributes:
        columns: names. by_step: {who: float64 [4, steps, columns]}, of each of `METRICS`.
    """

    columns: tuple[str, ...]
    by_step: dict[str, Floats]

    @property
    def num_steps(self) -> int:
        return len(next(iter(self.by_step.values()))[0])

    def steps(self, who: str, metric: str) -> Floats:
        """[steps], over all columns."""
        return np.asarray(self.by_step[who][METRICS.index(metric)].mean(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """{by_step: {who: {metric: a number each step}}, by_column: {who: {metric: {column: over all steps}}}}."""
        step = {who: {metric: self.steps(who, metric).tolist() for metric in METRICS} for who in self.by_step}
        column = {
            who: {
                metric: dict(zip(self.columns, values[number].mean(axis=0).tolist(), strict=True))
                for number, metric in enumerate(METRICS)
            }
            for who, values in self.by_step.items()
        }
        return {"by_step": step, "by_column": column}
