"""The deflated Sharpe ratio: is a strategy's Sharpe ratio more than the best of so many trials without skill shows?

Bailey and López de Prado 2014, Journal of Portfolio Management 40/5: the probability that the true ratio lies above the
one that luck alone would bring to the best of the trials, given the length, skew and kurtosis of the returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.evaluation.base import Floats
from gatewise.evaluation.trading import sharpe_of_sums
from gatewise.loading import traceless
from gatewise.looks.deflate import expected_best

with traceless():
    from scipy.stats import norm

LEAST_PERIODS = 30


@dataclass(frozen=True)
class DeflatedSharpe:
    """How a Sharpe ratio stands up to the number of trials that it was the choice of.

    Attributes:
        value: probability that the true Sharpe ratio exceeds `luck`; `None`: see `reason`.
        reason: why there is no value.
        trial: name of the trial whose returns are judged.
        sharpe: its Sharpe ratio a period, not annualised.
        luck: the Sharpe ratio a period that the best of the trials is expected to show if none has any skill.
        trials: how many were tried; effective_trials: how many independent ones they are worth.
        periods, skew, kurtosis: of the returns; a normal distribution has kurtosis 3.
    """

    value: float | None
    reason: str | None = None
    trial: str | None = None
    sharpe: float | None = None
    luck: float | None = None
    trials: int = 0
    effective_trials: float | None = None
    periods: int = 0
    skew: float | None = None
    kurtosis: float | None = None

    @property
    def meaning(self) -> str | None:
        """The number in words."""
        if self.value is None:
            return None
        probability = f"the probability that the true Sharpe ratio of {self.trial} exceeds {self.luck:.3g} a period"
        if self.trials < 2:
            return f"{probability}; one trial, so nothing is deflated"
        luck = f"which luck alone would bring to the best of {self.trials} trials"
        return f"{probability}, {luck}; it showed {self.sharpe:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        head = {"value": self.value, "meaning": self.meaning, "reason": self.reason}
        return head | {name: value for name, value in vars(self).items() if name not in head}


def deflated_sharpe(returns: dict[str, Floats], trial: str) -> DeflatedSharpe:
    """Judges one of several strategies.

    Args:
        returns: float64 [periods] of every trial, finite, over the same periods, each that of one period's holding:
            returns that overlap would make the sample look longer than it is.
        trial: the one that was chosen.
    """
    together = np.column_stack(list(returns.values()))
    periods, trials = together.shape
    if periods < LEAST_PERIODS:
        return DeflatedSharpe(None, f"needs at least {LEAST_PERIODS} periods; got {periods}", trial, trials=trials)
    sharpes = sharpe_of_sums(np.stack([np.full(trials, periods), together.sum(0), np.square(together).sum(0)], -1), 1.0)
    chosen = list(returns).index(trial)
    returns_of_trial = together[:, chosen]
    if sharpes[chosen] == 0:
        return DeflatedSharpe(None, f"the returns of {trial} never vary or are zero on average", trial, trials=trials)
    standard = (returns_of_trial - returns_of_trial.mean()) / returns_of_trial.std()
    skew, kurtosis = float(np.mean(standard**3)), float(np.mean(standard**4))
    effective = effective_trials(together)
    luck = best_sharpe_by_luck(float(np.var(sharpes, ddof=1)), effective) if trials > 1 else 0.0
    return DeflatedSharpe(
        value=probabilistic_sharpe(float(sharpes[chosen]), luck, periods, skew, kurtosis),
        trial=trial,
        sharpe=float(sharpes[chosen]),
        luck=luck,
        trials=trials,
        effective_trials=effective,
        periods=periods,
        skew=skew,
        kurtosis=kurtosis,
    )


def best_sharpe_by_luck(variance: float, trials: float) -> float:
    """Expected highest of the Sharpe ratios of trials without skill (the paper's equation 1).

    Args:
        variance: of the trials' Sharpe ratios, a period.
        trials: independent ones, at least 2; taken as 2 below that.
    """
    return float(np.sqrt(variance) * expected_best(max(trials, 2.0)))


def probabilistic_sharpe(sharpe: float, threshold: float, periods: int, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe ratio exceeds a threshold (the paper's equation 2); both a period.

    Args:
        sharpe: estimated over `periods`.
        skew, kurtosis: of the returns; a normal distribution has 0 and 3.
    """
    spread = max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 1e-12)  # zero for some returns of two values only
    return float(norm.cdf((sharpe - threshold) * np.sqrt((periods - 1) / spread)))


def effective_trials(returns: Floats) -> float:
    """How many independent trials those of float64 [periods, trials] are worth: r + (1 - r) · trials.

    r is the mean correlation of their pairs, not below zero (the paper's appendix 3). A trial that never moves counts
    as correlated with none.
    """
    periods, trials = returns.shape
    if trials < 2:
        return float(trials)
    centred = returns - returns.mean(axis=0)
    spread = centred.std(axis=0)
    moves = spread > 1e-6 * np.sqrt(np.square(returns).mean(axis=0))
    standard = centred[:, moves] / spread[moves]
    between = np.square(standard.sum(axis=1)).sum() / periods - moves.sum()
    mean = min(max(float(between) / (trials * (trials - 1)), 0.0), 1.0)
    return float(mean + (1 - mean) * trials)
