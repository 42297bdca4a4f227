"""Which rows end a window, which are newest, how many to take at once: index arithmetic, so it stands above torch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBERS_AT_ONCE = 2**24  # 128 MB of float64


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


def newest_of(rows: npt.NDArray[np.int64], time_us: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The newest `count` of some rows of a table, whichever symbol they are of, in order of time."""
    return rows[np.argsort(time_us[rows], kind="stable")[-count:]]


def span_of(time_us: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> tuple[str, str]:
    """When the first and the last of some rows are knowable, ISO 8601 in UTC; at least one row."""
    times = time_us[rows]
    first, last = (_EPOCH + timedelta(microseconds=int(us)) for us in (times.min(), times.max()))
    return first.isoformat(), last.isoformat()


def parts_of(num_rows: int, width: int) -> Iterator[slice]:
    """Parts of some rows of so many numbers each, to be gone through one by one: mostly one part, none of no rows."""
    at_once = max(1, NUMBERS_AT_ONCE // width)
    for first in range(0, num_rows, at_once):
        yield slice(first, first + at_once)
