"""What files' names say, however they order it. Two stocks' files that become one series, or one series' files that
become two, are read without complaint and train the wrong model.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, expected, load, put, zipped
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.names.dates import names_month
from gatewise.data.names.grammar import _MARKETS, _PLAIN, _TELLING, _VENUES, name_series, read_name
from gatewise.data.names.intervals import read_interval
from gatewise.errors import AmbiguousError, DataError, QualityError, SchemaError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
TABLE = [
    ("BTCUSDT-1m-2022.parquet", "BTCUSDT"),
    ("BTCUSDT-1m-2023-03-24.zip", "BTCUSDT"),
    ("6EH4.XCME_1min_bars_20240101_20240131.csv.gz", "6EH4.XCME"),
    ("ESH20_20200101_20200223.csv", "ESH20"),
    ("BTC-USD_2020.csv", "BTC-USD"),
    ("ETTh1.csv", "ETTh1"),
    ("hourly_traffic.csv", "hourly_traffic"),
    ("spy_daily.csv", "spy"),
    ("data/AAPL/2020.csv", "AAPL"),
    ("BRK.B.csv", "BRK.B"),
    ("2024-03-04_AAQ.csv", "AAQ"),
    ("20240304T093000_AAQ.csv", "AAQ"),
    ("AAQ_04-03-2024.csv", "AAQ"),
    ("AAQ-Mar-2024.csv", "AAQ"),
    ("2024Q1_AAQ.csv", "AAQ"),
    ("AAQ_2024-01-01_to_2024-06-30_1h.csv", "AAQ"),
    ("AAQ_1709510400_1709596800.csv", "AAQ"),
    ("20240304_600519.csv", "600519"),
    ("EURUSD_M1_202403040000_202403040039.csv", "EURUSD"),
    ("EURUSD60.csv", "EURUSD"),
    ("usdjpy_h4_2024.csv", "usdjpy"),
    ("DAT_ASCII_EURUSD_M1_2024.csv", "EURUSD"),
    ("BINANCE_BTCUSDT, 60.csv", "BTCUSDT"),
    ("NASDAQ_ZZQ, 5.csv", "ZZQ"),
    ("BATS_AAPL, 1D.csv", "AAPL"),
    ("CME_MINI_ES1!, 5_a1b2c.csv", "ES1!"),
    ("FX_EURUSD, D.csv", "EURUSD"),
    ("Binance_BTCUSDT_1h.csv", "BTCUSDT"),
    ("Bitstamp_BTCUSD_1h.csv", "BTCUSD"),
    ("btcusd_1-min_data.csv", "btcusd"),
    ("aapl.us.txt", "aapl.us"),
    ("AAPL_full_1min_adjsplit.txt", "AAPL"),
    ("AAPL_data.csv", "AAPL"),
    ("NIFTY 50_minute.csv", "NIFTY 50"),
    ("NIFTY BANK_minute.csv", "NIFTY BANK"),
    ("NIFTY 50_5minute.csv", "NIFTY 50"),
    ("NIFTY_50_minute.csv", "NIFTY_50"),
    ("NIFTY 50_day.csv", "NIFTY 50"),
    ("DAX 30_minute.csv", "DAX 30"),
    ("AAPL_15_minute.csv", "AAPL"),
    ("TIME_SERIES_DAILY_AAPL.csv", "AAPL"),
    ("TIME_SERIES_DAILY_ADJUSTED_BRK.B.csv", "BRK.B"),
    ("TIME_SERIES_INTRADAY_5min_AAPL.csv", "AAPL"),
    ("time_series_weekly_aapl.csv", "aapl"),
    ("AAPL_TIME_SERIES_MONTHLY.csv", "AAPL"),
    ("FX_DAILY_EURUSD.csv", "EURUSD"),
    ("DIGITAL_CURRENCY_DAILY_BTC.csv", "BTC"),
    ("AAPL_part1.csv", "AAPL"),
    ("aapl-part-01.csv", "aapl"),
    ("AAPL_1m_chunk03.csv", "AAPL"),
    ("AAPL 1 of 3.csv", "AAPL"),
    ("part2_AAPL.csv", "AAPL"),
    ("part1.csv", "part1"),
    ("AAPL_H1_2024.csv", "AAPL"),
    ("AAPL_M7_2024.csv", "AAPL"),
    ("AAPL_W10_2024.csv", "AAPL"),
    ("NA.csv", "NA"),
    ("NAN_1d_2024.csv", "NAN"),
    ("NULL-1m.csv", "NULL"),
    ("AAPL/daily/2024.csv", "AAPL"),
    ("AAPL/minute/2024-03-04.csv", "AAPL"),
    ("daily_AAPL.csv", "AAPL"),
    ("intraday_5min_IBM.csv", "IBM"),
    ("XBTUSD_60.csv", "XBTUSD"),
    ("ES 03-24.Last.txt", "ES 03-24"),
    ("Zed Historical Data.csv", "Zed"),
    ("S&P 500 Historical Data.csv", "S&P 500"),
    ("BTC_USDT_USDT-1h-futures.feather", "BTC_USDT_USDT"),
    ("2330.TW.csv", "2330.TW"),
    ("2020.HK.csv", "2020.HK"),
    ("000001.SZ_2024.csv", "000001.SZ"),
    ("600519.csv", "600519"),
    ("^GSPC.csv", "^GSPC"),
    ("NIKKEI_225.csv", "NIKKEI_225"),
    ("NASDAQ.csv", "NASDAQ"),
    ("1000SHIBUSDT-5m.csv", "1000SHIBUSDT"),
    ("AAPL (1).csv", "AAPL"),
    ("1.csv", "1"),
    ("data.csv", "data"),
    ("prices_2024.csv", "prices"),
    ("M2.csv", "M2"),
    ("part-0.parquet", "part-0"),
    ("stocks/20240304.csv", "stocks"),
    ("AAPL/2024/03/04.csv", "AAPL"),
    ("AAPL/1d/2024.csv", "AAPL"),
    ("XNAS/glbx-mdp3-20240304.ohlcv-1m.csv", "XNAS"),
    ("XNAS/glbx-mdp3-20240304-20240331.ohlcv-1d.csv", "XNAS"),
    ("xnas-itch-20240304.ohlcv-1m.AAPL.csv", "AAPL"),
    ("doge-usd.csv", "doge-usd"),
    ("link-usd_20240304.csv", "link-usd"),
    ("aapl-20240304.csv", "aapl"),
    ("bars/symbol=AAPL/year=2024/2024-03-04.parquet", "AAPL"),
]


@pytest.mark.parametrize(("file", "symbol"), TABLE)
def test_a_file_without_a_symbol_column_is_named_by_its_path(file: str, symbol: str) -> None:
    assert name_series(PurePath(file)).symbol == symbol


SYMBOL = st.sampled_from(
    ["AAQ", "EURUSD", "BTC-USD", "BRK.B", "^GSPC", "600519", "000001.SZ", "BTC_USDT", "ESH4", "btcusdt"]
)
DATES = st.sampled_from(
    [
        *("2024-03-04", "20240304", "2024", "2024-03", "202403040000", "2024_03_04", "2024.03.04", "04-03-2024"),
        *("20240101_20240131", "2024-01-01_2024-06-30", "2024-01-01_to_2024-06-30", "20240304T0930", "2019-2024"),
        *("2024Q1", "2024H1", "2024-W10", "Mar-2024", "1709510400_1709596800"),
    ]
)
LENGTHS = st.sampled_from(["1m", "5min", "1-min", "1h", "1hour", "M1", "H4", "D1", "MN1", "1d", "15m", "30s", "1day"])


@settings(max_examples=200, deadline=None)
@given(SYMBOL, DATES, LENGTHS, st.sampled_from(["_", "-", " "]), st.permutations(range(3)), st.sets(st.integers(0, 2)))
def test_symbol_dates_and_length_may_stand_in_any_order(
    symbol: str, dates: str, length: str, separator: str, order: list[int], left_out: set[int]
) -> None:
    parts = [symbol, dates, length]
    kept = [parts[place] for place in order if place == 0 or place not in left_out]
    name = read_name(separator.join(kept))
    assert (name.symbol, name.rest) == (symbol, ())
    assert name.lengths == ((read_interval(length.upper() if length[0] in "MHD" else length)) if length in kept else ())


@settings(max_examples=60, deadline=None)
@given(
    SYMBOL, st.sampled_from(["Binance_{}_1h", "Bitstamp_{}_2024", "NASDAQ_{}, 5", "{}_1m_ohlcv", "{} Historical Data"])
)
def test_words_of_vendors_are_no_part_of_a_symbol(symbol: str, written: str) -> None:
    if written.startswith("NASDAQ") and symbol.islower():
        return
    assert read_name(written.format(symbol)).symbol == symbol


WORDS = st.from_regex(r"[a-z]{2,6}(-[a-z]{3,4})?|[A-Z]{1,5}([-.][A-Z]{1,4})?", fullmatch=True)
AROUND = ["{}", "{}-2023", "2023-{}", "{}-usd", "hist-{}", "hist_{}", "{}-usd-2024", "{}_1d", "data-{}", "{}_daily"]
AROUND += ["{}-h4-2024", "stock-{}-1m", "{} Historical Data", "part1-{}", "daily-{}", "{}.us", "20240304.{}", "glbx-{}"]


@settings(max_examples=300, deadline=None)
@given(WORDS, WORDS, st.sampled_from(AROUND))
@example("aapl", "msft", "{}-2023")
@example("doge", "link", "{}-usd")
@example("eurusd", "gbpusd", "hist-{}")
def test_names_that_differ_in_a_word_that_may_be_a_symbol_give_no_one_series(one: str, other: str, around: str) -> None:
    """All words but those that name a length, a month, or what files hold."""
    said = {*_PLAIN, *_TELLING, *_VENUES, *_MARKETS, "eod", "intraday", "day", "daily", "min", "mon", "sec", "mn1"}
    for word in (one, other):
        assume(not said & set(re.split("[-.]", word.lower())) and not names_month(word) and len(set(word)) > 1)
        assume(read_interval(word) == ())
    assume(one.lower() != other.lower())
    names = [read_name(around.format(word)) for word in (one, other)]
    assert names[0].symbol is not None
    assert (names[0].symbol, names[0].rest) != (names[1].symbol, names[1].rest)


@pytest.mark.parametrize("pair", [("aapl-2023", "msft-2024"), ("doge-usd", "link-usd"), ("hist-eurusd", "hist-gbpusd")])
def test_two_words_and_a_hyphen_in_lower_case_are_two_series(pair: tuple[str, str], tmp_path: Path) -> None:
    frames = list(days(tmp_path, *(f"{name}.csv" for name in pair)))
    table = load(tmp_path, stamp="close")
    assert table.symbols == tuple(name.removesuffix("-2023").removesuffix("-2024") for name in pair)
    assert table.num_rows == sum(frame.height for frame in frames)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("1m", (MINUTE,)),
        ("1M", (timedelta(seconds=2_629_746),)),
        ("M1", (MINUTE,)),
        ("60", (HOUR, MINUTE)),
        ("3600", (HOUR,)),
        ("1D", (DAY,)),
        ("PT5M", (5 * MINUTE,)),
        ("P1D", (DAY,)),
        ("ohlcv-1h", (HOUR,)),
        ("K_15M", (15 * MINUTE,)),
        ("daily", (DAY,)),
        ("4 hours", (4 * HOUR,)),
        ("2024M01", ()),
        ("7", ()),
        ("50.01", ()),
        ("pre", ()),
        ("", ()),
    ],
)
def test_intervals_are_read_as_vendors_write_them(text: str, lengths: tuple[timedelta, ...]) -> None:
    assert read_interval(text) == lengths


def days(folder: Path, *names: str, seed: int = 7) -> Iterator[pl.DataFrame]:
    """A day's minutes for each name, one day after the other."""
    for day, name in enumerate(names):
        frame = bars(30, MINUTE, FIRST + day * DAY, seed)
        put(folder, name, as_csv(frame))
        yield frame


