"""Several columns of a later row at once: the multi-output target of a multivariate series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewise.targets.paths import Rows


def next_row(columns: Sequence[npt.NDArray[np.float64]], known_at: Rows) -> npt.NDArray[np.float64]:
    """The columns' values at known_at, in the columns' own units.

    Args:
        columns: float64 [rows] each, within float32 where they are read.
        known_at: int64 [rows], the row that settles each label; -1 where there is none.

    Returns:
        float64 [rows, columns], as they stand in the table; 0 where known_at is -1.
    """
    rows = np.flatnonzero(known_at >= 0)
    y = np.zeros((known_at.size, len(columns)))
    for place, column in enumerate(columns):
        y[rows, place] = column[known_at[rows]]
    return y
