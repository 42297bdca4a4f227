"""Rows in blocks: those of one symbol, and as many as stay in a processor's cache while several passes look at them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

_CACHED_ROWS = 16_384  # a column of them takes 128 KiB; temporaries of all rows cost more than what is computed


def block_starts(symbol: pl.Series) -> npt.NDArray[np.int64]:
    """The first row of each run of one symbol, int64 [runs]."""
    if not symbol.len() or (symbol.null_count() == 0 and (symbol == symbol[0]).all()):  # as in most files, and cheap
        return np.zeros(min(symbol.len(), 1), np.int64)
    return (symbol != symbol.shift()).fill_null(True).arg_true().to_numpy().astype(np.int64)


def block_numbers(symbol: pl.Series) -> npt.NDArray[np.int64]:
    """The number of the run that each row is of, int64 [rows]."""
    starts = block_starts(symbol)
    return np.repeat(np.arange(starts.size), np.diff(starts, append=symbol.len()))


def cached_blocks(num_rows: int, beside: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of rows, each with so many rows on either side, and where within these the block itself stands."""
    for first in range(0, num_rows, _CACHED_ROWS):
        begin, stop = max(0, first - beside), min(num_rows, first + _CACHED_ROWS)
        yield slice(begin, min(num_rows, stop + beside)), slice(first - begin, stop - begin)
