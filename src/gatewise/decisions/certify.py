"""Which thresholds hold a precision, with a confidence that allows for how many were tried.

Learn then Test (Angelopoulos, Bates, Candès, Jordan & Lei 2021, arXiv 2110.01052): each threshold is a hypothesis that
its acted rows are right less often than asked. Of m acted rows that are independent and right with a probability of p,
as many as came or more are right with the binomial's probability, which is exact; Holm (1979) allows for the number of
thresholds. MAPIE's `BinaryClassificationController` gives the same p-values and thresholds (`tests/test_decisions.py`).
"""

from __future__ import annotations

import numpy as np

from gatewise.loading import load_scipy
from gatewise.targets.outputs.base import Flags, Floats, Ints


def p_values(acted: Ints, right: Ints, precision: float) -> Floats:
    """How likely so many right rows or more would be, float64 [thresholds], were precision just short of what is asked.

    Args:
        acted, right: int64 [thresholds], independent rows acted on at each; of these, right.
    """
    load_scipy()
    from scipy.stats import binom  # a third of a second, which a bundle need not wait for

    return np.where(acted > 0, binom.cdf(acted - right, acted, 1 - precision), 1.0)


def holm(p: Floats, error: float) -> Flags:
    """The hypotheses that are refuted, bool [n]; one of them wrongly with a probability of at most `error`."""
    order = np.argsort(p, kind="stable")
    refuted = p[order] <= error / np.arange(len(p), 0, -1)
    held = np.zeros(len(p), bool)
    held[order[: len(p) if refuted.all() else int(np.argmin(refuted))]] = True
    return held
