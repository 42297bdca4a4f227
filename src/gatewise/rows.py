"""Which rows can end a window: index arithmetic alone, so that it stands above torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def window_rows(
    valid: npt.NDArray[np.bool_], segment_start: npt.NDArray[np.int64], sequence_length: int
) -> npt.NDArray[np.int64]:
    """Rows t whose window t-T+1..t is valid throughout and lies in one segment (one symbol, no gap). Ascending."""
    rows = np.arange(len(valid))
    last_invalid = np.maximum.accumulate(np.where(valid, -1, rows))
    first_usable = np.maximum(segment_start, last_invalid + 1)
    return np.flatnonzero(rows - first_usable + 1 >= sequence_length)


def rows_in_windows(rows: npt.NDArray[np.int64], sequence_length: int, num_rows: int) -> npt.NDArray[np.int64]:
    """The rows that the windows ending at `rows` touch, each once, ascending."""
    edges = np.zeros(num_rows + 1, dtype=np.int64)
    np.add.at(edges, rows - (sequence_length - 1), 1)
    np.add.at(edges, rows + 1, -1)
    return np.flatnonzero(np.cumsum(edges[:-1]) > 0)
