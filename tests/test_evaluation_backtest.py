"""The naive rule against a plain loop over bars: an off-by-one here would sell yesterday's return as a profit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.evaluation.backtest import YEAR_US, Backtest, backtest, class_positions

DAY_US = 86_400_000_000


def run(position: Any, rows: Any, close: Any, segment: Any = None, symbol: Any = None, cost: float = 0.0) -> Backtest:
    n = len(close)
    symbol = np.zeros(n, dtype=np.int64) if symbol is None else np.asarray(symbol)
    segment = np.searchsorted(symbol, symbol) if segment is None else np.asarray(segment)
    time = (np.arange(n) - np.searchsorted(symbol, symbol)) * DAY_US
    found = backtest(
        np.asarray(position, dtype=np.float64),
        np.asarray(rows),
        close=np.asarray(close, dtype=np.float64),
        segment_start=segment,
        time_us=time,
        symbol=symbol,
        cost=cost,
    )
    assert found is not None
    return found


def test_a_position_earns_the_next_bar_s_change_and_not_the_last_one_s() -> None:
    found = run([1, -1, 0], [0, 1, 2], [100, 110, 99, 50])
    np.testing.assert_allclose(found.net, [0.1, 0.1, 0.0])
    np.testing.assert_allclose(found.equity, [1.1, 1.21, 1.21])


def test_staying_long_costs_one_way_in_and_one_way_out() -> None:
    close = np.array([100.0, 102.0, 101.0, 105.0])
    found = run([1, 1, 1], [0, 1, 2], close, cost=0.01)
    np.testing.assert_allclose(found.net, np.diff(close) / close[:-1] - [0.01, 0, 0.01])
    np.testing.assert_allclose(found.equity, found.hold_equity)
    assert found.turnover == pytest.approx(2 / 3)


def test_a_turn_from_long_to_short_costs_twice() -> None:
    found = run([1, -1], [0, 1], [100, 100, 100], cost=0.01)
    np.testing.assert_allclose(found.net, [-0.01, -0.03])  # in; over, and out at the end


def test_a_gap_and_a_row_left_out_close_the_position() -> None:
    gap = run([1] * 4, [0, 1, 2, 3], [100] * 5, segment=[0, 0, 2, 2, 2], cost=0.01)
    np.testing.assert_allclose(gap.net, [-0.02, -0.01, -0.01])  # row 1 ends its segment and is not held
    left_out = run([1] * 3, [0, 1, 3], [100] * 5, cost=0.01)
    np.testing.assert_allclose(left_out.net, [-0.01, -0.01, -0.02])


@given(st.integers(0, 10_000), st.integers(6, 50), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_the_rule_is_that_of_a_loop_over_bars(seed: int, n: int, symbols: int) -> None:
    rng = np.random.default_rng(seed)
    symbol = np.sort(np.concatenate([np.arange(symbols), rng.integers(0, symbols, n - symbols)]))
    starts = (np.diff(symbol, prepend=-1) != 0) | (rng.random(n) < 0.1)
    segment = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    rows = np.flatnonzero(rng.random(n) < 0.85)
    position = rng.integers(-1, 2, len(rows)).astype(np.float64)
    close = rng.uniform(50, 150, n)
    time = (np.arange(n) - np.searchsorted(symbol, symbol)) * DAY_US
    said = dict(zip(rows.tolist(), position, strict=True))
    held = {t: p for t, p in said.items() if t + 1 < n and segment[t + 1] == segment[t]}
    traded = len({int(symbol[t]) for t in held})
    net: dict[int, float] = {}
    for t, p in held.items():
        before = held.get(t - 1, 0.0) if t and segment[t - 1] == segment[t] else 0.0
        gain = p * (close[t + 1] / close[t] - 1) - 0.002 * abs(p - before)
        if t + 1 not in held:
            gain -= 0.002 * abs(p)
        net[int(time[t + 1])] = net.get(int(time[t + 1]), 0.0) + gain / traded
    found = backtest(position, rows, close=close, segment_start=segment, time_us=time, symbol=symbol, cost=0.002)
    if len(net) < 2:
        assert found is None
    else:
        assert found is not None
        assert found.time_us.tolist() == sorted(net)
        np.testing.assert_allclose(found.net, [net[t] for t in sorted(net)], atol=1e-12)


def test_capital_is_split_equally_among_symbols() -> None:
    found = run([1, 1, -1, -1], [0, 1, 3, 4], [100, 110, 121, 100, 110, 121], symbol=[0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(found.net, [0, 0], atol=1e-12)
    assert found.exposure == 1


def test_sharpe_drawdown_and_return_are_those_of_their_formulas() -> None:
    close = np.array([100.0, 110, 99, 104, 100, 120])
    found = run([1] * 5, range(5), close)
    returns = np.diff(close) / close[:-1]
    per_year = 4 / (4 * DAY_US / YEAR_US)
    assert found.steps_per_year == pytest.approx(365.25)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(per_year))
    assert found.max_drawdown == pytest.approx(1 - 99 / 110)
    assert found.total_return == pytest.approx(0.2)


def test_a_loss_from_the_first_bar_on_is_a_drawdown_from_one() -> None:
    assert run([1, 1], [0, 1], [100, 80, 90]).max_drawdown == pytest.approx(0.2)


def test_a_rule_that_never_trades_has_no_sharpe_to_speak_of() -> None:
    found = run([0, 0, 0], [0, 1, 2], [100, 90, 80, 70], cost=0.01)
    assert (found.sharpe, found.total_return, found.turnover, found.exposure) == (0, 0, 0, 0)
    assert found.to_dict()["indicative"] is True


def test_too_few_steps_and_missing_prices_are_no_backtest() -> None:
    ends: npt.NDArray[np.int64] = np.array([0, 1])
    close = np.array([100.0, np.nan, 100.0])
    zero = np.zeros(3, dtype=np.int64)
    time = np.arange(3) * DAY_US
    assert backtest(np.ones(2), ends, close=close, segment_start=zero, time_us=time, symbol=zero, cost=0) is None


def test_up_is_long_down_is_short_and_other_classes_stay_out() -> None:
    found = class_positions(np.array([0, 1, 2]), ("down", "flat", "up"))
    assert found is not None
    assert found.tolist() == [-1, 0, 1]
    assert class_positions(np.array([0]), ("cat", "dog")) is None
