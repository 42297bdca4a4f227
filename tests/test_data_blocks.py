"""Blocks of rows give what all rows at once would: a fault at a block's edge would be missed silently."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.data.blocks import block_numbers, block_starts, cached_blocks
from gatewise.data.repair.faults import find_faults

BLOCK = 16_384


@given(num_rows=st.integers(0, 70_000), beside=st.integers(0, 3))
def test_blocks_hold_each_row_once_and_the_rows_beside_them(num_rows: int, beside: int) -> None:
    rows = np.arange(num_rows)
    blocks = [(rows[around], rows[around][own]) for around, own in cached_blocks(num_rows, beside)]
    assert np.array_equal(np.concatenate([rows[:0], *(own for _, own in blocks)]), rows)
    for around, own in blocks:
        assert around[0] == max(0, own[0] - beside)
        assert around[-1] == min(num_rows - 1, own[-1] + beside)


@given(st.lists(st.tuples(st.sampled_from(["A", "B", ""]), st.integers(1, 4)), max_size=8))
def test_runs_of_symbols_are_numbered_as_they_come(runs: list[tuple[str, int]]) -> None:
    symbol = pl.Series([name for name, count in runs for _ in range(count)], dtype=pl.String)
    assert block_numbers(symbol).tolist() == symbol.rle_id().to_list()
    assert symbol.gather(block_starts(symbol)).to_list() == symbol.rle().struct.field("value").to_list()


@pytest.mark.parametrize("row", [1, BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 38])
def test_a_hundredfold_price_is_found_wherever_a_block_ends(row: int) -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(size=2 * BLOCK + 40)) * 1e-3)
    close[row] *= 100
    found = find_faults({"close": close}, np.zeros(close.size, np.int64)).hundredfold
    assert (found.row.tolist(), found.decade.tolist()) == ([row], [2])
