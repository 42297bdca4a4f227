"""Steps that several features share, computed once, and the windowed sums that they are made of.

Every sum over a window is taken directly, row by row of the window in one fixed order, never by adding the newest and
taking off the oldest. It costs one multiplication a row of the window (about 30 ms for 1,000,000 rows x 60 on one
core) and buys what running sums can't give: a value depends on its window alone, so a batch and a live buffer agree
to the last bit, and a spike leaves no residue behind. Differences of prices are taken before they are averaged, so
that a price that stands still gives exact zeros and not rounding noise that a scaler would blow up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

OPEN, HIGH, LOW, CLOSE, VOLUME = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))


def window_sum(expression: pl.Expr, rows: int, weights: Sequence[float] | None = None) -> pl.Expr:
    """Sum over the last `rows` rows; `weights` run from the oldest row to the newest."""
    # Polars sums directly only when weights are given, and takes no nulls then; those stand in warm-up rows alone.
    return expression.fill_null(0.0).rolling_sum(rows, weights=list(weights) if weights else [1.0] * rows)


def window_mean(expression: pl.Expr, rows: int) -> pl.Expr:
    """Plain mean over the last `rows` rows."""
    return window_sum(expression, rows) / rows


def previous(expression: pl.Expr) -> pl.Expr:
    """The value one row ago; the very first row, which is always warm-up, stands in for its own past."""
    return expression.shift(1).fill_null(expression)


def ratio(numerator: pl.Expr, denominator: pl.Expr, otherwise: float) -> pl.Expr:
    """`numerator / denominator`, and `otherwise` where the denominator is exactly 0."""
    return pl.when(denominator == 0).then(otherwise).otherwise(numerator / denominator)


def exponential_weights(span: int) -> npt.NDArray[np.float64]:
    """Weights of a windowed exponential average, newest first: (1 - a)^i, a = 2 / (span + 1), cut at 3 spans, sum 1.

    The cut drops 0.25 % of the infinite average's weight and makes the lookback exact.
    """
    weights = (1 - 2 / (span + 1)) ** np.arange(3 * span)
    return np.asarray(weights / weights.sum())


def distance_weights(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turns weights of an average into weights of changes: x[t] - sum_i w_i x[t-i] = sum_i d_i (x[t-i] - x[t-i-1]).

    Newest first, one fewer than `weights`. Written over changes the distance of a constant series is exactly 0.
    """
    return np.cumsum(weights[::-1])[::-1][1:]


def distance(changes: pl.Expr, weights: npt.NDArray[np.float64]) -> pl.Expr:
    """The value minus its weighted average (weights newest first), given the value's changes."""
    of_changes = distance_weights(weights)
    return window_sum(changes, len(of_changes), [float(w) for w in of_changes[::-1]])


def slope(changes: pl.Expr, rows: int) -> pl.Expr:
    """Least-squares slope per row over the last `rows` values, given their `rows - 1` changes."""
    index = np.arange(1, rows)
    weights = 6.0 * index * (rows - index) / (rows * (rows**2 - 1))
    return window_sum(changes, rows - 1, [float(w) for w in weights])


def _macd_weights() -> list[float]:
    slow, fast = distance_weights(exponential_weights(26)), distance_weights(exponential_weights(12))
    slow[: len(fast)] -= fast
    return [float(w) for w in slow[::-1]]


_UP_MOVE = HIGH - previous(HIGH)
_DOWN_MOVE = previous(LOW) - LOW
_MACD_WEIGHTS = _macd_weights()

# Each step reads columns of bars and steps above it.
STEPS: dict[str, pl.Expr] = {
    "_change": CLOSE - previous(CLOSE),
    "_return": (CLOSE / previous(CLOSE)).log(),
    "_range": (HIGH / LOW).log(),
    "_body": (CLOSE / OPEN).log(),
    "_true_range": pl.max_horizontal(HIGH, previous(CLOSE)) - pl.min_horizontal(LOW, previous(CLOSE)),
    "_plus_move": pl.when((_UP_MOVE > _DOWN_MOVE) & (_UP_MOVE > 0)).then(_UP_MOVE).otherwise(0.0),
    "_minus_move": pl.when((_DOWN_MOVE > _UP_MOVE) & (_DOWN_MOVE > 0)).then(_DOWN_MOVE).otherwise(0.0),
    "_typical": (HIGH + LOW + CLOSE) / 3,
    "_close_location": ratio((CLOSE - LOW) - (HIGH - CLOSE), HIGH - LOW, otherwise=0.0),
    "_volume_20": window_sum(VOLUME, 20),
    "_volatility_10": window_mean(pl.col("_return") ** 2, 10).sqrt(),
    "_volatility_60": window_mean(pl.col("_return") ** 2, 60).sqrt(),
    "_true_range_14": window_sum(pl.col("_true_range"), 14),
    "_plus_move_14": window_sum(pl.col("_plus_move"), 14),
    "_minus_move_14": window_sum(pl.col("_minus_move"), 14),
    "_macd": window_sum(pl.col("_change"), len(_MACD_WEIGHTS), _MACD_WEIGHTS),
    "_lowest_14": LOW.rolling_min(14),
    "_highest_14": HIGH.rolling_max(14),
    "_stochastic": ratio(CLOSE - pl.col("_lowest_14"), pl.col("_highest_14") - pl.col("_lowest_14"), otherwise=0.5),
}


def needed_steps(expressions: Iterable[pl.Expr]) -> list[dict[str, pl.Expr]]:
    """The steps that `expressions` rest on, as stages: each stage reads only the ones before it."""
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            levels[name] = 1 + max((level(root) for root in _steps_in(STEPS[name])), default=-1)
        return levels[name]

    depth = max((level(name) for expression in expressions for name in _steps_in(expression)), default=-1)
    return [{name: STEPS[name] for name in STEPS if levels.get(name) == stage} for stage in range(depth + 1)]


def _steps_in(expression: pl.Expr) -> list[str]:
    return [name for name in dict.fromkeys(expression.meta.root_names()) if name in STEPS]
