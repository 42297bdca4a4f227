"""The account: what each step made and cost, and the figures that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.broker.market import Floats, Ints
from gatewise.broker.trades import Trades

YEAR_US = 365.25 * 86_400e6


@dataclass(frozen=True)
class Terms:
    """Under which an account traded.

    Attributes:
        fill: open or close. hold: rows. sides: both or long.
        size: of a trade, in shares of its symbol's capital. max_position: likewise.
        fee, slippage: one way, fraction of the price, or price units.
    """

    fill: str
    hold: int
    sides: str
    size: float
    max_position: float
    fee: float
    slippage: float


@dataclass(frozen=True)
class Account:
    """Capital of 1, split equally among the symbols and never moved between them; profits are not put in again.

    A step is one time stamp of the rows passed through; its numbers are known at it. Where prices may be 0 or negative
    (`in_price_units`) all money is in price units, for one unit of the instrument a share.

    Attributes:
        time_us: int64 [steps].
        gross, cost: float64 [steps], what the step made before cost, and what it cost.
        held: float64 [steps], net, of one unit long in each stretch of rows.
        exposure: float64 [steps], value of the positions over the step, either way.
        traded: float64 [steps], value of the net orders that were filled; `cost` is this times fee and slippage.
        unfilled: rows with a side whose trade was not taken: no later row, no price, or beyond the limit.
    """

    time_us: Ints
    gross: Floats
    cost: Floats
    held: Floats
    exposure: Floats
    traded: Floats
    trades: Trades
    terms: Terms
    in_price_units: bool = False
    unfilled: int = 0

    @property
    def net(self) -> Floats:
        """float64 [steps]."""
        return self.gross - self.cost

    @property
    def start(self) -> float:
        """Of the curves: the capital, or 0 price units."""
        return 0.0 if self.in_price_units else 1.0

    @property
    def equity(self) -> Floats:
        """float64 [steps], capital after each step."""
        return self.start + np.cumsum(self.net)

    @property
    def equity_gross(self) -> Floats:
        return self.start + np.cumsum(self.gross)

    @property
    def equity_held(self) -> Floats:
        return self.start + np.cumsum(self.held)

    @property
    def drawdown(self) -> Floats:
        """float64 [steps], how far the capital lies below its peak so far, in shares of the capital at the start."""
        equity = self.equity
        return np.maximum(np.maximum.accumulate(equity), self.start) - equity

    @property
    def steps_per_year(self) -> float:
        """As observed: steps over the time that they span, about 252 of daily exchange bars."""
        return float((len(self.time_us) - 1) / ((self.time_us[-1] - self.time_us[0]) / YEAR_US))

    @property
    def break_even_cost(self) -> float | None:
        """The fee, one way, at which nothing is left; below 0 where even free trading loses, `None` without trades."""
        traded = float(self.traded.sum())
        return float(self.gross.sum()) / traded - self.terms.slippage if traded else None

    def to_dict(self) -> dict[str, Any]:
        """The figures without the curves; plain JSON values."""
        trades = self.trades
        return {
            "unit": "price units" if self.in_price_units else "fraction",
            "steps": len(self.time_us),
            "steps_per_year": self.steps_per_year,
            "days": float((self.time_us[-1] - self.time_us[0]) / 86_400e6),
            "total_return": float(self.net.sum()),
            "gross_return": float(self.gross.sum()),
            "cost_paid": float(self.cost.sum()),
            "hold_return": float(self.held.sum()),
            "break_even_cost": self.break_even_cost,
            "max_drawdown": float(self.drawdown.max()),
            "turnover": float(self.traded.mean()),
            "exposure": float(self.exposure.mean()),
            "trades": len(trades),
            "unfilled": self.unfilled,
            "hit_rate": trades.hit_rate,
            "mean_holding": trades.mean_holding,
            "terms": dict(vars(self.terms)),
        }
