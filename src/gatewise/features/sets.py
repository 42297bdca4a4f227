"""The feature sets: names that stand for lists of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl

from gatewise.data.table import OHLCV
from gatewise.features.base import Feature
from gatewise.features.clock import DAY, clock, time_of_hour
from gatewise.features.differences import CHANGES, LEVEL_FREE
from gatewise.features.flow import FLOW
from gatewise.features.price import BAR_SHAPE, RETURNS, VOLATILITY
from gatewise.features.steps import CLOSE, window_mean
from gatewise.features.trend import AVERAGES, DIRECTION, OSCILLATORS
from gatewise.features.volatility import LOG_VOLATILITY


def raw(column: str) -> Feature:
    """A column of the table as it is."""
    return Feature(
        name=column,
        lookback=1,
        expression=pl.col(column),
        requires=(column,),
        formula=f"the column {column} as it is",
        unit="the column's own",
        source="the table",
        at_level=True,
    )


def change(column: str) -> Feature:
    """By how much a column of the table differs from the row before, in units that know neither its level nor zero."""
    now, before = pl.col(column), pl.col(column).shift(1)
    step = pl.when(now == before).then(0.0).otherwise(2 * (now - before) / (now.abs() + before.abs()))
    return Feature(
        name=f"{column}_change",
        lookback=2,
        expression=step,
        requires=(column,),
        formula="2 (x[t] - x[t-1]) / (|x[t]| + |x[t-1]|), 0 where both are equal",
        unit="fraction of the two rows' mean, -2 to 2",
        source="Törnqvist, Vartia & Vartia (1985), The American Statistician 39(1)",
    )


# What `features.columns_as` makes of a column.
OF_COLUMN: dict[str, Callable[[str], Feature]] = {"levels": raw, "changes": change}

SMA_VALUE = Feature(
    name="sma_value",
    lookback=20,
    expression=window_mean(CLOSE, 20),
    requires=("close",),
    formula="the table's own column sma_value if it has one; else the mean of C over 20 rows",
    unit="price",
    source="Murphy (1999), Technical Analysis of the Financial Markets, ch. 9",
    at_level=True,
)


def market39(columns: Sequence[str], timeframe: timedelta | None) -> tuple[Feature, ...]:
    """39 causal, scale-free features of OHLCV."""
    return (*RETURNS, *BAR_SHAPE, *VOLATILITY, *AVERAGES, *DIRECTION, *OSCILLATORS, *FLOW, *clock(timeframe))


def ohlcv(columns: Sequence[str], timeframe: timedelta | None) -> tuple[Feature, ...]:
    """The five columns of a bar as they are; prices keep their level, so a scaler matters."""
    return tuple(raw(column) for column in OHLCV)


def ticker(columns: Sequence[str], timeframe: timedelta | None) -> tuple[Feature, ...]:
    """The five columns of a bar and a moving average of the close, sma_value."""
    return (*ohlcv(columns, timeframe), raw("sma_value") if "sma_value" in columns else SMA_VALUE)


def differences(columns: Sequence[str], timeframe: timedelta | None) -> tuple[Feature, ...]:
    """35 causal features that prices of any sign have: differences, and what of market39 knows no level."""
    return (*CHANGES, *LEVEL_FREE, *clock(timeframe))


def volatility(columns: Sequence[str], timeframe: timedelta | None) -> tuple[Feature, ...]:
    """27 causal features for forecasts of volatility: logs of how far prices moved, which way, and times.

    Of daily rows and slower 19: without the spans of 240 rows, a year of days, and without times within the day.
    """
    if timeframe is None or timeframe < DAY:
        return (*LOG_VOLATILITY, *clock(timeframe), *time_of_hour(timeframe))
    of_week = (feature for feature in clock(timeframe) if "week" in feature.name)
    return (*(feature for feature in LOG_VOLATILITY if feature.lookback <= 61), *of_week)


# (the table's numeric columns, its timeframe) -> features
FeatureSet = Callable[[Sequence[str], timedelta | None], tuple[Feature, ...]]
# Every set here is made of bars: OHLCV must be present and in order.
SETS: dict[str, FeatureSet] = {
    "market39": market39,
    "differences": differences,
    "ohlcv": ohlcv,
    "ticker": ticker,
    "volatility": volatility,
}
