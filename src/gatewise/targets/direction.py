"""Binary direction: whether the close is higher some rows later."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.targets.paths import Rows

CLASSES = ("down", "up")


def direction(close: npt.NDArray[np.float64], known_at: Rows) -> npt.NDArray[np.int64]:
    """1 (up) where close[known_at] / close - 1 is above 0, else 0 (down).

    A return of exactly 0 is down: the class up says that buying would have gained something.

    Args:
        close: float64 [rows].
        known_at: int64 [rows], the row that settles each label; -1 where there is none.

    Returns:
        int64 [rows]; 0 where known_at is -1.
    """
    return np.where(known_at >= 0, close[known_at] > close, 0).astype(np.int64)