@pytest.mark.parametrize(
    "names",
    [
        ("2024-03-04_AAQ.csv", "2024-03-05_AAQ.csv"),
        ("AAQ_M1_202403040000_202403040039.csv", "AAQ_M1_202403050000_202403050039.csv"),
        ("AAQ-1m-2024-03-04.csv", "AAQ-1min-2024-03-05.csv"),
        ("AAQ_2024_part1.csv", "AAQ_2024_part2.csv"),
        ("AAQ/2024-03-04.csv", "AAQ/2024-03-05.csv"),
        ("AAQ/2024/03/04.csv", "AAQ/2024/03/05.csv"),
        ("symbol=AAQ/date=2024-03-04/part-0.csv", "symbol=AAQ/date=2024-03-05/part-0.csv"),
        ("AAQ.csv", "AAQ (1).csv"),
    ],
)
def test_files_whose_names_differ_in_dates_are_one_series(names: tuple[str, ...], tmp_path: Path) -> None:
    frame = pl.concat(days(tmp_path, *names))
    assert load(tmp_path).fingerprint == expected_of(frame, "AAQ").fingerprint


def expected_of(frame: pl.DataFrame, symbol: str) -> Any:
    return expected(frame, MINUTE, symbol)


@pytest.mark.parametrize(
    ("names", "symbols"),
    [
        (("2024-03-04_AAQ.csv", "2024-03-05_BBQ.csv"), ("AAQ", "BBQ")),
        (("20240304 AAQ 1m.csv", "20240304 BBQ 1m.csv"), ("AAQ", "BBQ")),
        (("AAQ/data.csv", "BBQ/data.csv"), ("AAQ", "BBQ")),
        (("AAQ/2024-03-04.csv", "BBQ/2024-03-05.csv"), ("AAQ", "BBQ")),
        (("symbol=AAQ/part-0.csv", "symbol=BBQ/part-0.csv"), ("AAQ", "BBQ")),
        (("000001.csv", "600519.csv"), ("000001", "600519")),
        (("ESH4.csv", "ESM4.csv"), ("ESH4", "ESM4")),
    ],
)
def test_files_whose_names_differ_in_more_are_several_series(
    names: tuple[str, ...], symbols: tuple[str, ...], tmp_path: Path
) -> None:
    assert len(list(days(tmp_path, *names))) == 2
    assert load(tmp_path).symbols == symbols


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("X_2024-03-04_ask.csv", "X_2024-03-05_bid.csv"), "differ in ask, bid"),
        (("Binance_BTCUSDT_2024-03-04.csv", "Bybit_BTCUSDT_2024-03-05.csv"), "differ in binance, bybit"),
        (("AAPL_full_1min_adjsplit.csv", "AAPL_full_1min_unadjusted.csv"), "differ in adjsplit, unadjusted"),
        (("X-1m-2024-03-04-mark.csv", "X-1m-2024-03-05-funding.csv"), "differ in funding, mark"),
        (("X_M1_2024.csv", "X_H1_2024.csv"), "one for rows of 1h and one of 1m"),
        (("part1.csv", "part2.csv"), "differ in a number alone"),
        (("1.csv", "2.csv"), "differ in a number alone"),
        (("data_01.csv", "data_02.csv"), "differ in a number alone"),
    ],
)
def test_files_whose_names_leave_it_open_are_refused_unless_the_user_says_that_they_are_one(
    names: tuple[str, ...], found: str, tmp_path: Path
) -> None:
    frame = pl.concat(days(tmp_path, *names))
    with pytest.raises(AmbiguousError) as caught:
        load(tmp_path)
    assert found in caught.value.message
    assert all(PurePath(name).name in caught.value.message for name in names)
    assert load(tmp_path, symbol="Z").fingerprint == expected_of(frame, "Z").fingerprint


