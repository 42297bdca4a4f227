"""Laws that hold for every feature of every set.

A feature that reads one row too many, or whose batch value differs from the one a live buffer gives, shows up nowhere
but in money: training looks better and live trading worse.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_tables import MINUTE, hostile, random_walk, table_of
from gatewise.config.schema import FeatureConfig
from gatewise.data.table import Table
from gatewise.features import evaluate as evaluation
from gatewise.features.base import Feature
from gatewise.features.build import build_features, resolve_features
from gatewise.features.evaluate import evaluate
from gatewise.features.sets import SETS

EVERY: tuple[Feature, ...] = tuple(
    {f.name: f for name in SETS for f in SETS[name](("open", "high", "low", "close", "volume"), None)}.values()
)
BY_LOOKBACK = {
    rows: list(group)
    for rows, group in groupby(sorted(EVERY, key=lambda feature: feature.lookback), lambda feature: feature.lookback)
}
LONGEST = max(BY_LOOKBACK)
MARKET = FeatureConfig(sets=("market39",))


def assert_batch_equals_trailing(frame: pl.DataFrame, rows: list[int]) -> None:
    batch = evaluate(EVERY, frame)
    for row in rows:
        for lookback, features in BY_LOOKBACK.items():
            if row < lookback - 1:
                continue
            live = evaluate(features, frame.slice(row - lookback + 1, lookback)).row(-1, named=True)
            for name, value in live.items():
                assert value is not None
                assert np.isfinite(value)
                assert batch[name][row] == pytest.approx(value, rel=1e-9, abs=1e-12), f"{name} at row {row}"


def test_market39_holds_39_features_of_different_names() -> None:
    names = [feature.name for feature in resolve_features(MARKET, ("open", "high", "low", "close", "volume"))]
    assert len(set(names)) == len(names) == 39


def test_only_macd_and_spans_of_240_rows_look_back_further_than_61() -> None:
    longer = {f.name: f.lookback for f in EVERY if f.lookback > 61 and not f.name.endswith("_240")}
    assert longer == {"macd": 78, "macd_histogram": 104, "macd_points": 78, "macd_histogram_points": 104}


@pytest.mark.parametrize("name", list(hostile(4)))
def test_a_row_of_the_batch_equals_the_last_row_of_its_trailing_lookback(name: str) -> None:
    frame = table_of(hostile(900)[name]).frame
    assert_batch_equals_trailing(frame, [60, 103, 299, 301, 340, 520, 601, 640, 899])


@settings(max_examples=25, deadline=None)
@given(
    price=st.sampled_from([1e-8, 1e-3, 1.0, 4e4, 1e6]),
    volatility=st.sampled_from([0.0, 1e-9, 1e-4, 1e-2, 0.3]),
    volume_scale=st.sampled_from([0.0, 1e-9, 1.0, 1e12]),
    spike=st.sampled_from([0.0, 1.0, 1e6, 1e12]),
    still=st.lists(st.integers(0, 299), max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_bars_give_finite_features_that_their_lookback_alone_decides(
    price: float, volatility: float, volume_scale: float, spike: float, still: list[int], seed: int
) -> None:
    columns = random_walk(300, seed=seed, price=price, volatility=volatility)
    columns["volume"] *= volume_scale
    columns["volume"][seed % 300] *= spike
    for row in sorted(still):
        for name in ("open", "high", "low", "close"):
            columns[name][row] = columns["close"][max(row - 1, 0)]
    frame = table_of(columns).frame
    batch = evaluate(EVERY, frame)
    for feature in EVERY:
        assert np.isfinite(batch[feature.name].to_numpy()[feature.lookback - 1 :]).all(), feature.name
    assert_batch_equals_trailing(frame, [240 + seed % 60])


@pytest.mark.parametrize("name", list(hostile(4)))
def test_a_live_buffer_of_the_longest_lookback_gives_the_batch_to_the_last_bit(name: str) -> None:
    frame = table_of(hostile(900)[name]).frame
    batch = evaluate(EVERY, frame)
    for row in range(LONGEST - 1, 900, 23):
        live = evaluate(EVERY, frame.slice(row - LONGEST + 1, LONGEST)).row(-1, named=True)
        assert live == batch.row(row, named=True)


@pytest.mark.parametrize("feature", EVERY, ids=lambda feature: feature.name)
def test_the_oldest_row_of_the_lookback_matters(feature: Feature) -> None:
    frame = table_of(random_walk(299, seed=12)).frame
    oldest = 298 - feature.lookback + 1
    before = evaluate([feature], frame)[feature.name][298]
    changed = []
    for factor in (3.0, 1 / 3):
        scale = pl.when(pl.int_range(pl.len()) == oldest).then(factor).otherwise(1.0)
        other = frame.with_columns(pl.col("open", "low") * scale * 0.9, pl.col("high", "close", "volume") * scale)
        if feature.requires == ("time",):
            other = frame.with_columns(pl.col("time") + timedelta(hours=5) * factor)
        changed.append(evaluate([feature], other)[feature.name][298] != before)
    assert any(changed)


@pytest.mark.parametrize("cut", [120, 250, 399])
def test_corrupting_the_future_changes_no_row_up_to_now(cut: int) -> None:
    columns = random_walk(400, seed=13)
    clean = build_features(table_of(columns), MARKET)
    for name, column in columns.items():
        column[cut + 1 :] *= 1e3 if name == "volume" else 50.0
    dirty = build_features(table_of(columns), MARKET)
    np.testing.assert_array_equal(dirty.values[: cut + 1], clean.values[: cut + 1])
    np.testing.assert_array_equal(dirty.valid[: cut + 1], clean.valid[: cut + 1])


@settings(max_examples=20, deadline=None)
@given(gaps=st.lists(st.integers(0, 798), max_size=12, unique=True), missing=st.lists(st.integers(0, 799), max_size=3))
def test_a_row_is_valid_exactly_where_its_lookback_meets_no_gap_and_no_missing_value(
    gaps: list[int], missing: list[int]
) -> None:
    columns = random_walk(800, seed=14)
    for place, row in enumerate(missing):
        columns[("close", "volume", "high")[place]][row] = np.nan
    # The last stretch is always long enough, so that some row is valid.
    columns = {name: np.concatenate([column, random_walk(110)[name]]) for name, column in columns.items()}
    matrix = build_features(table_of(columns, gaps_after=[*gaps, 799]), MARKET)
    expected, run = [], 0
    for row in range(910):
        run = 1 if row - 1 in {*gaps, 799} else run + 1
        run = 0 if row in missing else run
        expected.append(run >= 104)
    np.testing.assert_array_equal(matrix.valid, expected)
    assert not matrix.values[~matrix.valid].any()
    assert np.isfinite(matrix.values).all()


def test_after_each_of_538_gaps_features_start_anew() -> None:
    rows = 538 * 107
    table = table_of(random_walk(rows, seed=15), gaps_after=range(106, rows, 107))
    matrix = build_features(table, MARKET)
    assert matrix.valid.sum() == 538 * 4
    for segment in (0, 17, 537):
        alone = build_features(table.with_frame(table.frame.slice(segment * 107, 107)), MARKET)
        np.testing.assert_array_equal(matrix.values[segment * 107 : (segment + 1) * 107], alone.values)


def test_symbols_do_not_see_each_other() -> None:
    first, second = (table_of(random_walk(150, seed=s), symbol=name) for s, name in ((1, "A"), (2, "B")))
    both = build_features(first.with_frame(pl.concat([first.frame, second.frame])), MARKET)
    apart = [build_features(table, MARKET) for table in (first, second)]
    np.testing.assert_array_equal(both.values, np.concatenate([matrix.values for matrix in apart]))
    np.testing.assert_array_equal(both.valid, np.concatenate([matrix.valid for matrix in apart]))


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = random_walk(1000, seed=16)
    columns["volume"][500] = np.nan
    whole = build_features(table_of(columns), MARKET)
    monkeypatch.setattr(evaluation, "BLOCK_ROWS", 61)
    np.testing.assert_array_equal(build_features(table_of(columns), MARKET).values, whole.values)


@pytest.mark.parametrize(("price_factor", "volume_factor"), [(2.0**20, 1.0), (1.0, 2.0**-9), (2.0**-30, 2.0**30)])
def test_market39_does_not_see_the_scale_of_price_or_volume(price_factor: float, volume_factor: float) -> None:
    columns = random_walk(300, seed=17)
    plain = build_features(table_of(columns), MARKET)
    scaled = {name: column * (volume_factor if name == "volume" else price_factor) for name, column in columns.items()}
    np.testing.assert_array_equal(build_features(table_of(scaled), MARKET).values, plain.values)


def test_bounded_features_stay_within_the_bounds_they_declare() -> None:
    bounds = {
        "close_location": (-1, 1),
        "volatility_ratio_10_60": (0, 6**0.5),
        "directional_movement_14": (-1, 1),
        "adx_14": (0, 1),
        "rsi_14": (0, 1),
        "stochastic_k_14": (0, 1),
        "stochastic_d_14_3": (0, 1),
        "bollinger_position_20": (-(19**0.5) / 2, 19**0.5 / 2),
        "volume_zscore_20": (-(19**0.5), 19**0.5),
        "volume_ratio_5_60": (0, 12),
        "chaikin_money_flow_20": (-1, 1),
        "money_flow_index_14": (0, 1),
    }
    for columns in hostile(900).values():
        matrix = build_features(table_of(columns), MARKET)
        for name, (low, high) in bounds.items():
            column = matrix.values[matrix.valid, matrix.names.index(name)]
            assert column.min() >= low - 1e-6, name
            assert column.max() <= high + 1e-6, name


def test_a_market_at_a_standstill_gives_exactly_the_limits_that_the_formulas_state() -> None:
    matrix = build_features(table_of(hostile(200)["standstill"]), MARKET)
    last = dict(zip(matrix.names, matrix.values[-1].tolist(), strict=True))
    limits = {
        "rsi_14": 0.5,
        "stochastic_k_14": 0.5,
        "stochastic_d_14_3": 0.5,
        "money_flow_index_14": 0.5,
        "volatility_ratio_10_60": 1.0,
        "volume_ratio_5_60": 1.0,
    }
    still = {name: value for name, value in last.items() if not name.startswith("time_of")}
    assert still == {name: limits.get(name, 0.0) for name in still}


def test_without_any_volume_the_flows_are_neutral() -> None:
    matrix = build_features(table_of(hostile(200)["no volume"]), MARKET)
    last = dict(zip(matrix.names, matrix.values[-1].tolist(), strict=True))
    neutral = {
        "volume_zscore_20": 0.0,
        "volume_ratio_5_60": 1.0,
        "chaikin_money_flow_20": 0.0,
        "money_flow_index_14": 0.5,
        "obv_slope_20": 0.0,
        "volume_weighted_return_20": 0.0,
    }
    assert {name: last[name] for name in neutral} == neutral


def _table_at(timeframe: timedelta) -> Table:
    return table_of(random_walk(120), timeframe=timeframe)


def test_the_clock_is_read_off_the_time_at_which_a_row_is_knowable() -> None:
    matrix = build_features(_table_at(timedelta(hours=3)), MARKET)  # row 0 stands at Monday 2022-01-03 00:00 UTC
    clock = matrix.values[112:, [matrix.names.index(n) for n in matrix.names if n.startswith("time_of")]]
    week = 2 * np.pi / 56
    expected = [
        [np.sin(row * np.pi / 4), np.cos(row * np.pi / 4), np.sin(row * week), np.cos(row * week)] for row in range(8)
    ]
    np.testing.assert_allclose(clock, expected, atol=1e-6)


@pytest.mark.parametrize(("days", "silent"), [(1, {"day"}), (7, {"day", "week"})])
def test_slow_rows_tell_nothing_about_a_shorter_circle(days: int, silent: set[str]) -> None:
    matrix = build_features(_table_at(timedelta(days=days)), MARKET)
    for word in ("day", "week"):
        pair = matrix.values[matrix.valid][:, [matrix.names.index(f"time_of_{word}_{f}") for f in ("sin", "cos")]]
        assert (not pair.any()) == (word in silent)


def test_the_place_within_the_hour_is_told_of_rows_shorter_than_an_hour() -> None:
    for minutes, moves in ((20, True), (60, False)):
        table = table_of(random_walk(260), timeframe=timedelta(minutes=minutes))
        matrix = build_features(table, FeatureConfig(sets=("volatility",)))
        pair = matrix.values[240:246, [matrix.names.index(f"time_of_hour_{f}") for f in ("sin", "cos")]]
        thirds = 2 * np.pi * np.arange(6) / 3  # row 240 stands at a whole hour
        np.testing.assert_allclose(pair, np.column_stack([np.sin(thirds), np.cos(thirds)]) * moves, atol=1e-6)


def test_of_days_the_set_volatility_reads_no_year_and_no_time_of_the_day() -> None:
    names = {days: [f.name for f in SETS["volatility"]((), timedelta(days=days))] for days in (1, 7)}
    within = [feature.name for feature in SETS["volatility"]((), timedelta(hours=1))]
    assert (
        names[1] == names[7] == [n for n in within if not n.endswith("_240") and "_day_" not in n and "hour" not in n]
    )
    assert (len(within), len(names[1])) == (27, 19)


def test_where_nothing_moved_a_log_of_volatility_is_that_of_a_tenth_of_a_basis_point() -> None:
    matrix = build_features(table_of(hostile(300)["standstill"]), FeatureConfig(sets=("volatility",)))
    last = dict(zip(matrix.names, matrix.values[-1].tolist(), strict=True))
    still = {name: value for name, value in last.items() if not name.startswith("time_of")}
    logs = {name: 0.0 if name.startswith("standardized") else np.log(1e-5) for name in still}
    assert still == pytest.approx(logs, rel=1e-6)
    assert len(still) == 21


def _real(file: Path) -> Table:
    frame = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_ipc(file)
    time = pl.first().dt.replace_time_zone(None).dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias("time")
    ohlcv = pl.col("open", "high", "low", "close", "volume").cast(pl.Float64)
    return Table(frame.select(pl.lit("X").alias("symbol"), time, ohlcv), MINUTE, MINUTE)


@pytest.mark.parametrize(
    "name",
    ["crypto_binance_1m/BTCUSDT-1m-2022.parquet", "messy_market/freqtrade_unittest_btc_1m_538gaps.feather"],
)
def test_on_real_bars_the_batch_equals_the_trailing_lookback(name: str, shared_data: Path) -> None:
    table = _real(shared_data / name)
    assert_batch_equals_trailing(table.frame.slice(1000, 4000), [240, 1999, 3999])
    matrix = build_features(table, MARKET)
    position = np.arange(table.num_rows) - table.segment_start
    np.testing.assert_array_equal(matrix.valid, position >= 103)
