"""Laws of what is certainly a hundredfold error: rows that nobody damaged are never changed, whatever stands near them.

A repair that multiplies good rows by a hundred does more harm than the errors that it is for, and says "repaired".
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.data.repair.faults import find_faults
from test_data_prices import OHLC, market

ROWS = 300
Prices = dict[str, np.ndarray]


def mended(prices: Prices) -> tuple[Prices, list[int]]:
    """Prices with what was found put right, and the rows in which something was."""
    found = find_faults(prices, np.zeros(len(prices["close"]), np.int64)).hundredfold
    names, right = [*prices], {name: column.copy() for name, column in prices.items()}
    for row, column, decade in zip(found.row, found.column, found.decade, strict=True):
        right[names[column]][row] *= 10.0 ** -int(decade)
    return right, found.rows.tolist()


def times(prices: Prices, factor: np.ndarray, close_alone: bool = False) -> Prices:
    return {name: column * factor for name, column in prices.items() if name == "close" or not close_alone}


@settings(max_examples=60, deadline=None)
@given(
    every=st.integers(3, 40),
    length=st.integers(1, 8),
    power=st.sampled_from([-3, -2, 2, 3]),
    close_alone=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_however_dense_errors_stand_all_and_only_they_are_mended_at_once(
    every: int, length: int, power: int, close_alone: bool, seed: int
) -> None:
    every = max(every, 2 * length + 1)
    factor = np.ones(ROWS)
    for first in range(50, 250 - length, every):
        factor[first : first + length] = 10.0**power
    clean = market(ROWS, seed)
    right, rows = mended(times(clean, factor, close_alone))
    assert rows == np.flatnonzero(factor != 1).tolist()
    assert right["close"] == pytest.approx(clean["close"], rel=1e-12)
    assert mended(right)[1] == []


@settings(max_examples=150, deadline=None)
@given(
    runs=st.lists(
        st.tuples(st.integers(1, 12), st.integers(1, 6), st.floats(5, 400), st.booleans()), min_size=1, max_size=12
    ),
    first=st.integers(20, 80),
    move=st.sampled_from([0.004, 0.012, 0.03]),
    close_alone=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_rows_between_runs_that_are_off_by_any_number_are_never_changed(
    runs: list[tuple[int, int, float, bool]], first: int, move: float, close_alone: bool, seed: int
) -> None:
    """A run is mended by a power of ten or left; twice is once."""
    factor, place = np.ones(ROWS), first
    for gap, length, ratio, below in runs:
        place += gap
        factor[place : place + length] = 1 / ratio if below else ratio
        place += length
    right, rows = mended(times(market(ROWS, seed, move), factor, close_alone))
    assert set(rows) <= set(np.flatnonzero(factor != 1).tolist())
    assert mended(right)[1] == []


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), chance=st.floats(0.003, 0.03))
def test_a_market_that_makes_spikes_by_itself_has_no_certain_errors(seed: int, chance: float) -> None:
    """Hours of electricity: around 30, and now and then anything up to the cap of 5,000."""
    rng = np.random.default_rng(seed)
    price = 30 * np.exp(0.3 * rng.normal(0, 1, 2000))
    spikes = np.flatnonzero(rng.random(2000) < chance)
    price[spikes] = np.minimum(5000, 30 * np.exp(rng.uniform(1.5, 6, spikes.size)))
    _, rows = mended({"close": price})
    assert set(rows) <= set(spikes.tolist())
    if spikes.size > 20:
        assert rows == []


@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_prices_of_a_few_ticks_move_tenfold_by_themselves(ticks: int) -> None:
    """A share of 0.0001 that trades at 0.0010 now and then, which is one tick less often than it looks."""
    rng = np.random.default_rng(2)
    trade = np.where(rng.random(800) < 0.02, 10, 1) * ticks * 1e-4
    quiet = np.full(800, ticks * 1e-4)
    assert mended({"open": quiet, "high": trade, "low": quiet, "close": trade})[1] == []
    assert mended(dict.fromkeys(OHLC, trade))[1] == []