def test_numbered_files_over_one_span_are_several_series(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        put(tmp_path, f"{number}.csv", as_csv(bars(20, seed=number)))
    assert load(tmp_path).symbols == ("1", "10", "2")


def test_the_note_says_whether_a_file_or_a_folder_gave_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "AAQ"
    list(days(folder, "2024-03-04.csv", "2024-03-05.csv"))
    monkeypatch.chdir(folder)
    for path in (".", str(folder), "2024-03-04.csv"):
        notes = " ".join(check_data(DataConfig(paths=(path,))).notes)
        assert "the folder's name gives AAQ" in notes
        assert "file's name" not in notes
    os.chdir(tmp_path)
    put(tmp_path, "BBQ.csv", as_csv(bars(9)))
    assert "the file's name gives BBQ" in " ".join(check_data(DataConfig(paths=("BBQ.csv",))).notes)
    assert name_series(PurePath("AAQ/2024-03-04.csv")).by == "folder"


def test_names_of_many_files_are_told_in_one_sentence(tmp_path: Path) -> None:
    for number in range(20):
        put(tmp_path, f"{chr(65 + number)}XQ.csv", as_csv(bars(9)))
    told = [note for note in check_data(DataConfig(paths=(str(tmp_path),))).notes if "names give" in note]
    assert len(told) == 1
    assert "AXQ, BXQ, CXQ, DXQ, EXQ, FXQ and 14 more" in told[0]


def test_series_of_several_files_that_overlap_with_other_values_are_no_duplicates_to_choose_from(
    tmp_path: Path,
) -> None:
    for number, day in enumerate(("2024-03-04", "2024-03-05")):
        put(tmp_path, f"AAQ_{day}.csv", as_csv(bars(20, MINUTE, FIRST, seed=number)))
    with pytest.raises(QualityError, match=r"20 differ, the first from .*AAQ_2024-03-04\.csv row 1 in open") as caught:
        load(tmp_path)
    assert "on_duplicate" not in str(caught.value.hint)


MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"


def metatrader(frame: pl.DataFrame, traded: list[float] | None = None) -> str:
    lines = [
        f"{row['time']:%Y.%m.%d}\t{row['time']:%H:%M:%S}\t{row['open']}\t{row['high']}\t{row['low']}\t{row['close']}"
        f"\t{row['volume']}\t{traded[number] if traded else 0}\t{number + 3}\n"
        for number, row in enumerate(frame.iter_rows(named=True))
    ]
    return MT5 + "".join(lines)


def test_ticks_are_the_volume_where_nothing_else_is_and_that_is_said(tmp_path: Path) -> None:
    frames = [bars(30, MINUTE, FIRST + day * DAY) for day in range(2)]
    for day, frame in enumerate(frames):
        put(tmp_path, f"EURUSD_M1_2024030{4 + day}0000_2024030{4 + day}0039.csv", metatrader(frame))
    table = load(tmp_path)
    assert table.symbols == ("EURUSD",)
    assert table.columns == ("open", "high", "low", "close", "volume", "<SPREAD>") or "<SPREAD>" in table.columns
    assert table.frame["volume"].to_list() == pl.concat(frames)["volume"].to_list()
    assert "volume is read from '<TICKVOL>': '<VOL>' is 0 in every row" in str(
        check_data(DataConfig(paths=(str(tmp_path),))).notes
    )
    traded = load(tmp_path, rename={"volume": "<VOL>"})
    assert traded.frame["volume"].sum() == 0


def test_a_traded_volume_stays_the_volume_and_is_not_mixed_with_ticks(tmp_path: Path) -> None:
    first, second = (bars(30, MINUTE, FIRST + day * DAY) for day in range(2))
    path = put(tmp_path, "X_2024-03-04.csv", metatrader(first, [0.0] * 29 + [5.0]))
    assert load(path).frame["volume"].sum() == 5
    put(tmp_path, "X_2024-03-05.csv", metatrader(second))
    with pytest.raises(SchemaError, match="holds ticks and no traded volume"):
        load(tmp_path)
    assert load(tmp_path, rename={"volume": "<TICKVOL>"}).num_rows == 60


def spare(header: str, frame: pl.DataFrame) -> str:
    return header + "\n" + as_csv(frame).split("\n", 1)[1]


@pytest.mark.parametrize("repeats", [2, 3])
def test_spare_columns_of_one_name_are_numbered_and_that_is_said(repeats: int, tmp_path: Path) -> None:
    frame = bars(12).with_columns(pl.lit(float(n)).alias(f"p{n}") for n in range(repeats))
    path = put(tmp_path, "X.csv", spare("time,open,high,low,close,volume" + ",Plot" * repeats, frame))
    table = load(path)
    assert table.columns[5:] == ("Plot", *(f"Plot_{n}" for n in range(2, repeats + 1)))
    assert [table.frame[c][0] for c in table.columns[5:]] == [float(n) for n in range(repeats)]
    assert "numbered" in str(check_data(DataConfig(paths=(str(path),))).notes)
    assert load(path, columns=("close", "Plot_2")).columns == ("close", "Plot_2")
    more = frame.insert_column(6, pl.lit(9.0).alias("q"))
    taken = put(tmp_path, "Y.csv", spare("time,open,high,low,close,volume,Plot_2" + ",Plot" * repeats, more))
    assert set(load(taken).columns[5:]) == {"Plot", "Plot_2", *(f"Plot_{n}" for n in range(3, repeats + 2))}


def test_two_columns_of_one_role_are_refused_where_they_differ_and_one_where_they_agree(tmp_path: Path) -> None:
    frame = bars(12)
    twice = frame.with_columns(frame["close"].alias("again"))
    path = put(tmp_path, "X.csv", spare("time,open,high,low,Close,volume,Close", twice))
    assert load(path).fingerprint == load(put(tmp_path, "plain/X.csv", as_csv(frame))).fingerprint
    path = put(
        tmp_path, "X.csv", spare("time,open,high,low,Close,volume,Close", twice.with_columns(again=pl.col("again") + 1))
    )
    with pytest.raises(DataError, match="'Close' and 'Close' both spell close, and hold different values"):
        load(path)
    assert load(path, columns=("open", "volume")).columns == ("open", "volume")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["a", "Plot", "Signal line"]), st.integers(2, 5))
