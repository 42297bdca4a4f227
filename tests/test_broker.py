"""The broker against an account kept event by event: an off-by-one would sell yesterday's return as a profit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.broker import Account, Market, simulate
from gatewise.config.broker_section import BrokerConfig
from gatewise.errors import ConfigError

DAY_US = 86_400_000_000


def market(
    close: Any, opens: Any = None, *, segment: Any = None, symbol: Any = None, any_prices: bool = False
) -> Market:
    n = len(close)
    numbers = np.zeros(n, np.int64) if symbol is None else np.asarray(symbol, np.int64)
    starts = np.searchsorted(numbers, numbers)
    time = (np.arange(n) - starts) * DAY_US
    names = tuple("ABC"[: numbers.max() + 1])
    segment = starts if segment is None else np.asarray(segment)
    o = None if opens is None else np.asarray(opens, np.float64)
    return Market(o, np.asarray(close, np.float64), segment, time, numbers, names, any_prices)


def run(side: Any, rows: Any, bars: Market, *, hold: int = 1, fee: float = 0.0, **config: Any) -> Account:
    made = simulate(np.asarray(side, np.int8), np.asarray(rows), bars, BrokerConfig(**config), hold=hold, fee=fee)
    assert made is not None
    return made


class Ledger:
    """One symbol's account, bar by bar: open trades, cash, units; every order of a fill is netted, then paid for."""

    def __init__(self, rate: float, notional: float, any_prices: bool) -> None:
        self.rate, self.notional, self.any_prices = rate, notional, any_prices
        self.cash = self.units = self.paid = self.traded = 0.0
        self.open: list[tuple[int, int, float]] = []  # (bar of the fill, side, units)

    def trade(self, closing: list[tuple[int, int, float]], side: int, price: float, bar: int) -> None:
        change = -sum(units for _, _, units in closing)
        for one in closing:
            self.open.remove(one)
        if side:
            units = side * self.notional / (1 if self.any_prices else price)
            self.open.append((bar, side, units))
            change += units
        value = abs(change) * (1 if self.any_prices else price)
        self.cash -= change * price
        self.units += change
        self.traded += value
        self.paid += value * self.rate


def reference(
    side: dict[int, int], bars: Market, config: BrokerConfig, hold: int, fee: float
) -> dict[int, tuple[float, float, float]]:
    """{time: (gross, cost, traded)} of a plain loop over bars and events."""
    size = config.size or 1 / hold
    at_open = config.fill == "open" and bars.open is not None
    prices = [bars.close] if not at_open or bars.open is None else [bars.close, bars.open]
    good = [all(np.isfinite(p[t]) and (p[t] > 0 or bars.any_prices) for p in prices) for t in range(len(bars.close))]
    stretches: list[list[int]] = []
    for t in range(len(bars.close)):
        if good[t]:
            if bars.segment_start[t] == t or not t or not good[t - 1] or not stretches:
                stretches.append([])
            stretches[-1].append(t)
    evaluated = [[t for t in stretch if t in side] for stretch in stretches]
    kept = [range(rows[0], rows[-1] + 1) for rows in evaluated if rows]
    symbols = len({int(bars.symbol[stretch[0]]) for stretch in kept})
    steps: dict[int, tuple[float, float, float]] = {}
    for stretch in kept:
        book = Ledger(fee + config.slippage, size / symbols, bars.any_prices)
        waiting, worth = 0, 0.0
        for t in stretch:
            final = t == stretch[-1]
            paid, traded = book.paid, book.traded

            def wanted(t: int = t, book: Ledger = book, final: bool = final, at_open: bool = at_open) -> int:
                s = side.get(t, 0)
                if final or (s < 0 and config.sides == "long"):
                    return 0
                # what is over when this one begins counts no more
                left = [one for one in book.open if one[0] + hold > (t + 1 if at_open else t)]
                net = sum(one[1] for one in left) * size
                return s if abs(net + s * size) <= config.max_position + 1e-9 else 0

            if at_open and bars.open is not None:
                over = [one for one in book.open if one[0] + hold == t]
                book.trade(over, waiting, bars.open[t], t)
                waiting = wanted()
                if final:
                    book.trade(list(book.open), 0, bars.close[t], t)
            else:
                new = wanted()
                over = [one for one in book.open if final or one[0] + hold == t]
                book.trade(over, new, bars.close[t], t)
            now = book.cash + book.units * bars.close[t]
            before = steps.get(int(bars.time_us[t]), (0.0, 0.0, 0.0))
            made = (now - worth, book.paid - paid, book.traded - traded)
            steps[int(bars.time_us[t])] = tuple(a + b for a, b in zip(before, made, strict=True))  # type: ignore[assignment]
            worth = now
        assert not book.open
    return steps


