"""What a single prediction owes to each step and feature of its window: numbers, and the most of them in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gatewise.evaluation.base import Floats, Ints, decimals, fixed

_MOST_NAMED = 3


@dataclass(frozen=True)
class Attribution:
    """The parts of one number of a prediction.

    Attributes:
        symbol, time_us: of the row that ends the window.
        model: its name.
        predicted: the prediction's columns, decisions too.
        output: what is explained, in words; unit: of it and of the parts.
        steps_us: int64 [steps], when each row of the window was known. names: of the features.
        inputs: float64 [steps, features], what stands in the window, not scaled.
        parts: float64 [steps, features], which sum to `value - baseline_value`, but for `gap`.
        value, baseline_value: the number, and that of the baseline.
        baseline: what the window is held against, in words.
        gap: what the parts' sum is off by. points: at which gradients were taken.
    """

    symbol: str
    time_us: int
    model: str
    predicted: Mapping[str, Any]
    output: str
    unit: str
    steps_us: Ints
    names: tuple[str, ...]
    inputs: Floats
    parts: Floats
    value: float
    baseline_value: float
    baseline: str
    gap: float
    points: int

    @property
    def when(self) -> str:
        """`BTCUSDT at 2022-12-24T10:00:00Z`."""
        return f"{self.symbol} at {time_text(self.time_us)}"

    @property
    def by_feature(self) -> dict[str, float]:
        """Each feature's parts summed over the steps, the largest first."""
        return _largest_first(dict(zip(self.names, self.parts.sum(axis=0).tolist(), strict=True)))

    @property
    def by_step(self) -> dict[int, float]:
        """Each step's parts summed over the features, the largest first; 0 is the row itself, -1 the row before it."""
        back = range(1 - len(self.parts), 1)
        return _largest_first(dict(zip(back, self.parts.sum(axis=1).tolist(), strict=True)))

    @property
    def frame(self) -> pl.DataFrame:
        """A row for each step and feature: step, time, feature, value (not scaled), attribution."""
        steps, features = self.parts.shape
        return pl.DataFrame({
            "step": np.repeat(np.arange(1 - steps, 1), features),
            "time": pl.Series(np.repeat(self.steps_us, features)).cast(pl.Datetime("us", "UTC")),
            "feature": list(self.names) * steps,
            "value": self.inputs.ravel(),
            "attribution": self.parts.ravel(),
        })  # fmt: skip

    @property
    def sentences(self) -> tuple[str, ...]:
        """What people read first."""
        places = decimals(max(abs(self.value), abs(self.baseline_value)))
        unit = f" ({self.unit})" if self.unit else ""
        apart = self.value - self.baseline_value
        named = list(self.by_feature.items())[:_MOST_NAMED]
        features = ", ".join(f"{name} {fixed(part, decimals(part), '+')}" for name, part in named)
        return (
            f"{self.model} says {_says(self.predicted)} for {self.when}.",
            f"The {self.output}{unit} is {fixed(self.value, places)}; of a window that holds {self.baseline} it is "
            f"{fixed(self.baseline_value, places)}: a difference of {fixed(apart, decimals(apart), '+')}.",
            f"The largest parts by feature: {features}; {self._steps_sentence()}",
            f"All parts sum to {fixed(self.parts.sum(), decimals(apart), '+')}, off by {abs(self.gap):.1g}.",
        )

    def _steps_sentence(self) -> str:
        """How many of the newest steps hold half of what the parts come to, whichever their signs."""
        weight = np.abs(self.parts).sum(axis=1)[::-1]
        total = weight.sum()
        if not total:
            return "no step counts."
        newest = int(np.searchsorted(np.cumsum(weight), 0.5 * total) + 1)
        rows = "the row itself holds" if newest == 1 else f"the newest {newest} of {len(weight)} rows hold"
        return f"{rows} half of all parts, signs left aside."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        shown = ("symbol", "model", "output", "unit", "value", "baseline_value", "baseline", "gap", "points")
        return {name: getattr(self, name) for name in shown} | {
            "time": time_text(self.time_us),
            "predicted": dict(self.predicted),
            "by_feature": self.by_feature,
            "by_step": {str(step): part for step, part in self.by_step.items()},
            "features": list(self.names),
            "steps": [time_text(int(moment)) for moment in self.steps_us],
            "attributions": self.parts.tolist(),
        }


def time_text(time_us: int) -> str:
    """To the second, or as far as it goes below."""
    text = str(np.datetime64(time_us, "us"))
    return f"{text.removesuffix('.000000')}Z"


def _largest_first(parts: Mapping[Any, float]) -> dict[Any, float]:
    return dict(sorted(parts.items(), key=lambda pair: -abs(pair[1])))


def _says(predicted: Mapping[str, Any]) -> str:
    label = predicted.get("label")
    if label is not None:
        return f"{label} (probability {predicted[f'prob_{label}']:.1%})"
    few = list(predicted.items())[:_MOST_NAMED]
    words = ", ".join(f"{name} {value:.{decimals(value)}f}" for name, value in few)
    return f"{words}, …" if len(predicted) > len(few) else words
