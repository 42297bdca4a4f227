"""Features in price units, of prices that may be 0 or negative: differences in the place of logs and ratios.

Prices of futures that were back-adjusted by differences keep every day's move in points, and fall below zero in the
past. No log and no fraction of such a level means anything, so what `market39` takes of either is taken of differences
here; what it has that knows no level stays as it is. Every feature is the same for prices plus a constant.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gatewise.features.base import Feature
from gatewise.features.flow import FLOW
from gatewise.features.price import BAR_SHAPE
from gatewise.features.steps import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    VOLUME,
    distance,
    exponential_weights,
    previous,
    ratio,
    slope,
    window_mean,
    window_sum,
)
from gatewise.features.trend import DIRECTION, MACD_SIGNAL, OSCILLATORS

_CHANGE = pl.col("_change")
_UNIT = "price units"
_OHLC = ("open", "high", "low", "close")
_SQUARE = _CHANGE**2
_SHORT, _LONG = (window_mean(_SQUARE, rows).sqrt() for rows in (10, 60))
_SOURCE = "of market39, with differences in the place of logs and ratios"


def _feature(name: str, lookback: int, expression: pl.Expr, requires: tuple[str, ...], formula: str) -> Feature:
    return Feature(name, lookback, expression, requires, formula, _UNIT, _SOURCE)


def _change(rows: int) -> Feature:
    expression = _CHANGE if rows == 1 else CLOSE - CLOSE.shift(rows)
    return _feature(f"change_{rows}", rows + 1, expression, ("close",), f"C[t] - C[t-{rows}]")


def _above_mean(rows: int) -> Feature:
    expression = distance(_CHANGE, np.full(rows, 1 / rows))
    return _feature(f"above_sma_{rows}", rows, expression, ("close",), f"C - mean of C over {rows} rows")


CHANGES: tuple[Feature, ...] = (
    _change(1),
    _change(5),
    _change(15),
    _change(60),
    _feature("open_change", 2, OPEN - previous(CLOSE), ("open", "close"), "O[t] - C[t-1]"),
    _feature("range_points", 1, HIGH - LOW, ("high", "low"), "H - L"),
    _feature("body_points", 1, CLOSE - OPEN, ("open", "close"), "C - O"),
    _feature("upper_points", 1, HIGH - pl.max_horizontal(OPEN, CLOSE), _OHLC, "H - max(O, C)"),
    _feature("lower_points", 1, pl.min_horizontal(OPEN, CLOSE) - LOW, _OHLC, "min(O, C) - L"),
    _feature("change_volatility_10", 11, _SHORT, ("close",), "sqrt(mean of d² over 10 rows), d = C[t] - C[t-1]"),
    _feature("change_volatility_60", 61, _LONG, ("close",), "sqrt(mean of d² over 60 rows)"),
    Feature(
        "change_volatility_ratio_10_60",
        61,
        ratio(_SHORT, _LONG, otherwise=1.0),
        ("close",),
        "change_volatility_10 / change_volatility_60; 1 where no close moved in 60 rows",
        "ratio, 0 to sqrt(6)",
        _SOURCE,
    ),
    _feature(
        "true_range_14",
        15,
        pl.col("_true_range_14") / 14,
        ("high", "low", "close"),
        "mean of TR over 14 rows, TR = max(H, C[t-1]) - min(L, C[t-1])",
    ),
    _above_mean(10),
    _above_mean(50),
    _feature("above_ema_20", 60, distance(_CHANGE, exponential_weights(20)), ("close",), "C - EMA20, over 60 rows"),
    _feature("macd_points", 78, pl.col("_macd"), ("close",), "EMA12 - EMA26, over 36 and 78 rows"),
    _feature(
        "macd_histogram_points",
        104,
        pl.col("_macd") - window_sum(pl.col("_macd"), 27, [float(w) for w in MACD_SIGNAL[::-1]]),
        ("close",),
        "M - EMA9 of M, M = EMA12 - EMA26; 27 rows of M, each over 78 closes",
    ),
    _feature("slope_20", 20, slope(_CHANGE, 20), ("close",), "least-squares slope of C over 20 rows, per row"),
    _feature(
        "volume_weighted_change_20",
        21,
        ratio(window_sum(VOLUME * _CHANGE, 20), pl.col("_volume_20"), otherwise=0.0),
        ("close", "volume"),
        "sum of d V / sum of V over 20 rows, d = C[t] - C[t-1]; 0 where no volume",
    ),
)
# What of market39 knows no level.
LEVEL_FREE: tuple[Feature, ...] = tuple(
    feature for feature in (*BAR_SHAPE, *DIRECTION, *OSCILLATORS, *FLOW) if not feature.of_positive
)
