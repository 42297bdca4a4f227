"""From the sides of rows to trades: when each begins and ends, and which the limit lets be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.broker.market import Course, Floats, Ints, Sides


@dataclass(frozen=True)
class Orders:
    """Trades as places in a course, not yet filled.

    Attributes:
        decided, entry, exit: int64 [trades]. side: int8 [trades], 1 or -1.
        ended: bool [trades], closed at the last close of its stretch before it was held to its end.
    """

    decided: Ints
    entry: Ints
    exit: Ints
    side: Sides
    ended: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Trades:
    """Trades as they were filled; money as a fraction of the capital, so that columns add up to the account's.

    Attributes:
        decided, entry, exit: int64 [trades], rows of the table: the row whose side it is, and those that fill it.
        entry_us, exit_us: int64 [trades], the times of those rows; an open is that of a row whose time is its close's.
        side: int8 [trades], 1 long, -1 short. units: float64 [trades], signed, for a capital of 1.
        entry_price, exit_price: float64 [trades], before slippage.
        gross, cost: float64 [trades]; orders that are netted share what the net order costs by their value.
        ended: bool [trades], closed where its rows end and not after the holding period.
    """

    decided: Ints
    entry: Ints
    exit: Ints
    entry_us: Ints
    exit_us: Ints
    side: Sides
    units: Floats
    entry_price: Floats
    exit_price: Floats
    gross: Floats
    cost: Floats
    ended: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.side)

    @property
    def net(self) -> Floats:
        return self.gross - self.cost

    @property
    def hit_rate(self) -> float | None:
        """The share of trades that made money after cost; `None` without trades."""
        return float(np.mean(self.net > 0)) if len(self) else None

    @property
    def mean_holding(self) -> float | None:
        """Rows from fill to fill; `None` without trades."""
        return float(np.mean(self.exit - self.entry)) if len(self) else None


def orders(side: Sides, course: Course, hold: int, at_open: bool) -> Orders:
    """Trades of the sides int8 [m] at a course's rows, each held `hold` rows from its fill.

    One that is decided at a stretch's last row has no later price and is none.
    """
    decided = np.flatnonzero((side != 0) & (np.arange(len(side)) < course.last))
    last = course.last[decided]
    entry = decided + at_open
    left = entry + hold
    return Orders(decided, entry, np.minimum(left, last), side[decided], left > last)


def within_limit(side: Sides, first: Ints, hold: int, most: int) -> Sides:
    """Sides int8 [m] without the trades that would take the count of open ones, long minus short, beyond `most`.

    What ends at a row ends before what begins there. One trade decides about the next, so this is a loop.
    """
    taken = [0] * len(side)
    net = 0
    for here, (wanted, begin) in enumerate(zip(side.tolist(), first.tolist(), strict=True)):
        if here == begin:
            net = 0
        elif here - hold >= begin:
            net -= taken[here - hold]
        if wanted and abs(net + wanted) <= most:
            taken[here] = wanted
            net += wanted
    return np.array(taken, np.int8)