def test_no_spare_column_is_lost_or_read_for_another(name: str, repeats: int) -> None:
    frame = bars(6).with_columns(pl.lit(float(n)).alias(f"p{n}") for n in range(repeats))
    with tempfile.TemporaryDirectory() as folder:
        header = "time,open,high,low,close,volume" + f",{name}" * repeats
        table = load(put(Path(folder), "X.csv", spare(header, frame)))
        assert [table.frame[column][0] for column in table.columns[5:]] == [float(n) for n in range(repeats)]


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
MONTHS += ("December",)
WRITTEN = {form: number for number, month in enumerate(MONTHS, 1) for form in (month, month[:3], month[:4])}
WRITTEN = {form: number for form, number in WRITTEN.items() if len(form) == 3 or form in (*MONTHS, "Sept")}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*WRITTEN]), st.sampled_from(["", "UTI", "A", "ICO", "K", "X", "BLE"]), st.booleans())
def test_only_names_of_months_are_dates_and_tickers_that_begin_like_one_are_symbols(
    month: str, more: str, year_first: bool
) -> None:
    word = month + more.lower()
    name = read_name(f"2024-{word}" if year_first else f"{word}-2024")
    number = {form.lower(): number for form, number in WRITTEN.items()}.get(word.lower())
    if number:
        assert name.symbol is None
        assert name.span is not None
        assert (name.span[0].month, (name.span[1] - DAY).month) == (number, number)
    else:
        assert name.symbol == word
        assert not name.month


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("AAQ_2024.csv", "MAR_2024.csv"), "may be named for a month or for a symbol"),
        (("spot/AAQ-2024-03-04.csv", "futures/AAQ-2024-03-05.csv"), "folders differ in futures, spot"),
        (("bid/AAQ_2024.csv", "ask/AAQ_2024.csv"), "folders differ in ask, bid"),
        (("NYSE/2024/AAQ.csv", "LSE/2024/AAQ.csv"), "folders differ in lse, nyse"),
        (("exchange=NYSE/AAQ.csv", "exchange=LSE/AAQ.csv"), "folders differ in lse, nyse"),
        (("spot/AAQ/2024-03-04.csv", "swap/AAQ/2024-03-05.csv"), "folders differ in spot, swap"),
        (("AAQ.csv", "adjusted/AAQ.csv"), "folders differ in adjusted"),
        (("AAQ_202404.csv", "AAQ_202406.csv"), "not in the time that it is named for"),
        (("AAQ_2024-03-15_C.csv", "AAQ_2024-06-21_C.csv"), "not in the time that it is named for"),
        (("AAQ_3M_2024.csv", "AAQ_2024.csv"), "only one names 3mo"),
        (("AAQ/data.csv", "AAQ/prices.csv", "BBQ/data.csv"), "names differ in data, prices"),
    ],
)
def test_files_of_one_symbol_that_may_be_several_series_are_refused(
    names: tuple[str, ...], found: str, tmp_path: Path
) -> None:
    frame = pl.concat(days(tmp_path, *names))
    with pytest.raises(AmbiguousError) as caught:
        load(tmp_path)
    assert found in caught.value.message
    assert load(tmp_path, symbol="Z").fingerprint == expected_of(frame, "Z").fingerprint


