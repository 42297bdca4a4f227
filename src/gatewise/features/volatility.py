"""How far prices have moved, over spans from one row to 240, in logs: what a forecast of volatility reads.

Logs of volatility are near normal and add up where volatilities multiply, so that a linear model and a scaler have what
they expect. Different measures over one span say different things: absolute returns mind single jumps less than squares
do, ranges see what went on within rows, and the net move of a span tells a trend from a back and forth.
Which way prices went stands beside them, by the last 60 rows' volatility, as falls raise it more than rises do.
"""

from __future__ import annotations

import math

import polars as pl

from gatewise.features.base import Feature
from gatewise.features.steps import CLOSE, window_mean

_RETURN, _RANGE = pl.col("_return"), pl.col("_range")
SPANS = (1, 5, 20, 60, 240)
# A tenth of a basis point a row: what stands for no movement at all, so that a log is finite.
FLOOR = 1e-5


def _over(rows: int) -> str:
    return f"over {rows} rows" if rows > 1 else "over 1 row"


def _change(rows: int) -> pl.Expr:
    return _RETURN if rows == 1 else (CLOSE / CLOSE.shift(rows)).log()


def _feature(name: str, rows: int, before: int, expression: pl.Expr, formula: str, source: str) -> Feature:
    return Feature(
        name=f"{name}_{rows}",
        lookback=rows + before,
        of_positive=True,
        expression=(expression + FLOOR).log(),
        requires=("close",) if before else ("high", "low"),
        formula=f"ln({formula} + 0.00001)",
        unit="ln of log return per row",
        source=source,
    )


LOG_VOLATILITY: tuple[Feature, ...] = (
    *(
        _feature(
            "log_realized_volatility",
            rows,
            1,
            window_mean(_RETURN**2, rows).sqrt(),
            f"sqrt(mean of r² {_over(rows)})",
            "Corsi (2009), Journal of Financial Econometrics 7(2): volatility over several horizons",
        )
        for rows in SPANS
    ),
    *(
        _feature(
            "log_absolute_return",
            rows,
            1,
            window_mean(_RETURN.abs(), rows),
            f"mean of |r| {_over(rows)}",
            "Forsberg, Ghysels (2007), Journal of Financial Econometrics 5(1)",
        )
        for rows in SPANS[1:]
    ),
    *(
        _feature(
            "log_range_volatility",
            rows,
            0,
            (window_mean(_RANGE**2, rows) / (4 * math.log(2))).sqrt(),
            f"sqrt(mean of ln(H / L)² {_over(rows)} / (4 ln 2))",
            "Alizadeh, Brandt, Diebold (2002), Journal of Finance 57(3)",
        )
        for rows in SPANS
    ),
    *(
        _feature(
            "log_net_move",
            rows,
            1,
            _change(rows).abs() / math.sqrt(rows),
            f"|ln(C[t] / C[t-{rows}])| / sqrt({rows})",
            "Müller et al. (1997), Journal of Empirical Finance 4(2-3): volatilities of different resolutions",
        )
        for rows in SPANS[2:]
    ),
    *(
        Feature(
            name=f"standardized_return_{rows}",
            lookback=61,
            of_positive=True,
            expression=_change(rows) / (math.sqrt(rows) * (pl.col("_volatility_60") + FLOOR)),
            requires=("close",),
            formula=f"ln(C[t] / C[t-{rows}]) / (sqrt({rows}) × (sqrt(mean of r² over 60 rows) + 0.00001))",
            unit="ratio, within ±sqrt(60)",
            source="Black (1976), Studies of stock price volatility changes: volatility rises where prices fall",
        )
        for rows in SPANS[:4]
    ),
)
