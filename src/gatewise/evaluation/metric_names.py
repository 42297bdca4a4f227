"""What metrics are called, what they lie between, and which way is better: by the start of their names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from gatewise.evaluation.base import Estimate, Interval, decimals, enough, fixed, shown


class Metric(NamedTuple):
    """A metric, and those of its parts: `rmse` and `rmse_close`.

    Attributes:
        words: for people.
        low, high: what it lies between.
        lower_is_better: a loss, not a skill; `None`: neither more nor less of it is.
        decides: of its kind of prediction it is the deciding metric, see `evaluation.kinds`.
        in_tables: it stands in the short tables of terminals.
        places: after the point, of its values; `None`: about four digits, by their size.
        percent: it is a share, shown in percent with so many places.
        short: for people who have little room.
    """

    words: str
    low: float = 0.0
    high: float = np.inf
    lower_is_better: bool | None = True
    decides: bool = False
    in_tables: bool = True
    places: int | None = None
    percent: bool = False
    short: str = ""


METRICS = {
    "log_loss": Metric("log loss", decides=True, places=4),
    "accuracy": Metric("accuracy", high=1.0, lower_is_better=False, places=1, percent=True),
    "macro_f1": Metric("macro F1", high=1.0, lower_is_better=False, places=3),
    "weighted_f1": Metric("weighted F1", high=1.0, lower_is_better=False, in_tables=False, places=3),
    "f1": Metric("F1", high=1.0, lower_is_better=False, in_tables=False, places=3),
    "brier_skill": Metric(
        "Brier skill over the prior",
        low=-np.inf,
        high=1.0,
        lower_is_better=False,
        in_tables=False,
        places=4,
        short="Brier skill",
    ),
    "brier": Metric("Brier score", high=2.0, places=4, short="Brier"),
    "ece_width": Metric(
        "calibration error, bins of equal width", high=1.0, in_tables=False, places=1, percent=True, short="ECE width"
    ),
    "ece_classwise": Metric(
        "calibration error, classwise", high=1.0, in_tables=False, places=1, percent=True, short="ECE by class"
    ),
    "ece": Metric("calibration error", high=1.0, places=1, percent=True, short="ECE"),
    "mse_source": Metric("MSE in source units", in_tables=False, short="MSE source"),
    "mae_source": Metric("MAE in source units", in_tables=False, short="MAE source"),
    "mse": Metric("MSE", decides=True),
    "rmse": Metric("RMSE", decides=True),
    "mae": Metric("MAE"),
    "pinball": Metric("pinball loss", decides=True),
    "qlike": Metric("QLIKE", decides=True, places=4),
    "log_mse": Metric("MSE of log variance", places=4, short="log MSE"),
    "log_r2": Metric("R² of log variance", low=-np.inf, high=1.0, lower_is_better=False, places=3, short="log R²"),
    "mz_r2": Metric("R² of Mincer and Zarnowitz", high=1.0, lower_is_better=False, places=3, short="MZ R²"),
    "coverage_error": Metric("coverage error", high=1.0, places=1, percent=True, short="cov. error"),
    "coverage": Metric("coverage", high=1.0, lower_is_better=None, in_tables=False, places=1, percent=True),
    "width": Metric("width", lower_is_better=None, in_tables=False),
    "r2": Metric("R²", low=-np.inf, high=1.0, lower_is_better=False, places=3),
    "directional_accuracy": Metric(
        "directional accuracy", high=1.0, lower_is_better=False, places=1, percent=True, short="direction"
    ),
    "sharpe": Metric("sharpe", low=-np.inf, lower_is_better=False, in_tables=False, places=2),
}


_OTHERS = Metric("", high=1.0, lower_is_better=False, places=1, percent=True)  # shares
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
    return metric.replace("_", " ")


def metric_head(metric: str) -> str:
    """`metric_words` where there is little room: directional_accuracy -> direction."""
    return _found(metric)[1].short or metric_words(metric)


def metric_places(metric: str, size: float) -> int:
    """Places after the point of a metric's values side by side, the largest of which is `size`."""
    places = _found(metric)[1].places
    return decimals(size) if places is None else places


def metric_text(metric: str, value: float, size: float | None = None, sign: str = "") -> str:
    """A metric's value as people read it, wherever it stands: 1.0310, 50.5%, 12,345.

    Args:
        size: of the largest value that it stands beside; `None`: it stands alone.
        sign: `+` shows it always.
    """
    entry = _found(metric)[1]
    if entry.places is not None:
        own = _with_places(100 * value if entry.percent else value, entry.places, f"{sign},")
        return f"{own}%" if entry.percent else own
    return shown(value, metric_places(metric, value if size is None else size), f"{sign},")


def metric_spread(metric: str, mean: float, std: float | None, size: float | None = None) -> str:
    """A mean and the standard deviation around it likewise: 1.0310 ± 0.0021."""
    text = metric_text(metric, mean, size)
    if std is None:
        return text
    if _found(metric)[1].percent:
        return f"{text} ± {100 * std:.{metric_places(metric, mean)}f}%"
    return f"{text} ± {std:,.{enough(mean, metric_places(metric, mean if size is None else size))}f}"


def metric_interval(metric: str, interval: Interval | Estimate, size: float, between: str = "[{}, {}]") -> str:
    """The bounds of a metric's value likewise; nothing where there are none, or where it can't come out otherwise."""
    if interval.low is None or interval.high is None or np.isclose(interval.low, interval.high, rtol=1e-9, atol=0):
        return ""
    return between.format(*(metric_text(metric, bound, size) for bound in (interval.low, interval.high)))


def metric_difference(metric: str, difference: Interval, size: float) -> str:
    """A difference of two such values likewise, with its bounds: -0.0201 [-0.0310, -0.0092], +1.2%."""

    def signed(value: float) -> str:
        return metric_text(metric, value, size, "+")

    if difference.low is None or difference.high is None:
        return signed(difference.value)
    return f"{signed(difference.value)} [{signed(difference.low)}, {signed(difference.high)}]"


def _with_places(value: float, places: int, sign: str) -> str:
    """With its places, and with more only where nothing but zeros would be left of it."""
    if value and abs(value) < 0.5 * 10.0**-places:
        places = -math.floor(math.log10(abs(value)))
    return fixed(value, places, sign)


def _found(metric: str) -> tuple[str, Metric]:
    return next((pair for pair in METRICS.items() if f"{metric}_".startswith(f"{pair[0]}_")), ("", _OTHERS))
