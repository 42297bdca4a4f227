"""What is left of a gain once it counts how many models were judged on the same rows.

One 95 % interval holds the truth 95 times of 100; of twenty models without skill the best one's lies above zero about
every third time. Šidák (1967): intervals of normal estimates hold all together at least as often as if they were
independent, whatever their correlation. So each of N intervals at the level confidence^(1/N) lets one of them lie above
zero without skill in at most 1 - confidence of all cases, the best one's among them.

It counts models that would have been judged whatever the others' scores were. Where each was thought of after the one
before had been seen, more was tried than was judged, and no count of looks tells how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.evaluation.base import Interval
from gatewise.evaluation.intervals import student
from gatewise.loading import load_scipy


@dataclass(frozen=True)
class Deflated:
    """A gain (above 0 is better) as one of several that were looked at.

    Attributes:
        interval: at the level at which all of them hold together; without bounds, see its reason.
        trials: models that were judged on these rows, this one among them.
        chance: probability that one of so many without skill shows a gain or a loss as large beside its error; `None`:
            no error.
        luck: the gain that the best of so many independent ones is expected to show without skill; `None`: no error.
    """

    interval: Interval
    trials: int
    chance: float | None = None
    luck: float | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.interval.low is not None and self.interval.low > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        more = {"trials": self.trials, "chance": self.chance, "luck": self.luck, "shown": self.is_shown}
        return self.interval.to_dict() | more | {"reason": self.interval.reason}


def deflate(gain: float, error: float | None, freedom: int, trials: int, confidence: float = 0.95) -> Deflated:
    """Counts that a gain is one of several.

    Args:
        gain: above 0 is better.
        error: its standard error; `None`: nothing can be said of chance.
        freedom: degrees of freedom of that, at least 1.
        trials: models that were judged on the same rows, at least 1.
        confidence: with which all intervals are to hold.

    Source: Z. Šidák, Rectangular confidence regions for the means of multivariate normal distributions, Journal of the
    American Statistical Association 62 (1967), 626-633.
    """
    if not error:
        return Deflated(Interval(gain, reason="its rows give no interval"), trials)
    load_scipy()
    from scipy import stats

    half = float(stats.t.isf((1 - confidence ** (1 / trials)) / 2, freedom)) * error
    one = float(2 * stats.t.sf(abs(gain) / error, freedom)) if gain > 0 else 1.0
    chance = float(-np.expm1(trials * np.log1p(-min(one, 1 - 1e-16))))
    return Deflated(Interval(gain, gain - half, gain + half), trials, chance, error * expected_best(trials))


def standard_error(low: float | None, high: float | None, freedom: int, confidence: float) -> float | None:
    """That of an interval of Student's t; `None` where it has no bounds or no width."""
    if low is None or high is None or freedom < 1:
        return None
    return (high - low) / 2 / student(confidence, freedom) or None


def expected_best(trials: float) -> float:
    """The expected largest of so many independent standard normal numbers; 0 of one.

    Source: D. Bailey, M. López de Prado, The deflated Sharpe ratio, Journal of Portfolio Management 40 (2014), eq. 1;
    taken as of 2 below that, where the approximation would fall under zero.
    """
    if trials <= 1:
        return 0.0
    n = max(trials, 2.0)
    load_scipy()
    from scipy.stats import norm

    return float((1 - np.euler_gamma) * norm.ppf(1 - 1 / n) + np.euler_gamma * norm.ppf(1 - 1 / (n * np.e)))
