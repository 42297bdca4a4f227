"""Blocks: stretches of time that hold equally many samples, cut at one moment for all symbols."""

from __future__ import annotations

import numpy as np

from gatewise.errors import NotEnoughRowsError
from gatewise.splits.base import Rows


def equal_starts(size: int, count: int) -> Rows:
    """Where `count` blocks of `size` samples begin; the first `size % count` hold one sample more than the others."""
    number = np.arange(count)
    return number * (size // count) + np.minimum(number, size % count)


def cut_blocks(time_us: Rows, starts: Rows) -> Rows:
    """The block of each sample.

    Samples of one moment stay together: a block begins with the whole of the moment that its first sample lies in, so
    blocks of many symbols may differ by a few samples.

    Args:
        time_us: int64 [samples], any order.
        starts: int64 [blocks], ascending from 0: where each block begins among the samples in order of time.

    Returns:
        int64 [samples], in the order of `time_us`.

    Raises:
        NotEnoughRowsError: a block would hold no moment.
    """
    size, count = time_us.size, len(starts)
    if size < count:
        raise NotEnoughRowsError(f"{count:,} stretches of time need as many samples; got {size:,}", _HINT)
    begin_us = np.sort(time_us)[starts]
    if empty := np.flatnonzero(np.diff(begin_us) == 0).tolist():
        raise NotEnoughRowsError(
            f"each of {count:,} stretches of time must hold a moment of its own; number {empty[0] + 1} holds none: "
            f"{size:,} samples lie at {np.unique(time_us).size:,} moments",
            _HINT,
        )
    return np.searchsorted(begin_us, time_us, side="right") - 1


_HINT = "lower cv.n_splits, or give more rows"
