"""Moments, and how long what happens at one of them is remembered.

A moment is one time stamp with the rows of all symbols at it. Neighbouring moments are not independent: labels less
than a horizon apart are settled by the same bars, windows overlap, a market's moods last. How much they tell is
counted in memories: the mean of n moments with memory m is as uncertain as that of n / m independent ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewise.evaluation.base import Floats, Ints

_LEAST = 20  # averages of so many stretches and more are asked for their correlation; of fewer it is noise
_SHOWN = 2.5  # standard errors; with 2, one in seven of thousands of independent rows was said to remember for ever


@dataclass(frozen=True)
class Moments:
    """Which rows happen together.

    Attributes:
        of_row: int64 [n], the moment of each row, counted from 0 in order of time.
        count: number of moments.
        a_row: moments that pass while a symbol moves on by one row; 1 where all symbols share one clock.
    """

    of_row: Ints
    count: int
    a_row: float

    def sums(self, contributions: Floats) -> Floats:
        """[count, q] from [n, q]."""
        if self.count == len(self.of_row) and bool(np.all(self.of_row[1:] > self.of_row[:-1])):
            return contributions
        order = np.argsort(self.of_row, kind="stable")
        starts = np.searchsorted(self.of_row[order], np.arange(self.count))
        return np.add.reduceat(contributions[order], starts, axis=0)

    def means(self, values: Floats) -> Floats:
        """Means over the rows of each moment, [count, q] from [n, q]."""
        rows = np.bincount(self.of_row, minlength=self.count)
        return np.asarray(self.sums(values) / rows[:, None])


def moments(time_us: Ints, symbol: Ints) -> Moments:
    """Groups rows by time; `time_us` and `symbol` (a number for each symbol) are int64 [n]."""
    unique, of_row = np.unique(time_us, return_inverse=True)
    longest = int(np.unique(symbol, return_counts=True)[1].max())
    return Moments(of_row.astype(np.int64), len(unique), len(unique) / longest)


def memory(series: Floats) -> float:
    """The longest memory among some series [moments, s], in moments; from 1 to all that there are.

    A series with correlation c from one moment to the next, which fades geometrically, has memory (1 + c) / (1 - c).
    c is estimated at every scale, on averages of 1, 2, 4, … moments (at least 20 of them) and corrected for its bias in
    few rows (Kendall 1954): a slow mood below much noise, as in losses, shows only once the noise is averaged away. A
    correlation within 2.5 standard errors of zero counts as none. Averages of a fading series correlate somewhat
    more than it does itself, so the longest scale errs on the safe side: to two or three times the memory of an AR(1).
    """
    centred = series - series.mean(axis=0)
    varies = np.ptp(series, axis=0) > 1e-12 * np.abs(series).max(axis=0, initial=0.0)
    centred = centred[:, varies]
    longest, scale = 1.0, 1
    while centred.shape[1] and (scale == 1 or len(centred) >= _LEAST) and len(centred) > 3:
        count = len(centred)
        square = np.square(centred).sum(axis=0)
        product = (centred[1:] * centred[:-1]).sum(axis=0)
        c = np.divide(product, square, out=np.zeros_like(square), where=square > 0)
        c = np.minimum(c + (1 + 3 * c) / count, 1 - 1 / count)
        c = c[c > _SHOWN / np.sqrt(count)]
        longest = max(longest, scale * float(((1 + c) / (1 - c)).max(initial=0.0)))
        pairs = centred[: count // 2 * 2].reshape(count // 2, 2, -1)
        centred, scale = pairs.mean(axis=1), scale * 2
        centred = centred - centred.mean(axis=0)
    return min(longest, float(max(len(series), 1)))
