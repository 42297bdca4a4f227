"""What an account says of a model: a ratio without an interval, or of three days, is what people remember."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gatewise.broker import Market
from gatewise.config.broker_section import BrokerConfig
from gatewise.config.schema import TargetConfig
from gatewise.data.table import Table
from gatewise.evaluation.kinds.table import JUDGES
from gatewise.evaluation.trading import Backtest, backtest
from gatewise.report.backtest import account_words
from gatewise.targets.spec import output_spec

DAY_US = 86_400_000_000
RNG = np.random.default_rng(0)
CLOSE = 100 * np.exp(np.cumsum(RNG.normal(0.0005, 0.01, 400)))
SIDE = RNG.integers(-1, 2, 400).astype(np.int8)
MARKET = Market(CLOSE * 1.001, CLOSE, np.zeros(400, np.int64), np.arange(400) * DAY_US, np.zeros(400, np.int64), ("A",))


def of_rows(rows: int, market: Market = MARKET, hold: int = 2) -> Backtest:
    at = np.arange(rows)
    made = backtest(SIDE[:rows], at, market, BrokerConfig(), hold=hold, fee=0.001, confidence=0.95)
    assert made is not None
    return made


def test_the_ratios_are_those_of_their_formula_with_intervals_that_hold_them() -> None:
    made = of_rows(400)
    for interval, returns in ((made.sharpe, made.account.net), (made.sharpe_gross, made.account.gross)):
        assert interval is not None
        assert interval.value == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(365.25))
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < interval.value < interval.high


def minutes(market: Market) -> Market:
    return replace(market, time_us=market.time_us // 1440)


@pytest.mark.parametrize(
    ("rows", "hold", "market", "reason"),
    [
        (29, 1, MARKET, "takes 30 steps"),
        (100, 11, MARKET, "takes 110 steps"),
        (400, 5, minutes(MARKET), "takes 30 days; these steps span 0.277"),
    ],
)
def test_a_span_that_carries_no_ratio_has_none_and_says_why(rows: int, hold: int, market: Market, reason: str) -> None:
    made = of_rows(rows, market, hold)
    assert made.sharpe is None
    assert reason in str(made.reason)
    plain = made.to_dict()
    assert plain["sharpe"] == {"value": None, "low": None, "high": None}
    assert plain["sharpe_reason"] == made.reason
    assert plain["total_return"] == pytest.approx(made.account.net.sum())


def test_symbols_have_accounts_of_their_own_which_make_the_whole_one() -> None:
    number = np.repeat([0, 1], 200)
    two = replace(
        MARKET, segment_start=200 * number, symbol=number, names=("A", "B"), time_us=np.tile(MARKET.time_us[:200], 2)
    )
    whole = of_rows(400, two)
    assert list(whole.symbols) == ["A", "B"]
    net = [one.account.net.sum() for one in whole.symbols.values()]
    assert whole.account.net.sum() == pytest.approx(np.mean(net))
    assert of_rows(400).symbols == {}


def test_the_naive_side_is_that_of_what_is_predicted() -> None:
    rows = np.arange(3)
    close = np.array([100.0, np.nan, 100.0])
    frame = pl.DataFrame(
        {"symbol": ["A"] * 3, "time": pl.Series([0, 1, 2]).cast(pl.Datetime("us", "UTC")), "close": close}
    )
    table = Table(frame, timedelta(microseconds=1), timedelta(microseconds=1))
    up_down = output_spec(TargetConfig(kind="triple_barrier"), ("down", "flat", "up"))
    prob = np.array([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]])
    side = JUDGES["classes"].positions(table, up_down, rows, prob)
    assert side is not None
    assert side.tolist() == [-1, 0, 1]
    levels = output_spec(TargetConfig(kind="next_row", columns=("close",)), ("close",))
    side = JUDGES["values"].positions(table, levels, rows, np.array([[101.0], [101.0], [99.0]]))
    assert side is not None
    assert side.tolist() == [1, 0, -1]  # flat where the present value is missing
    cats = output_spec(TargetConfig(kind="triple_barrier"), ("cat", "dog"))
    assert JUDGES["classes"].positions(table, cats, rows, prob[:, :2]) is None


@pytest.mark.parametrize(
    ("target", "hold"),
    [({"horizon": 7}, 7), ({"kind": "forward_return", "horizons": (3, 9)}, 3), ({"kind": "next_row", "steps": 4}, 1)],
)
def test_a_trade_is_held_for_the_horizon_unless_it_is_said(target: Any, hold: int) -> None:
    section = TargetConfig(**target)
    assert BrokerConfig().holding(section) == hold
    assert BrokerConfig(hold=2).holding(section) == 2


def test_the_interval_of_a_rule_without_skill_holds_zero_as_often_as_it_says() -> None:
    """Trades that overlap, sides that last: returns of steps are those of one bar each all the same."""
    rows, held = np.arange(400), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        side = np.repeat(rng.choice([-1, 0, 1], 40), 10).astype(np.int8)
        opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 401)))
        market = replace(MARKET, open=opens[:400], close=opens[1:])
        made = backtest(side, rows, market, BrokerConfig(), hold=8, fee=0.0, confidence=0.95)
        assert made is not None
        assert made.sharpe is not None
        assert made.sharpe.low is not None
        assert made.sharpe.high is not None
        held += made.sharpe.low <= 0 <= made.sharpe.high
    assert 52 <= held <= 60


def test_steps_that_remember_each_other_are_worth_fewer() -> None:
    """An AR(0.8) tells about a ninth of what as many independent steps do, so its interval is thrice as wide."""
    noise, moves = np.random.default_rng(5).normal(0, 0.01, 2000), np.zeros(2000)
    for step in range(1, 2000):
        moves[step] = 0.8 * moves[step - 1] + noise[step]
    widths = []
    for steps in (noise, moves):
        close = 100 * np.exp(np.cumsum(steps))
        zeros, at = np.zeros(2000, np.int64), np.arange(2000)
        market = Market(None, close, zeros, at * DAY_US, zeros, ("A",))
        side = np.ones(2000, np.int8)
        made = backtest(side, at, market, BrokerConfig(), hold=1, fee=0.0, confidence=0.95)
        assert made is not None
        assert made.sharpe is not None
        assert made.sharpe.low is not None
        assert made.sharpe.high is not None
        widths.append(made.sharpe.high - made.sharpe.low)
    assert 2 < widths[1] / widths[0] < 4.5


def test_what_trading_makes_is_said_in_a_sentence() -> None:
    words = account_words(of_rows(400))
    assert words.startswith("Traded it makes ")
    assert "Sharpe ratio" in words
    assert "nothing is left at a fee of" in words
    assert "Sharpe" not in account_words(of_rows(29, hold=1))
