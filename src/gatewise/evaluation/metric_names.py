"""What metrics are called, what they lie between, and which way is better: by the start of their names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Metric(NamedTuple):
    """A metric, and those of its parts: `rmse` and `rmse_close`.

    Attributes:
        words: for people.
        low, high: what it lies between.
        lower_is_better: a loss, not a skill.
    """

    words: str
    low: float = 0.0
    high: float = np.inf
    lower_is_better: bool = True


# All others are shares, of which more is better.
METRICS = {
    "log_loss": Metric("log loss"),
    "brier": Metric("Brier score", high=2.0),
    "ece": Metric("calibration error", high=1.0),
    "mae": Metric("MAE"),
    "rmse": Metric("RMSE"),
    "r2": Metric("R²", low=-np.inf, high=1.0, lower_is_better=False),
    "sharpe": Metric("sharpe", low=-np.inf, lower_is_better=False),
}


def metric_bounds(metric: str) -> tuple[float, float]:
    """The range of a metric of that name."""
    found = _found(metric)
    return (found[1].low, found[1].high) if found else (0.0, 1.0)


def lower_is_better(metric: str) -> bool:
    """Whether less of it is better."""
    found = _found(metric)
    return found is not None and found[1].lower_is_better


def metric_words(metric: str) -> str:
    """log_loss -> log loss; rmse_close -> RMSE close."""
    if found := _found(metric):
        return f"{found[1].words}{metric[len(found[0]) :].replace('_', ' ', 1)}"
    return metric.replace("_", " ").replace("f1", "F1", 1)


def _found(metric: str) -> tuple[str, Metric] | None:
    return next((pair for pair in METRICS.items() if metric == pair[0] or metric.startswith(f"{pair[0]}_")), None)
