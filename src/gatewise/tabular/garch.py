"""`garch`, `gjr`: the variance of the next returns from those before (Bollerslev 1986; Glosten et al. 1993).

    h[t+1] = omega + alpha r[t]^2 + gamma r[t]^2 [r[t] < 0] + beta h[t]

Parameters are arch's, fitted by maximum likelihood to the newest returns of the training part. A forecast reads its
window alone: the recursion begins at the window's own mean square, and what lies before counts beta^T as much as what
begins it. The sum over the horizon is the model's own expectation.

What is to be predicted need not be the variance of these returns: a day's realised variance leaves the night out, sums
of few squares are noisy. So forecasts are multiplied by one number, which gives them the targets' mean on training
rows, and only how they move is GARCH's.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gatewise.config.volatility_models import GarchConfig
from gatewise.errors import NotEnoughRowsError
from gatewise.loading import traceless
from gatewise.tabular.base import Floats, State, TrainingRows
from gatewise.tabular.linear import mean

LEAST_RETURNS = 100
_UNIT = 10.0  # of returns in the likelihood, whose optimiser is at home with numbers like percents


@dataclass(frozen=True)
class Parameters:
    """Of the recursion; omega in the square of the returns' unit."""

    omega: float
    alpha: float
    gamma: float
    beta: float

    @property
    def persistence(self) -> float:
        """How much of a variance is left one row on, negative returns being every second one."""
        return self.alpha + self.gamma / 2 + self.beta

    def filtered(self, x: Floats) -> Floats:
        """The next row's variance [n] after windows of returns [n, steps]; one that is missing was as expected."""
        total, known = np.zeros(len(x)), np.zeros(len(x))
        for step in x.T:  # step by step: windows overlap in memory, and are many times as large as their rows
            total += np.square(np.nan_to_num(step))
            known += np.isfinite(step)
        variance: Floats = total / np.maximum(known, 1)
        for step in x.T:
            there = np.isfinite(step)
            shock = np.where(there, self.alpha + self.gamma * (step < 0), self.alpha + self.gamma / 2)
            variance = self.omega + shock * np.where(there, np.square(step), variance) + self.beta * variance
        return variance

    def summed(self, variance: Floats, horizon: int) -> Floats:
        """What is expected of the next `horizon` rows' variances together, the first being `variance` [n]."""
        ahead = self.persistence ** np.arange(horizon)
        constant = self.omega * float(np.cumsum(ahead)[:-1].sum())
        return constant + float(ahead.sum()) * variance


@dataclass(frozen=True)
class Garch:
    """Reads x float64 [n, steps], the window's log returns. Learns y float64 [n, 1], ln variance less any constant, and
    predicts the same.

    Attributes:
        horizon: rows whose variances are added up.
        scale: of the sum, to the unit of exp(y).
    """

    parameters: Parameters
    horizon: int
    scale: float

    @classmethod
    def fit(cls, rows: TrainingRows, config: GarchConfig) -> Self:
        """Parameters by arch on the newest returns, then the scale on all rows.

        Raises:
            NotEnoughRowsError: too few returns.
        """
        parameters = fit_parameters(rows.series[-config.newest_returns :], config.name == "gjr", config.distribution)
        unscaled = cls(parameters, rows.horizon, 1.0)._variance(rows.x)
        scale = mean(np.exp(rows.y), rows.weight) / mean(unscaled[:, None], rows.weight)
        return cls(parameters, rows.horizon, scale)

    def predict(self, x: npt.NDArray[Any]) -> Floats:
        return np.log(self.scale * self._variance(x))[:, None]

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        return {"parameters": np.array(astuple(self.parameters))}, {"horizon": self.horizon, "scale": self.scale}

    @classmethod
    def from_state(cls, state: State) -> Self:
        arrays, values = state
        return cls(Parameters(*arrays["parameters"].tolist()), **values)

    def _variance(self, x: npt.NDArray[Any]) -> Floats:
        return self.parameters.summed(self.parameters.filtered(x), self.horizon)


def fit_parameters(returns: Floats, asymmetric: bool, distribution: str) -> Parameters:
    """By maximum likelihood of returns in order of time, whose mean is taken as 0.

    Raises:
        NotEnoughRowsError: fewer than 100 of them, or none that moves.
    """
    spread = float(np.sqrt(np.square(returns).mean())) if len(returns) else 0.0
    if len(returns) < LEAST_RETURNS or not spread:
        raise NotEnoughRowsError(
            f"garch needs {LEAST_RETURNS} training returns that move; got {len(returns):,}",
            'give more rows, or model.name="har_log"',
        )
    with traceless():
        from arch import arch_model
    model = arch_model(
        returns * (_UNIT / spread), mean="Zero", p=1, o=int(asymmetric), q=1, dist=distribution, rescale=False
    )
    omega, alpha, *rest = model.fit(disp="off", show_warning=False).params.to_numpy()[: 3 + asymmetric]
    *gamma, beta = rest
    return Parameters(
        float(omega) * (spread / _UNIT) ** 2, float(alpha), float(gamma[0]) if gamma else 0.0, float(beta)
    )
