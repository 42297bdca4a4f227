"""The naive rule: be long, flat or short for one bar at a time, as the prediction says, and pay for every change.

It is indicative only. A label looks `horizon` bars ahead while the rule holds for one; fills are assumed at the close
at which the prediction is made; there is no slippage, no funding, no size. It says whether a score is worth a closer
look. Of prices that may be 0 or negative returns are differences: all of it is then in price units, for one unit of the
instrument, and nothing compounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gatewise.evaluation.base import Floats, Ints

YEAR_US = 365.25 * 86_400e6


@dataclass(frozen=True)
class Backtest:
    """What the rule made, capital split equally among the symbols and never moved between them.

    Attributes:
        time_us: int64 [steps], when each step's return is known.
        net: float64 [steps], return of each step after cost, as a fraction of the capital.
        equity, hold_equity: float64 [steps], capital after each step from 1 on; of the rule, and of staying long.
        steps_per_year: as observed: steps over the time that they span, so that it is about 252 for daily exchange bars
            and 525,960 for minutes around the clock.
        sharpe: mean over standard deviation of `net`, times the root of `steps_per_year`; 0 where nothing varies.
        max_drawdown: the deepest fall from a peak, as a fraction of the peak.
        turnover: units of position changed per step; 2 is a full turn from long to short.
        exposure: mean size of the position.
        total_return, hold_return: over the whole part.
        cost: one-way, fraction of the price, paid per unit of position changed.
        in_price_units: returns, curves (from 0 on), falls and cost are in price units, not fractions of a capital.
    """

    time_us: Ints
    net: Floats
    equity: Floats
    hold_equity: Floats
    steps_per_year: float
    sharpe: float
    max_drawdown: float
    turnover: float
    exposure: float
    total_return: float
    hold_return: float
    cost: float
    in_price_units: bool = False

    def to_dict(self) -> dict[str, object]:
        """The numbers without the curves."""
        names = (
            "steps_per_year", "sharpe", "max_drawdown", "turnover", "exposure", "total_return", "hold_return", "cost",
        )  # fmt: skip
        unit = "price units" if self.in_price_units else "fraction"
        numbers = {name: float(getattr(self, name)) for name in names}
        return {"indicative": True, "unit": unit, "steps": len(self.net)} | numbers


def class_positions(label: Ints, classes: Sequence[str]) -> Floats | None:
    """up is +1, down is -1, any other class 0; `None` where the classes do not say up and down."""
    if not {"up", "down"} <= set(classes):
        return None
    side = np.array([{"up": 1.0, "down": -1.0}.get(name, 0.0) for name in classes])
    return side[label]


def backtest(
    position: Floats,
    rows: Ints,
    *,
    close: Floats,
    segment_start: Ints,
    time_us: Ints,
    symbol: Ints,
    cost: float,
    in_price_units: bool = False,
) -> Backtest | None:
    """Runs the rule over evaluation rows.

    A position taken at row t's close earns the change to row t+1's close. It is carried over only where t+1 is the next
    evaluation row; at a gap, at a symbol's end and where evaluation rows leave one out, it is closed and paid for.

    Args:
        position: float64 [n], in -1..1, decided at each row.
        rows: int64 [n], ascending rows of the table.
        close, segment_start, time_us, symbol: [table rows]; `symbol` is a number for each symbol.
        cost: one-way, fraction of the price.
        in_price_units: returns are differences of the close, and the cost is in its unit; closes may be any.

    Returns:
        `None` where fewer than two steps can be held.
    """
    following = np.minimum(rows + 1, len(close) - 1)
    change = close[following] - close[rows] if in_price_units else close[following] / close[rows] - 1
    held = (following > rows) & (segment_start[following] == segment_start[rows]) & np.isfinite(change)
    rows, position, change, following = rows[held], position[held], change[held], following[held]
    times, step = np.unique(time_us[following], return_inverse=True)
    if len(times) < 2:
        return None
    num_symbols = len(np.unique(symbol[rows]))

    def run(p: Floats) -> tuple[Floats, Floats]:
        joined = np.diff(rows) == 1  # held rows of one segment: a symbol's last row is never held
        before = np.concatenate([[0.0], np.where(joined, p[:-1], 0.0)])
        closing = np.concatenate([np.where(joined, 0.0, np.abs(p[:-1])), np.abs(p[-1:])])
        changed = np.abs(p - before) + closing
        total = [np.bincount(step, v, len(times)) / num_symbols for v in (p * change - cost * changed, changed)]
        return total[0], total[1]

    net, changed = run(position)
    add_up = _summed if in_price_units else _compounded
    start = 0.0 if in_price_units else 1.0
    equity, hold_equity = add_up(net), add_up(run(np.ones_like(position))[0])
    peak = np.maximum.accumulate(np.maximum(equity, start))
    steps_per_year = (len(times) - 1) / ((times[-1] - times[0]) / YEAR_US)
    sums = np.array([len(net), net.sum(), np.square(net).sum()])
    return Backtest(
        time_us=times,
        net=net,
        equity=equity,
        hold_equity=hold_equity,
        steps_per_year=float(steps_per_year),
        sharpe=float(sharpe_of_sums(sums, steps_per_year)),
        max_drawdown=float(np.max(peak - equity if in_price_units else 1 - equity / peak)),
        turnover=float(changed.mean()),
        exposure=float(np.bincount(step, np.abs(position), len(times)).mean() / num_symbols),
        total_return=float(equity[-1] - start),
        hold_return=float(hold_equity[-1] - start),
        cost=cost,
        in_price_units=in_price_units,
    )


def _compounded(net: Floats) -> Floats:
    grown: Floats = np.cumprod(np.maximum(1 + net, 0.0), dtype=np.float64)
    return grown


def _summed(net: Floats) -> Floats:
    return np.cumsum(net, dtype=np.float64)


def sharpe_of_sums(sums: Floats, steps_per_year: float) -> Floats:
    """Annualised Sharpe ratio [...] from sums [..., 3] of 1, return and squared return."""
    n, total, squares = np.moveaxis(sums, -1, 0)
    mean = total / n
    variance = (squares - n * np.square(mean)) / (n - 1)
    moves = variance > 1e-12 * squares / n
    return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1)) * np.sqrt(steps_per_year), 0.0)


@dataclass(frozen=True)
class RuleScores:
    """A rule's steps as scores: contributions [steps, 3] of 1, net return and its square."""

    rule: Backtest

    @property
    def contributions(self) -> Floats:
        net = self.rule.net
        return np.stack([np.ones_like(net), net, np.square(net)], axis=1)

    @property
    def signals(self) -> Floats:
        """Returns and their squares."""
        return self.contributions[:, 1:]

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """sharpe, annualised."""
        return {"sharpe": sharpe_of_sums(sums, self.rule.steps_per_year)}

    @property
    def truth(self) -> Floats:
        """A rule has no labels."""
        return np.empty((len(self.rule.net), 0))

    def basis(self, metric: str) -> Floats:
        """Every step."""
        return np.ones((len(self.rule.net), 1))

    def on_rows(self, at: Ints, scale: Floats | None = None) -> RuleScores:
        """The scores of some steps."""
        return RuleScores(replace(self.rule, net=self.rule.net[at], time_us=self.rule.time_us[at]))
