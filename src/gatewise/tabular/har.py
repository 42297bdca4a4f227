"""`har`, `harq`, `har_log`: the next variance from means of realised variance over one, five and 22 horizons.

All are least squares with a constant (Corsi 2009). `har` and `harq` (Bollerslev, Patton & Quaedvlieg 2016) are lines in
levels, which may give a variance that is negative, or absurd: forecasts outside of the range of the training targets
become their mean, as that paper has it. `har_log` is a line in logs; its forecast is the mean that a lognormal variance
has, so half the variance of the residuals is added to the log. It is positive by itself, and a calm training part is no
reason to call its forecast of a crisis insane, so it goes without that filter unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gatewise.config.volatility_models import HarConfig
from gatewise.tabular.base import Floats, State, TrainingRows
from gatewise.tabular.linear import Design, mean


def _with_quarticity(x: Floats) -> Floats:
    """The less precisely the last variance was measured, the less it counts."""
    return np.column_stack([x[:, :-1], x[:, 0] * x[:, -1]])


REGRESSORS: dict[str, Callable[[Floats], Floats]] = {"har": np.asarray, "harq": _with_quarticity, "har_log": np.log}


@dataclass(frozen=True)
class Seen:
    """What training rows showed of a variance, in the unit of exp(y).

    Attributes:
        low, high, mean: of the targets.
        least: the least positive number that was read; in logs it stands for the 0 of a horizon without a move.
    """

    low: float
    high: float
    mean: float
    least: float

    @classmethod
    def of(cls, variance: Floats, x: Floats, weight: Floats | None) -> Self:
        least = float(x.min(where=x > 0, initial=np.inf))
        return cls(float(variance.min()), float(variance.max()), mean(variance[:, None], weight), least)


@dataclass(frozen=True)
class Har:
    """Reads x float64 [n, 3], realised variance over 1, 5 and 22 horizons, each with the row itself; of `harq` [n, 4],
    with the square root of quarticity. Learns y float64 [n, 1], ln variance less any constant, and predicts the same.

    Attributes:
        name: of the model, which says what the line is in.
        coefficients: float64 [1 + regressors], the constant first.
        half_variance: what is added to a forecast in logs; 0 in levels.
        filtered: whether forecasts outside of what was seen become its mean.
    """

    name: str
    coefficients: Floats
    half_variance: float
    filtered: bool
    seen: Seen

    @classmethod
    def fit(cls, rows: TrainingRows, config: HarConfig) -> Self:
        y, x = rows.y[:, 0], rows.x.astype(np.float64)
        variance = np.exp(y)
        seen = Seen.of(variance, x, rows.weight)
        in_logs = config.name == "har_log"
        regressors = REGRESSORS[config.name](np.maximum(x, seen.least) if in_logs else x)
        coefficients = least_squares(regressors, y if in_logs else variance, rows.weight)
        half = 0.0
        if in_logs:
            half = 0.5 * mean(np.square(y - _line(coefficients, regressors))[:, None], rows.weight)
        filtered = not in_logs if config.insanity_filter is None else config.insanity_filter
        return cls(config.name, coefficients, half, filtered, seen)

    def predict(self, x: npt.NDArray[Any]) -> Floats:
        x, in_logs = x.astype(np.float64), self.name == "har_log"
        forecast = _line(self.coefficients, REGRESSORS[self.name](np.maximum(x, self.seen.least) if in_logs else x))
        if in_logs:
            forecast = np.exp(forecast + self.half_variance)
        if self.filtered:
            sane = (forecast >= self.seen.low) & (forecast <= self.seen.high)
            forecast = np.where(sane, forecast, self.seen.mean)
        return np.log(np.where(forecast > 0, forecast, self.seen.low))[:, None]

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        values = {"name": self.name, "half_variance": self.half_variance, "filtered": self.filtered}
        return {"coefficients": self.coefficients}, values | {"seen": asdict(self.seen)}

    @classmethod
    def from_state(cls, state: State) -> Self:
        arrays, values = state
        return cls(coefficients=arrays["coefficients"], **dict(values) | {"seen": Seen(**values["seen"])})


def least_squares(regressors: Floats, y: Floats, weight: Floats | None) -> Floats:
    """float64 [1 + columns], the constant first; the shortest of all where columns say the same."""
    size = np.abs(regressors).mean(axis=0)  # variances of minutes are 1e-7: beside a constant of 1 they would drown
    size[size == 0] = 1.0
    design = Design(regressors / size, weight)
    fitted = np.linalg.lstsq(design.gram(), design.sums(design.cut(y[:, None])), rcond=None)[0][:, 0]
    return np.concatenate([fitted[-1:], fitted[:-1] / size])


def _line(coefficients: Floats, regressors: Floats) -> Floats:
    """Column by column: a row's bits are the same whatever rows stand beside it."""
    every = np.full(len(regressors), coefficients[0])
    for slope, column in zip(coefficients[1:], regressors.T, strict=True):
        every += slope * column
    return every
