"""Trend and oscillators: 12 features of where the close stands against its own past.

Wilder's and Appel's originals smooth without end, so that a value depends on every row since the file's first. Here
RSI, ATR and ADX take plain means (Cutler's way) and exponential averages are cut at three spans: the lookback is
exact and a live buffer of that length gives the same number.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import polars as pl

from gatewise.features.base import Feature
from gatewise.features.steps import CLOSE, distance, exponential_weights, ratio, slope, window_mean, window_sum

_CHANGE = pl.col("_change")
_PLUS, _MINUS = pl.col("_plus_move_14"), pl.col("_minus_move_14")
_OF_CLOSE = "fraction of the close"
_HLC = ("high", "low", "close")
_WILDER = "Wilder (1978), New Concepts in Technical Trading Systems"

MACD_SIGNAL = exponential_weights(9)

# Squared distances of the 19 closes before from this one. Measured from a member of the window the variance keeps its
# digits at any price level: it is never less than the squared mean distance / 19, so nothing cancels.
_FROM_CLOSE = reduce(add, ((CLOSE.shift(k) - CLOSE) ** 2 for k in range(1, 20))) / 20
_ABOVE_MEAN = distance(_CHANGE, np.full(20, 1 / 20))
_DEVIATION = (_FROM_CLOSE - _ABOVE_MEAN**2).clip(lower_bound=0.0).sqrt()

_UP = window_sum(_CHANGE.clip(lower_bound=0.0), 14)
_DOWN = window_sum((-_CHANGE).clip(lower_bound=0.0), 14)


def _sma_distance(rows: int) -> Feature:
    return Feature(
        name=f"sma_distance_{rows}",
        lookback=rows,
        of_positive=True,
        expression=distance(_CHANGE, np.full(rows, 1 / rows)) / CLOSE,
        requires=("close",),
        formula=f"(C - mean of C over {rows} rows) / C",
        unit=_OF_CLOSE,
        source="Brock, Lakonishok, LeBaron (1992), Journal of Finance 47(5)",
    )


AVERAGES: tuple[Feature, ...] = (
    _sma_distance(10),
    _sma_distance(50),
    Feature(
        name="ema_distance_20",
        lookback=60,
        of_positive=True,
        expression=distance(_CHANGE, exponential_weights(20)) / CLOSE,
        requires=("close",),
        formula="(C - EMA20) / C; EMAn: weights (1 - 2 / (n + 1))^i over 3n rows, divided by their sum",
        unit=_OF_CLOSE,
        source="Murphy (1999), Technical Analysis of the Financial Markets, ch. 9",
    ),
    Feature(
        name="macd",
        lookback=78,
        of_positive=True,
        expression=pl.col("_macd") / CLOSE,
        requires=("close",),
        formula="(EMA12 - EMA26) / C, over 36 and 78 rows",
        unit=_OF_CLOSE,
        source="Appel (2005), Technical Analysis: Power Tools for Active Investors",
    ),
    Feature(
        name="macd_histogram",
        lookback=104,
        of_positive=True,
        expression=(pl.col("_macd") - window_sum(pl.col("_macd"), 27, [float(w) for w in MACD_SIGNAL[::-1]])) / CLOSE,
        requires=("close",),
        formula="(M - EMA9 of M) / C, M = EMA12 - EMA26; 27 rows of M, each over 78 closes",
        unit=_OF_CLOSE,
        source="Appel (2005), Technical Analysis: Power Tools for Active Investors",
    ),
    Feature(
        name="trend_slope_20",
        lookback=20,
        of_positive=True,
        expression=slope(pl.col("_return"), 20),
        requires=("close",),
        formula="least-squares slope of ln C over 20 rows",
        unit="log return per row",
        source="Clenow (2015), Stocks on the Move: exponential regression slope",
    ),
)

DIRECTION: tuple[Feature, ...] = (
    Feature(
        name="directional_movement_14",
        lookback=15,
        expression=ratio(_PLUS - _MINUS, pl.col("_true_range_14"), otherwise=0.0),
        requires=_HLC,
        formula="+DI - -DI: (sum of +DM - sum of -DM) / sum of TR over 14 rows; 0 where TR is 0 throughout",
        unit="-1 to 1",
        source=_WILDER,
    ),
    Feature(
        name="adx_14",
        lookback=28,
        expression=window_mean(ratio((_PLUS - _MINUS).abs(), _PLUS + _MINUS, otherwise=0.0), 14),
        requires=("high", "low"),
        formula="mean over 14 rows of |+DM14 - -DM14| / (+DM14 + -DM14), sums over 14 rows; 0 where both are 0",
        unit="0 to 1 (Wilder's / 100); plain means",
        source=_WILDER,
    ),
)

OSCILLATORS: tuple[Feature, ...] = (
    Feature(
        name="rsi_14",
        lookback=15,
        expression=ratio(_UP, _UP + _DOWN, otherwise=0.5),
        requires=("close",),
        formula="sum of rises / (sum of rises + sum of falls) of C over 14 rows; 0.5 where C stood still",
        unit="0 to 1 (Wilder's / 100); plain means, known as Cutler's RSI",
        source=_WILDER,
    ),
    Feature(
        name="stochastic_k_14",
        lookback=14,
        expression=pl.col("_stochastic"),
        requires=_HLC,
        formula="(C - lowest L) / (highest H - lowest L) over 14 rows; 0.5 where they are equal",
        unit="0 to 1",
        source="Lane (1984), Technical Analysis of Stocks & Commodities 2(3)",
    ),
    Feature(
        name="stochastic_d_14_3",
        lookback=16,
        expression=window_mean(pl.col("_stochastic"), 3),
        requires=_HLC,
        formula="mean of stochastic_k_14 over 3 rows",
        unit="0 to 1",
        source="Lane (1984), Technical Analysis of Stocks & Commodities 2(3)",
    ),
    Feature(
        name="bollinger_position_20",
        lookback=20,
        expression=ratio(_ABOVE_MEAN, 2 * _DEVIATION, otherwise=0.0),
        requires=("close",),
        formula="(C - mean of C) / (2 × standard deviation of C) over 20 rows, divisor 20; 0 where C stood still",
        unit="-1 (lower band) to 1 (upper band), and beyond",
        source="Bollinger (2001), Bollinger on Bollinger Bands",
    ),
)
