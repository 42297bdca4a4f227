"""Walk-forward: the newest samples are tested block by block, each by a model that knows only what came before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewise.errors import NotEnoughRowsError
from gatewise.splits.base import Rows
from gatewise.splits.blocks import cut_blocks
from gatewise.splits.purge import Mask


def walk_forward(
    time_us: Rows, n_splits: int, *, sliding: bool = False, test_size: int | None = None
) -> Iterator[tuple[Mask, Mask]]:
    """Yields (what may be trained on, what is tested), before any purge, oldest test block first.

    Each of the `n_splits` test blocks holds size // (n_splits + 1) samples; the rest, the oldest, is trained on first.
    Those are the blocks of scikit-learn's `TimeSeriesSplit`, whose `test_size` is this one's, too.

    Args:
        time_us: int64 [samples], any order.
        n_splits: test blocks.
        test_size: moments of each test block, so rows of one symbol; `None`: as above.
        sliding: train on as many samples as the first fold has, the newest before the block, instead of on all; of the
            oldest moment among them, on the whole.

    Raises:
        NotEnoughRowsError: more blocks than the data carries.
    """
    ordered = np.sort(time_us)
    num_tested = time_us.size // (n_splits + 1)
    first = time_us.size - n_splits * num_tested + num_tested * np.arange(n_splits)
    if test_size is not None:
        moments = np.unique(time_us)
        if n_splits * test_size >= moments.size:
            raise NotEnoughRowsError(
                f"{n_splits:,} test blocks of {test_size:,} leave rows to train on only where there are more than "
                f"{n_splits * test_size:,}; got {moments.size:,}",
                "lower cv.test_size or cv.n_splits, or give more rows",
            )
        first = np.searchsorted(ordered, moments[moments.size - test_size * np.arange(n_splits, 0, -1)])
    block = cut_blocks(time_us, np.append(0, first))
    for number in range(n_splits):
        training = block <= number
        if sliding:
            training &= time_us >= ordered[np.sum(training) - np.sum(block == 0)]
        yield training, block == number + 1