@pytest.mark.parametrize(
    "names",
    [
        ("2023/AAQ_2024-03-04.csv", "2024/AAQ_2024-03-05.csv"),
        ("AAQ_2024-03.csv", "AAQ_2024-03-06.csv"),
        ("AAQ/2024-03-04/part-0.csv", "AAQ/2024-03-05/part-0.csv"),
        ("AAQ/Mar-2024.csv", "AAQ/2024-03-05.csv"),
        ("year=2024/AAQ_2024Q1.csv", "year=2025/AAQ_2024H1.csv"),
    ],
)
def test_folders_of_dates_and_dates_of_the_rows_make_one_series(names: tuple[str, ...], tmp_path: Path) -> None:
    frame = pl.concat(days(tmp_path, *names))
    assert load(tmp_path).fingerprint == expected_of(frame, "AAQ").fingerprint


def test_files_with_and_without_offsets_are_not_put_on_one_clock(tmp_path: Path) -> None:
    first, second = days(tmp_path, "AAQ_2024-03-04.csv", "AAQ_2024-03-05.csv")
    naive = as_csv(second, lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}")
    put(tmp_path, "AAQ_2024-03-05.csv", naive)
    with pytest.raises(AmbiguousError, match=r"AAQ_2024-03-04.* tells how far its stamps are from UTC, and .*-05") as e:
        load(tmp_path)
    assert "data.timezone" in str(e.value.hint)
    assert load(tmp_path, timezone="UTC").num_rows == first.height + second.height


