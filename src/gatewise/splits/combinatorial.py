"""K-fold and its combinations: every stretch of time is tested by models that were trained on both sides of it.

Source: M. López de Prado, Advances in Financial Machine Learning, Wiley 2018, chapters 7 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from gatewise.splits.base import Rows
from gatewise.splits.blocks import cut_blocks, equal_starts
from gatewise.splits.purge import Mask


def kfold(time_us: Rows, n_splits: int) -> Iterator[tuple[Mask, Mask]]:
    """Yields (what may be trained on, what is tested), before any purge; each sample is tested once.

    Raises:
        NotEnoughRowsError: more folds than the data carries.
    """
    return combinatorial(time_us, n_splits, 1)


def combinatorial(time_us: Rows, n_groups: int, test_groups: int) -> Iterator[tuple[Mask, Mask]]:
    """Yields (what may be trained on, what is tested), before any purge, for each choice of `test_groups` groups.

    Choices come in lexicographic order: groups 0 and 1, 0 and 2, ..., so that split s is the book's S(s + 1).

    Args:
        time_us: int64 [samples], any order.
        n_groups: stretches of time that hold equally many samples.
        test_groups: how many of them are tested together, below `n_groups`.

    Raises:
        NotEnoughRowsError: more groups than the data carries.
    """
    assert 0 < test_groups < n_groups
    group = cut_blocks(time_us, equal_starts(time_us.size, n_groups))
    for chosen in combinations(range(n_groups), test_groups):
        tested = np.isin(group, chosen)
        yield ~tested, tested


def combinatorial_paths(n_groups: int, test_groups: int) -> Rows:
    """Which backtest path each tested group of each split belongs to.

    A group is tested by C(n_groups - 1, test_groups - 1) splits, so there are as many paths, and each walks through
    every group once: the first split that tests a group gives it to path 0, the second to path 1, and so on.

    Returns:
        int64 [splits, n_groups], paths from 0; -1 where the group is trained on.
    """
    chosen = np.array(list(combinations(range(n_groups), test_groups)))
    tested = np.zeros((len(chosen), n_groups), dtype=bool)
    np.put_along_axis(tested, chosen, True, axis=1)
    return np.where(tested, np.cumsum(tested, axis=0) - 1, -1)
