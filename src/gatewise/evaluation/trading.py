"""What an account says about a model: its Sharpe ratio, with an interval, and only over spans that carry one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gatewise.broker import Account, Market, simulate
from gatewise.broker.market import Sides
from gatewise.config.broker_section import BrokerConfig
from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.intervals import Influence, Precision
from gatewise.evaluation.moments import memory, moments

LEAST_STEPS = 30
LEAST_HOLDINGS = 10  # holding periods
LEAST_DAYS = 30  # an annualised number of less says how the month began


@dataclass(frozen=True)
class Backtest:
    """An account with what can be told of it.

    Attributes:
        sharpe, sharpe_gross: annualised, after cost and before; `None` where the span does not carry one.
        reason: why it does not.
        symbols: each one's own account, where there are several.
    """

    account: Account
    sharpe: Interval | None
    sharpe_gross: Interval | None
    reason: str | None = None
    symbols: dict[str, Backtest] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without curves and trades."""
        return {
            "sharpe": _plain(self.sharpe),
            "sharpe_gross": _plain(self.sharpe_gross),
            "sharpe_reason": self.reason,
            **self.account.to_dict(),
            "symbols": {name: backtest.to_dict() for name, backtest in self.symbols.items()},
        }


def _plain(interval: Interval | None) -> dict[str, float | None]:
    return {"value": None, "low": None, "high": None} if interval is None else interval.to_dict()


def backtest(
    side: Sides,
    rows: Ints,
    market: Market,
    config: BrokerConfig,
    *,
    hold: int,
    fee: float,
    confidence: float,
) -> Backtest | None:
    """Trades sides and judges what came of it, of several symbols each one's own account too; see `simulate`."""
    terms: dict[str, Any] = {"hold": hold, "fee": fee}
    account = simulate(side, rows, market, config, **terms)
    if account is None:
        return None
    symbols = {}
    numbers = np.unique(market.symbol[rows])
    for number in numbers if len(numbers) > 1 else ():
        at = market.symbol[rows] == number
        if alone := simulate(side[at], rows[at], market, config, **terms):
            symbols[market.names[number]] = _judged(alone, confidence)
    return replace(_judged(account, confidence), symbols=symbols)


def _judged(account: Account, confidence: float) -> Backtest:
    if reason := _too_short(account):
        return Backtest(account, None, None, reason)
    sharpe, gross = (_sharpe(account, returns, confidence) for returns in (account.net, account.gross))
    return Backtest(account, sharpe, gross)


def _too_short(account: Account) -> str | None:
    steps, least = len(account.time_us), max(LEAST_STEPS, LEAST_HOLDINGS * account.terms.hold)
    if steps < least:
        return f"a Sharpe ratio takes {least:,} steps (30, and ten holding periods); these are {steps:,}"
    days = float(account.time_us[-1] - account.time_us[0]) / 86_400e6
    if days < LEAST_DAYS:
        return f"an annual Sharpe ratio takes {LEAST_DAYS} days; these steps span {days:.3g}"
    if not len(account.trades):
        return "nothing was traded"
    return None


def _sharpe(account: Account, returns: Floats, confidence: float) -> Interval:
    scores = ReturnScores(returns, account.steps_per_year)
    when = moments(account.time_us, np.zeros_like(account.time_us))
    longest = max(float(account.terms.hold), memory(scores.signals))
    return Influence(scores, when).interval("sharpe", Precision.of(when.count, longest), confidence)


def sharpe_of_sums(sums: Floats, steps_per_year: float) -> Floats:
    """Annualised Sharpe ratio [...] from sums [..., 3] of 1, return and squared return."""
    n, total, squares = np.moveaxis(sums, -1, 0)
    mean = total / n
    variance = (squares - n * np.square(mean)) / (n - 1)
    moves = variance > 1e-12 * squares / n
    return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1)) * np.sqrt(steps_per_year), 0.0)


@dataclass(frozen=True)
class ReturnScores:
    """Returns [steps] as scores: contributions [steps, 3] of 1, return and its square."""

    returns: Floats
    steps_per_year: float

    @property
    def contributions(self) -> Floats:
        return np.stack([np.ones_like(self.returns), self.returns, np.square(self.returns)], axis=1)

    @property
    def signals(self) -> Floats:
        """Returns and their squares."""
        return self.contributions[:, 1:]

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """sharpe, annualised."""
        return {"sharpe": sharpe_of_sums(sums, self.steps_per_year)}

    @property
    def truth(self) -> Floats:
        """Returns have no labels."""
        return np.empty((len(self.returns), 0))

    def basis(self, metric: str) -> Floats:
        """Every step."""
        return np.ones((len(self.returns), 1))

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> ReturnScores:
        """The scores of some steps."""
        return ReturnScores(self.returns[at], self.steps_per_year)
