"""`quantiles`: for each column of y the numbers below which it comes with given probabilities.

A network's outputs may cross: a 10 % quantile above the 50 % one is no prediction at all. Predictions are its outputs
in rising order, row by row, which is never worse in the loss (Chernozhukov, Fernández-Val & Galichon 2010, "Quantile
and Probability Curves Without Crossing"). What is trained is each quantile by itself.

Shapes: n rows, C columns of y, Q levels; predictions are [n, C·Q], column by column, level by level.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.target_section import level_name as level_name
from gatewise.targets.outputs.base import Flags, Floats, Ints, random_values, value_columns


@dataclass(frozen=True)
class Quantiles:
    """y float64 [rows, outputs]; see `OutputSpec`.

    Attributes:
        levels: probabilities within 0 and 1, rising.
    """

    outputs: tuple[str, ...]
    levels: tuple[float, ...]
    unit: str = ""
    starts: tuple[str, ...] = ()
    price: int | None = None

    kind: ClassVar[str] = "quantiles"
    loss: ClassVar[str] = "pinball"
    scale: ClassVar[float | None] = None
    classes: ClassVar[tuple[str, ...]] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.outputs

    @property
    def num_outputs(self) -> int:
        return len(self.outputs) * len(self.levels)

    @property
    def loss_fields(self) -> dict[str, Any]:
        return {"levels": self.levels}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the predictions: q10 and q90, or close_q10, close_q90, volume_q10, … of several columns."""
        ahead = [f"{name}_" for name in self.outputs] if len(self.outputs) > 1 else [""]
        return tuple(f"{column}{level_name(level)}" for column in ahead for level in self.levels)

    @property
    def between(self) -> dict[str, tuple[int, int, int]]:
        """Names of what lies between two quantiles -> (column, lower level, upper level), from the outermost inwards:
        q10_q90, or close_q10_q90, volume_q10_q90, … of several columns.
        """
        last = len(self.levels) - 1
        names = {
            low: f"{level_name(self.levels[low])}_{level_name(self.levels[last - low])}"
            for low in range((last + 1) // 2)
        }
        return {
            f"{output}_{name}" if len(self.outputs) > 1 else name: (column, low, last - low)
            for low, name in names.items()
            for column, output in enumerate(self.outputs)
        }

    def stated(self, name: str) -> float:
        """The share of rows that a name of `names` or `between` promises."""
        if name in self.names:
            return self.levels[self.names.index(name) % len(self.levels)]
        _, low, high = self.between[name]
        return self.levels[high] - self.levels[low]

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        return np.sort(self.apart(raw.astype(np.float64)), axis=2).reshape(raw.shape)

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        each = [restore(values) for values in np.moveaxis(self.apart(predictions), 2, 0)]
        return np.stack(each, axis=2).reshape(predictions.shape)

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(pinball(self.apart(predictions), y, self.levels).mean(axis=(1, 2)))

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        return np.empty(0, np.int64)

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        return dict(zip(self.names, predictions.T, strict=True))

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        return {}

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        return value_columns(self.outputs, y, known)

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        return random_values(rng, num_rows, len(self.outputs))

    def outwards(self, predictions: Floats) -> Floats:
        """In rising order like sorted ones, but made wider: away from the middle each is at least as far out as those
        within, so that no level below one half, and none above, holds less than it did. Of [n, C·Q] as such.
        """
        each = self.apart(predictions).copy()
        low, high = bisect_left(self.levels, 0.5), bisect_right(self.levels, 0.5)
        if low == high and 0 < low < len(self.levels):  # no median lies between the two in the middle
            each[..., low - 1 : low + 1].sort(axis=2)
        lower, upper = each[..., :high][..., ::-1], each[..., low:]
        each[..., :high] = np.minimum.accumulate(lower, axis=2)[..., ::-1]
        each[..., low:] = np.maximum.accumulate(upper, axis=2)
        return each.reshape(predictions.shape)

    def apart(self, predictions: Floats) -> Floats:
        """[n, C·Q] as [n, C, Q]."""
        return predictions.reshape(-1, len(self.outputs), len(self.levels))


def pinball(predictions: Floats, y: npt.NDArray[Any], levels: tuple[float, ...]) -> Floats:
    """The loss of quantiles [n, C, Q] of y [n, C]: level · error where y lies above, (1 - level) · error below.

    Koenker & Bassett (1978), "Regression Quantiles". It is least, on average, at the true quantile.
    """
    above = y[:, :, None] - predictions
    return np.maximum(np.asarray(levels) * above, (np.asarray(levels) - 1) * above)


def empirical_quantiles(y: npt.NDArray[Any], levels: tuple[float, ...]) -> Floats:
    """[C, Q] of labels [n, C]: the constants that lose least on them, in `pinball`."""
    return np.quantile(np.asarray(y, np.float64), levels, axis=0, method="inverted_cdf").T
