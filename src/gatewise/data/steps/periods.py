"""Lengths of the calendar's months, quarters and years, and moments counted in them.

Where the rows of a file lie in such periods is found by `data/steps/months.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import MONTH, months_of

Ints = npt.NDArray[np.int64]

_LENGTHS = (1, 2, 3, 4, 6, 12)  # months
_AROUND = timedelta(days=5)  # how far the first or last days of trade move a step
_LONGEST = timedelta(days=35)  # of a month, from any first day of trade to the last one that a next month may have
MOST_AHEAD = timedelta(hours=14)  # of UTC is the clock of any zone
_US = timedelta(microseconds=1)
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_USUAL = (5, 10, 15, 30, 60, 120, 240, 360, 480, 720, 1_440, 10_080)  # minutes, up to a week
_CALENDAR = {1: (28, 31), 3: (89, 92), 6: (181, 184), 12: (365, 366)}  # months, days
LONGER = 1.5  # than rows are the months that are looked for among them


def about_months(step: timedelta) -> timedelta:
    """The months, quarters or years that a step may be one of, or else the step: what such a row lasts at most."""
    count = round(step / MONTH)
    return count * MONTH if count in _LENGTHS and abs(step - count * MONTH) <= _AROUND else step


def usual_lengths(unit: int) -> Iterator[tuple[int, timedelta]]:
    """The lengths that bars usually have up to a week, of those that rows of `unit` make.

    Args:
        unit: microseconds, as are the first values; the second ones are the same lengths.
    """
    for minutes in _USUAL:
        length = minutes * (_HOUR_US // 60)
        if length > unit and not length % unit:
            yield length, length * _US


def months_within(unit: int) -> Iterator[tuple[int, int, int]]:
    """How many months periods last that are clearly longer than `unit`, and their shortest and longest step."""
    for months, days in _CALENDAR.items():
        low, high = days[0] * _DAY_US - _HOUR_US, days[1] * _DAY_US + _HOUR_US  # clocks change
        if low > LONGER * unit:
            yield months, low, high


def opens(time_us: Ints, timeframe: timedelta) -> Ints:
    """When rows opened that are complete at these moments, for months by the calendar of UTC; microseconds."""
    count = months_of(timeframe)
    if count is None:
        return time_us - timeframe // _US
    month = time_us.astype("datetime64[us]").astype("datetime64[M]")
    start = month.astype("datetime64[us]").astype(np.int64)
    return np.asarray((month - count).astype("datetime64[us]").astype(np.int64) + time_us - start)


def opening(stamp: pl.Expr, timeframe: timedelta) -> pl.Expr:
    """When bars opened that close at these stamps."""
    count = months_of(timeframe)
    return stamp - timeframe if count is None else stamp.dt.offset_by(f"-{count}mo")


def bounds_of_months(time_us: Ints, count: int) -> tuple[Ints, Ints]:
    """Start and end of the period of `count` months, from January on, in which each moment lies: (start, end], UTC."""
    month = (time_us - 1).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    first = month - month % count
    start, end = (
        bound.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64) for bound in (first, first + count)
    )
    return start, end


def longest_step(length: timedelta) -> timedelta:
    """How long a step may be that is said as a length: months last 28 to 31 days, and trade begins when it does."""
    count = months_of(length)
    return length if count is None else count * _LONGEST