@given(
    st.integers(0, 10_000),
    st.integers(4, 45),
    st.integers(1, 3),
    st.integers(1, 6),
    st.sampled_from(["open", "close"]),
    st.sampled_from(["both", "long"]),
    st.sampled_from([None, 0.3, 1.0]),
    st.sampled_from([1.0, 2.0]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_account_is_that_of_a_loop_over_events(
    seed: int, n: int, symbols: int, hold: int, fill: Any, sides: Any, size: float | None, most: float,
    any_prices: bool, has_open: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    symbol = np.sort(np.concatenate([np.arange(symbols), rng.integers(0, symbols, n - symbols)]))
    starts = (np.diff(symbol, prepend=-1) != 0) | (rng.random(n) < 0.1)
    segment = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    close, opens = rng.uniform(-50 if any_prices else 50, 150, (2, n))
    close[rng.random(n) < 0.03] = np.nan
    rows = np.flatnonzero(rng.random(n) < 0.85)
    side = rng.integers(-1, 2, len(rows)).astype(np.int8)
    bars = market(close, opens if has_open else None, segment=segment, symbol=symbol, any_prices=any_prices)
    config = BrokerConfig(fill=fill, sides=sides, size=size, max_position=most, slippage=0.001)
    truth = reference(dict(zip(rows.tolist(), side.tolist(), strict=True)), bars, config, hold, 0.002)
    account = simulate(side, rows, bars, config, hold=hold, fee=0.002)
    if len(truth) < 2:
        assert account is None
        return
    assert account is not None
    assert account.time_us.tolist() == sorted(truth)
    expected = np.array([truth[t] for t in sorted(truth)])
    for name, column in (("gross", 0), ("cost", 1), ("traded", 2)):
        np.testing.assert_allclose(getattr(account, name), expected[:, column], atol=1e-11, rtol=1e-9)
    trades = account.trades
    assert trades.gross.sum() == pytest.approx(account.gross.sum(), abs=1e-10)
    assert trades.cost.sum() == pytest.approx(account.cost.sum(), abs=1e-10)
    assert np.all((trades.exit - trades.entry == hold) | trades.ended)
    assert account.unfilled == np.count_nonzero(side) - len(trades)


def test_an_order_is_filled_at_the_next_open_and_held_so_many_rows() -> None:
    """By hand: decided at the close of row 0, 2 units of half the capital at 100; out at row 3's open, two rows on."""
    close, opens = [100.0, 104.0, 103.0, 110.0, 90.0], [99.0, 100.0, 105.0, 108.0, 111.0]
    account = run([1, 0, 0, 0, 0], range(5), market(close, opens), hold=2, fee=0.001, slippage=0.001)
    units = 0.5 / 100
    made = [0, 104 - 100, 103 - 104, 108 - 103, 0]
    np.testing.assert_allclose(account.gross, np.multiply(units, made), atol=1e-15)
    np.testing.assert_allclose(account.cost, [0, 0.002 * units * 100, 0, 0.002 * units * 108, 0], atol=1e-15)
    trades = account.trades
    assert (trades.decided[0], trades.entry[0], trades.exit[0]) == (0, 1, 3)
    assert (trades.entry_price[0], trades.exit_price[0]) == (100, 108)
    assert trades.hit_rate == 1
    assert trades.mean_holding == 2


def test_fills_at_the_close_earn_the_change_from_the_row_itself() -> None:
    account = run([1, -1, 0, 0], range(4), market([100, 110, 99, 99]), fill="close", fee=0.01)
    # long one row from 100 (+10 %), then short one row from 110 (+10 %); the turn trades 1.1 + 1 of the capital
    np.testing.assert_allclose(account.gross, [0, 0.1, 0.1, 0], atol=1e-15)
    np.testing.assert_allclose(account.cost, [0.01, 0.01 * (1.1 + 1), 0.01 * 0.9, 0])


def test_orders_of_one_fill_are_netted_and_trades_share_what_the_net_order_costs() -> None:
    account = run([1, 1, 1, 0], range(4), market([100] * 4, [100] * 4), hold=1, fee=0.01)
    np.testing.assert_allclose(account.traded, [0, 1, 0, 1], atol=1e-12)  # row 3: what is left is closed
    np.testing.assert_allclose(account.trades.cost, [0.01, 0.0, 0.01], atol=1e-12)


def test_a_gap_the_end_of_a_symbol_and_of_the_rows_close_what_is_open_and_it_is_paid() -> None:
    close, opens = np.full(8, 100.0), np.full(8, 100.0)
    close[3], close[6] = 130, 80  # a segment's last row, and the last evaluated row of the other
    account = run([1, 1, 1], [0, 4, 6], market(close, opens, segment=[0, 0, 0, 0, 4, 4, 4, 4]), hold=5, fee=0.01)
    assert account.trades.exit.tolist() == [0, 6][1:]  # row 0 is alone in its stretch: no later evaluated row
    assert account.trades.exit_price.tolist() == [80]
    assert account.trades.ended.all()
    assert account.unfilled == 2
    assert account.cost.sum() == pytest.approx(0.01 * 0.2 * (1 + 0.8))


def test_a_trade_beyond_the_limit_is_not_taken_and_one_that_lessens_the_position_is() -> None:
    bars = market(np.full(8, 100.0), np.full(8, 100.0))
    account = run([1, 1, 1, -1, 1, 0, 0, 0], range(8), bars, hold=6, size=0.5, max_position=1.0)
    assert account.trades.decided.tolist() == [0, 1, 3, 4]
    assert account.unfilled == 1


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from(["open", "close"]), st.sampled_from([None, 0.4]))
@settings(max_examples=60, deadline=None)
def test_what_is_paid_is_gross_minus_net_and_the_break_even_fee_leaves_nothing(
    seed: int, hold: int, fill: Any, size: float | None
) -> None:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(scale=0.02, size=60)))
    bars = market(close, close * np.exp(rng.normal(scale=0.005, size=60)))
    side = rng.integers(-1, 2, 60)
    config = {"hold": hold, "fill": fill, "size": size, "slippage": 0.0003}
    account = run(side, range(60), bars, fee=0.001, **config)
    np.testing.assert_allclose(account.cost, 0.0013 * account.traded)
    np.testing.assert_allclose(account.gross - account.net, account.cost)
    assert account.break_even_cost is not None
    again = run(side, range(60), bars, fee=account.break_even_cost, **config)
    assert again.net.sum() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(again.gross, account.gross)
    free = run(side, range(60), bars, **(config | {"slippage": 0.0}))
    np.testing.assert_array_equal(free.net, free.gross)


