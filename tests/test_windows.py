"""Windows are exactly the rows that they name, scaled, and never cross a gap or a symbol.

An index off by one still trains; it reads tomorrow's row or another symbol's.
"""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gatewise.features.scaling import fit_scaler
from gatewise.rows import newest_of, rows_in_windows, window_rows
from gatewise.windows import Windows, epoch_order, mix_seed


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=6),
    st.integers(1, 6),
    st.lists(st.booleans(), min_size=72, max_size=72),
)
def test_window_rows_are_those_whose_whole_window_is_valid_and_in_one_segment(lengths, length, flags) -> None:
    starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    valid = np.array(flags[: len(starts)])
    brute = [t for t in range(len(starts)) if t - length + 1 >= starts[t] and all(valid[t - k] for k in range(length))]
    assert window_rows(valid, starts, length).tolist() == brute


@given(st.sets(st.integers(4, 60), max_size=20), st.integers(1, 5))
def test_rows_in_windows_is_the_union_of_the_windows(ends, length) -> None:
    rows = np.array(sorted(ends), dtype=np.int64)
    union = sorted({t - k for t in ends for k in range(length)})
    assert rows_in_windows(rows, length, 64).tolist() == union


def test_the_newest_rows_are_so_by_time_whichever_symbol_they_are_of() -> None:
    time_us = np.array([10, 20, 30, 40, 5, 15, 25, 35])  # of two symbols
    assert newest_of(np.array([0, 1, 2, 4, 6, 7]), time_us, 3).tolist() == [6, 2, 7]
    assert newest_of(np.array([1, 5]), time_us, 3).tolist() == [5, 1]


def series() -> tuple[np.ndarray, Windows]:
    values = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    scaler = fit_scaler("standard", values, np.arange(30), ("a", "b", "c", "d"))
    return values, Windows.over(values, scaler, 6, torch.device("cpu"))


def test_a_batch_is_a_slice_of_the_scaled_matrix() -> None:
    values, windows = series()
    scaled = (values - values[:30].mean(0)) / values[:30].std(0)
    x = windows.gather(torch.tensor([5, 17, 49]))
    for i, t in enumerate([5, 17, 49]):
        np.testing.assert_allclose(x[i].numpy(), scaled[t - 5 : t + 1], atol=1e-5)


def test_gathering_leaves_the_matrix_as_it_was() -> None:
    values, windows = series()
    before = values.copy()
    windows.gather(torch.arange(5, 50))
    np.testing.assert_array_equal(windows.matrix.numpy(), before)


def test_scored_steps_carry_the_labels_and_weights_of_their_own_rows() -> None:
    _, windows = series()
    y, weight = np.arange(50), np.linspace(0, 1, 50, dtype=np.float32)
    batch = windows.supervised(y, weight, steps_scored=3).batch(torch.tensor([10, 20]))
    assert batch.y.tolist() == [8, 9, 10, 18, 19, 20]
    np.testing.assert_array_equal(batch.weight.numpy(), weight[[8, 9, 10, 18, 19, 20]])


def test_an_epoch_order_is_a_permutation_fixed_by_seed_and_epoch() -> None:
    rows = torch.arange(100, 400)
    first = epoch_order(rows, 1, 0)
    assert torch.equal(first, epoch_order(rows, 1, 0))
    assert torch.equal(first.sort().values, rows)
    assert not torch.equal(first, epoch_order(rows, 1, 1))
    assert not torch.equal(first, epoch_order(rows, 2, 0))
    assert set(epoch_order(rows, 1, 0, limit=10).tolist()) < set(rows.tolist())


def test_neighbouring_seeds_and_epochs_share_no_stream() -> None:
    assert len({mix_seed(seed, epoch) for seed in range(100) for epoch in range(100)}) == 10_000
