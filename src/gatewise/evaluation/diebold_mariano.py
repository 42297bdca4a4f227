"""Are two forecasts' losses alike in the long run? The test of Diebold and Mariano on rows that remember each other.

The mean of the loss differences over its standard error, which is Newey and West's (1987): labels that look h rows
ahead share bars, so differences less than h apart are correlated. h - 1 lags are the least. With so few, Bartlett's
weights take a third of that correlation away, and at 5 % the test finds a difference in 10 to 13 % of what has none
(horizons 5 and 20, 250 to 2,000 rows). So there are 3 · (h - 1) lags, and at least 1.3 · √rows for moods that outlast
the horizon; the factor for few rows is that of Harvey, Leybourne and Newbold (1997), and Student's t has as many
degrees of freedom as so many lags leave (Lazarus, Lewis, Stock and Watson 2018). That finds one in 5 to 8 %.

It is not the interval beside a baseline (`intervals`), which measures the memory of losses, predictions and labels and
takes the longest: that is wider where a mood is slow. Both are two-sided and of the same rows.

Sources: Diebold and Mariano (1995), Journal of Business & Economic Statistics 13/3; Harvey, Leybourne and Newbold
(1997), International Journal of Forecasting 13/2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.intervals import LEAST_HORIZONS, LEAST_MOMENTS, student
from gatewise.evaluation.moments import moments
from gatewise.loading import load_scipy

_SAME = 1e-12  # of the losses: differences that are no larger are rounding


@dataclass(frozen=True)
class DieboldMariano:
    """The test of one forecast beside another.

    Attributes:
        difference: mean loss less the other's; below 0 the first is better.
        statistic: in standard errors, corrected for few rows; `None`, as p is, where there is no test.
        p: two-sided probability of a difference this far from 0 if there were none in the long run.
        lags: of the standard error, in moments.
        freedom: degrees of freedom of Student's t.
        reason: why there is no test.
    """

    difference: float
    statistic: float | None = None
    p: float | None = None
    lags: int = 0
    freedom: float = 0.0
    reason: str | None = None

    def interval(self, confidence: float) -> Interval:
        """Of the difference, that which leaves out 0 where p is below 1 - confidence."""
        if not self.statistic:
            return Interval(self.difference, reason=self.reason)
        half = student(confidence, self.freedom) * abs(self.difference / self.statistic)
        return Interval(self.difference, self.difference - half, self.difference + half)

    def to_dict(self) -> dict[str, float | int | str | None]:
        """JSON values."""
        return dict(vars(self))


def diebold_mariano(loss: Floats, other: Floats, horizon: int) -> DieboldMariano:
    """Tests whether two forecasts of the same labels lose equally much.

    Args:
        loss, other: float64 [n], finite, of the same moments in order of time.
        horizon: moments that a label looks ahead, at least 1.
    """
    apart = loss - other
    count, mean = len(apart), float(apart.mean()) if len(apart) else 0.0
    least = max(LEAST_MOMENTS, LEAST_HORIZONS * horizon)
    if count < least:
        reason = (
            f"it takes {LEAST_HORIZONS} horizons and at least {LEAST_MOMENTS} moments, here {least:,}; got {count:,}"
        )
        return DieboldMariano(mean, reason=reason)
    centred = apart - mean
    size = _SAME * float(np.abs(loss).max())
    if np.abs(centred).max() <= size:
        same = (
            "both lose the same at every moment" if abs(mean) <= size else "the difference is the same at every moment"
        )
        return DieboldMariano(mean, reason=same)
    lags = max(3 * (horizon - 1), ceil(1.3 * sqrt(count)))
    products = np.array([centred[lag:] @ centred[: count - lag] for lag in range(lags + 1)]) / count
    variance = products[0] + 2 * (1 - np.arange(1, lags + 1) / (lags + 1)) @ products[1:]
    few = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = float(mean / np.sqrt(variance / count) * np.sqrt(few))
    freedom = 1.5 * count / (lags + 1)
    load_scipy()
    from scipy import stats

    return DieboldMariano(mean, statistic, float(2 * stats.t.sf(abs(statistic), freedom)), lags, freedom)


def loss_series(
    losses: Mapping[str, Floats], time_us: Ints, symbol: Ints, horizon: int
) -> tuple[dict[str, Floats], int]:
    """What the test takes of losses on rows: their mean at each moment in order of time, and the horizon in moments.

    Args:
        losses: float64 [n] each, the loss of each row, in any order.
        time_us, symbol: int64 [n], when each row is predicted, and a number for its symbol.
        horizon: rows that a label looks ahead.
    """
    when = moments(time_us, symbol)
    by_moment = when.means(np.column_stack([*losses.values()])).T
    return dict(zip(losses, by_moment, strict=True)), max(1, ceil(horizon * when.a_row))


def p_text(p: float) -> str:
    """In three places."""
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"
