"""The same bars, however written, are the same Table. A stamp read an hour off, or a column taken for another, trains
a model without complaint and is found out live.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import itertools
import logging
import lzma
import tempfile
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import FIRST, as_csv, bars, expected, load, packed, put, zipped
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.columns.identity import IDS, LOOSE_SYMBOLS
from gatewise.data.columns.interval_column import INTERVALS
from gatewise.data.columns.spellings import ALL_TIMES, LOOSE_TIMES, SYMBOLS, VALUES
from gatewise.data.files.discover import KINDS, PACKED
from gatewise.data.table import Table, require_bars
from gatewise.errors import UnknownNameError

BARS = bars()
WANTED = expected(BARS).fingerprint


def epoch(unit: int) -> Callable[[datetime], object]:
    """Whole epochs of `unit` a second, by integer arithmetic."""
    return lambda moment: (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * unit // 1_000_000


def written(fmt: str) -> Callable[[datetime], object]:
    return lambda moment: moment.strftime(fmt)


def in_zone(zone: str, fmt: str) -> Callable[[datetime], object]:
    return lambda moment: moment.astimezone(zoneinfo.ZoneInfo(zone)).strftime(fmt)


STAMPS: dict[str, tuple[Callable[[datetime], object], dict[str, Any]]] = {
    "epoch seconds": (epoch(1), {}),
    "epoch milliseconds": (epoch(1_000), {}),
    "epoch microseconds": (epoch(1_000_000), {}),
    "epoch nanoseconds": (epoch(1_000_000_000), {}),
    "epoch seconds with a point": (lambda moment: f"{moment.timestamp():.1f}", {}),
    "said epoch": (epoch(1_000), {"time_format": "epoch_ms"}),
    "ISO with Z": (written("%Y-%m-%dT%H:%M:%SZ"), {}),
    "ISO with offset": (in_zone("Asia/Kolkata", "%Y-%m-%dT%H:%M:%S%z"), {}),
    "ISO with colon offset": (lambda m: m.astimezone(zoneinfo.ZoneInfo("America/New_York")).isoformat(), {}),
    "short offset": (written("%Y-%m-%d %H:%M:%S+00"), {}),
    "zone in words": (written("%Y-%m-%d %H:%M:%S UTC"), {}),
    "GMT offset": (in_zone("Europe/Berlin", "%d.%m.%Y %H:%M:%S.000 GMT%z"), {}),
    "naive is UTC": (written("%Y-%m-%d %H:%M:%S"), {}),
    "naive minutes": (written("%Y/%m/%d %H:%M"), {}),
    "fraction": (written("%Y-%m-%d %H:%M:%S.%f"), {}),
    "zone said": (in_zone("America/Chicago", "%Y-%m-%d %H:%M:%S"), {"timezone": "America/Chicago"}),
    "month first, proved": (written("%m/%d/%Y %H:%M"), {}),
    "month first without zeros": (lambda m: f"{m.month}/{m.day}/{m.year} {m.hour}:{m:%M}", {}),
    "day first, proved": (written("%d.%m.%Y %H:%M:%S.000"), {}),
    "two-digit year, day first said": (written("%d/%m/%y %H:%M"), {"day_first": True}),
    "AM and PM": (written("%Y-%m-%d %I:%M:%S %p"), {}),
    "month's name": (written("%d %b %Y %H:%M"), {}),
    "English": (written("%B %d, %Y %H:%M"), {}),
    "without separators": (written("%Y%m%d %H%M%S"), {}),
    "digits only": (written("%Y%m%d%H%M"), {}),
    "format said": (written("%H.%M Uhr, %d-%m-%Y"), {"time_format": "%H.%M Uhr, %d-%m-%Y"}),
}


@pytest.mark.parametrize("name", STAMPS)
def test_stamps_are_the_same_moments_however_written(name: str, tmp_path: Path) -> None:
    stamp, said = STAMPS[name]
    file = put(tmp_path, "X.csv", as_csv(BARS, stamp, separator=";"))
    assert load(file, **said).fingerprint == WANTED


def test_hours_without_minutes_are_read_with_am_and_pm(tmp_path: Path) -> None:
    frame = bars(first=datetime(2019, 10, 16, 9, tzinfo=UTC))
    file = put(tmp_path, "X.csv", as_csv(frame, written("%Y-%m-%d %I-%p")))
    assert load(file).fingerprint == expected(frame).fingerprint


def columnar(frame: pl.DataFrame, kind: str) -> bytes:
    buffer = io.BytesIO()
    (frame.write_parquet if kind == "parquet" else frame.write_ipc)(buffer)  # type: ignore[operator]
    return buffer.getvalue()


TEXT = as_csv(BARS, written("%Y-%m-%d %H:%M:%S")).encode()
TENTHS = pl.Decimal(9, 1)
CONTAINERS: dict[str, bytes] = {
    "X.csv": TEXT,
    "X.csv.gz": gzip.compress(TEXT),
    "X.csv.xz": lzma.compress(TEXT),
    "X.csv.bz2": bz2.compress(TEXT),
    "X.csv.zst": packed(TEXT, "zstd"),
    "X.csv.lz4": packed(TEXT, "lz4"),
    "X_1h.zip": zipped(("X.csv.zst", packed(TEXT, "zstd")), ("metadata.json", b"{}"), ("manifest.json", b"{}")),
    "X_daily.parquet.zst": packed(columnar(BARS, "parquet"), "zstd"),
    "X.zip": zipped(("X.csv", TEXT)),
    "X-1h-2020-01.csv": TEXT,
    "X.tsv": TEXT.replace(b",", b"\t"),
    "X.txt": TEXT.replace(b",", b"|"),
    "X_1h.csv": b"\xef\xbb\xbf" + TEXT,
    "X 2020.csv": TEXT.decode().encode("utf-16"),
    "X_2020-01-11.csv": TEXT.replace(b"\n", b"\r\n"),
    "X_daily.csv": b"Downloaded somewhere\n\n" + TEXT + b",,,,,\n\n,,,,,\nDownloaded from a place as of today\n",
    "X.parquet": columnar(BARS, "parquet"),
    "X.feather": columnar(BARS, "feather"),
    "X.pq": columnar(
        BARS.with_columns(pl.col("time").dt.cast_time_unit("ns"), pl.col("volume").cast(TENTHS)), "parquet"
    ),
    "X.arrow": columnar(BARS.with_columns(pl.col("time").dt.convert_time_zone("Asia/Tokyo")), "feather"),
    "X_1h.parquet": columnar(BARS.with_columns(pl.col("time").dt.replace_time_zone(None)), "parquet"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_hold_the_same_table(name: str, tmp_path: Path) -> None:
    assert load(put(tmp_path, name, CONTAINERS[name])).fingerprint == WANTED


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Volume",
        "date_time,o,h,l,c,v",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        "timestamp_utc,open_price,high_price,low_price,close_price,volume_traded",
        "unix_timestamp,1. open,2. high,3. low,4. close,5. volume",
        "open_time,open,high,low,last,base_volume",
        "Gmt time,First,HIGH,LOW,Close/Last,Vol.",
    ],
)
def test_columns_are_found_by_their_usual_spellings(header: str, tmp_path: Path) -> None:
    text = "\n".join([header, *as_csv(BARS, written("%Y-%m-%d %H:%M:%S")).splitlines()[1:]])
    table = load(put(tmp_path, "X.csv", text + "\n"))
    assert table.fingerprint == WANTED
    require_bars(table)


def test_short_spellings_keep_their_names_where_there_are_no_bars(tmp_path: Path) -> None:
    frame = BARS.rename({"open": "c", "high": "vol", "low": "last", "close": "x"}).drop("volume")
    assert load(put(tmp_path, "X.csv", as_csv(frame))).columns == ("c", "vol", "last", "x")


def test_a_column_of_another_name_is_renamed_on_request(tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(BARS.rename({"volume": "Umsatz"}), separator=";"))
    assert load(file, rename={"volume": "Umsatz"}).fingerprint == WANTED


def test_the_adjusted_close_stays_apart_from_the_close(tmp_path: Path) -> None:
    frame = BARS.with_columns((pl.col("close") / 2).alias("Adj Close"))
    table = load(put(tmp_path, "X.csv", as_csv(frame)))
    assert table.columns == ("open", "high", "low", "close", "volume", "adj_close")
    assert table.frame["adj_close"].to_list() == (BARS["close"] / 2).to_list()


def test_date_and_time_may_be_two_columns(tmp_path: Path) -> None:
    parts = BARS.select(
        pl.col("time").dt.strftime("%Y.%m.%d").alias("<DATE>"),
        pl.col("time").dt.strftime("%H:%M:%S").alias("<TIME>"),
        pl.exclude("time"),
    )
    assert load(put(tmp_path, "X.csv", parts.write_csv(separator="\t"))).fingerprint == WANTED


@pytest.mark.parametrize("said", [{}, {"time_column": "Year,Month,Day,Hour,Minute"}])
def test_the_time_may_lie_in_calendar_columns(said: dict[str, str], tmp_path: Path) -> None:
    time = pl.col("time").dt
    parts = BARS.select(
        time.year().alias("Year"),
        time.month().alias("Month"),
        time.day().alias("Day"),
        time.hour().alias("Hour"),
        time.minute().alias("Minute"),
        pl.exclude("time"),
    )
    assert load(put(tmp_path, "X.csv", parts.write_csv()), **said).fingerprint == WANTED


@pytest.mark.parametrize(
    ("separator", "write"),
    [
        (";", lambda number: f"{number:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")),
        (",", lambda number: f'"{number:,.2f}"'),
        (",", lambda number: f'" {number:.2f} "'),
        (",", lambda number: f"${number:.2f}"),
        (",", lambda number: f"{number:.8e}"),
    ],
)
def test_numbers_may_be_quoted_grouped_or_have_decimal_commas(
    separator: str, write: Callable[[float], str], tmp_path: Path
) -> None:
    lines = [separator.join(BARS.columns)]
    for moment, *values in BARS.iter_rows():
        lines.append(separator.join([f"{moment:%Y-%m-%d %H:%M}", *map(write, values)]))
    assert load(put(tmp_path, "X.csv", "\n".join(lines) + "\n")).fingerprint == WANTED


def test_missing_words_become_null_and_nothing_is_filled(tmp_path: Path) -> None:
    words = ["", "NA", "N/A", "nan", "NaN", "null", "None", "-", " "]
    column = [words[row // 2] if row % 2 and row // 2 < len(words) else str(row) for row in range(BARS.height)]
    table = load(put(tmp_path, "X.csv", as_csv(BARS.with_columns(pl.Series("pm", column)))))
    wanted = [None if row % 2 and row // 2 < len(words) else float(row) for row in range(BARS.height)]
    assert table.frame["pm"].to_list() == wanted


def kline_zip(frame: pl.DataFrame, header: bool = False, us: bool = False) -> bytes:
    opened = pl.col("time").dt.epoch("us" if us else "ms")
    lines = frame.select(
        opened.alias("open_time"),
        *("open", "high", "low", "close", "volume"),
        (opened + (3_600_000_000 if us else 3_600_000) - 1).alias("close_time"),
        *(pl.lit(1.5).alias(name) for name in ("quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")),
        pl.lit(0).alias("ignore"),
    )
    return zipped(("member.csv", lines.write_csv(include_header=header).encode()))


def test_headerless_klines_are_known_and_a_change_of_their_unit_between_files_is_met(tmp_path: Path) -> None:
    put(tmp_path, "X-1h-2020-01-11.zip", kline_zip(BARS[:10]))
    put(tmp_path, "X-1h-2020-01-12.zip", kline_zip(BARS[10:25], header=True))
    put(tmp_path, "X-1h-2020-01-13.zip", kline_zip(BARS[25:], us=True))
    table = load(tmp_path, symbol="X")
    assert table.columns[5:] == ("quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")
    assert load(tmp_path, symbol="X", columns=("open", "high", "low", "close", "volume")).fingerprint == WANTED
    assert load(tmp_path / "*.zip", symbol="X", format="kline").fingerprint == table.fingerprint


def test_lean_minutes_take_day_and_symbol_from_the_names(tmp_path: Path) -> None:
    minutes = bars(90, timedelta(minutes=1), datetime(2016, 10, 7, 23, 0, tzinfo=UTC))
    for day in (7, 8):
        part = minutes.filter(pl.col("time").dt.day() == day)
        since = (pl.col("time") - pl.col("time").dt.truncate("1d")).dt.total_milliseconds().alias("time")
        text = part.with_columns(since).write_csv(include_header=False)
        data = zipped((f"2016100{day}_x_minute_trade.csv", text.encode()))
        put(tmp_path, f"crypto/coinbase/minute/x/2016100{day}_trade.zip", data)
    table = load(tmp_path, format="lean")
    assert table.fingerprint == expected(minutes, timedelta(minutes=1), symbol="x").fingerprint


def test_many_symbols_in_one_file_and_one_symbol_a_file_are_the_same_table(tmp_path: Path) -> None:
    both = {"A": bars(seed=1), "B": bars(seed=2)}
    for symbol, frame in both.items():
        put(tmp_path, f"apart/{symbol}-1h.csv", as_csv(frame))
    long = pl.concat([frame.insert_column(0, pl.Series("Ticker", [s] * frame.height)) for s, frame in both.items()])
    joined = load(put(tmp_path, "long.csv", as_csv(long.sort("time", "Ticker"))))
    assert joined.symbols == ("A", "B")
    assert load(tmp_path / "apart").fingerprint == joined.fingerprint
    only = load(tmp_path / "long.csv", symbols=("B",))
    assert only.fingerprint == expected(bars(seed=2), symbol="B").fingerprint
    with pytest.raises(UnknownNameError, match="'C'"):
        load(tmp_path / "long.csv", symbols=("C",))


def test_the_one_symbol_that_is_wanted_of_one_file_without_symbols_names_its_rows_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "bars.csv", as_csv(bars(seed=2)))
    with caplog.at_level(logging.INFO, "gatewise"):
        table = load(tmp_path / "bars.csv", symbols=("B",))
    assert table.fingerprint == expected(bars(seed=2), symbol="B").fingerprint
    assert "taken for B's, the one symbol that is wanted (the file's name gives bars)" in caplog.text
    put(tmp_path, "C.csv", as_csv(bars(seed=1)))
    with pytest.raises(UnknownNameError, match="'B'"):
        load(tmp_path, symbols=("B",))


def test_members_of_a_zip_are_files(tmp_path: Path) -> None:
    a, b = as_csv(bars(seed=1)).encode(), as_csv(bars(seed=2)).encode()
    file = put(
        tmp_path, "all.zip", zipped(("A.csv", a), ("B.csv", b), ("readme.txt", b"words"), ("__MACOSX/._A", b"x"))
    )
    put(tmp_path, "apart/A.csv", a)
    put(tmp_path, "apart/B.csv", b)
    assert load(file).fingerprint == load(tmp_path / "apart").fingerprint


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_the_order_of_rows_and_their_spread_over_files_do_not_matter(order: list[int], cut: int) -> None:
    frame = bars(12)
    shuffled = frame[list(order)]
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate((shuffled[:cut], shuffled[cut:])):
            if part.height:
                put(Path(folder), f"X-2020-01-{11 + number}.csv", as_csv(part))
        assert load(folder, timeframe="1h").fingerprint == expected(frame).fingerprint


@settings(max_examples=40, deadline=None)
@given(
    hours=st.sets(st.integers(0, 60), min_size=3).map(lambda some: sorted({*some, *(hour + 1 for hour in some)})),
    again=st.lists(st.integers(0, 60), max_size=5),
    keep=st.sampled_from(["first", "last"]),
)
def test_rows_out_are_rows_in_and_gaps_stay_gaps(hours: list[int], again: list[int], keep: str) -> None:
    rows = [(hour, float(number)) for number, hour in enumerate([*hours, *(hour for hour in again if hour in hours)])]
    text = "time,value\n" + "".join(f"{FIRST + timedelta(hours=hour)},{value}\n" for hour, value in rows)
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "X.csv", text), on_duplicate=keep)
    wanted: dict[datetime, float] = {}
    for hour, value in rows:
        moment = FIRST + timedelta(hours=hour) + table.timeframe
        wanted[moment] = wanted.get(moment, value) if keep == "first" else value
    assert dict(table.frame.select("time", "value").iter_rows()) == wanted
    steps = [timedelta(hours=later - hour) for hour, later in itertools.pairwise(hours)]
    assert table.timeframe in steps
    assert len(set(table.segment_start.tolist())) == 1 + sum(step > table.gap_tolerance for step in steps)


def test_stamps_of_the_close_are_not_moved(tmp_path: Path) -> None:
    closes = BARS.with_columns(pl.col("time") + timedelta(hours=1))
    assert load(put(tmp_path, "X.csv", as_csv(closes)), stamp="close").fingerprint == WANTED
    renamed = as_csv(closes.rename({"time": "close_time"}))
    assert load(put(tmp_path, "X_2020.csv", renamed)).fingerprint == WANTED


def test_a_table_can_be_cut_by_the_time_at_which_rows_are_knowable(tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(BARS))
    start, end = FIRST + timedelta(hours=5), FIRST + timedelta(hours=9)
    times = load(file, start=start, end=end).frame["time"]
    assert (times.min(), times.max(), len(times)) == (start, end - timedelta(hours=1), 4)
    assert load(file, start=start.replace(tzinfo=None), end=end.replace(tzinfo=None)).frame["time"].equals(times)


def test_only_wanted_columns_are_kept_in_the_order_of_the_wish(tmp_path: Path) -> None:
    assert load(put(tmp_path, "X.csv", as_csv(BARS)), columns=("volume", "close")).columns == ("volume", "close")


def test_text_and_empty_columns_are_left_out_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = BARS.with_columns(pl.lit("cloudy").alias("weather"), pl.lit("N/A").alias("Open Int"))
    with caplog.at_level("INFO", "gatewise"):
        table = load(put(tmp_path, "X.csv", as_csv(frame)))
    assert table.columns == ("open", "high", "low", "close", "volume")
    assert "no numbers: weather" in caplog.text
    assert "no value in any row: Open Int" in caplog.text


def test_types_of_arrow_become_numbers_and_text_or_are_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = BARS.height
    table = BARS.drop("volume").to_arrow()
    table = table.append_column("ticker", pa.array(["X"] * rows).dictionary_encode())
    cents = [Decimal(str(volume)) for volume in BARS["volume"]]
    table = table.append_column("volume", pa.array(cents, pa.decimal256(40, 1)))
    table = table.append_column("legs", pa.array([[1.0, 2.0]] * rows))
    table = table.append_column("lag", pa.array([(1, 2, 3)] * rows, pa.month_day_nano_interval()))
    with pa.OSFile(str(tmp_path / "odd.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with caplog.at_level("INFO", "gatewise"):
        assert load(tmp_path / "odd.arrow").fingerprint == WANTED
    assert "legs (list" in caplog.text
    assert "lag (month_day_nano_interval)" in caplog.text


def test_what_was_assumed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shuffled = as_csv(BARS.sample(fraction=1, shuffle=True, seed=1), written("%Y-%m-%d %H:%M"))
    with caplog.at_level("INFO", "gatewise"):
        load(put(tmp_path, "X.csv", shuffled))
    for words in ("read as UTC", "file's name gives X", "most frequent step", "bar's open", "sorted", "40 rows of X"):
        assert words in caplog.text


@pytest.mark.parametrize("source", ["sp500", "nasdaq"])
def test_the_samples_are_the_bars_that_arch_hands_out(source: str) -> None:
    table: Table = load(source=source)
    reference = importlib.import_module(f"arch.data.{source}").load()
    assert table.symbols == (source.upper(),)
    assert (table.timeframe, table.gap_tolerance) == (timedelta(days=1), timedelta(days=7))
    assert [time.date() - timedelta(days=1) for time in table.frame["time"]] == list(reference.index.date)
    for name in ("Open", "High", "Low", "Close", "Volume"):
        assert table.frame[name.lower()].to_list() == reference[name].to_list()
    require_bars(table)


def test_the_page_on_data_files_lists_every_spelling_suffix_and_count() -> None:
    page = (Path(__file__).parents[1] / "docs" / "data-files.md").read_text(encoding="utf-8")
    report = check_data(DataConfig(source="sp500")).to_dict()
    words = [
        *ALL_TIMES,
        *LOOSE_TIMES,
        *SYMBOLS,
        *IDS,
        *LOOSE_SYMBOLS,
        *INTERVALS,
        *itertools.chain(*VALUES.values()),
        *KINDS,
        *PACKED,
        *report,
    ]
    assert [word for word in words if f"`{word}`" not in page] == []
