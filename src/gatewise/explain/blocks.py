"""Rows put into another order block by block: what neighbours share stays together, what they say of labels does not.

A single row that is moved alone would tear windows apart and forget how long a feature remembers; blocks that are as
long as a window and as what a label looks ahead keep nearly all windows whole, with one seam at the most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def block_order(count: int, block_rows: int, rng: np.random.Generator) -> Rows:
    """int64 [count]: which row stands in each place; `count // block_rows` blocks of nearly one length, each moved.

    Blocks move in one cycle (Sattolo 1986, "An algorithm to generate a random cyclic permutation"), so that none stays
    by chance. Fewer rows than two blocks stay as they are.
    """
    blocks = count // block_rows
    if blocks < 2:
        return np.arange(count)
    order = np.arange(blocks)
    for last in range(blocks - 1, 0, -1):
        other = int(rng.integers(last))
        order[last], order[other] = order[other], order[last]
    each = np.array_split(np.arange(count), blocks)
    return np.concatenate([each[block] for block in order])


def moved_rows(rows: Rows, symbol: npt.NDArray[np.int64], block_rows: int, seed: int, repeats: int) -> Iterator[Rows]:
    """For each repetition the rows that take the places of `rows`, each of the same symbol.

    Args:
        rows: int64, ascending, of the table.
        symbol: int64 [rows of the table], a number for each symbol.
        seed: a repetition is a pure function of it, of its number and of the symbol's.
    """
    for repeat in range(repeats):
        taken = rows.copy()
        for number in np.unique(symbol[rows]):
            at = np.flatnonzero(symbol[rows] == number)
            rng = np.random.default_rng([seed, repeat, int(number)])
            taken[at] = rows[at][block_order(len(at), block_rows, rng)]
        yield taken
