"""Columns that join a field and a symbol (`Close_AAPL`) are rows of each symbol, or refused: one series of them all has
no close, and a name that nobody gave.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, as_csv, bars, expected, load, put
from gatewise.data.files.joined_names import labels_of_joined
from gatewise.data.table import Table
from gatewise.errors import AmbiguousError

DAY = timedelta(days=1)
TICKERS = ["AAPL", "V", "MSFT", "BRK-B", "0700.HK", "^GSPC", "BTC-USD", "EURUSD=X", "ES=F", "600519", "BRK.B", "MA"]
NAMES = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
MARKS = ["_", " ", ".", "|", "-", ":"]


def joined(frames: dict[str, pl.DataFrame], fields: list[str], mark: str, ahead: bool, lower: bool) -> pl.DataFrame:
    time = next(iter(frames.values()))["time"].alias("Date")
    columns = []
    for field, (symbol, frame) in itertools.product(fields, frames.items()):
        name = mark.join((NAMES[field], symbol) if ahead else (symbol, NAMES[field]))
        columns.append(frame[field].alias(name.lower() if lower else name))
    return pl.DataFrame([time, *columns])


def long_table(frames: dict[str, pl.DataFrame], fields: list[str]) -> Table:
    parts = [expected(frame.select("time", *fields), DAY, symbol).frame for symbol, frame in sorted(frames.items())]
    return Table(pl.concat(parts), DAY, 7 * DAY)


@settings(max_examples=120, deadline=None)
@given(
    tickers=st.lists(st.sampled_from(TICKERS), min_size=1, max_size=3, unique=True).filter(lambda own: own != ["MA"]),
    more=st.lists(st.sampled_from(["volume"]), max_size=1),
    mark=st.sampled_from(MARKS),
    ahead=st.booleans(),
    lower=st.booleans(),
    kind=st.sampled_from(["csv", "parquet", "json"]),
)
def test_bars_of_each_symbol_are_read_as_its_rows(
    tickers: list[str], more: list[str], mark: str, ahead: bool, lower: bool, kind: str
) -> None:
    if lower and "MA" in tickers:
        tickers = [ticker for ticker in tickers if ticker != "MA"]
    fields = [*VALUES[:4], *more]
    named = {(ticker.lower() if lower else ticker): bars(12, DAY, seed=n) for n, ticker in enumerate(tickers)}
    frame = joined(named, fields, mark, ahead, lower)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"download.{kind}"
        if kind == "parquet":
            frame.write_parquet(path)
        elif kind == "json":
            path.write_text(json.dumps(frame.with_columns(pl.col("Date").cast(pl.String)).to_dicts()))
        else:
            path.write_text(as_csv(frame))
        assert load(path).fingerprint == long_table(named, fields).fingerprint


@settings(max_examples=60, deadline=None)
@given(
    tickers=st.lists(st.sampled_from(TICKERS), min_size=2, max_size=4, unique=True),
    fields=st.lists(st.sampled_from(VALUES), min_size=1, max_size=4, unique=True).filter(lambda own: own != ["volume"]),
    mark=st.sampled_from(MARKS),
    ahead=st.booleans(),
)
def test_a_price_that_several_symbols_share_is_each_ones(
    tickers: list[str], fields: list[str], mark: str, ahead: bool
) -> None:
    frames = {ticker: bars(8, DAY, seed=n) for n, ticker in enumerate(tickers)}
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "download.csv", as_csv(joined(frames, fields, mark, ahead, lower=False)))
        table = load(path)
    assert table.symbols == tuple(sorted(tickers))
    assert table.frame.select("symbol", *sorted(fields)).equals(
        long_table(frames, fields).frame.select("symbol", *sorted(fields))
    )


@pytest.mark.parametrize(
    "columns",
    [
        ["close", "close_ma20", "volume_change", "rsi_14", "open_interest", "close_lag1", "high_20"],
        ["Close", "Close_SPY", "Close_VIX", "High_SPY"],
        ["close_ma20", "close_ma50", "close_lag1"],
        ["high_20", "low_20", "high_50", "low_50"],
        ["Close_SMA", "Close_EMA", "High_SMA", "High_EMA"],
        ["open_interest", "open_time", "volume_change", "rsi_14"],
        ["price_mean", "price_std", "volume_mean", "volume_std"],
        ["open_lag1", "high_lag1", "low_lag1", "close_lag1"],
        ["ha_open", "ha_high", "ha_low", "ha_close"],
        ["bid_open", "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close"],
        ["CURR_open", "CURR_high", "CURR_low", "CURR_close", "NEXT_open", "NEXT_high", "NEXT_low", "NEXT_close"],
        ["RAW_open", "RAW_high", "RAW_low", "RAW_close", "HA_open", "HA_high", "HA_low", "HA_close"],
        ["CURR_Close", "PREV_Close"],
        ["TODAY_Close", "TOMORROW_Close", "FUTURE_Close"],
        ["open_1h", "high_1h", "low_1h", "close_1h", "open_4h", "high_4h", "low_4h", "close_4h"],
        ["open (USD)", "high (USD)", "low (USD)", "close (USD)"],
        ["open_usd", "high_usd", "low_usd", "close_usd"],
        ["open_norm", "high_norm", "low_norm", "close_norm"],
        ["OPEN_ORDERS", "OPEN_POSITIONS", "HIGH_TIDE", "LOW_TIDE"],
        ["high_wind", "high_cloud", "low_wind", "low_cloud"],
        ["symbol", "Close_SPY", "Close_VIX"],
        ["first_name", "last_name", "last_update"],
        ["load", "load_forecast", "Volume BTC", "Volume USDT"],
    ],
    ids=lambda columns: ",".join(columns)[:40],
)
def test_features_of_one_series_stay_its_columns(columns: list[str]) -> None:
    assert labels_of_joined("x.csv", ["time", *columns]) is None


@pytest.mark.parametrize(
    "columns",
    [
        ["Close_AAPL", "Close_MSFT", "Volume_AAPL"],
        ["Open_AAPL", "High_AAPL", "Low_AAPL", "Close_AAPL", "Close_MSFT"],
        ["close_aapl", "close_msft"],
        ["CLOSE_AAPL", "CLOSE_MSFT"],
        ["Close_Apple", "Close_Microsoft"],
    ],
    ids=",".join,
)
def test_what_may_be_symbols_or_columns_is_refused_and_the_hint_reads_it(columns: list[str], tmp_path: Path) -> None:
    frame = bars(20, DAY)
    path = put(tmp_path, "x.csv", as_csv(frame.select("time", *(frame["close"].alias(name) for name in columns))))
    with pytest.raises(AmbiguousError, match=columns[0]) as refused:
        load(path)
    assert "data.symbol" in str(refused.value.hint)
    table = load(path, symbol="PAIR")
    assert (table.symbols, len(table.columns)) == (("PAIR",), len(columns))


def test_columns_that_no_symbol_has_are_all_symbols(tmp_path: Path) -> None:
    frames = {"AAPL": bars(20, DAY, seed=1), "MSFT": bars(20, DAY, seed=2)}
    wide = joined(frames, ["close"], "_", True, False).with_columns(pl.Series("VIX", range(20), dtype=pl.Float64))
    table = load(put(tmp_path, "x.csv", as_csv(wide)))
    assert table.columns == ("VIX", "close")
    assert table.frame["VIX"].to_list() == [*range(20)] * 2


@pytest.mark.parametrize("rows", [{"early": 1, "late": 0}, {"early": 0, "late": 1}], ids=["ahead", "behind"])
@pytest.mark.parametrize("shape", ["joined", "long", "newest first", "a gap at the end"])
def test_symbols_that_are_copies_of_each_other_a_row_apart_are_refused(
    rows: dict[str, int], shape: str, tmp_path: Path
) -> None:
    whole = bars(31, DAY)
    frames = {
        name: pl.DataFrame([whole["time"][:30], *whole.drop("time").slice(shift, 30).get_columns()])
        for name, shift in zip(["AAPL", "MSFT"], rows.values(), strict=True)
    }
    frame = joined(frames, [*VALUES[:4]], "_", True, False)
    if shape == "a gap at the end":
        edge = pl.int_range(30, eager=True) == 29
        frame = frame.with_columns(
            pl.when(~edge).then(pl.col(rf"^.*_{name}$")) for name, n in zip(frames, rows.values(), strict=True) if n
        )
    if shape == "long":
        frame = pl.concat([own.with_columns(symbol=pl.lit(name)) for name, own in frames.items()])
    path = put(tmp_path, "x.csv", as_csv(frame.reverse() if shape == "newest first" else frame))
    with pytest.raises(AmbiguousError, match=r"one row (early|late)") as refused:
        load(path)
    assert "data.symbols=[AAPL]" in (refused.value.hint or "")
    assert load(path, symbols=("AAPL",)).symbols == ("AAPL",)


def test_the_same_prices_under_the_same_stamps_are_two_symbols(tmp_path: Path) -> None:
    frames = {"GOOG": bars(30, DAY), "GOOGL": bars(30, DAY)}
    assert len(load(put(tmp_path, "x.csv", as_csv(joined(frames, ["close"], "_", True, False)))).symbols) == 2
