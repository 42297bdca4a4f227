"""Prices that may be 0 or negative, end to end: every number in price units, against NumPy, and the same at any level.

A back-adjusted future of -3 has moved by points as ever; a log or a fraction of it would be nonsense without a word.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Cli
from feature_tables import table_of
from gatewise.broker import Market, simulate
from gatewise.bundle import Bundle
from gatewise.config.broker_section import BrokerConfig
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, FeatureConfig, TargetConfig
from gatewise.data.check.rows import check_data
from gatewise.data.load import load_table
from gatewise.data.steps.resample import resample
from gatewise.data.table import Table, require_bars
from gatewise.errors import ConfigError, QualityError, SchemaError
from gatewise.features.build import build_features
from gatewise.features.sets import SETS
from gatewise.jobs.shared import SharedData
from gatewise.targets.make import make_labels

DIFFERENCES = FeatureConfig(sets=("differences",))
ROWS = 400


def points(rows: int = ROWS, level: float = 0.0, seed: int = 1) -> dict[str, np.ndarray]:
    """Bars whose closes walk in quarter points through `level`."""
    rng = np.random.default_rng(seed)
    close = level + 0.25 * np.cumsum(rng.integers(-8, 9, rows))
    opened = np.append(level, close[:-1]) + 0.25 * rng.integers(-1, 2, rows)
    reach = 0.25 * rng.integers(0, 5, (2, rows))
    return {
        "open": opened,
        "high": np.maximum(opened, close) + reach[0],
        "low": np.minimum(opened, close) - reach[1],
        "close": close,
        "volume": rng.integers(1, 500, rows).astype(float),
    }


def any_table(columns: dict[str, np.ndarray]) -> Table:
    return replace(table_of(columns), any_prices=True)


TABLE = any_table(points())
OPEN, H, L, C, V = (points()[name] for name in ("open", "high", "low", "close", "volume"))


def write(path: Path, rows: int, seed: int = 1, level: float = 0.0) -> Path:
    stamps = [datetime(2024, 1, 1) + n * timedelta(minutes=1) for n in range(rows)]
    pl.DataFrame({"open_time": stamps, **points(rows, level, seed)}).write_csv(path)
    return path


def test_the_planted_bars_cross_zero() -> None:
    assert C.min() < 0 < C.max()


def test_they_load_where_that_is_said_and_the_check_says_how(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path / "X.csv", ROWS)
    assert load_table(DataConfig(paths=(str(path),), prices="any")).any_prices
    plain = check_data(DataConfig(paths=(str(path),)))
    assert (plain.ok, plain.to_dict()["non_positive"]) == (False, int((np.minimum(L, C) <= 0).sum()))
    assert "--prices any" in " ".join(cli("data", "check", path).out.split())
    told = cli("data", "check", path, "--prices", "any", "--json")
    assert (told.code, told.json["ok"], told.json["level_jumps"], told.json["spikes"]) == (0, True, 0, 0)
    require_bars(TABLE)
    with pytest.raises(QualityError, match="prices must be positive") as caught:
        require_bars(replace(TABLE, any_prices=False))
    assert 'data.prices="any"' in str(caught.value.hint)
    infinite = {**points(), "close": np.where(np.arange(ROWS) == 9, np.inf, C)}
    with pytest.raises(QualityError, match="prices must be finite"):
        make_labels(any_table(infinite), TargetConfig(kind="direction"))


def test_the_kind_of_prices_is_a_part_of_the_table_wherever_it_goes() -> None:
    plain = replace(TABLE, any_prices=False)
    assert TABLE.fingerprint != plain.fingerprint
    assert TABLE.with_frame(TABLE.frame.head(50)).any_prices
    assert resample(TABLE, timedelta(minutes=5)).any_prices
    arrays, meta = SharedData(TABLE, build_features(TABLE, DIFFERENCES), {}).to_arrays()
    assert SharedData.from_arrays(arrays, meta).table.any_prices


def last(values: np.ndarray, rows: int) -> np.ndarray:
    """[rows, ROWS], the window that ends at each row, oldest first; NaN before the beginning."""
    return np.stack([np.concatenate([np.full(k, np.nan), values[: ROWS - k]]) for k in range(rows)][::-1])


def ema(values: np.ndarray, span: int) -> np.ndarray:
    weights = (1 - 2 / (span + 1)) ** np.arange(3 * span)
    return (last(values, 3 * span)[::-1] * (weights / weights.sum())[:, None]).sum(axis=0)


D = np.diff(C, prepend=np.nan)
BEFORE = np.append(np.nan, C[:-1])
MACD = ema(C, 12) - ema(C, 26)
TRUTH: dict[str, Any] = {
    "change_1": D,
    "change_5": C - np.append(np.full(5, np.nan), C[:-5]),
    "change_15": C - np.append(np.full(15, np.nan), C[:-15]),
    "change_60": C - np.append(np.full(60, np.nan), C[:-60]),
    "open_change": OPEN - BEFORE,
    "range_points": H - L,
    "body_points": C - OPEN,
    "upper_points": H - np.maximum(OPEN, C),
    "lower_points": np.minimum(OPEN, C) - L,
    "change_volatility_10": np.sqrt((last(D, 10) ** 2).mean(axis=0)),
    "change_volatility_60": np.sqrt((last(D, 60) ** 2).mean(axis=0)),
    "change_volatility_ratio_10_60": np.sqrt((last(D, 10) ** 2).mean(axis=0) / (last(D, 60) ** 2).mean(axis=0)),
    "true_range_14": last(np.maximum(H, BEFORE) - np.minimum(L, BEFORE), 14).mean(axis=0),
    "above_sma_10": C - last(C, 10).mean(axis=0),
    "above_sma_50": C - last(C, 50).mean(axis=0),
    "above_ema_20": C - ema(C, 20),
    "macd_points": MACD,
    "macd_histogram_points": MACD - ema(MACD, 9),
    "slope_20": (last(C, 20) * ((np.arange(20) - 9.5) / (20 * 399 / 12))[:, None]).sum(axis=0),
    "volume_weighted_change_20": (last(D, 20) * last(V, 20)).sum(axis=0) / last(V, 20).sum(axis=0),
}


def test_every_difference_is_what_its_formula_says() -> None:
    matrix = build_features(TABLE, DIFFERENCES)
    assert np.isfinite(matrix.values[matrix.valid]).all()
    assert matrix.valid.sum() == ROWS - matrix.lookback + 1
    for name, truth in TRUTH.items():
        got = matrix.values[matrix.valid, matrix.names.index(name)]
        assert got == pytest.approx(truth[matrix.valid], rel=2e-6, abs=2e-6), name
    told = {feature.name for feature in SETS["differences"]((), None) if feature.unit == "price units"}
    assert told <= TRUTH.keys()


@given(level=st.sampled_from([-4096.0, -1.0, 0.0, 640.0, 8192.0]), seed=st.integers(0, 50))
def test_features_and_labels_know_no_level(level: float, seed: int) -> None:
    here, there = (any_table(points(ROWS, at, seed)) for at in (0.0, level))
    one, other = (build_features(table, DIFFERENCES) for table in (here, there))
    assert np.allclose(one.values, other.values, rtol=1e-5, atol=1e-5)
    for kind in ("triple_barrier", "direction", "forward_return"):
        spec = TargetConfig(kind=kind, horizon=7, volatility_rows=20)  # type: ignore[arg-type]
        labels, shifted = (make_labels(table, spec) for table in (here, there))
        assert np.array_equal(labels.y, shifted.y)
        assert np.array_equal(labels.known_at, shifted.known_at)


def test_what_needs_a_positive_price_is_refused_by_name_beside_what_does_not() -> None:
    with pytest.raises(ConfigError, match=r"data\.prices any takes no features that need a positive price") as caught:
        build_features(TABLE, FeatureConfig())
    assert "market39 holds: log_return_1, log_return_5" in caught.value.message
    assert "rsi_14" not in caught.value.message
    assert "features.sets=['differences']" in str(caught.value.hint)
    assert "rsi_14" in str(caught.value.hint)
    assert build_features(TABLE, FeatureConfig(sets=("ticker",))).valid.any()
    needed = {feature.name for feature in SETS["market39"]((), None) if feature.of_positive}
    positive = {name: column + 5_000.0 if name != "volume" else column for name, column in points().items()}
    one, other = (
        build_features(table_of({**positive, **moved}), FeatureConfig())
        for moved in ({}, {name: positive[name] + 1_000.0 for name in ("open", "high", "low", "close")})
    )
    moves = {
        name
        for number, name in enumerate(one.names)
        if not np.allclose(one.values[:, number], other.values[:, number], rtol=1e-3, atol=1e-9)
    }
    assert moves <= needed
    assert needed - moves <= {"volatility_ratio_10_60", "money_flow_index_14"}


@pytest.mark.parametrize(
    ("said", "field"),
    [({"target.barrier": "fixed", "target.upper": 0.01}, "target.barrier"), ({"target.cost": 0.001}, "target.cost")],
)
def test_fractions_of_the_price_are_refused_by_name(said: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} .*is a fraction of the price, which data.prices any has none of"):
        load_config(overrides={"data.prices": "any", **said})
    load_config(overrides=said)
    with pytest.raises(ConfigError, match=r"data\.repair goes by ratios of prices"):
        load_config(overrides={"data.prices": "any", "data.repair": "splits"})


def test_targets_are_differences_in_price_units() -> None:
    forward = make_labels(TABLE, TargetConfig(kind="forward_return", horizon=5))
    assert (forward.outputs, forward.spec.unit) == (("forward_change",), "price units over 5 rows")
    assert np.array_equal(forward.y[:-5, 0], C[5:] - C[:-5])
    up = make_labels(TABLE, TargetConfig(kind="direction", horizon=5))
    assert np.array_equal(up.y[:-5], C[5:] > C[:-5])
    spec = TargetConfig(horizon=5, volatility_rows=20, upper=1.0, lower=0.7)
    barriers = make_labels(TABLE, spec)
    for row in np.flatnonzero(barriers.valid):
        reach = np.std(D[row - 19 : row + 1], ddof=1) * math.sqrt(5)
        truth = (1, row + 5)
        for later in range(row + 1, row + 6):
            high, low = H[later] >= C[row] + reach, L[later] <= C[row] - 0.7 * reach
            if high or low:
                truth = (0 if low else 2, later)
                break
        assert (barriers.y[row], barriers.known_at[row]) == truth


def test_a_backtest_earns_points_and_nothing_compounds() -> None:
    rows = np.arange(ROWS)
    side = np.sign(np.random.default_rng(2).normal(size=ROWS)).astype(np.int8)
    market = Market.from_table(TABLE)
    assert market is not None
    account = simulate(side, rows, market, BrokerConfig(fill="close"), hold=1, fee=0.25)
    assert account is not None
    position = side[:-1].astype(np.float64)
    paid = 0.25 * np.abs(np.diff(position, prepend=0.0, append=0.0))
    net = np.append(0.0, position * np.diff(C)) - paid
    assert account.net == pytest.approx(net)
    assert account.held.sum() == pytest.approx(C[-1] - C[0] - 0.5)
    peak = np.maximum.accumulate(np.maximum(np.cumsum(net), 0.0))
    assert account.drawdown.max() == pytest.approx((peak - np.cumsum(net)).max())
    assert account.equity[-1] == pytest.approx(net.sum())
    assert account.to_dict()["unit"] == "price units"


def test_a_model_is_trained_judged_and_asked_in_price_units(cli: Cli, gatewise_home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "train.csv", 1500)
    small = (
        "--hidden-size",
        4,
        "--num-layers",
        1,
        "--seq-len",
        8,
        "--max-epochs",
        1,
        "--device",
        "cpu",
        "--json",
        "-q",
    )
    said = ("--data", path, "--target", "forward_return", "--horizon", 3, *small)
    refused = cli("train", *said)
    assert refused.code == 2
    assert "prices must be positive" in refused.json["error"]["message"]
    named = cli("train", *said, "--prices", "any")
    assert named.code == 2
    assert "log_return_1" in named.json["error"]["message"]
    assert "--set 'features.sets=[differences]'" in named.json["error"]["hint"]
    trained = cli("train", *said, "--prices", "any", "--set", "features.sets=[differences]")
    assert trained.code == 0
    bundle = Bundle.load(trained.json["bundle"])
    assert (bundle.record.config.data.prices, bundle.record.outputs) == ("any", ("forward_change",))
    assert "price units" in Path(trained.json["report"]).read_text(encoding="utf-8")
    new, out = write(tmp_path / "new.csv", 300, seed=5, level=-500.0), tmp_path / "out.csv"
    asked = cli("predict", "--model", trained.json["run_id"], "--data", new, "-o", out, "--json", "-q")
    assert (asked.code, asked.json["rows"]) == (0, 300 - bundle.rows_needed + 1)
    assert np.abs(pl.read_csv(out)["forward_change"].to_numpy()).max() < 50
    with pytest.raises(SchemaError, match="trained on prices that are any; these are read as positive"):
        bundle.predict(load_table(DataConfig(paths=(str(write(tmp_path / "high.csv", 300, level=900.0)),))))