@settings(max_examples=60, deadline=None)
@given(
    symbols=st.lists(
        st.sampled_from(["AAQ", "MSQ", "BRK.B", "BTC-USD", "2330.TW"]), min_size=1, max_size=3, unique=True
    ),
    inner=st.sampled_from(
        [
            *(
                ("2024-01.csv",),
                ("2024-01-11.csv", "2024-01-12.csv"),
                ("prices.csv",),
                ("data.csv",),
                ("2024/03.csv",),
                ("1d/2024.csv",),
            ),
            *(("ohlcv_2024.csv",), ("bars-1h.csv",)),
        ]
    ),
    ahead=st.sampled_from(["", "dl", "data/2024"]),
)
def test_an_archive_is_a_folder_of_its_members(symbols: list[str], inner: tuple[str, ...], ahead: str) -> None:
    frame, wanted = bars(), {}
    with tempfile.TemporaryDirectory() as folder:
        for number, symbol in enumerate(symbols):
            of = frame.with_columns(pl.col("close") + number / 100)
            wanted[symbol] = of["close"].to_list()
            size = len(of) // len(inner)
            members = [
                (name.replace("2024", "2020"), as_csv(of[place * size : (place + 1) * size]).encode())
                for place, name in enumerate(inner)
            ]
            put(Path(folder), f"{ahead}/{symbol}.zip" if ahead else f"{symbol}.zip", zipped(*members))
        table = load(Path(folder))
    assert {symbol: of["close"].to_list() for (symbol,), of in table.frame.group_by("symbol")} == wanted


def test_what_an_archive_is_called_counts_as_a_folder_s_name_does(tmp_path: Path) -> None:
    rows = as_csv(bars()).encode()
    put(tmp_path, "a/AAQ/2020.zip", zipped(("prices.csv", rows)))
    put(tmp_path, "a/MSQ/data.zip", zipped(("2020.csv", rows)))
    assert load(tmp_path / "a").symbols == ("AAQ", "MSQ")
    put(tmp_path, "b/bid/AAQ.zip", zipped(("2020.csv", rows)))
    put(tmp_path, "b/ask/AAQ.zip", zipped(("2020.csv", rows)))
    put(tmp_path, "c/binance_AAQ.zip", zipped(("AAQ.csv", rows)))
    put(tmp_path, "c/kraken_AAQ.zip", zipped(("AAQ.csv", rows)))
    put(tmp_path, "d/AAQ.zip", zipped(("prices.csv", rows), ("history.csv", rows)))
    for refused in "bcd":
        with pytest.raises(AmbiguousError, match="differ in"):
            load(tmp_path / refused)
    one = put(tmp_path, "AAQ.zip", zipped(("2020.csv", rows)))
    assert "the archive's name gives AAQ" in "\n".join(check_data(DataConfig(paths=(str(one),))).notes)