def test_a_flat_market_pays_cost_alone() -> None:
    side = np.random.default_rng(0).integers(-1, 2, 40)
    account = run(side, range(40), market(np.full(40, 7.0), np.full(40, 7.0)), hold=3, fee=0.001)
    np.testing.assert_allclose(account.gross, 0, atol=1e-15)
    assert account.net.sum() == pytest.approx(-0.001 * account.traded.sum())
    assert account.traded.sum() > 0


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(["open", "close"]), st.integers(5, 55))
@settings(max_examples=60, deadline=None)
def test_nothing_that_comes_later_changes_what_came_before(seed: int, hold: int, fill: Any, moment: int) -> None:
    rng = np.random.default_rng(seed)
    close, opens = rng.uniform(50, 150, (2, 60))
    side = rng.integers(-1, 2, 60)
    before = run(side, range(60), market(close, opens), hold=hold, fill=fill, fee=0.001)
    close[moment:], opens[moment:] = rng.uniform(50, 150, (2, 60 - moment))
    side[moment:] = -side[moment:]
    after = run(side, range(60), market(close, opens), hold=hold, fill=fill, fee=0.001)
    for name in ("gross", "cost", "held", "exposure", "traded"):
        np.testing.assert_allclose(getattr(after, name)[:moment], getattr(before, name)[:moment], atol=1e-13)
    assert not np.allclose(after.gross[moment:], before.gross[moment:])


def test_capital_is_split_equally_among_symbols() -> None:
    bars = market([100, 110, 121, 100, 110, 121], symbol=[0, 0, 0, 1, 1, 1])
    account = run([1, 1, 0, -1, -1, 0], range(6), bars, fill="close")
    np.testing.assert_allclose(account.net, 0, atol=1e-15)
    np.testing.assert_allclose(account.exposure, [0, 1, 1.1 / 1.1])


def test_falls_are_counted_from_the_capital_at_the_start() -> None:
    account = run([1, 1, 0], range(3), market([100, 80, 90]), fill="close", hold=2, size=1.0, max_position=2)
    assert account.drawdown.max() == pytest.approx(0.2)
    assert account.to_dict()["max_drawdown"] == pytest.approx(0.2)
    assert account.equity[-1] == pytest.approx(1 - 0.1 + 10 / 80)


def test_no_side_no_trade_and_one_step_is_no_account() -> None:
    account = run([0, 0, 0], range(3), market([100, 90, 80]), fee=0.01)
    figures = account.to_dict()
    assert (figures["trades"], figures["total_return"], figures["break_even_cost"]) == (0, 0, None)
    assert simulate(np.ones(1, np.int8), np.zeros(1, np.int64), market([1.0, 2.0]), BrokerConfig(), hold=1) is None
    with pytest.raises(ConfigError, match=r"at most broker\.max_position"):
        BrokerConfig(size=2.0)


@pytest.mark.parametrize("hold", [1, 2, 3])
def test_a_limit_below_the_usual_size_makes_trades_smaller_and_not_none(hold: int) -> None:
    """Else an account that may hold less than one usual trade never trades, and says that nothing is lost."""
    prices, config = market([100, 90, 95, 80, 99]), BrokerConfig(max_position=0.1)
    account = simulate(np.ones(5, np.int8), np.arange(5), prices, config, hold=hold)
    assert account is not None
    assert len(account.trades) > 0
    assert account.terms.size == 0.1
    assert account.exposure.max() <= 0.1 + 1e-12
