"""What a spec may name, what comes out in which order, and how broken tables are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from feature_tables import random_walk, table_of
from gatewise.config.schema import FeatureConfig
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError
from gatewise.features.build import build_features, resolve_features
from gatewise.features.reference import reference_page

OHLCV = ("open", "high", "low", "close", "volume")


def test_sets_come_first_and_named_columns_after_in_the_order_given() -> None:
    spec = FeatureConfig(sets=("ohlcv",), columns=("spread", "funding"))
    features = resolve_features(spec, (*OHLCV, "funding", "spread"))
    assert [feature.name for feature in features] == [*OHLCV, "spread", "funding"]


def test_named_columns_are_taken_as_they_are_and_a_missing_value_costs_its_row_alone() -> None:
    values = np.array([1.5, np.nan, -3.0, 1e-30, 7.0])
    matrix = build_features(table_of({"load": values}), FeatureConfig(sets=(), columns=("load",)))
    np.testing.assert_array_equal(matrix.valid, [True, False, True, True, True])
    np.testing.assert_array_equal(matrix.values[:, 0], np.nan_to_num(values))
    assert matrix.values.dtype == np.float64, "what is at a level keeps its digits"
    assert matrix.values.flags.c_contiguous
    assert matrix.lookback == 1


def test_a_missing_raw_value_does_not_break_the_run_of_computed_features() -> None:
    columns = random_walk(160)
    columns["funding"] = np.ones(160)
    columns["funding"][120] = np.nan
    matrix = build_features(table_of(columns), FeatureConfig(columns=("funding",)))
    np.testing.assert_array_equal(np.flatnonzero(matrix.valid), [*range(103, 120), *range(121, 160)])


def test_ticker_adds_a_20_row_mean_of_the_close() -> None:
    columns = random_walk(60)
    matrix = build_features(table_of(columns), FeatureConfig(sets=("ticker",)))
    assert matrix.names == (*OHLCV, "sma_value")
    expected = np.convolve(columns["close"], np.full(20, 1 / 20), mode="valid").astype(np.float32)
    np.testing.assert_allclose(matrix.values[19:, 5], expected, rtol=1e-7)
    np.testing.assert_array_equal(matrix.valid, np.arange(60) >= 19)


def test_ticker_takes_the_tables_own_sma_value_where_there_is_one() -> None:
    columns = random_walk(60) | {"sma_value": np.arange(60.0)}
    matrix = build_features(table_of(columns), FeatureConfig(sets=("ticker",)))
    np.testing.assert_array_equal(matrix.values[:, 5], np.arange(60))
    assert matrix.lookback == 1
    assert matrix.valid.all()


def test_an_unknown_set_lists_the_valid_ones_and_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown feature set 'market93'") as caught:
        resolve_features(FeatureConfig(sets=("market93",)), OHLCV)
    assert caught.value.hint == "did you mean 'market39'? valid: differences, market39, ohlcv, ticker, volatility"


def test_an_unknown_column_lists_the_nearest_of_the_table() -> None:
    with pytest.raises(UnknownNameError, match="unknown feature column 'fundin'") as caught:
        resolve_features(FeatureConfig(columns=("fundin",)), (*OHLCV, "funding"))
    assert "did you mean 'funding'?" in str(caught.value.hint)


@pytest.mark.parametrize(
    "spec",
    [FeatureConfig(sets=("ohlcv", "ticker")), FeatureConfig(sets=("ohlcv",), columns=("close",))],
    ids=["two sets", "set and column"],
)
def test_a_name_that_comes_twice_is_an_error(spec: FeatureConfig) -> None:
    with pytest.raises(ConfigError, match=r"feature names must differ; twice: .*close"):
        resolve_features(spec, OHLCV)


def test_a_set_of_bars_names_the_columns_that_a_table_lacks() -> None:
    with pytest.raises(SchemaError, match="market39 needs columns open, high, low, close, volume; missing: volume"):
        build_features(table_of({name: np.ones(5) for name in OHLCV[:4]}), FeatureConfig())


def test_bars_that_break_their_order_are_refused() -> None:
    columns = random_walk(200)
    columns["high"][150] = columns["low"][150] * 0.5
    with pytest.raises(QualityError, match="low <= open, close <= high must hold; rows that break it: 1,"):
        build_features(table_of(columns), FeatureConfig())


@pytest.mark.parametrize("sets", [(), ("ohlcv",)])
def test_a_column_without_any_value_is_named(sets: tuple[str, ...]) -> None:
    columns = random_walk(50) | {"sentiment": np.full(50, np.nan)}
    with pytest.raises(QualityError, match="column sentiment must hold values; all 50 are missing"):
        build_features(table_of(columns), FeatureConfig(sets=sets, columns=("sentiment",)))


def test_volume_without_any_value_is_named() -> None:
    columns = random_walk(300) | {"volume": np.full(300, np.nan)}
    with pytest.raises(QualityError, match="column volume must hold values; all 300 are missing"):
        build_features(table_of(columns), FeatureConfig())


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_a_value_that_float32_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(QualityError, match="column load must be finite and within float32; row 2 holds"):
        build_features(table_of({"load": np.array([1, 2, value])}), FeatureConfig(sets=(), columns=("load",)))


def test_too_few_rows_in_a_row_are_refused_with_both_numbers() -> None:
    with pytest.raises(NotEnoughRowsError, match=r"need 104 rows .* longest stretch of 206 rows without a gap is 103"):
        build_features(table_of(random_walk(206), gaps_after=[102]), FeatureConfig())


def test_104_rows_give_one_valid_row() -> None:
    matrix = build_features(table_of(random_walk(104)), FeatureConfig())
    np.testing.assert_array_equal(np.flatnonzero(matrix.valid), [103])


def test_a_constant_column_is_a_feature_like_any_other() -> None:
    matrix = build_features(table_of({"flat": np.full(9, 4.25)}), FeatureConfig(sets=(), columns=("flat",)))
    assert matrix.valid.all()
    assert (matrix.values == 4.25).all()


def test_the_reference_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    page = request.config.rootpath / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == reference_page(), "run: python -m gatewise.features.reference"


def test_building_features_imports_neither_torch_nor_the_compiler() -> None:
    code = "import sys, gatewise.features.build, gatewise.targets.make; print(*{'torch', 'numba'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
