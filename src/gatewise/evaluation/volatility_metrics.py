"""Metrics of forecast variances, of which logs of volatilities are given, as functions of sums over rows.

They are of variances, as the field's are: ln of a variance is twice the log of its root.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError, LabelError
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.value_metrics import about_means

METRICS = ("qlike", "log_mse", "log_r2", "mz_r2")


@dataclass(frozen=True)
class VolatilityScores:
    """Contributions [n, 8]: 1, QLIKE, squared error of ln variance; true and forecast ln variance about their group's
    means, their squares and their product.

    Attributes:
        error: float64 [n], predicted less true, of ln variance.
    """

    contributions: Floats
    error: Floats

    @property
    def loss(self) -> Floats:
        """[n], QLIKE."""
        return self.contributions[:, 1]

    @property
    def signals(self) -> Floats:
        """Errors, losses and squares of errors, and the log of their size, which no single large one rules."""
        loss, squared = self.contributions[:, 1], self.contributions[:, 2]
        absolute = np.sqrt(squared)
        size = np.log(absolute + max(0.1 * float(absolute.mean()), np.finfo(np.float64).tiny))
        return np.column_stack([self.error, loss, squared, size])

    @property
    def truth(self) -> Floats:
        """Nothing: QLIKE and log_mse depend on errors alone, and log_r2 has no interval."""
        return np.empty((len(self.error), 0))

    def basis(self, metric: str) -> Floats:
        """Every row."""
        return self.contributions[:, :1]

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> VolatilityScores:
        """The scores of some rows; one output has no unit to be put together in."""
        return replace(self, contributions=self.contributions[at], error=self.error[at])

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics [...] of sums [..., 8]; see `volatility_scores` for what each is."""
        n, qlike, squared, y, f, y2, f2, yf = np.moveaxis(sums, -1, 0)
        spread, spread_f = _spread(y, y2, n), _spread(f, f2, n)
        r2 = np.where(spread > 0, 1 - _ratio(squared, spread), np.where(squared == 0, 1.0, 0.0))
        mz = _ratio(np.square(yf - y * f / n), spread * spread_f)
        return {"qlike": qlike / n, "log_mse": squared / n, "log_r2": r2, "mz_r2": mz}


def _spread(total: Floats, squares: Floats, n: Floats) -> Floats:
    """Sums of squares about the mean; 0 where they are rounding alone."""
    spread = squares - np.square(total) / n
    return np.where(spread <= 1e-12 * squares, 0.0, spread)


def _ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, and 0 where `below` is 0."""
    return np.where(below > 0, above, 0.0) / np.where(below > 0, below, 1.0)


def volatility_scores(
    y: npt.ArrayLike, predicted: npt.ArrayLike, group: npt.ArrayLike | None = None
) -> VolatilityScores:
    """Per-row contributions, from which these metrics follow; v is the variance that came, f the forecast of it.

    qlike: the mean of v/f - ln(v/f) - 1 (Patton 2011, "Volatility forecast comparison using imperfect volatility
    proxies", Journal of Econometrics 160(1)). log_mse: of (ln f - ln v)². log_r2: 1 less the share of the variance of
    ln v, about each group's mean, that log_mse leaves. mz_r2: R² of the regression of ln v on ln f and a constant
    (Mincer, Zarnowitz 1969), both about each group's mean: it forgives a forecast that is off by a constant factor, as
    one of a mean variance is beside the mean of logs, and by a constant power.

    Args:
        y, predicted: [n, 1] or [n], logs of volatilities: ln v / 2, ln f / 2.
        group: int [n], the number of each row's group, such as its symbol; `None`: one group.

    Raises:
        LabelError: no rows.
        DivergedError: a forecast is not finite, or its variance is none that a float holds.
    """
    truth, forecast = (2 * np.asarray(values, dtype=np.float64).reshape(-1) for values in (y, predicted))
    if not len(truth):
        raise LabelError("evaluation needs at least one labelled row; got none")
    apart = truth - forecast if truth.shape == forecast.shape else np.array([np.nan])
    with np.errstate(over="ignore"):
        qlike = np.expm1(apart) - apart
    if not np.isfinite(qlike).all():
        raise DivergedError(
            f"predicted logs of volatility must be finite, {len(truth)} of them, and near what came; got "
            f"{len(forecast)}, {int(np.sum(~np.isfinite(qlike)))} of them not",
            "lower training.learning_rate or set training.gradient_clip",
        )
    logs = about_means(np.column_stack([truth, forecast]), group)
    y, f = logs[:, 0], logs[:, 1]
    contributions = np.column_stack([np.ones(len(truth)), qlike, np.square(apart), y, f, y * y, f * f, y * f])
    return VolatilityScores(contributions, -apart)
