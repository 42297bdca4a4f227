"""Split conformal shifts: quantiles are moved until they hold as many rows as they say, in finite samples too.

Conformalised quantile regression (Romano, Patterson & Candès 2019, arXiv 1905.03222) in the form of its theorem 2: each
level has a shift of its own, so that not only the interval between two levels holds what it says, but each of them.
Of n rows that are exchangeable with the one to be predicted, the ceil((n + 1) p)-th smallest error is at least its own
with a probability of p or more. Levels above one half are moved up by that of y - q, those below down by that of q - y.
"""

from __future__ import annotations

import math

import numpy as np

from gatewise.targets.outputs.base import Floats
from gatewise.targets.outputs.quantiles import Quantiles

_ROUNDING = 1e-9  # of 20 * 0.95


def conformal_shifts(spec: Quantiles, predictions: Floats, y: Floats, independent: int) -> tuple[float | None, ...]:
    """What to add to each quantile; `None` where the rows are too few for its level.

    Args:
        predictions: float64 [m, C·Q]. y: float64 [m, C], what came. Both in one unit, of rows that the model has not
            learned from.
        independent: how many of the m rows count as independent, at most m; ranks are taken among so many.
    """
    error = y[:, :, None] - spec.apart(predictions)
    return tuple(
        _shift(error[:, column, place], level, independent)
        for column in range(error.shape[1])
        for place, level in enumerate(spec.levels)
    )


def _shift(error: Floats, level: float, independent: int) -> float | None:
    side = -1.0 if level < 0.5 else 1.0
    rank = math.ceil((independent + 1) * max(level, 1 - level) - _ROUNDING)
    if not 1 <= rank <= independent:
        return None
    place = math.ceil(rank / independent * len(error) - _ROUNDING)  # the rank itself where all rows are independent
    return side * float(np.partition(side * error, place - 1)[place - 1])
