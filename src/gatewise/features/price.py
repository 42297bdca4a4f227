"""Returns, the shape of a bar, and volatility: 17 features of prices alone, all free of the price's scale."""

from __future__ import annotations

import math

import polars as pl

from gatewise.features.base import Feature
from gatewise.features.steps import CLOSE, HIGH, LOW, OPEN, previous, ratio, window_mean

_RETURN, _RANGE, _BODY = pl.col("_return"), pl.col("_range"), pl.col("_body")
_OHLC = ("open", "high", "low", "close")
_LOG = "log return"
_PER_ROW = "log return per row"


def _log_return(rows: int) -> Feature:
    return Feature(
        name=f"log_return_{rows}",
        lookback=rows + 1,
        of_positive=True,
        expression=_RETURN if rows == 1 else (CLOSE / CLOSE.shift(rows)).log(),
        requires=("close",),
        formula=f"ln(C[t] / C[t-{rows}])",
        unit=_LOG,
        source="Campbell, Lo, MacKinlay (1997), The Econometrics of Financial Markets, ch. 1",
    )


def _realized_volatility(rows: int) -> Feature:
    return Feature(
        name=f"realized_volatility_{rows}",
        lookback=rows + 1,
        of_positive=True,
        expression=pl.col(f"_volatility_{rows}"),
        requires=("close",),
        formula=f"sqrt(mean of r² over {rows} rows), r = ln(C[t] / C[t-1]); no mean is taken off",
        unit=_PER_ROW,
        source="Andersen, Bollerslev, Diebold, Labys (2003), Econometrica 71(2)",
    )


RETURNS: tuple[Feature, ...] = (
    _log_return(1),
    _log_return(5),
    _log_return(15),
    _log_return(60),
    Feature(
        name="open_gap",
        lookback=2,
        of_positive=True,
        expression=(OPEN / previous(CLOSE)).log(),
        requires=("open", "close"),
        formula="ln(O[t] / C[t-1])",
        unit=_LOG,
        source="Garman, Klass (1980), Journal of Business 53(1): the overnight part of a return",
    ),
)

BAR_SHAPE: tuple[Feature, ...] = (
    Feature(
        name="bar_range",
        lookback=1,
        of_positive=True,
        expression=_RANGE,
        requires=("high", "low"),
        formula="ln(H / L)",
        unit=_LOG,
        source="Parkinson (1980), Journal of Business 53(1)",
    ),
    Feature(
        name="bar_body",
        lookback=1,
        of_positive=True,
        expression=_BODY,
        requires=("open", "close"),
        formula="ln(C / O)",
        unit=_LOG,
        source="Nison (1991), Japanese Candlestick Charting Techniques",
    ),
    Feature(
        name="upper_shadow",
        lookback=1,
        of_positive=True,
        expression=(HIGH / pl.max_horizontal(OPEN, CLOSE)).log(),
        requires=_OHLC,
        formula="ln(H / max(O, C))",
        unit=_LOG,
        source="Nison (1991), Japanese Candlestick Charting Techniques",
    ),
    Feature(
        name="lower_shadow",
        lookback=1,
        of_positive=True,
        expression=(pl.min_horizontal(OPEN, CLOSE) / LOW).log(),
        requires=_OHLC,
        formula="ln(min(O, C) / L)",
        unit=_LOG,
        source="Nison (1991), Japanese Candlestick Charting Techniques",
    ),
    Feature(
        name="close_location",
        lookback=1,
        expression=pl.col("_close_location"),
        requires=("high", "low", "close"),
        formula="((C - L) - (H - C)) / (H - L); 0 where H = L",
        unit="-1 (at the low) to 1 (at the high)",
        source="Achelis (2000), Technical Analysis from A to Z: accumulation/distribution",
    ),
)

VOLATILITY: tuple[Feature, ...] = (
    _realized_volatility(10),
    _realized_volatility(60),
    Feature(
        name="volatility_ratio_10_60",
        lookback=61,
        of_positive=True,
        expression=ratio(pl.col("_volatility_10"), pl.col("_volatility_60"), otherwise=1.0),
        requires=("close",),
        formula="realized_volatility_10 / realized_volatility_60; 1 where no close moved in 60 rows",
        unit="ratio, 0 to sqrt(6)",
        source="Corsi (2009), Journal of Financial Econometrics 7(2): volatility over several horizons",
    ),
    Feature(
        name="parkinson_volatility_20",
        lookback=20,
        of_positive=True,
        expression=(window_mean(_RANGE**2, 20) / (4 * math.log(2))).sqrt(),
        requires=("high", "low"),
        formula="sqrt(mean of ln(H / L)² over 20 rows / (4 ln 2))",
        unit=_PER_ROW,
        source="Parkinson (1980), Journal of Business 53(1)",
    ),
    Feature(
        name="garman_klass_volatility_20",
        lookback=20,
        of_positive=True,
        expression=window_mean(0.5 * _RANGE**2 - (2 * math.log(2) - 1) * _BODY**2, 20).sqrt(),
        requires=_OHLC,
        formula="sqrt(mean of 0.5 ln(H / L)² - (2 ln 2 - 1) ln(C / O)² over 20 rows)",
        unit=_PER_ROW,
        source="Garman, Klass (1980), Journal of Business 53(1)",
    ),
    Feature(
        name="rogers_satchell_volatility_20",
        lookback=20,
        of_positive=True,
        expression=window_mean(
            (HIGH / CLOSE).log() * (HIGH / OPEN).log() + (LOW / CLOSE).log() * (LOW / OPEN).log(), 20
        ).sqrt(),
        requires=_OHLC,
        formula="sqrt(mean of ln(H / C) ln(H / O) + ln(L / C) ln(L / O) over 20 rows)",
        unit=_PER_ROW,
        source="Rogers, Satchell (1991), Annals of Applied Probability 1(4)",
    ),
    Feature(
        name="atr_14",
        lookback=15,
        of_positive=True,
        expression=pl.col("_true_range_14") / (14 * CLOSE),
        requires=("high", "low", "close"),
        formula="mean of TR over 14 rows / C, TR = max(H, C[t-1]) - min(L, C[t-1]); a plain mean, not Wilder's",
        unit="fraction of the close",
        source="Wilder (1978), New Concepts in Technical Trading Systems",
    ),
)
