"""market39 and volatility held against TA-Lib, pandas and plain loops.

Each feature is one formula in a table; a wrong sign or a window of 19 in place of 20 trains and runs without a word.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib

from feature_tables import Numbers, bars_around, random_walk, table_of
from gatewise.features.evaluate import evaluate
from gatewise.features.sets import SMA_VALUE, market39, volatility

ROWS = 400
COLUMNS = random_walk(ROWS, seed=21, volatility=0.01)
O, H, L, C, V = (COLUMNS[name] for name in ("open", "high", "low", "close", "volume"))  # noqa: E741 - the field's letters
FRAME = table_of(COLUMNS).frame
FEATURES = {feature.name: feature for feature in (*market39((), None), *volatility((), None), SMA_VALUE)}
RETURN, RANGE, LN16 = np.log(C[1:] / C[:-1]), np.log(H / L), math.log(16)


def windowed_ema(values: Numbers, span: int) -> Numbers:
    series, rows = pd.Series(values), 3 * span
    averages = [series[t + 1 - rows : t + 1].ewm(span=span).mean().iloc[-1] for t in range(rows - 1, len(values))]
    return np.array([np.nan] * (rows - 1) + averages)


def each_row(function: Callable[[int], float], lookback: int) -> Numbers:
    return np.array([function(t) if t >= lookback - 1 else np.nan for t in range(ROWS)])


def last(values: Numbers, t: int, rows: int) -> Numbers:
    return values[t - rows + 1 : t + 1]


def bollinger() -> Numbers:
    upper, middle, _ = talib.BBANDS(C, 20, 2, 2)
    return (C - middle) / (upper - middle)


def macd_lines() -> tuple[Numbers, Numbers]:
    line = windowed_ema(C, 12) - windowed_ema(C, 26)
    return line, line - windowed_ema(line, 9)


def cutler_rsi(t: int) -> float:
    change = np.diff(last(C, t, 15))
    return float(change[change > 0].sum() / np.abs(change).sum())


def directional(t: int) -> tuple[float, float, float]:
    plus = minus = true_range = 0.0
    for i in range(t - 13, t + 1):
        up, down = H[i] - H[i - 1], L[i - 1] - L[i]
        plus += up if up > down and up > 0 else 0
        minus += down if down > up and down > 0 else 0
        true_range += max(H[i] - L[i], abs(H[i] - C[i - 1]), abs(L[i] - C[i - 1]))
    return plus, minus, true_range


def dx(t: int) -> float:
    plus, minus, _ = directional(t)
    return abs(plus - minus) / (plus + minus)


def chaikin(t: int) -> float:
    location = ((C - L) - (H - C)) / (H - L)
    return float((last(location, t, 20) * last(V, t, 20)).sum() / last(V, t, 20).sum())


ORACLES: dict[str, Callable[[], Numbers]] = {
    "log_return_1": lambda: np.log1p(talib.ROCP(C, 1)),
    "log_return_5": lambda: np.log1p(talib.ROCP(C, 5)),
    "log_return_15": lambda: np.log1p(talib.ROCP(C, 15)),
    "log_return_60": lambda: np.log1p(talib.ROCP(C, 60)),
    "open_gap": lambda: each_row(lambda t: math.log(O[t]) - math.log(C[t - 1]), 2),
    "bar_range": lambda: np.log(H) - np.log(L),
    "bar_body": lambda: np.log(C) - np.log(O),
    "upper_shadow": lambda: each_row(lambda t: math.log(H[t]) - math.log(max(O[t], C[t])), 1),
    "lower_shadow": lambda: each_row(lambda t: math.log(min(O[t], C[t])) - math.log(L[t]), 1),
    "close_location": lambda: np.diff(talib.AD(H, L, C, np.ones(ROWS)), prepend=0.0),
    "realized_volatility_10": lambda: each_row(lambda t: math.sqrt((RETURN[t - 10 : t] ** 2).mean()), 11),
    "realized_volatility_60": lambda: each_row(lambda t: math.sqrt((RETURN[t - 60 : t] ** 2).mean()), 61),
    "volatility_ratio_10_60": lambda: each_row(
        lambda t: math.sqrt((RETURN[t - 10 : t] ** 2).mean() / (RETURN[t - 60 : t] ** 2).mean()), 61
    ),
    "parkinson_volatility_20": lambda: each_row(
        lambda t: math.sqrt(sum(math.log(H[i] / L[i]) ** 2 for i in range(t - 19, t + 1)) / (80 * math.log(2))), 20
    ),
    "garman_klass_volatility_20": lambda: each_row(
        lambda t: math.sqrt(
            sum(
                math.log(H[i] / L[i]) ** 2 / 2 - (2 * math.log(2) - 1) * math.log(C[i] / O[i]) ** 2
                for i in range(t - 19, t + 1)
            )
            / 20
        ),
        20,
    ),
    "rogers_satchell_volatility_20": lambda: each_row(
        lambda t: math.sqrt(
            sum(
                math.log(H[i] / C[i]) * math.log(H[i] / O[i]) + math.log(L[i] / C[i]) * math.log(L[i] / O[i])
                for i in range(t - 19, t + 1)
            )
            / 20
        ),
        20,
    ),
    "atr_14": lambda: talib.SMA(talib.TRANGE(H, L, C), 14) / C,
    "sma_distance_10": lambda: 1 - talib.SMA(C, 10) / C,
    "sma_distance_50": lambda: 1 - talib.SMA(C, 50) / C,
    "ema_distance_20": lambda: 1 - windowed_ema(C, 20) / C,
    "macd": lambda: macd_lines()[0] / C,
    "macd_histogram": lambda: macd_lines()[1] / C,
    "trend_slope_20": lambda: talib.LINEARREG_SLOPE(np.log(C), 20),
    "directional_movement_14": lambda: each_row(
        lambda t: (directional(t)[0] - directional(t)[1]) / directional(t)[2], 15
    ),
    "adx_14": lambda: each_row(lambda t: sum(dx(i) for i in range(t - 13, t + 1)) / 14, 28),
    "rsi_14": lambda: each_row(cutler_rsi, 15),
    "stochastic_k_14": lambda: 1 + talib.WILLR(H, L, C, 14) / 100,
    "stochastic_d_14_3": lambda: talib.STOCHF(H, L, C, 14, 3, 0)[1] / 100,
    "bollinger_position_20": bollinger,
    "volume_zscore_20": lambda: (V - talib.SMA(V, 20)) / talib.STDDEV(V, 20),
    "volume_ratio_5_60": lambda: talib.SMA(V, 5) / talib.SMA(V, 60),
    "chaikin_money_flow_20": lambda: each_row(chaikin, 20),
    "money_flow_index_14": lambda: talib.MFI(H, L, C, V, 14) / 100,
    "obv_slope_20": lambda: talib.LINEARREG_SLOPE(talib.OBV(C, V), 20) / talib.SMA(V, 20),
    "volume_weighted_return_20": lambda: each_row(
        lambda t: float(np.average(RETURN[t - 20 : t], weights=V[t - 19 : t + 1])), 21
    ),
    "sma_value": lambda: talib.SMA(C, 20),
    **{
        f"{measure}_{rows}": lambda function=function, name=f"{measure}_{rows}", rows=rows: each_row(
            lambda t: math.log(function(t, rows) + 0.00001), FEATURES[name].lookback
        )
        for measure, shortest, function in (
            ("log_realized_volatility", 1, lambda t, rows: math.sqrt((RETURN[t - rows : t] ** 2).mean())),
            ("log_absolute_return", 5, lambda t, rows: np.abs(RETURN[t - rows : t]).mean()),
            ("log_range_volatility", 1, lambda t, rows: math.sqrt((RANGE[t - rows + 1 : t + 1] ** 2).mean() / LN16)),
            ("log_net_move", 20, lambda t, rows: abs(math.log(C[t] / C[t - rows])) / math.sqrt(rows)),
        )
        for rows in (1, 5, 20, 60, 240)
        if rows >= shortest
    },
    **{
        f"standardized_return_{rows}": lambda rows=rows: each_row(
            lambda t: (
                math.log(C[t] / C[t - rows]) / math.sqrt(rows) / (math.sqrt((RETURN[t - 60 : t] ** 2).mean()) + 1e-5)
            ),
            61,
        )
        for rows in (1, 5, 20, 60)
    },
}


@pytest.mark.parametrize("name", list(ORACLES))
def test_a_feature_equals_an_independent_computation(name: str) -> None:
    feature = FEATURES[name]
    got = evaluate([feature], FRAME)[name].to_numpy()[feature.lookback - 1 :]
    want = ORACLES[name]()[feature.lookback - 1 :]
    assert np.isfinite(want).all()
    # TA-Lib carries running sums and squares, which cost it some digits.
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-10)


def test_every_feature_but_the_clock_has_an_oracle() -> None:
    assert set(FEATURES) - set(ORACLES) == {
        f"time_of_{word}_{f}" for word in ("hour", "day", "week") for f in ("sin", "cos")
    }


@pytest.mark.parametrize("name", ["parkinson", "garman_klass", "rogers_satchell"])
def test_range_based_volatility_finds_the_volatility_of_a_simulated_diffusion(name: str) -> None:
    rng = np.random.default_rng(3)
    steps, bars, volatility = 2_000, 1_000, 0.01
    path = np.exp(np.cumsum(rng.normal(size=(bars, steps)) * volatility / math.sqrt(steps), axis=1))
    columns = {
        "open": np.ones(bars),
        "high": np.maximum(path.max(axis=1), 1),
        "low": np.minimum(path.min(axis=1), 1),
        "close": path[:, -1],
        "volume": np.ones(bars),
    }
    feature = FEATURES[f"{name}_volatility_20"]
    estimates = evaluate([feature], table_of(columns).frame)[feature.name].to_numpy()[19:]
    # Discrete paths miss a little of the true range: about 2 % at 2,000 steps a bar.
    assert math.sqrt((estimates**2).mean()) == pytest.approx(volatility, rel=0.04)


def test_features_follow_a_straight_rise_as_closed_forms_say() -> None:
    close = np.exp(0.001 * np.arange(200))
    columns = bars_around(close, np.random.default_rng(1), volume=np.full(200, 3.0))
    row = evaluate(list(FEATURES.values()), table_of(columns).frame).row(-1, named=True)
    assert row["log_return_15"] == pytest.approx(0.015)
    assert row["trend_slope_20"] == pytest.approx(0.001)
    assert row["realized_volatility_60"] == pytest.approx(0.001)
    assert row["volatility_ratio_10_60"] == pytest.approx(1.0)
    assert row["rsi_14"] == 1.0
    assert row["obv_slope_20"] == pytest.approx(1.0)
    assert row["volume_weighted_return_20"] == pytest.approx(0.001)
    assert row["money_flow_index_14"] > 0.5
