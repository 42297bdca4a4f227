"""Headers of several lines, headers of another length than the rows, and rows without any are read only where it is
beyond doubt what each cell is. pandas writes what pandas' users have.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, as_csv, bars, expected, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.columns.spellings import LOOSE_OPEN_TIMES, LOOSE_TIMES
from gatewise.data.table import Table
from gatewise.errors import AmbiguousError, ConfigError, DataError, GatewiseError, ReadError, SchemaError

DAY = timedelta(days=1)
NAMES = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
TICKERS = ["AAPL", "V", "LOW", "OPEN", "BRK-B", "0700.HK", "^GSPC", "BTC-USD", "EURUSD=X"]


def notes_of(path: Path, **said: Any) -> str:
    return "\n".join(check_data(DataConfig(paths=(str(path),), **said)).notes)


def long_table(frames: dict[str, pl.DataFrame], step: timedelta) -> Table:
    parts = [expected(frame, step, symbol).frame for symbol, frame in sorted(frames.items())]
    return Table(pl.concat(parts), step, 7 * DAY if step >= DAY else step)


def pivoted(frames: dict[str, pl.DataFrame], by_ticker: bool, names: tuple[str | None, str | None]) -> pd.DataFrame:
    """Columns of two levels, as yfinance and pandas-datareader hand them out."""
    wide = {}
    for (field, name), (symbol, frame) in itertools.product(NAMES.items(), frames.items()):
        key = (symbol, name) if by_ticker else (name, symbol)
        wide[key] = pd.Series(frame[field].to_numpy(), index=pd.DatetimeIndex(frame["time"].to_list()))
    table = pd.DataFrame(wide)
    table.columns = pd.MultiIndex.from_tuples(table.columns, names=names[::-1] if by_ticker else names)
    return table


@settings(max_examples=40, deadline=None)
@given(
    tickers=st.lists(st.sampled_from(TICKERS), min_size=1, max_size=3, unique=True),
    by_ticker=st.booleans(),
    names=st.sampled_from([("Price", "Ticker"), ("Attributes", "Symbols"), (None, "Ticker")]),
    index=st.sampled_from(["Date", "Datetime", None]),
    how=st.sampled_from(["csv", "reset", "reset without its number", "read back", "parquet", "tuples"]),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_columns_of_two_levels_are_rows_of_each_symbol(
    tickers: list[str], by_ticker: bool, names: tuple[str | None, str], index: str | None, how: str, separator: str
) -> None:
    frames = {ticker: bars(14, DAY, datetime(2024, 1, 1, tzinfo=UTC), seed) for seed, ticker in enumerate(tickers)}
    table = pivoted(frames, by_ticker, names)
    table.index.name = index
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.csv"
        if how == "parquet":
            path = path.with_suffix(".parquet")
            table.to_parquet(path)
        elif how == "csv":
            table.to_csv(path, sep=separator)
        elif how == "reset":
            table.rename_axis(index=index or "Date").reset_index().to_csv(path, sep=separator)
        elif how == "reset without its number":
            table.rename_axis(index=index or "Date").reset_index().to_csv(path, sep=separator, index=False)
        elif how == "tuples":
            table.columns = table.columns.to_flat_index()
            table.to_csv(path, sep=separator)
        else:
            text = table.to_csv()
            pd.read_csv(io.StringIO(text), header=[0, 1], index_col=0).to_csv(path, sep=separator)
        assert load(path).fingerprint == long_table(frames, DAY).fingerprint


@settings(max_examples=40, deadline=None)
@given(
    tickers=st.lists(st.sampled_from(TICKERS), min_size=1, max_size=3, unique=True),
    by_ticker=st.booleans(),
    names=st.sampled_from([("Price", "Ticker"), ("Attributes", "Symbols")]),
    header=st.sampled_from([0, [0, 1]]),
    first_numbers=st.booleans(),
    numbers=st.booleans(),
    again=st.booleans(),
)
def test_columns_of_two_levels_that_pandas_took_for_rows_and_wrote_again_are_read_as_they_were(
    tickers: list[str],
    by_ticker: bool,
    names: tuple[str, str],
    header: int | list[int],
    first_numbers: bool,
    numbers: bool,
    again: bool,
) -> None:
    """With columns of its counters ahead, and names of one line told apart by numbers (Close, Close.1)."""
    frames = {ticker: bars(14, DAY, datetime(2024, 1, 1, tzinfo=UTC), seed) for seed, ticker in enumerate(tickers)}
    text = pivoted(frames, by_ticker, names).rename_axis(index="Date").to_csv()
    text = pd.read_csv(io.StringIO(text), header=header).to_csv(index=first_numbers)
    if again and header == 0:
        text = pd.read_csv(io.StringIO(text), header=header).to_csv(index=numbers)
    with tempfile.TemporaryDirectory() as folder:
        assert load(put(Path(folder), "X.csv", text)).fingerprint == long_table(frames, DAY).fingerprint


def test_dates_below_the_name_of_a_level_are_hinted_as_the_time(tmp_path: Path) -> None:
    """What is left of yfinance's header where its lower lines were skipped: the dates' column is called Price."""
    frame = bars(12, DAY)
    path = put(tmp_path, "X.csv", as_csv(frame.rename({"time": "Price"})))
    with pytest.raises(SchemaError, match="no column is known to hold the time") as caught:
        load(path)
    assert "data.time_column='Price'" in str(caught.value.hint)
    assert load(path, time_column="Price").fingerprint == long_table({"X": frame}, DAY).fingerprint


def test_a_ticker_that_ends_like_a_number_of_pandas_is_itself_where_no_field_came_twice(tmp_path: Path) -> None:
    rows = "".join(f"{time:%Y-%m-%d %H:%M},{close},1\n" for time, close in bars(12).select("time", "close").iter_rows())
    path = put(tmp_path, "X.csv", "Ticker,BRK,BRK.1\nPrice,Close,Close\nDate,,\n" + rows)
    assert load(path).symbols == ("BRK", "BRK.1")


def test_numbered_columns_of_one_role_are_refused_where_they_differ(tmp_path: Path) -> None:
    """Close and Close.1 of a table whose level of symbols was dropped are of two symbols."""
    frame = bars(12)
    text = as_csv(frame.with_columns(pl.col("close").alias("close.1"), pl.lit(5.0).alias("Plot"), plot=pl.lit(6.0)))
    same = put(tmp_path, "X.csv", text.replace("Plot,plot", "Plot,Plot.1", 1))
    assert load(same).columns == (*VALUES, "Plot", "Plot.1")
    differ = put(tmp_path, "X.csv", as_csv(frame.with_columns((pl.col("close") + 1).alias("close.1"))))
    with pytest.raises(AmbiguousError, match=r"columns 'close' and 'close\.1' both spell close") as caught:
        load(differ)
    assert "a row of each symbol" in str(caught.value.hint)
    assert load(differ, columns=("open", "volume")).columns == ("open", "volume")
    assert load(differ, columns=("close", "close.1")).columns == ("close", "close.1")


def test_intraday_stamps_with_offsets_and_further_fields_are_read_from_such_columns(tmp_path: Path) -> None:
    frames = {"AAPL": bars(30, timedelta(minutes=5), datetime(2024, 3, 8, 14, 30, tzinfo=UTC))}
    table = pivoted(frames, False, ("Price", "Ticker")).tz_convert("America/New_York").rename_axis(index="Datetime")
    table[("Adj Close", "AAPL")] = table[("Close", "AAPL")] / 2
    table[("Stock Splits", "AAPL")] = 0.0
    path = tmp_path / "X.csv"
    table.to_csv(path)
    read = load(path)
    assert read.columns == (*VALUES, "adj_close", "Stock Splits")
    assert load(path, columns=VALUES).fingerprint == long_table(frames, timedelta(minutes=5)).fingerprint
    assert "columns of a field and a symbol each, read as rows of AAPL" in notes_of(path)


def test_days_on_which_one_of_several_symbols_has_no_value_are_no_rows_of_it(tmp_path: Path) -> None:
    both = {
        "A": bars(14, DAY, datetime(2024, 1, 1, tzinfo=UTC), 1),
        "B": bars(20, DAY, datetime(2024, 1, 1, tzinfo=UTC)),
    }
    path = tmp_path / "X.csv"
    pivoted(both, False, ("Price", "Ticker")).rename_axis(index="Date").to_csv(path)
    assert load(path).fingerprint == long_table(both, DAY).fingerprint
    assert "no value at all left out: 6" in notes_of(path)


def test_a_symbol_above_the_first_of_its_columns_is_above_them_all(tmp_path: Path) -> None:
    both = {"A": bars(14, DAY, seed=1), "B": bars(14, DAY, seed=2)}
    rows = [
        ",".join([f"{time:%Y-%m-%d %H:%M}", *(str(frame[row, name]) for frame in both.values() for name in VALUES)])
        for row, time in enumerate(both["A"]["time"])
    ]
    text = "\n".join([",A,,,,,B,,,,", ",".join(["Date", *NAMES.values(), *NAMES.values()]), *rows]) + "\n"
    assert load(put(tmp_path, "X.csv", text)).fingerprint == long_table(both, DAY).fingerprint


UNITS = [
    *(",USD,USD,USD,USD,shares", ",USD,USD,USD,USD,USD", ",usd,usd,usd,usd,", "-,EUR,EUR,EUR,EUR,EUR", ",$,$,$,$,$"),
    *("datetime,float,float,float,float,int", ",float64,float64,float64,float64,float64", "Unit,USD,USD,USD,USD,pcs"),
    *("---,---,---,---,---,---", ":---,---:,---:,---:,---:,---:", "----------,----,----,---,-----,------"),
]


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("above", [False, True])
def test_a_line_of_units_types_or_dashes_is_skipped_and_said(units: str, above: bool, tmp_path: Path) -> None:
    lines = as_csv(bars(12)).splitlines()
    top = [units, lines[0]] if above else [lines[0], units]
    path = put(tmp_path, "X.csv", "\n".join([*top, *lines[1:]]) + "\n")
    assert load(path).fingerprint == expected(bars(12)).fingerprint
    assert "a line of units or types at the header skipped" in "\n".join(
        check_data(DataConfig(paths=(str(path),))).notes
    )


def test_a_table_of_markdown_is_read(tmp_path: Path) -> None:
    head, *rows = ["| " + line.replace(",", " | ") + " |" for line in as_csv(bars(12)).splitlines()]
    text = "\n".join([head, "|" + "---|" * 6, *rows]) + "\n"
    assert load(put(tmp_path, "X.csv", text)).fingerprint == expected(bars(12)).fingerprint


@pytest.mark.parametrize("word", ["adjusted", "n/a", "Prices", "in EUR"])
@pytest.mark.parametrize("above", [False, True])
def test_a_word_for_all_columns_that_is_no_ticker_is_no_symbol(word: str, above: bool, tmp_path: Path) -> None:
    lines = as_csv(bars(12)).splitlines()
    top = ["," + ",".join([word] * 5), lines[0]]
    with pytest.raises(DataError):
        load(put(tmp_path, "X.csv", "\n".join([*(top if above else top[::-1]), *lines[1:]]) + "\n"))


Write = Callable[[datetime], str]


def by(fmt: str) -> Write:
    return lambda moment: moment.strftime(fmt)


MONTHS = datetime(2024, 1, 11, 22, 30, tzinfo=UTC)  # to the 13th, which tells day from month
SHAPES: dict[str, tuple[str, Write, list[str], dict[str, Any]]] = {
    "Kraken": ("ZZUSD.csv", lambda m: f"{m.timestamp():.0f}", [*VALUES, "trades"], {}),
    "Kraken's answers": (
        "X.csv",
        lambda m: f"{m.timestamp():.0f}",
        ["open", "high", "low", "close", "open", "volume", "trades"],
        {},
    ),
    "ccxt": ("X.csv", lambda m: f"{m.timestamp() * 1000:.0f}", [*VALUES], {}),
    "HistData ASCII": ("DAT_ASCII_EURUSD_M1_2024.csv", by("%Y%m%d %H%M%S"), [*VALUES], {"separator": ";"}),
    "HistData MetaTrader": ("DAT_MT_EURUSD_M1_2024.csv", by("%Y.%m.%d,%H:%M"), [*VALUES], {}),
    "NinjaTrader": ("ES 03-24.Last.txt", by("%Y%m%d %H%M%S"), [*VALUES], {"separator": ";"}),
    "FirstRate": ("AAPL_full_1min_UNADJUSTED.txt", by("%Y-%m-%d %H:%M:%S"), [*VALUES], {}),
    "Kibot": ("IBM.txt", by("%m/%d/%Y,%H:%M"), [*VALUES], {}),
    "without volume": ("X.csv", by("%Y-%m-%dT%H:%M:%SZ"), ["open", "high", "low", "close"], {}),
    "Metastock": ("X.csv", lambda m: f"MSFT,{m:%Y%m%d},{m:%H:%M}", [*VALUES], {}),
}


def shaped(frame: pl.DataFrame, stamp: Write, columns: list[str], separator: str = ",") -> str:
    counted = frame.with_columns(trades=pl.int_range(pl.len()))
    lines = [
        separator.join([stamp(time), *(str(counted[row, name]) for name in columns)])
        for row, time in enumerate(counted["time"])
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", SHAPES)
def test_rows_of_a_vendor_s_shape_need_no_header(name: str, tmp_path: Path) -> None:
    file, stamp, columns, how = SHAPES[name]
    frame = bars(first=MONTHS)
    path = put(tmp_path, file, shaped(frame, stamp, columns, **how))
    kept = tuple(column for column in VALUES if column in columns)
    said = {} if name == "Metastock" else {"symbol": "MSFT"}
    assert (
        load(path, columns=kept, **said).fingerprint == expected(frame.select("time", *kept), symbol="MSFT").fingerprint
    )
    notes = notes_of(path)
    assert "no header; by the shape of its rows" in notes
    assert ('data.timezone="Etc/GMT+5"' in notes) == file.startswith("DAT_")


def test_days_without_a_header_are_read_too(tmp_path: Path) -> None:
    frame = bars(14, DAY, datetime(2024, 1, 1, tzinfo=UTC))
    for fmt in ("%Y%m%d", "%Y-%m-%d", "%m/%d/%Y"):
        path = put(tmp_path, "X.csv", shaped(frame, by(fmt), [*VALUES]))
        assert load(path).fingerprint == expected(frame, DAY).fingerprint


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(VALUES), stamp=st.sampled_from(["Kraken", "ccxt", "FirstRate", "Kibot", "HistData ASCII"]))
def test_rows_in_another_order_are_refused_and_read_by_the_names_that_are_said(order: list[str], stamp: str) -> None:
    if set(order[1:3]) == {"high", "low"} and order[1] == "high" and order[4] == "volume":
        return  # the right order, or open and close the other way round, which no row tells
    file, write, _, how = SHAPES[stamp]
    frame = bars(first=MONTHS)
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), file, shaped(frame, write, order, **how))
        with pytest.raises(ReadError, match="no header, and its prices are not in the order") as caught:
            load(path)
        assert "data.columns_are=NAME,NAME,… names its" in str(caught.value.hint)
        time = ("date", "time") if stamp == "Kibot" else ("time",)
        read = load(path, columns_are=(*time, *order), columns=VALUES, symbol="X")
        assert read.fingerprint == expected(frame).fingerprint


@settings(max_examples=40, deadline=None)
@given(
    sixth=st.sampled_from(["a vwap", "an adjusted close", "a long adjusted close"]),
    stamp=st.sampled_from(["ccxt", "FirstRate", "HistData ASCII"]),
    seed=st.integers(0, 99),
)
def test_another_price_behind_open_high_low_close_is_no_volume(sixth: str, stamp: str, seed: int) -> None:
    file, write, _, how = SHAPES[stamp]
    frame = bars(first=MONTHS, seed=seed)
    scale = {"an adjusted close": 0.9, "a long adjusted close": 0.01}.get(sixth)
    price = pl.col("close") * scale if scale else (pl.col("high") + pl.col("low")) / 2
    with tempfile.TemporaryDirectory() as folder:
        text = shaped(frame.with_columns(volume=price), write, [*VALUES], **how)
        with pytest.raises(ReadError, match="not in the order open, high, low, close, volume"):
            load(put(Path(folder), file, text))


@settings(max_examples=30, deadline=None)
@given(factor=st.sampled_from([0.5, 1.5, 10.0, 100.0]), swapped=st.booleans())
def test_a_vwap_lies_between_low_and_high(factor: float, swapped: bool) -> None:
    frame = bars(first=MONTHS)
    frame = frame.with_columns(volume=pl.col("volume") + 500, vwap=(pl.col("low") + pl.col("high")) / 2)
    if not swapped:
        frame = frame.with_columns(vwap=pl.col("vwap") * factor)
    columns = [*VALUES[:4], "volume", "vwap"] if swapped else [*VALUES[:4], "vwap", "volume"]
    with tempfile.TemporaryDirectory() as folder:
        text = shaped(frame, SHAPES["Kraken"][1], [*columns, "trades"])
        with pytest.raises(ReadError, match="not in the order open, high, low, close, volume, vwap"):
            load(put(Path(folder), "X.csv", text))


@pytest.mark.parametrize(
    "line", ["1,2,3", "1704067200,1,2", "20240102,1,2,3", "1.5,2.5,1.0,2.0,2.0,1", "60000,1,2,1,2,5"]
)
def test_rows_of_no_known_shape_are_refused_with_their_number_of_columns(line: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="has no header") as caught:
        load(put(tmp_path, "X.csv", f"{line}\n" * 3))
    assert f"names its {line.count(',') + 1} columns" in str(caught.value.hint)


@settings(max_examples=30, deadline=None)
@given(
    separator=st.sampled_from([";", "\t", "|"]), digits=st.integers(1, 5), fmt=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y"])
)
def test_a_first_row_of_decimal_commas_is_no_header(separator: str, digits: int, fmt: str) -> None:
    frame = bars(14, DAY, datetime(2024, 1, 3, tzinfo=UTC))
    lines = [
        separator.join([f"{row[0]:{fmt}}", *(f"{price:.{digits}f}".replace(".", ",") for price in row[1:5]), "7"])
        for row in frame.iter_rows()
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "X.csv", "\n".join(lines) + "\n")
        with pytest.raises(ReadError, match="has no header") as caught:
            load(path)
        assert "data.columns_are=NAME,NAME,… names its 6 columns" in str(caught.value.hint)
        read = load(path, columns_are=("time", *VALUES), decimal=",").frame["close"].to_list()
        assert read == [float(f"{price:.{digits}f}") for price in frame["close"]]


def test_hours_of_lean_are_not_taken_for_a_vendor_s_whose_prices_are_as_they_are(tmp_path: Path) -> None:
    path = put(tmp_path, "aapl.csv", "20131001 09:00,6448000,6449000,6447000,6448000,90\n" * 3)
    with pytest.raises(ReadError, match="has no header") as caught:
        load(path)
    assert 'data.format="lean"' in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "said", "error", "found"),
    [
        ("1,2\n" * 3, ("time", "a", "b"), ReadError, "must have 3 columns .* got 2"),
        ("time,a\n2024-01-01,2\n", ("time", "a"), ReadError, "has a header"),
        ("2024-01-01,2\n2024-01-02,2,3\n", ("time", "a"), ReadError, "row 2 has 3 cells"),
        ("2024-01-01,2\n" * 3, ("time", "time"), ConfigError, "'time' twice"),
    ],
)
def test_names_that_do_not_fit_the_rows_are_refused(
    content: str, said: tuple[str, ...], error: type[GatewiseError], found: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=found) as caught:
        load(put(tmp_path, "X.csv", content), columns_are=said)
    assert caught.value.hint


def test_names_said_of_what_has_names_are_refused(tmp_path: Path) -> None:
    bars(12).write_parquet(tmp_path / "X.parquet")
    with pytest.raises(ReadError, match="carries its columns' names"):
        load(tmp_path / "X.parquet", columns_are=("time", *VALUES))
    path = put(tmp_path, "X.csv", "0,1,2,1,2,5,6,7,8,9,10,11\n" * 3)
    with pytest.raises(ReadError, match=r"data\.format names the columns"):
        load(path, columns_are=("time", *VALUES), format="kline")
    for source in ("lake", "sql"):
        with pytest.raises(GatewiseError, match=r"data\.columns_are is said of text files"):
            load(columns_are=("time",), source=source)


# A header that is not as long as the rows.
LINES = as_csv(bars(12), by("%Y-%m-%d %H:%M:%S")).splitlines()
SHORT = {
    "an index without a name, as R writes it": [
        LINES[0],
        *(f'"{number}",{line}' for number, line in enumerate(LINES[1:], start=1)),
    ],
    "an index of times without a name": [LINES[0].partition(",")[2], *LINES[1:]],
    "rows end with a separator": [LINES[0], *(f"{line}," for line in LINES[1:])],
    "the header ends with a separator": [f"{LINES[0]},", *LINES[1:]],
    "both end with a separator": [f"{line}," for line in LINES],
    "an index without a name below a banner": [
        "Prices of X as of today",
        "",
        LINES[0],
        *(f"7,{line}" for line in LINES[1:]),
    ],
}


@pytest.mark.parametrize("name", SHORT)
def test_a_header_of_another_length_is_read_where_the_times_prove_what_has_no_name(name: str, tmp_path: Path) -> None:
    assert load(put(tmp_path, "X.csv", "\n".join(SHORT[name]) + "\n")).fingerprint == expected(bars(12)).fingerprint


@pytest.mark.parametrize(
    "header",
    ["time,open,high,low,close,volume,trades,vwap", "open,high,low,close", "time,open,high,low,close,volume,trades"],
)
def test_a_header_that_leaves_open_which_cell_has_which_name_is_refused(header: str, tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", "\n".join([header, *LINES[1:]]) + "\n")
    with pytest.raises(ReadError, match=rf"its header has {header.count(',') + 1} cells .*, its rows have 6"):
        load(path)


@settings(max_examples=40, deadline=None)
@given(
    where=st.sampled_from(["last", "before the time", "all prices"]),
    header=st.sampled_from(["as long", "with a separator at its end"]),
    late=st.booleans(),
    whole=st.integers(1, 999),
)
def test_numbers_that_a_separator_cuts_are_never_read_shifted(where: str, header: str, late: bool, whole: int) -> None:
    names = {"last": "date,open,close", "before the time": "close,date", "all prices": "Datum,open,close"}[where]
    rows = []
    for number in range(70):
        date, cut = f"2024-{1 + number // 28:02}-{1 + number % 28:02}", f"{whole},{100 + number}"
        one = {"last": f"{date},7.5,{cut}", "before the time": f"{cut},{date}", "all prices": f"{date},{cut},{cut}"}
        rows.append(one[where])
    if late and where == "last":  # whole numbers in all the rows that are looked at first
        rows[:61] = [row.rpartition(",")[0] for row in rows[:61]]
    with tempfile.TemporaryDirectory() as folder:
        end = "," if header.startswith("with") else ""
        path = put(Path(folder), "X.csv", "\n".join([names + end, *rows]) + "\n")
        with pytest.raises(ReadError):
            load(path, time_column=names.split(",")[1 if where == "before the time" else 0])


def test_one_broken_row_is_not_taken_for_a_short_header(tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", "\n".join([*LINES[:6], f"{LINES[6]},7", *LINES[7:]]) + "\n")
    with pytest.raises(ReadError, match="row 6 has 7 cells; the header has 6"):
        load(path)


@pytest.mark.parametrize(
    "header", [*LOOSE_TIMES, "Unnamed: 0", "Time Stamp", "Exchange Date", "DateTimeUTC", "Index", "TradDt"]
)
def test_words_that_mean_other_things_too_are_the_time_where_they_hold_the_only_dates(
    header: str, tmp_path: Path
) -> None:
    frame = bars(30).rename({"time": header})
    opens = header in LOOSE_OPEN_TIMES
    ends = pl.Series("end", [f"{moment + timedelta(minutes=59)}" for moment in bars(30)["time"]])
    path = put(tmp_path, "X.csv", as_csv(frame.with_columns(ends) if opens else frame))
    assert load(path).fingerprint == expected(bars(30)).fingerprint
    assert ("by the time column's name" in str(check_data(DataConfig(paths=(str(path),))).notes)) == opens


def test_such_words_beside_other_dates_or_a_time_are_no_time(tmp_path: Path) -> None:
    listed = pl.lit("2020-01-02").alias("start")
    with pytest.raises(SchemaError, match="no column is known to hold the time"):
        load(put(tmp_path, "X.csv", as_csv(bars(30).rename({"time": "Kurszeit"}).with_columns(listed))))
    known = put(tmp_path, "Y.csv", as_csv(bars(30).with_columns(listed)))
    assert load(known, symbol="X").fingerprint == expected(bars(30)).fingerprint
    numbers = put(tmp_path, "Z.csv", as_csv(bars(30).with_columns(pl.lit(7).alias("begin"))))
    assert "begin" in load(numbers).columns


def test_columns_of_nse_s_udiff_are_bars_of_each_symbol(tmp_path: Path) -> None:
    names = {"time": "TradDt", "open": "OpnPric", "high": "HghPric", "low": "LwPric", "close": "ClsPric"}
    days = bars(10, timedelta(days=1), datetime(2024, 1, 1, tzinfo=UTC)).with_columns(pl.col("time").dt.date())
    of = [days.with_columns(pl.lit(name).alias("TckrSymb"), pl.lit("EQ").alias("SctySrs")) for name in ("INFY", "TCS")]
    frame = pl.concat(of).with_columns(pl.col("time").alias("BizDt")).rename(names | {"volume": "TtlTradgVol"})
    table = load(put(tmp_path, "b.csv", as_csv(frame)))
    assert table.symbols == ("INFY", "TCS")
    assert table.columns == ("open", "high", "low", "close", "volume")
