"""The model confidence set: forecasts that the rows can't tell from the best, with the choice among all counted.

Hansen, Lunde and Nason (2011), Econometrica 79/2, by `arch`'s block bootstrap. Where a few blocks are all there is,
their spread is itself uncertain and the test would find too much. So observed differences are set against the spread of
the draws only after they are divided by what Student's t has over the normal at the level that as many comparisons call
for. docs/overfitting.md has how often it then errs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.bootstrap import LEAST_BLOCKS, block_moments
from gatewise.evaluation.moments import Moments, moments
from gatewise.loading import load_scipy, traceless

MOST_PAIRS_DRAWN = 4_000_000  # it holds samples · models² numbers, a few times over: about 100 MB
# More periods than this are put together: the tests' cost grows with their square, what they can tell does not.
MOST_PERIODS = 1_000
# With ten, tests at 5 % found too much in 16 % of noise.
LEAST_HORIZONS = 20
LEAST_MOMENTS = 60
# Blocks that do for the interval of one mean are too short for the highest of many; see docs/overfitting.md.
LONGER_BLOCK = 1.5


@dataclass(frozen=True)
class ConfidenceSet:
    """Which of some models the rows can't tell from the best.

    Attributes:
        included: their names; empty, as p is, where there is none, for `reason`.
        p: of every model, the largest significance level at which it stays in the set; 1 for the best.
    """

    included: tuple[str, ...] = ()
    p: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"included": list(self.included), "p": dict(self.p), "reason": self.reason}


def confidence_set(
    losses: Mapping[str, Floats],
    *,
    time_us: Ints,
    symbol: Ints,
    horizon: int,
    confidence: float,
    samples: int,
    seed: int,
) -> ConfidenceSet:
    """The set of models of the same rows.

    Args:
        losses: float64 [n] each, the loss of each row; the first model's lead over the others says how long blocks are.
        time_us, symbol: int64 [n], when each row is predicted, and a number for its symbol.
        horizon: rows that a label looks ahead.
        samples, seed: of the draws.
    """
    when = moments(time_us, symbol)
    if reason := too_few_for_blocks(when, horizon):
        return ConfidenceSet(reason=reason)
    lost = np.column_stack([*losses.values()])
    lead = lost[:, 0] - lost[:, 1:].mean(axis=1) if lost.shape[1] > 1 else lost[:, 0]
    periods, block = loss_periods(lost, lead, when, horizon)
    p = dict(zip(losses, confidence_p(periods, block, 1 - confidence, samples, seed), strict=True))
    return ConfidenceSet(tuple(name for name, one in p.items() if one > 1 - confidence), p)


def too_few_for_blocks(when: Moments, horizon: int) -> str | None:
    """Why nothing can be drawn in blocks; `None` where it can."""
    least = ceil(max(LEAST_MOMENTS, LEAST_HORIZONS * horizon * when.a_row))
    if when.count >= least:
        return None
    return f"needs {LEAST_HORIZONS} horizons and {LEAST_MOMENTS} moments, here {least} moments; got {when.count}"


def loss_periods(losses: Floats, lead: Floats, when: Moments, horizon: int) -> tuple[Floats, int]:
    """Losses by period in order of time, and the block's length in periods.

    Args:
        losses: float64 [n, models]. lead: float64 [n], the loss whose memory blocks must hold.
    """
    block = ceil(LONGER_BLOCK * block_moments(when, lead, horizon))
    return _fewer(weighted_means(losses, when), block)


def weighted_means(values: Floats, when: Moments) -> Floats:
    """Mean over the rows of each moment, weighted by how many they are, so that its mean is that over all rows."""
    return when.sums(values) * (when.count / len(values))


def _fewer(by_moment: Floats, block: int) -> tuple[Floats, int]:
    """Neighbouring moments put together into at most `MOST_PERIODS`, and the block's length in those.

    Moments that do not fill a period are left off at the old end.
    """
    size = -(-len(by_moment) // MOST_PERIODS)
    count = len(by_moment) // size
    periods = by_moment[len(by_moment) - count * size :].reshape(count, size, -1).mean(axis=1)
    return periods, max(1, min(-(-block // size), count // LEAST_BLOCKS))


def sobered(values: Floats, around: float, block: int, tail: float) -> Floats:
    """The columns with their means drawn towards `around`, by Student's t over the normal at a tail's probability."""
    load_scipy()
    from scipy import stats

    mean = values.mean(axis=0)
    freedom = max(len(values) / block - 1, 1.0)
    widen = stats.t.ppf(1 - tail, freedom) / stats.norm.ppf(1 - tail) * np.sqrt((freedom + 1) / freedom)
    drawn: Floats = values - (mean - around) * (1 - 1 / widen)
    return drawn


def confidence_p(losses: Floats, block: int, level: float, samples: int, seed: int) -> list[float]:
    """The model confidence set's p-value of every column.

    Columns that differ by a constant have no spread to be measured by: of those the lowest stands for its equals, and
    the others are worse in every single period.
    """
    mean = losses.mean(axis=0)
    least = 1e-9 * losses.std(axis=0).max()
    stands: dict[int, list[int]] = {}
    for column in np.argsort(mean, kind="stable").tolist():
        losses_of_trial = losses[:, column]
        alike = next((first for first in stands if np.std(losses_of_trial - losses[:, first]) <= least), column)
        stands.setdefault(alike, []).append(column)
    p = np.zeros(len(mean))
    p_values = np.ones(1)
    if len(stands) > 1:
        count = len(stands)
        compared = losses[:, list(stands)]
        compared = sobered(compared, float(compared.mean()), block, level / (count * (count - 1)))
        # arch can't order pairs that are exactly as far apart.
        compared += least * np.random.default_rng(seed).random(count)
        draws = min(samples, max(100, MOST_PAIRS_DRAWN // count**2))
        with traceless():
            from arch.bootstrap import MCS

        test = MCS(compared, size=level, block_size=block, reps=draws, bootstrap="circular", seed=seed)
        test.compute()
        p_values = test.pvalues.sort_index()["Pvalue"].to_numpy()
    for value, (first, columns) in zip(p_values, stands.items(), strict=True):
        equal = [column for column in columns if mean[column] - mean[first] <= least]
        p[equal] = value
    return [float(value) for value in p]
