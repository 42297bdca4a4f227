"""The log return over the rows ahead; of prices that may be any, the difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.targets.paths import Rows


def forward_return(close: npt.NDArray[np.float64], known_at: Rows) -> npt.NDArray[np.float64]:
    """ln(close[known_at] / close).

    Args:
        close: float64 [rows], positive where it is read.
        known_at: int64 [rows], the row that settles each label; -1 where there is none.

    Returns:
        float64 [rows, 1]; 0 where known_at is -1.
    """
    rows = np.flatnonzero(known_at >= 0)
    y = np.zeros((close.size, 1))
    y[rows, 0] = np.log(close[known_at[rows]] / close[rows])
    return y


def forward_change(close: npt.NDArray[np.float64], known_at: Rows) -> npt.NDArray[np.float64]:
    """close[known_at] - close, in price units; arguments and result as of `forward_return`, of prices of any sign."""
    rows = np.flatnonzero(known_at >= 0)
    y = np.zeros((close.size, 1))
    y[rows, 0] = close[known_at[rows]] - close[rows]
    return y
