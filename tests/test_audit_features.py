"""The audit of features: leaks are planted, each must be caught and named; honest features must pass.

An audit that never fails is the most dangerous bug of all: it makes a leak look proved.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from audit_tables import case_of, random_walk, small_experiment, with_feature
from gatewise.config.schema import FeatureConfig
from gatewise.data.table import Table
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.proofs.base import Parts
from gatewise.proofs.features import check_features, check_live_parity

close = pl.col("close")
LOOK_AHEAD = {
    "centred_mean": close / close.rolling_mean(5, center=True) - 1,
    "next_return": close.shift(-1) / close - 1,
    "whole_sample_z": (close - close.mean()) / close.std(),
    "whole_sample_scale": close / close.max(),
    "whole_sample_rank": close.rank() / close.len(),
    "smoothed_both_ways": close.ewm_mean(span=5).reverse().ewm_mean(span=5).reverse() / close,
    "interpolated": pl.when(pl.int_range(pl.len()) % 7 == 0).then(close).otherwise(None).interpolate() / close,
    "minutes_to_the_end": (pl.len() - pl.int_range(pl.len())).cast(pl.Float64),
}


@pytest.mark.parametrize("name", LOOK_AHEAD)
def test_a_feature_that_looks_ahead_is_caught_and_named(name: str) -> None:
    check = check_features(case_of(parts=with_feature(f"leak_{name}", LOOK_AHEAD[name])))
    assert not check.passed
    assert check.detail.startswith(f"leak_{name} looks ahead: leak_{name} at A 2024-01-0")


def test_a_fill_of_missing_values_from_later_rows_is_caught_though_the_data_miss_none() -> None:
    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        filled = table.frame["close"].fill_null(strategy="backward").to_numpy().astype(np.float32)
        return FeatureMatrix(filled[:, None], np.isfinite(filled), ("filled_close",), 1)

    check = check_features(case_of(parts=Parts(build_features=build)))
    assert not check.passed
    assert "filled_close" in check.detail or "validity" in check.detail


def test_a_warm_up_filled_from_later_rows_is_caught() -> None:
    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        mean = pl.col("close").rolling_mean(10).backward_fill().over("symbol")
        filled = table.frame.select(mean).to_series().cast(pl.Float32).to_numpy()
        return FeatureMatrix(filled[:, None], np.isfinite(filled), ("filled_mean",), 1)

    check = check_features(case_of(parts=Parts(build_features=build)))
    assert not check.passed
    assert "when" in check.detail


def test_a_warm_up_that_is_filled_but_not_valid_does_no_harm() -> None:
    parts = with_feature("filled", (close.rolling_mean(3) / close).backward_fill())
    assert check_features(case_of(parts=parts)).passed


def test_a_fill_across_a_gap_from_the_far_side_is_caught() -> None:
    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        # The last row before a gap knows where the price resumes.
        matrix = build_features(table, spec)
        start = table.segment_start
        before_gap = np.flatnonzero(start[1:] != start[:-1])
        values = matrix.values.copy()
        values[before_gap, 0] = table.frame["close"].to_numpy()[before_gap + 1]
        return replace(matrix, values=values)

    check = check_features(case_of(random_walk(gaps=5), Parts(build_features=build)))
    assert not check.passed
    assert check.detail.startswith(f"{build_features(random_walk(500), FeatureConfig()).names[0]} looks ahead")


def test_validity_that_depends_on_later_rows_is_caught() -> None:
    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        matrix = build_features(table, spec)
        typical = table.frame["close"].median()
        return replace(matrix, valid=matrix.valid & (table.frame["close"] < typical).fill_null(False).to_numpy())

    check = check_features(case_of(parts=Parts(build_features=build)))
    assert not check.passed
    assert check.detail.startswith("validity changes at A 2024-01-0")


TOO_LONG = {
    "expanding_mean": close / (close.cum_sum() / (pl.int_range(pl.len()) + 1)),
    "long_mean": close / close.rolling_mean(400),
    "endless_average": close / close.ewm_mean(span=300, adjust=False),
    "first_price": close / close.first(),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_feature_that_needs_more_rows_than_declared_is_caught_by_the_live_buffer(name: str) -> None:
    parts = with_feature(f"long_{name}", TOO_LONG[name])
    assert check_features(case_of(parts=parts)).passed, "it does not look ahead"
    check = check_live_parity(case_of(parts=parts))
    assert not check.passed
    assert f"long_{name}" in check.detail or "the row is not valid" in check.detail


def test_a_feature_that_mixes_symbols_is_caught_by_the_live_buffer() -> None:
    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        matrix = build_features(table, spec)
        market = table.frame.select(pl.col("close").mean().over("time")).to_series().to_numpy()
        values = np.column_stack([matrix.values, np.where(matrix.valid, market, 0)]).astype(np.float32)
        return replace(matrix, values=values, names=(*matrix.names, "market_mean"))

    check = check_live_parity(case_of(random_walk(1_500, symbols="AB"), Parts(build_features=build)))
    assert not check.passed
    assert check.detail.startswith("market_mean need(s) more than the declared lookback")


HONEST = {
    "plain": random_walk(seed=1),
    "three symbols": random_walk(1_200, seed=2, symbols="ABC"),
    "gaps and missing values": random_walk(seed=3, gaps=6, missing=5),
    "stale prices": random_walk(seed=4, stale=0.7),
    "short": random_walk(1_000, seed=5),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_features_pass(name: str) -> None:
    case = case_of(HONEST[name])
    for check in (check_features(case), check_live_parity(case)):
        assert check.passed, check.detail


@pytest.mark.parametrize("sets", [("ohlcv",), ("ticker",)])
def test_features_in_the_units_of_prices_pass(sets: tuple[str, ...]) -> None:
    case = case_of(HONEST["gaps and missing values"], config=small_experiment(features__sets=sets))
    for check in (check_features(case), check_live_parity(case)):
        assert check.passed, check.detail
