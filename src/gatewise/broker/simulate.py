"""The simulation: sides of rows in, an account out, by sums over trades and no loop over bars.

An order is decided at a row's close and filled at the next row's open, or at that close itself. A trade has a fixed
value, so its units do not depend on what was won or lost before, and the account is a sum over trades: exact,
and nothing that comes later can change what came before. Orders of one symbol at one fill are netted and the net order
alone is paid for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewise.broker.account import Account, Terms
from gatewise.broker.market import Course, Floats, Ints, Market, Sides, course
from gatewise.broker.trades import Orders, Trades, orders, within_limit
from gatewise.config.broker_section import BrokerConfig


def simulate(
    side: Sides, rows: Ints, market: Market, config: BrokerConfig, *, hold: int, fee: float = 0.0
) -> Account | None:
    """Trades the sides of evaluated rows.

    Args:
        side: int8 [n], 1 long, -1 short, 0 flat, decided at each row's close.
        rows: int64 [n], ascending rows of the market.
        hold: rows that a trade is held, from fill to fill; see `BrokerConfig.holding`.
        fee: one way, fraction of the price, or price units where prices may be anything.

    Returns:
        `None` where fewer than two steps can be held.
    """
    at_open = config.fill == "open" and market.open is not None  # without opens, at the closes that are there
    passed = course(market, rows, at_open)
    times, step = np.unique(market.time_us[passed.row], return_inverse=True)
    if len(times) < 2:
        return None
    size = config.trade_size(hold)
    share = 1 / len(np.unique(market.symbol[passed.row]))
    wanted = np.zeros(len(passed.row), np.int8)
    wanted[passed.at] = side[passed.kept]
    if config.sides == "long":
        wanted = np.maximum(wanted, 0).astype(np.int8)
    taken = wanted
    if hold * size > config.max_position * (1 + 1e-9):  # else no limit can bind
        taken = within_limit(wanted, passed.first, hold, int(config.max_position / size + 1e-9))
    desk = _Desk(market, passed, at_open, fee + config.slippage)
    book = desk.fill(orders(taken, passed, hold, at_open), size * share)
    begins = (np.arange(len(passed.row)) == passed.first).astype(np.int8)
    staying = desk.fill(orders(begins, passed, len(passed.row), at_open), share)

    def by_step(values: Floats) -> Floats:
        return np.bincount(step, values, len(times)).astype(np.float64)

    return Account(
        times,
        by_step(book.gross),
        by_step(book.traded) * desk.rate,
        by_step(staying.gross - staying.traded * desk.rate),
        by_step(book.exposure),
        by_step(book.traded),
        book.trades,
        Terms("open" if at_open else "close", hold, config.sides, size, config.max_position, fee, config.slippage),
        market.any_prices,
        int(np.count_nonzero(side)) - len(book.trades),
    )


@dataclass(frozen=True)
class _Book:
    """What was filled: float64 [m] of the rows of a course, and the trades."""

    gross: Floats
    traded: Floats
    exposure: Floats
    trades: Trades


@dataclass(frozen=True)
class _Desk:
    """Fills orders along a course; `rate` is what a unit of value costs, one way."""

    market: Market
    course: Course
    at_open: bool
    rate: float

    def fill(self, placed: Orders, size: float) -> _Book:
        """Fills trades of the value `size` each, or of so many units where prices may be anything."""
        row, m = self.course.row, len(self.course.row)
        close = self.market.close[row]
        opens = self.market.open[row] if self.at_open and self.market.open is not None else close
        entry_price = opens[placed.entry]
        exit_price: Floats = np.where(placed.ended, close[placed.exit], opens[placed.exit])
        units: Floats = (placed.side * size / (1.0 if self.market.any_prices else entry_price)).astype(np.float64)

        # A row has two fills: at its open, and at its close, where a stretch ends. Filled at closes, they are one.
        last = placed.ended & self.at_open
        first = np.bincount(placed.entry, units, m) - np.bincount(placed.exit[~last], units[~last], m)
        second = -np.bincount(placed.exit[last], units[last], m)
        after = np.cumsum(first + second) - second
        before = after - first
        moved = np.where(np.arange(m) == self.course.first, 0.0, opens - np.roll(close, 1))
        value = (np.ones(m), np.ones(m)) if self.market.any_prices else (opens, close)
        netted = np.abs(first) * value[0], np.abs(second) * value[1]
        held = after * value[0] if self.at_open else before * (np.roll(value[0], 1))

        asked = [np.zeros(m), np.zeros(m)]
        fills = ((0, placed.entry, slice(None)), (0, placed.exit, ~last), (1, placed.exit, last))
        for fill, place, which in fills:
            asked[fill] += np.bincount(place[which], np.abs(units[which]) * value[fill][place[which]], m)
        share = [np.divide(netted[n], asked[n], out=np.zeros(m), where=asked[n] > 0) for n in (0, 1)]
        cost = np.zeros(len(units))
        for fill, place, which in fills:
            cost[which] += np.abs(units[which]) * (value[fill] * share[fill])[place[which]] * self.rate

        trades = Trades(
            row[placed.decided],
            row[placed.entry],
            row[placed.exit],
            self.market.time_us[row[placed.entry]],
            self.market.time_us[row[placed.exit]],
            placed.side,
            units,
            entry_price,
            exit_price,
            units * (exit_price - entry_price),
            cost,
            placed.ended,
        )
        return _Book(before * moved + after * (close - opens), netted[0] + netted[1], np.abs(held), trades)
