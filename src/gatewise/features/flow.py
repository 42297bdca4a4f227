"""Volume and flows: six features that weigh volume against its own recent past, and price moves by volume.

Many real files hold only zero volume (forex, indices); every limit of 0 / 0 is therefore stated, and chosen neutral.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import polars as pl

from gatewise.features.base import Feature
from gatewise.features.steps import VOLUME, distance, previous, ratio, slope, window_sum

_VOLUME_20 = pl.col("_volume_20")
_MONEY = pl.col("_typical") * VOLUME
_TYPICAL_CHANGE = pl.col("_typical") - previous(pl.col("_typical"))
_INFLOW = window_sum(pl.when(_TYPICAL_CHANGE > 0).then(_MONEY).otherwise(0.0), 14)
_OUTFLOW = window_sum(pl.when(_TYPICAL_CHANGE < 0).then(_MONEY).otherwise(0.0), 14)

# As in the Bollinger position: measured from a member of the window, the variance keeps its digits beside any spike.
_FROM_VOLUME = reduce(add, ((VOLUME.shift(k) - VOLUME) ** 2 for k in range(1, 20))) / 20
_ABOVE_MEAN = distance(VOLUME - previous(VOLUME), np.full(20, 1 / 20))
_DEVIATION = (_FROM_VOLUME - _ABOVE_MEAN**2).clip(lower_bound=0.0).sqrt()

FLOW: tuple[Feature, ...] = (
    Feature(
        name="volume_zscore_20",
        lookback=20,
        expression=ratio(_ABOVE_MEAN, _DEVIATION, otherwise=0.0),
        requires=("volume",),
        formula="(V - mean of V) / standard deviation of V over 20 rows, divisor 20; 0 where V stood still",
        unit="standard deviations, at most sqrt(19)",
        source="Karpoff (1987), Journal of Financial and Quantitative Analysis 22(1): volume beside price changes",
    ),
    Feature(
        name="volume_ratio_5_60",
        lookback=60,
        expression=ratio(12 * window_sum(VOLUME, 5), window_sum(VOLUME, 60), otherwise=1.0),
        requires=("volume",),
        formula="mean of V over 5 rows / mean of V over 60 rows; 1 where no volume in 60 rows",
        unit="ratio, 0 to 12",
        source="Murphy (1999), Technical Analysis of the Financial Markets, ch. 7",
    ),
    Feature(
        name="chaikin_money_flow_20",
        lookback=20,
        expression=ratio(window_sum(pl.col("_close_location") * VOLUME, 20), _VOLUME_20, otherwise=0.0),
        requires=("high", "low", "close", "volume"),
        formula="sum of close_location × V / sum of V over 20 rows; 0 where no volume",
        unit="-1 to 1",
        source="Achelis (2000), Technical Analysis from A to Z: Chaikin money flow",
    ),
    Feature(
        name="money_flow_index_14",
        lookback=15,
        of_positive=True,
        expression=ratio(_INFLOW, _INFLOW + _OUTFLOW, otherwise=0.5),
        requires=("high", "low", "close", "volume"),
        formula="inflow / (inflow + outflow) over 14 rows; P V counts in where P = (H + L + C) / 3 rose, out where it "
        "fell; 0.5 where neither",
        unit="0 to 1 (the original / 100)",
        source="Quong, Soudack (1989), Technical Analysis of Stocks & Commodities 7(3)",
    ),
    Feature(
        name="obv_slope_20",
        lookback=20,
        expression=ratio(slope(VOLUME * pl.col("_change").sign(), 20) * 20, _VOLUME_20, otherwise=0.0),
        requires=("close", "volume"),
        formula="least-squares slope of on-balance volume over 20 rows / mean of V over them; 0 where no volume",
        unit="mean volumes per row",
        source="Granville (1963), Granville's New Key to Stock Market Profits",
    ),
    Feature(
        name="volume_weighted_return_20",
        lookback=21,
        of_positive=True,
        expression=ratio(window_sum(VOLUME * pl.col("_return"), 20), _VOLUME_20, otherwise=0.0),
        requires=("close", "volume"),
        formula="sum of r V / sum of V over 20 rows, r = ln(C[t] / C[t-1]); 0 where no volume",
        unit="log return per row",
        source="Elder (1993), Trading for a Living: force index, divided by volume",
    ),
)
