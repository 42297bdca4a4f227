"""Walk-forward: the newest samples are tested block by block, each by a model that knows only what came before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewise.splits.base import Rows
from gatewise.splits.blocks import cut_blocks
from gatewise.splits.purge import Mask


def walk_forward(time_us: Rows, n_splits: int, *, sliding: bool = False) -> Iterator[tuple[Mask, Mask]]:
    """Yields (what may be trained on, what is tested), before any purge, oldest test block first.

    Each of the `n_splits` test blocks holds size // (n_splits + 1) samples; the rest, the oldest, is trained on first.
    Those are the blocks of scikit-learn's `TimeSeriesSplit`.

    Args:
        time_us: int64 [samples], any order.
        n_splits: test blocks.
        sliding: train on as many samples as the first fold has, the newest before the block, instead of on all; of the
            oldest moment among them, on the whole.

    Raises:
        NotEnoughRowsError: more blocks than the data carries.
    """
    num_tested = time_us.size // (n_splits + 1)
    num_first = time_us.size - n_splits * num_tested
    block = cut_blocks(time_us, np.append(0, num_first + num_tested * np.arange(n_splits)))
    ordered = np.sort(time_us)
    for number in range(n_splits):
        training = block <= number
        if sliding:
            training &= time_us >= ordered[np.sum(training) - np.sum(block == 0)]
        yield training, block == number + 1
