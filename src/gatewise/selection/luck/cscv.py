"""Probability of backtest overfitting: does the trial that looks best on one half of the time stay good on the other?

Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu 2017, Journal of Computational
Finance 20/4; 2015 as a preprint). The time is cut into an even number of blocks; every half of them in turn plays the
past, in which the best trial is chosen, and the rest the future, in which it is ranked among all. Nothing is trained
again: 16 blocks make 12,870 splits, and 60 trials take a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations, pairwise
from typing import Any, Literal

import numpy as np

from gatewise.evaluation.base import Floats
from gatewise.evaluation.trading import sharpe_of_sums
from gatewise.loading import traceless

with traceless():
    from scipy.stats import rankdata

MOST_BLOCKS = 16  # the paper's
LEAST_BLOCKS = 6  # 20 splits
LEAST_BLOCK_PERIODS = 10

# From sums [splits, q, trials] to what is compared, [splits, trials], higher is better.
Measure = Callable[[Floats], Floats]


@dataclass(frozen=True)
class BacktestOverfitting:
    """What happened out of sample to the trials that were chosen in sample.

    Attributes:
        value: share of the splits in which the chosen trial came out below the median of all, a median itself counted
            one half, so that trials that are alike give 0.5 whether their number is odd or even. `None`: see `reason`.
        reason: why there is no value.
        trials, blocks, splits: how many.
        logits: float64 [splits], ln(w / (1 - w)) of the chosen trial's relative rank w = rank / (trials + 1), the worst
            of rank 1; below zero is below the median.
        below_benchmark: share of the splits in which the chosen trial came out below the benchmark; `None` without one.
        by: what trials are chosen and ranked by, for people.
    """

    value: float | None
    reason: str | None = None
    trials: int = 0
    blocks: int = 0
    splits: int = 0
    logits: Floats = field(default_factory=lambda: np.empty(0))
    below_benchmark: float | None = None
    by: str = "loss"

    @property
    def meaning(self) -> str | None:
        """The number in words."""
        if self.value is None:
            return None
        lost = ""
        if self.below_benchmark is not None:
            lost = f", and below the benchmark in {self.below_benchmark:.0%}"
        return (
            f"of {self.trials} trials, the best by {self.by} on one half of the time fell below their median on the "
            f"other half in {self.value:.0%} of {self.splits:,} splits{lost}; 50% is what a choice by lot gives"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; of the logits their mean and quantiles."""
        logits = None
        if self.value is not None:
            low, median, high = np.quantile(self.logits, [0.05, 0.5, 0.95]).tolist()
            logits = {"mean": float(self.logits.mean()), "low": low, "median": median, "high": high}
        return {
            "value": self.value,
            "by": self.by,
            "meaning": self.meaning,
            "reason": self.reason,
            "trials": self.trials,
            "blocks": self.blocks,
            "splits": self.splits,
            "below_benchmark": self.below_benchmark,
            "logits": logits,
        }


def backtest_overfitting(
    performance: Floats,
    benchmark: Floats | None = None,
    *,
    measure: Literal["mean", "sharpe"] = "mean",
    gap: int = 0,
    blocks: int = MOST_BLOCKS,
) -> BacktestOverfitting:
    """Runs every split.

    Args:
        performance: float64 [periods, trials], finite, in order of time, higher is better: a negative loss or a return.
        benchmark: float64 [periods], the same of what the trials should beat.
        measure: what is compared on each half: the mean of the periods, or mean over standard deviation.
        gap: periods left out at the end of each block, so that a label that reaches that far never ties two halves.
        blocks: even, the most blocks that are cut; fewer where a block would hold less than ten periods besides the gap
            or less than two gaps.
    """
    everyone = performance if benchmark is None else np.column_stack([performance, benchmark])
    parts = np.stack([np.ones_like(everyone), everyone, np.square(everyone)], axis=1)
    trials, of_sums = performance.shape[1], _mean if measure == "mean" else _sharpe
    report = overfitting_of_sums(parts, of_sums, trials, gap=gap, blocks=blocks)
    return report if measure == "mean" else replace(report, by="Sharpe ratio")


