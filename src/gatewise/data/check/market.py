"""What a check finds by knowing that rows are of a market: gaps on its clock, rows while it is closed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from gatewise.data.check.finding import SHOWN, Finding
from gatewise.data.market.sessions import rests, sessions, trading_time
from gatewise.data.rows import Rows
from gatewise.data.steps.timeframe import DAY
from gatewise.data.table import STAMP, SYMBOL, TIME

_US = timedelta(microseconds=1)


def find_gaps(rows: Rows) -> Finding:
    """Steps longer than the tolerance, in the trading time of the rows' calendar where they have one."""
    remedy = "nothing: no window crosses a gap; data.gap_tolerance says how long a step still is none"
    if rows.gap_tolerance is None:
        return Finding("gaps", 0, False, (), remedy)
    if rows.calendar is None:
        ordered = rows.ordered.select(SYMBOL, STAMP)
        clock = ordered[STAMP]
    else:
        ordered = rows.frame.select(SYMBOL, STAMP, TIME).sort(SYMBOL, TIME)
        time_us = ordered[TIME].dt.epoch("us").to_numpy()
        clock = pl.Series(trading_time(time_us, rows.calendar, rows.timeframe or DAY)).cast(pl.Duration("us"))
    steps = ordered.select(
        SYMBOL, STAMP, pl.col(STAMP).shift().alias("before"), (clock - clock.shift()).alias("step")
    ).filter(pl.col(SYMBOL) == pl.col(SYMBOL).shift(), pl.col("step") > rows.gap_tolerance)
    longest = steps.sort("step", descending=True, maintain_order=True).head(SHOWN)
    unit = f" of {rows.calendar}'s trading time" if rests(rows.calendar) else ""
    examples = tuple(
        f"{row[SYMBOL]} from {row['before']:%Y-%m-%d %H:%M:%S} to {row[STAMP]:%Y-%m-%d %H:%M:%S}: {row['step']}{unit}"
        for row in longest.iter_rows(named=True)
    )
    return Finding("gaps", steps.height, False, examples, remedy)


def find_outside_sessions(rows: Rows) -> Finding:
    """Rows that are knowable while the calendar's market is closed; of daily rows and slower, those without a session.

    None are looked for where there is no calendar.
    """
    remedy = "another data.calendar or data.timezone, where these are many; on the calendar's clock they take no time"
    if rows.calendar is None or rows.timeframe is None or not rests(rows.calendar):
        return Finding("outside_sessions", 0, False, (), remedy)
    time_us = rows.frame[TIME].dt.epoch("us").to_numpy()
    market = sessions(rows.calendar, int(time_us.min()), int(time_us.max()))
    if rows.timeframe < DAY:
        outside = ~market.is_open(time_us)
    else:
        length = rows.timeframe // _US
        outside = market.closed(time_us) == market.closed(time_us - length)
    late = rows.frame.filter(pl.Series(outside))
    examples = tuple(f"{row[SYMBOL]} {row[STAMP]:%Y-%m-%d %H:%M:%S}" for row in late.head(SHOWN).iter_rows(named=True))
    return Finding("outside_sessions", int(np.sum(outside)), False, examples, remedy)
