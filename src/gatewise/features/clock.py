"""Time of hour, day and week, as points on a circle so that midnight is next to midnight."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Literal, get_args

import polars as pl

from gatewise.data.table import TIME
from gatewise.features.base import Feature

_SOURCE = "Andersen, Bollerslev (1997), Journal of Empirical Finance 4(2-3): intraday periodicity"
_Function = Literal["sin", "cos"]
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def clock(timeframe: timedelta | None) -> tuple[Feature, ...]:
    """The four features for rows of `timeframe` (`None`: an intraday one), read off the time at which a row is
    knowable, in UTC. A pair whose circle a row fills or exceeds can tell nothing and is 0: the day's for daily rows
    and slower, the week's for weekly rows and slower.
    """
    day = _pair("day", DAY, timeframe, "UTC", "daily")
    return (*day, *_pair("week", WEEK, timeframe, "UTC, from Monday 00:00", "weekly"))


def time_of_hour(timeframe: timedelta | None) -> tuple[Feature, ...]:
    """The two for the place within the hour, at whose turn orders and news come in; as those of `clock`."""
    return _pair("hour", HOUR, timeframe, "UTC", "hourly")


def _pair(word: str, period: timedelta, timeframe: timedelta | None, zone: str, slow: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            name=f"time_of_{word}_{function}",
            lookback=1,
            expression=_angle(function, period, moves=timeframe is None or timeframe < period),
            requires=(TIME,),
            formula=f"{function}(2π × the part of the {word} gone by, {zone}); 0 for {slow} rows and slower",
            unit="-1 to 1",
            source=_SOURCE,
        )
        for function in get_args(_Function)
    )


def _angle(function: _Function, period: timedelta, moves: bool) -> pl.Expr:
    if not moves:
        return pl.col(TIME).dt.epoch("us") * 0.0
    period_us = period // timedelta(microseconds=1)
    # The epoch was a Thursday: three days into a week that starts on Monday.
    since_us = (pl.col(TIME).dt.epoch("us") + 3 * (DAY // timedelta(microseconds=1))) % period_us
    angle = since_us * (2 * math.pi / period_us)
    return angle.sin() if function == "sin" else angle.cos()