def overfitting_by_metric(
    losses: Floats, benchmarks: Floats, *, metric: str = "log_loss", gap: int = 0, blocks: int = MOST_BLOCKS
) -> BacktestOverfitting:
    """Runs every split by the metric that models are chosen by, counted from the benchmark's over the same half.

    Args:
        losses: float64 [periods, trials], finite, in order of time: log losses or squared errors.
        benchmarks: float64 [periods, trials], the same of what each trial should beat, its own horizon's.
        metric: log_loss is the mean over a half, rmse the root of it.
        gap, blocks: see `backtest_overfitting`.
    """
    nothing = np.zeros((len(losses), 1))  # a benchmark leads itself by nothing
    lost = np.column_stack([losses, nothing])
    beside = np.column_stack([benchmarks, nothing])
    parts = np.stack([np.ones_like(lost), lost, beside], axis=1)
    lead = partial(metric_lead, metric=metric)
    return replace(
        overfitting_of_sums(parts, lead, losses.shape[1], gap=gap, blocks=blocks), by=metric.replace("_", " ")
    )


def metric_lead(sums: Floats, metric: str) -> Floats:
    """How far a metric lies below the benchmark's, [splits, trials], from sums [splits, 3, trials] of ones and both."""
    mean = sums[:, 1:] / sums[:, :1]
    both = np.sqrt(np.maximum(mean, 0.0)) if metric == "rmse" else mean
    lead: Floats = both[:, 1] - both[:, 0]
    return lead


def overfitting_of_sums(
    parts: Floats, measure: Measure, trials: int, *, gap: int = 0, blocks: int = MOST_BLOCKS
) -> BacktestOverfitting:
    """Runs every split by a measure that follows from sums over the periods of a half.

    Args:
        parts: float64 [periods, q, trials], in order of time, what is summed; with a benchmark one column more, the
            last.
        gap, blocks: see `backtest_overfitting`.
    """
    periods = len(parts)
    if trials < 2:
        return BacktestOverfitting(None, f"a choice needs at least two trials; got {trials}", trials)
    least = gap + max(gap, LEAST_BLOCK_PERIODS)
    cut = min(blocks, periods // least) // 2 * 2
    if cut < LEAST_BLOCKS:
        reason = f"{LEAST_BLOCKS} blocks of {least} moments or more need {LEAST_BLOCKS * least} moments; got {periods}"
        return BacktestOverfitting(None, reason, trials)
    past = measure(_halves(parts, cut, gap))
    future = past[::-1]  # halves come in lexicographic order, in which the last is what the first leaves over
    chosen = past[:, :trials] == past[:, :trials].max(axis=1, keepdims=True)
    num_chosen = chosen.sum(axis=1)  # more than one where trials say the same
    rank = np.where(chosen, rankdata(future[:, :trials], axis=1), 0.0).sum(axis=1)
    middle = num_chosen * (trials + 1) / 2
    below = None
    if parts.shape[2] > trials:
        ours, theirs = future[:, :trials], future[:, trials:]
        below = float(np.mean(np.sum(chosen * _half_counted(ours, theirs), axis=1) / num_chosen))
    relative = rank / num_chosen / (trials + 1)
    return BacktestOverfitting(
        value=float(np.mean(_half_counted(rank, middle))),
        trials=trials,
        blocks=cut,
        splits=len(past),
        logits=np.log(relative / (1 - relative)),
        below_benchmark=below,
    )


def _halves(parts: Floats, cut: int, gap: int) -> Floats:
    """The sums [splits, q, trials] over every half of the blocks."""
    edges = np.linspace(0, len(parts), cut + 1).astype(np.int64)
    blocks = np.array([parts[start : stop - gap].sum(axis=0) for start, stop in pairwise(edges)])
    picks = np.array(list(combinations(range(cut), cut // 2)))
    # Block by block instead of one product of matrices, whose rounding would tell equal trials apart by their place.
    sums = np.zeros((len(picks), *blocks.shape[1:]))
    for column in picks.T:
        sums += blocks[column]
    return sums


def _mean(sums: Floats) -> Floats:
    mean: Floats = sums[:, 1] / sums[:, 0]
    return mean


def _sharpe(sums: Floats) -> Floats:
    return sharpe_of_sums(np.moveaxis(sums, 1, -1), 1.0)


def _half_counted(a: Floats, b: Floats) -> Floats:
    """1 where a < b, one half where they are equal."""
    return np.where(a == b, 0.5, np.where(a < b, 1.0, 0.0))
