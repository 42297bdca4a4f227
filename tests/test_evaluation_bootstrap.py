"""Blocks that are drawn together: too short ones would let a test against data snooping call luck a skill."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from arch.bootstrap import CircularBlockBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.evaluation.bootstrap import block_moments, draw
from gatewise.evaluation.moments import moments

Ints = npt.NDArray[np.int64]


def one_symbol(n: int) -> tuple[Ints, Ints]:
    return np.arange(n) * 60, np.zeros(n, dtype=np.int64)


@given(st.integers(2, 60), st.integers(1, 70), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_resampled_sums_are_those_of_arch_s_own_draws(num_moments: int, block: int, symbols: int, seed: int) -> None:
    block = min(block, num_moments)
    rng = np.random.default_rng(seed)
    time = np.tile(np.arange(num_moments), symbols)
    symbol = np.repeat(np.arange(symbols), num_moments)
    kept = rng.random(len(time)) < 0.8
    kept[:num_moments] = True
    time, symbol = time[kept], symbol[kept]
    x = rng.normal(size=(len(time), 3))
    found = draw(moments(time, symbol), block, 7, seed).sums(x)
    draws = CircularBlockBootstrap(block, np.arange(num_moments), seed=np.random.default_rng(seed)).bootstrap(7)
    for got, (drawn, _) in zip(found, draws, strict=True):
        expected = sum(x[time == moment].sum(axis=0) for moment in drawn[0])
        np.testing.assert_allclose(got, expected, atol=1e-9)


def test_a_symbol_that_repeats_another_does_not_narrow_the_interval() -> None:
    x = np.random.default_rng(2).normal(size=400)
    alone = draw(moments(*one_symbol(400)), 8, 100, 3).sums(x[:, None]) / 400
    time, symbol = np.tile(np.arange(400), 2), np.repeat([0, 1], 400)
    both = draw(moments(time, symbol), 8, 100, 3).sums(np.concatenate([x, x])[:, None]) / 800
    np.testing.assert_allclose(both, alone)


def test_symbols_with_clocks_of_their_own_take_blocks_of_as_many_of_their_rows() -> None:
    time, symbol = np.arange(2_000), np.tile([0, 1], 1_000)
    when = moments(time, symbol)
    assert when.a_row == 2
    assert block_moments(when, np.zeros(2_000), 20) == 40
    assert block_moments(when, np.zeros(2_000), 20, block_rows=30) == 60


@pytest.mark.parametrize(
    ("n", "horizon", "given_rows", "block"),
    [(1_000, 1, None, 10), (1_000, 50, None, 50), (1_000, 1, 33, 33), (100, 50, None, 10), (5, 3, None, 1)],
)
def test_a_block_is_the_horizon_or_the_cube_root_or_what_is_given_and_leaves_ten(
    n: int, horizon: int, given_rows: int | None, block: int
) -> None:
    assert block_moments(moments(*one_symbol(n)), np.zeros(n), horizon, given_rows) == block


def test_a_loss_with_a_long_memory_takes_longer_blocks() -> None:
    noise = np.random.default_rng(4).normal(size=5_000)
    slow = np.convolve(noise, 0.98 ** np.arange(300))[:5_000]
    when = moments(*one_symbol(5_000))
    assert block_moments(when, slow, 1) > 3 * block_moments(when, noise, 1)


def test_the_same_seed_draws_the_same_blocks_and_another_seed_others() -> None:
    x = np.random.default_rng(6).normal(size=(100, 2))
    when = moments(*one_symbol(100))
    first = draw(when, 5, 50, 7).sums(x)
    assert np.array_equal(first, draw(when, 5, 50, 7).sums(x))
    assert not np.array_equal(first, draw(when, 5, 50, 8).sums(x))
