"""A circular block bootstrap over moments in time, for the tests of a whole comparison against data snooping.

Whole blocks of consecutive moments are drawn (Politis and Romano 1992; the draws are `arch`'s), since neighbours are
not independent. Symbols share their blocks, because they move together. Every trial is summed over the same draws, so
differences between trials are paired. A single metric's interval needs no draws: see `evaluation.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.moments import Moments
from gatewise.loading import traceless

with traceless():
    from scipy.sparse import csr_array

LEAST_BLOCKS = 10


def block_moments(when: Moments, loss: Floats, horizon: int, block_rows: int | None = None) -> int:
    """The block length, in moments.

    Args:
        when: the rows' moments.
        loss: float64 [n], the model's loss on each row.
        horizon: rows that a label looks ahead.
        block_rows: a length in rows that is given; `None`: the largest of the horizon, the cube root of the number of
            moments, and the length that Politis and White (2004, corrected by Patton, Politis and White 2009) find in
            the loss's own memory. The horizon alone is too short: nominal 95 % intervals of a mean over 5,000 rows with
            horizon 20 held the truth 87 % of the time, with the third candidate 94 %.

    Returns:
        At most a tenth of the moments, so that there is something to draw from.
    """
    if block_rows is not None:
        wanted = block_rows * when.a_row
    else:
        wanted = max(horizon * when.a_row, when.count ** (1 / 3), _memory(when, loss))
    return max(1, min(int(np.ceil(wanted)), when.count // LEAST_BLOCKS))


@dataclass(frozen=True)
class Draws:
    """Resamples of the moments, drawn once and summed over for every predictor.

    A draw is whole blocks and a last one cut short, so it is enough to add up the sums of blocks by where they start.

    Attributes:
        picks: [samples, moments], how often a whole block that starts at a moment is drawn.
        last_start: int64 [samples], where the block cut short starts.
        block, last_length: in moments.
    """

    when: Moments
    picks: csr_array
    last_start: Ints
    block: int
    last_length: int

    def sums(self, contributions: Floats) -> Floats:
        """Sums of `contributions` [n, q] over each draw: float64 [samples, q]."""
        count = self.when.count
        by_moment = self.when.sums(contributions)
        running = np.zeros((count + self.block + 1, by_moment.shape[1]))
        np.cumsum(by_moment, axis=0, out=running[1 : count + 1])
        np.cumsum(by_moment[: self.block], axis=0, out=running[count + 1 :])
        running[count + 1 :] += running[count]
        whole = running[self.block : self.block + count] - running[:count]
        last = running[self.last_start + self.last_length] - running[self.last_start]
        sums: Floats = self.picks @ whole + last
        return sums


def draw(when: Moments, block: int, samples: int, seed: int) -> Draws:
    """Draws `samples` resamples in blocks of `block` moments."""
    with traceless():
        from arch.bootstrap import CircularBlockBootstrap

    drawn = CircularBlockBootstrap(block, np.arange(when.count), seed=np.random.default_rng(seed)).bootstrap(samples)
    starts = np.stack([moment[0][::block] for moment, _ in drawn])
    per_draw = starts.shape[1] - 1
    picks = csr_array(
        (np.ones(samples * per_draw), starts[:, :-1].ravel(), np.arange(samples + 1) * per_draw),
        shape=(samples, when.count),
    )
    return Draws(when, picks, starts[:, -1], block, when.count - per_draw * block)


def _memory(when: Moments, loss: Floats) -> float:
    """Politis and White's block length of the mean loss by moment; 1 where there is too little to measure it."""
    series = when.sums(np.stack([loss, np.ones_like(loss)], axis=1))
    mean = series[:, 0] / series[:, 1]
    if when.count < 50 or np.ptp(mean) <= 1e-12 * np.abs(mean).max():
        return 1.0
    with traceless():
        from arch.bootstrap import optimal_block_length  # with it come pandas and matplotlib: most of a second

    length = float(optimal_block_length(mean)["circular"].iloc[0])
    return length if np.isfinite(length) else 1.0
