"""Where the path from a row to its label may lead: never past a gap, a symbol's end or a missing value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def run_bounds(segment_start: Rows, present: Flags) -> tuple[Rows, Rows]:
    """First and last row of each row's run: the longest stretch of its segment in which no value is missing.

    Args:
        segment_start: int64 [rows], as a Table gives it.
        present: bool [rows]; whether every value that the label reads is there.

    Returns:
        int64 [rows] twice. For a row that is not present: itself, and the row before it, so that no path fits.
    """
    rows = np.arange(segment_start.size)
    first = np.ones(rows.size, dtype=bool)
    first[1:] = (np.diff(segment_start) != 0) | ~present[1:] | ~present[:-1]
    start = np.maximum.accumulate(np.where(first, rows, 0))
    starts = np.flatnonzero(first)
    end = np.repeat(np.append(starts[1:], rows.size) - 1, np.diff(np.append(starts, rows.size)))
    return start, np.where(present, end, rows - 1)


def settled_at(run_end: Rows, horizons: Sequence[int]) -> Rows:
    """int64 [rows, horizons]: the rows so many ahead, or -1 where the run ends before the longest."""
    ahead = np.arange(run_end.size)[:, None] + np.asarray(horizons)
    return np.where((ahead.max(axis=1) <= run_end)[:, None], ahead, -1)
