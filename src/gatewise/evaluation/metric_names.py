"""What metrics are called, what they lie between, and which way is better: by the start of their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Metric(NamedTuple):
    """A metric, and those of its parts: `rmse` and `rmse_close`.

    Attributes:
        words: for people.
        low, high: what it lies between.
        lower_is_better: a loss, not a skill; `None`: neither more nor less of it is.
        decides: of its kind of prediction it is the deciding metric, see `evaluation.kinds`.
        in_tables: it stands in the short tables of terminals.
    """

    words: str
    low: float = 0.0
    high: float = np.inf
    lower_is_better: bool | None = True
    decides: bool = False
    in_tables: bool = True


METRICS = {
    "log_loss": Metric("log loss", decides=True),
    "accuracy": Metric("accuracy", high=1.0, lower_is_better=False),
    "macro_f1": Metric("macro F1", high=1.0, lower_is_better=False),
    "brier": Metric("Brier score", high=2.0),
    "ece": Metric("calibration error", high=1.0),
    "rmse": Metric("RMSE", decides=True),
    "mae": Metric("MAE"),
    "pinball": Metric("pinball loss", decides=True),
    "coverage_error": Metric("coverage error", high=1.0),
    "coverage": Metric("coverage", high=1.0, lower_is_better=None, in_tables=False),
    "width": Metric("width", lower_is_better=None, in_tables=False),
    "r2": Metric("R²", low=-np.inf, high=1.0, lower_is_better=False),
    "directional_accuracy": Metric("directional accuracy", high=1.0, lower_is_better=False),
    "sharpe": Metric("sharpe", low=-np.inf, lower_is_better=False, in_tables=False),
}


_OTHERS = Metric("", high=1.0, lower_is_better=False)  # shares
IN_TABLES = tuple(name for name, metric in METRICS.items() if metric.in_tables)


def deciding_among(metrics: Iterable[str]) -> str:
    """The deciding one among all metrics of some predictions."""
    return next(name for name in metrics if name in METRICS and METRICS[name].decides)


def metric_bounds(metric: str) -> tuple[float, float]:
    """The range of a metric of that name."""
    _, entry = _found(metric)
    return entry.low, entry.high


def best_of(metric: str, values: Iterable[float]) -> float | None:
    """The best of some values; `None` where neither more nor less is better."""
    lower = _found(metric)[1].lower_is_better
    return None if lower is None else (min if lower else max)(values)


def metric_words(metric: str) -> str:
    """log_loss -> log loss; rmse_close -> RMSE close."""
    name, entry = _found(metric)
    if name:
        return f"{entry.words}{metric[len(name) :].replace('_', ' ', 1)}"
    return metric.replace("_", " ").replace("f1", "F1", 1)


def _found(metric: str) -> tuple[str, Metric]:
    return next((pair for pair in METRICS.items() if f"{metric}_".startswith(f"{pair[0]}_")), ("", _OTHERS))
