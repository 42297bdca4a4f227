"""Which features repeat an earlier one on training rows.

Of each pair whose correlation is beyond a bound, upwards or downwards, the later one goes, whatever becomes of the
earlier. A column that does not vary is correlated with none. Rows are read in blocks, twice: the one-pass formula loses
a price's spread to its level.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.features.base import Values

_BLOCK_ROWS = 16_384


def correlated_columns(values: Values, rows: npt.NDArray[np.int64], bound: float) -> list[int]:
    """Numbers of the columns that go, ascending.

    Args:
        values: [rows of the table, columns], finite at `rows`.
        rows: those that are learned from.
        bound: of the absolute Pearson correlation, 0 to 1.
    """
    blocks = [rows[first : first + _BLOCK_ROWS] for first in range(0, len(rows), _BLOCK_ROWS)]
    mean = sum(values[block].astype(np.float64).sum(axis=0) for block in blocks) / max(len(rows), 1)
    apart = (values[block].astype(np.float64) - mean for block in blocks)
    products = sum((block.T @ block for block in apart), np.zeros((values.shape[1], values.shape[1])))
    spread = np.sqrt(np.diag(products))
    still = [(values[block] == values[rows[0]]).all(axis=0) for block in blocks]
    spread[np.logical_and.reduce(still) | (spread == 0)] = np.inf  # sums of equal numbers may miss 0 by a rounding
    correlation = np.abs(products) / spread / spread[:, None]
    later: list[int] = np.flatnonzero((np.triu(correlation, 1) > bound).any(axis=0)).tolist()
    return later
