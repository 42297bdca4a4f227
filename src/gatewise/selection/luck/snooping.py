"""Data snooping: the best of many compared models looks good by luck alone; is it better than the benchmark even so?

Two answers from per-period losses, both by `arch`'s block bootstrap. Superior predictive ability (Hansen 2005, Journal
of Business & Economic Statistics 23/4) asks whether any trial beats the benchmark, counting that the best was picked.
The model confidence set (Hansen, Lunde and Nason 2011, Econometrica 79/2) holds the trials that the data can't tell
from the best.

Where a few blocks are all there is, either test would find too much, so that differences are `sobered` first.
docs/overfitting.md has how often the tests then err.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatewise.evaluation.base import Floats
from gatewise.evaluation.bootstrap import draw
from gatewise.evaluation.confidence_set import confidence_p, sobered
from gatewise.evaluation.moments import Moments
from gatewise.loading import traceless


@dataclass(frozen=True)
class Snooping:
    """Which trials stand out from the benchmark and from each other.

    Attributes:
        value: p-value, the probability of a best trial this good if none were truly better than the benchmark: Hansen's
            consistent one. `None`: see `reason`.
        reason: why there is no value.
        lower, upper: p-values if trials that look worse than the benchmark count not at all, or count fully.
        better: trials that beat the benchmark at the confidence level, all of them at once.
        included: the model confidence set at that level, without the benchmark.
        confidence_p: of every trial, the largest significance level at which it stays in that set; 1 for the best.
        benchmark_included: whether the benchmark, put among the models, stays in the set.
        trials, periods, block_periods, samples, confidence: of the bootstrap.
    """

    value: float | None
    reason: str | None = None
    lower: float | None = None
    upper: float | None = None
    better: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    confidence_p: dict[str, float] = field(default_factory=dict)
    benchmark_included: bool | None = None
    trials: int = 0
    periods: int = 0
    block_periods: int = 0
    samples: int = 0
    confidence: float = 0.95

    @property
    def meaning(self) -> str | None:
        """The number in words."""
        if self.value is None:
            return None
        level = 1 - self.confidence
        verdict = "so at least one is better" if self.value < level else "so none is shown to be better"
        count = len(self.included)
        near = (
            f"{count} of them can't be distinguished from the best"
            if count
            else "the set of the best holds the benchmark alone"
        )
        return (
            f"if no trial were truly better than the benchmark, the best of {self.trials} would look this good with "
            f"probability {self.value:.2g}, {verdict}; {near}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        head = {"value": self.value, "meaning": self.meaning, "reason": self.reason}
        lists = {"better": list(self.better), "included": list(self.included)}
        return head | {name: value for name, value in vars(self).items() if name not in head} | lists


def data_snooping(
    losses: Floats, benchmark: Floats, names: Sequence[str], *, block: int, confidence: float, samples: int, seed: int
) -> Snooping:
    """Runs both tests.

    Args:
        losses: float64 [periods, trials], finite, in order of time; lower is better.
        benchmark: float64 [periods].
        names: of the trials.
        block: length of the blocks drawn, in periods.
        confidence: such as 0.95.
        samples: draws.
    """
    setting: Any = {
        "trials": len(names),
        "periods": len(losses),
        "block_periods": block,
        "samples": samples,
        "confidence": confidence,
    }
    gain = benchmark[:, None] - losses
    spread = _spread_of_mean(gain, block, samples, seed)
    differs = spread > 1e-9 * max(spread.max(), 1e-6 * np.abs(losses).max())
    if not differs.any():
        return Snooping(None, "every trial's loss is the benchmark's, up to a constant", **setting)
    # arch's statistic is the largest plain mean, in which the most erratic trial would drown the others; Hansen's is
    # the largest in units of its own spread.
    standard = sobered(gain[:, differs] / spread[differs], 0.0, block, (1 - confidence) / differs.sum())
    with traceless():
        from arch.bootstrap import SPA

    test = SPA(np.zeros(len(gain)), -standard, block_size=block, reps=samples, bootstrap="circular", seed=seed)
    test.compute()
    # The draw that was observed counts as one of them: a p-value is never zero.
    lower, consistent, upper = ((float(p) * samples + 1) / (samples + 1) for p in test.pvalues)
    better = np.flatnonzero(differs)[test.better_models(1 - confidence)]
    kept = confidence_p(np.column_stack([losses, benchmark]), block, 1 - confidence, samples, seed)
    return Snooping(
        value=consistent,
        lower=lower,
        upper=upper,
        better=tuple(names[number] for number in better),
        included=tuple(name for name, p in zip(names, kept, strict=False) if p > 1 - confidence),
        confidence_p=dict(zip(names, kept, strict=False)),
        benchmark_included=kept[-1] > 1 - confidence,
        **setting,
    )


def _spread_of_mean(gain: Floats, block: int, samples: int, seed: int) -> Floats:
    """Standard error of the mean gain [trials], from blocks."""
    count = len(gain)
    sums = draw(Moments(np.arange(count), count, 1.0), block, samples, seed).sums(gain)
    spread: Floats = sums.std(axis=0) / count
    return spread
