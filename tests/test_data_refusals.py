"""Whatever a file holds, it is read right or refused in one line that names it and what to do; nothing else comes out.

A file that is read wrong without a word is the worst bug of all, and a traceback tells a user nothing.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_files import as_csv, bars, load, packed, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import (
    AmbiguousError,
    ConfigError,
    DataError,
    GatewiseError,
    NotEnoughRowsError,
    QualityError,
    ReadError,
    SchemaError,
)

TEXT = as_csv(bars(12))
BYTES = TEXT.encode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def feather(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


def with_cell(column: str, row: int, cell: str) -> str:
    lines = [line.split(",") for line in TEXT.splitlines()]
    lines[row][lines[0].index(column)] = cell
    return "\n".join(",".join(line) for line in lines) + "\n"


def with_column(column: str, cell: str) -> str:
    return as_csv(bars(12).with_columns(pl.lit(cell).alias(column)))


Case = tuple[str, str | bytes, dict[str, Any], type[GatewiseError], str, str]
CASES: dict[str, Case] = {
    "empty": ("X.csv", "", {}, ReadError, "is empty", "fetch"),
    "blank": ("X.csv", "\n \n", {}, ReadError, "is empty", "fetch"),
    "empty inside": ("X.csv.gz", gzip.compress(b""), {}, ReadError, "is empty", "fetch"),
    "header only": ("X.csv", TEXT.splitlines()[0] + "\n", {}, ReadError, "no rows", "fetch"),
    "columns only": ("X.parquet", parquet(bars(1).clear()), {}, ReadError, "no rows", "fetch"),
    "one row": ("X.csv", as_csv(bars(1)), {}, NotEnoughRowsError, "1 row(s)", "data.timeframe"),
    "picture": ("X.csv", PNG, {}, ReadError, "a PNG picture", "CSV, Parquet and Feather"),
    "page": ("X.csv", "<!DOCTYPE html><p>Not found", {}, ReadError, "a web page", "CSV, Parquet and Feather"),
    "JSON named CSV": ("X.csv", '{"error": "rate limit"}', {}, ReadError, "content is JSON", 'data.format="json"'),
    "answer": ("X.json", '{"error": "rate limit"}', {}, ReadError, "JSON without a table", "arrays of objects"),
    "garbage": ("X.csv", bytes(range(256)) * 8, {}, ReadError, "no text", "CSV, Parquet and Feather"),
    "text named Parquet": ("X.parquet", TEXT, {}, ReadError, "not what its name says", 'data.format="csv"'),
    "Parquet named CSV": ("X.csv", parquet(bars()), {}, ReadError, "not what its name says", 'data.format="parquet"'),
    "packed without saying": ("X.csv", gzip.compress(BYTES), {}, ReadError, "packed as .gz", "X.csv.gz"),
    "not packed": ("X.csv.gz", TEXT, {}, ReadError, "no .gz archive", 'data.format="csv"'),
    "cut gzip": ("X.csv.gz", gzip.compress(BYTES)[:-9], {}, ReadError, "truncated .gz", "fetch it again"),
    "cut zst": ("X.csv.zst", packed(BYTES, "zstd")[:-9], {}, ReadError, "truncated .zst", "fetch it again"),
    "zst of one frame and a half": (
        "X.csv.zst",
        packed(BYTES, "zstd") + packed(BYTES, "zstd")[:40],
        {},
        ReadError,
        "truncated .zst",
        "fetch it again",
    ),
    "cut lz4": ("X.csv.lz4", packed(BYTES, "lz4")[:-9], {}, ReadError, "truncated .lz4", "fetch it again"),
    "zst without saying": ("X.csv", packed(BYTES, "zstd"), {}, ReadError, "packed as .zst", "X.csv.zst"),
    "cut xz": ("X.csv.xz", lzma.compress(BYTES)[:-9], {}, ReadError, "truncated .xz", "fetch it again"),
    "cut zip": ("X.zip", zipped(X_csv=BYTES)[:-9], {}, ReadError, "damaged zip", "fetch it again"),
    "cut Parquet": ("X.parquet", parquet(bars())[:-9], {}, ReadError, "truncated Parquet", "fetch it again"),
    "cut Feather": ("X.feather", b"ARROW1\x00\x00" + bytes(9), {}, ReadError, "truncated Feather", "fetch it again"),
    "cut text": ("X.csv", TEXT[:-30], {}, ReadError, "looks cut off", "fetch it again"),
    "zip of pictures": ("X.zip", zipped(a_png=PNG, b_png=PNG), {}, ReadError, "a.png, b.png", ".csv"),
    "empty zip": ("X.zip", zipped(), {}, ReadError, "no data member", ".csv"),
    "classification set": ("X.ts", "@problemName X\n@data\n1,2:a", {}, ReadError, "labelled samples", "long CSV"),
    "workbook": ("X.xlsx", zipped(a_xml=b"<x/>"), {}, ReadError, "Excel", "write it as CSV"),
    "pickle": ("X.pkl", b"\x80\x04.", {}, ReadError, "a pickle", "write it as CSV"),
    "not UTF-8": ("X.csv", BYTES + b"\xe9,1,2,3,4,5\n", {}, ReadError, "not UTF-8", "UTF-8"),
    "Latin-1 in the header": (
        "X.csv",
        TEXT.replace("volume", "Größe").encode("latin-1"),
        {},
        ReadError,
        "not UTF-8 text: byte 0xf6 at 27",
        "write it as UTF-8",
    ),
    "Latin-1 above the header": (
        "X.csv",
        "Stand: März\n".encode("latin-1") + BYTES,
        {},
        ReadError,
        "not UTF-8",
        "write it as UTF-8",
    ),
    "a name that rows need": ("X.csv", TEXT.replace("volume", "__row"), {}, SchemaError, "__row", "rename"),
    "a name that stamps need": ("X.csv", TEXT.replace("volume", "__stamp"), {}, SchemaError, "__stamp", "rename"),
    "a name that files need": (
        "X.parquet",
        parquet(bars().rename({"volume": "__file"})),
        {},
        SchemaError,
        "__file",
        "rename",
    ),
    "a name that the nameless get": (
        "X.csv",
        "time,__unnamed_2,\n2020-01-01,1,2\n",
        {},
        SchemaError,
        "twice",
        "rename",
    ),
    "renamed from the time": ("X.csv", TEXT, {"rename": {"x": "time"}}, SchemaError, "'time'", "data.time_column"),
    "renamed twice": (
        "X.csv",
        TEXT,
        {"rename": {"a": "low", "b": "low"}},
        SchemaError,
        "data.rename.a and data.rename.b",
        "leave one",
    ),
    "renamed onto a name that was free": (
        "X.csv",
        TEXT.replace("open,high,low", "oi,oi_,x"),
        {"rename": {"oi": "x"}},
        SchemaError,
        "'oi' and 'oi_' would both become 'oi_'",
        "rename",
    ),
    "time parts twice": ("X.csv", TEXT, {"time_column": "time,time"}, SchemaError, "twice", "once"),
    "no header": (
        "X.csv",
        "1,2,3\n2,3,4\n3,4,5\n",
        {},
        ReadError,
        "no header",
        "data.columns_are=NAME,NAME,… names its 3",
    ),
    "no header, another order": (
        "X.csv",
        as_csv(bars(12).select("time", "low", "high", "open", "close", "volume")).partition("\n")[2],
        {},
        ReadError,
        "not in the order open, high, low, close",
        "data.columns_are=NAME,NAME,… names its 6",
    ),
    "LEAN unsaid": (
        "20161007_trade.zip",
        zipped(a_csv=b"0,1,2,1,2,5\n60000,1,2,1,2,5\n"),
        {},
        ReadError,
        "no header",
        'data.format="lean"',
    ),
    "LEAN without a day": (
        "X.csv",
        "0,1,2,1,2,5\n",
        {"format": "lean"},
        ReadError,
        "its day in its name",
        "data.format",
    ),
    "LEAN past midnight": (
        "20161007_x.csv",
        "86400000,1,2,1,2,5\n",
        {"format": "lean"},
        ReadError,
        "row 1",
        "data.format",
    ),
    "LEAN option": ("option/20161007_x.csv", "0,1,2,1,2,5\n", {"format": "lean"}, ReadError, "scales option", "CSV"),
    "LEAN hours": ("x.csv", "20161007 00:00,1,2,1,2,5\nx,1,2,1,2,5\n", {"format": "lean"}, ReadError, "row 2", "csv"),
    "adjusted text": ("X.csv", TEXT, {"adjusted": True}, ConfigError, "data.adjusted is about LEAN", "data.format"),
    "adjusted crypto": (
        "20161007_x.csv",
        "0,1,2,1,2,5\n",
        {"format": "lean", "adjusted": True},
        ReadError,
        "about equities",
        "leave it out",
    ),
    "no factors": (
        "equity/usa/20161007_x.csv",
        "0,1,2,1,2,5\n",
        {"format": "lean", "adjusted": True},
        ReadError,
        "there is no factor file",
        "data.adjusted=False",
    ),
    "kline of six": ("X.csv", "0,1,2,1,2,5\n", {"format": "kline"}, ReadError, "must have 12 columns", "data.format"),
    "no time": ("X.csv", "a,b\n1,2\n3,4\n", {}, SchemaError, "no column is known to hold the time", "data.time_column"),
    "time column absent": ("X.csv", TEXT, {"time_column": "tme"}, SchemaError, "'tme'", "did you mean 'time'"),
    "symbol column absent": ("X.csv", TEXT, {"symbol_column": "s"}, SchemaError, "'s'", "data.symbol_column takes"),
    "wanted column absent": ("X.csv", TEXT, {"columns": ("clse",)}, SchemaError, "'clse'", "did you mean 'close'"),
    "renamed column absent": ("X.csv", TEXT, {"rename": {"low": "L"}}, SchemaError, "'L'", "data.rename.low"),
    "close twice": ("X.csv", TEXT.replace("volume", "close"), {}, AmbiguousError, "'close' and 'close' both", "rename"),
    "role twice": ("X.csv", "time,Open,open\n2020-01-01,1,2\n", {}, AmbiguousError, "both spell open", "rename"),
    "long row": ("X.csv", TEXT + "2020-02-01 00:00,1,2,3,4,5,6\n", {}, ReadError, "row 13 has 7 cells", "mend"),
    "word for a price": (
        "X.csv",
        with_cell("close", 5, "high"),
        {},
        ReadError,
        "'close' row 5: 'high'",
        "data.columns",
    ),
    "words for a price": (
        "X.csv",
        with_column("close", "dear"),
        {},
        ReadError,
        "'close' row 1: 'dear'",
        "data.columns",
    ),
    "word among numbers": (
        "X.csv",
        with_column("x", "1").replace(",1\n", ",err\n", 1),
        {},
        ReadError,
        "'x' row 1",
        "data.columns",
    ),
    "comma of two readings": ("X.csv", with_column("x", "1,234"), {}, AmbiguousError, "'1,234'", 'data.thousands=","'),
    "infinite price": ("X.csv", with_cell("high", 7, "inf"), {}, QualityError, "row 7 (X 2020-01-12", "missing value"),
    "infinite other": ("X.csv", with_column("x", "-Infinity"), {}, QualityError, "x must be finite", "data.columns"),
    "price without values": (
        "X.csv",
        with_column("open", "NaN"),
        {},
        QualityError,
        "'open' holds no number",
        "data.columns",
    ),
    "time twice": (
        "X.csv",
        TEXT + TEXT.splitlines()[4] + "\n",
        {},
        QualityError,
        "rows that repeat a time of their symbol: 1,",
        "data.on_duplicate",
    ),
    "symbol missing": (
        "X.csv",
        "symbol,time,a\nA,2020-01-01,1\n,2020-01-02,1\n",
        {},
        ReadError,
        "row 2 holds no symbol",
        "row",
    ),
    "symbol for many": (
        "X.csv",
        "symbol,time,a\nA,2020-01-01,1\nB,2020-01-02,1\n",
        {"symbol": "C"},
        SchemaError,
        "data.symbol 'C'",
        "data.symbols=['C'] keeps",
    ),
    "out of time": (
        "X.csv",
        TEXT.replace("2020-01-11 22", "2999-01-11 22"),
        {},
        ReadError,
        "between 1800 and 2200",
        "data.time_format",
    ),
    "words alone": ("X.csv", "time,name\n2020-01-01,a\n2020-01-02,b\n", {}, SchemaError, "no column", "a number"),
    "nothing left": ("X.csv", TEXT, {"start": "2021-01-01"}, NotEnoughRowsError, "2021", "UTC"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_names_the_file_what_was_found_and_what_to_do(name: str, tmp_path: Path) -> None:
    file, content, said, error, found, remedy = CASES[name]
    path = put(tmp_path, file, content)
    with pytest.raises(error) as caught:
        load(path, **said)
    message, hint = caught.value.message, caught.value.hint
    assert type(caught.value) is error
    assert hint is not None
    assert found in message
    assert remedy in hint
    assert "\n" not in message + hint
    assert str(path) in message or name in ("nothing left", "adjusted text")


@pytest.mark.parametrize("target", ["time", "symbol", "__stamp", "__file", "__row"])
def test_a_rename_onto_a_name_that_rows_need_is_refused(target: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"data.rename.{target} is invalid") as caught:
        load(put(tmp_path, "X.csv", TEXT), rename={target: "volume"})
    assert caught.value.hint


def test_a_column_whose_name_is_given_to_another_stays_beside_it(tmp_path: Path) -> None:
    frame = bars(12).with_columns(oi=pl.col("volume") * 2, x=pl.col("volume") * 3)
    table = load(put(tmp_path, "X.csv", as_csv(frame)), rename={"oi": "x"})
    assert table.frame["oi"].to_list() == frame["x"].to_list()
    assert table.frame["oi_"].to_list() == frame["oi"].to_list()


def test_a_gap_tolerance_below_the_timeframe_is_refused_by_check_and_load_alike(tmp_path: Path) -> None:
    path, tolerance = put(tmp_path, "X.csv", TEXT), timedelta(minutes=1)
    for read in (
        lambda: load(path, gap_tolerance=tolerance),
        lambda: check_data(DataConfig(paths=(str(path),), gap_tolerance=tolerance)),
    ):
        with pytest.raises(SchemaError, match="at least the timeframe, 1h; got 1m"):
            read()


def test_an_explicit_format_silences_the_name(tmp_path: Path) -> None:
    wanted = load(put(tmp_path, "a/X.csv", TEXT)).fingerprint
    for name, content, kind in (
        ("X.parquet", BYTES, "csv"),
        ("X.csv", parquet(bars(12)), "parquet"),
        ("X.bin", gzip.compress(BYTES), "csv"),
        ("X.log", zipped(X_anything=BYTES), "csv"),
    ):
        assert load(put(tmp_path, name, content), format=kind, symbol="X").fingerprint == wanted


def test_a_missing_file_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    put(tmp_path, "BTCUSDT.csv", TEXT)
    with pytest.raises(ReadError, match="does not exist") as caught:
        load(tmp_path / "BTCUSD.csv")
    assert "BTCUSDT.csv" in str(caught.value.hint)
    with pytest.raises(ReadError) as caught:
        load(tmp_path / "absent" / "deeper" / "X.csv")
    assert "BTCUSDT.csv" in str(caught.value.hint)


def test_empty_globs_folders_and_configs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no file matches .*\*\.csv"):
        load(tmp_path / "*.csv")
    with pytest.raises(ReadError, match="holds nothing"):
        load(tmp_path)
    put(tmp_path, "notes.md", "words")
    with pytest.raises(ReadError, match=r"holds notes\.md"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="no data is named") as caught:
        load()
    assert "data.paths" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="reads no files"):
        load(tmp_path, source="sp500")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "X.csv", TEXT)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything

        def denied(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ReadError, match=r"X\.csv: Permission denied"):
        load(path)


def test_a_folder_takes_its_data_files_and_says_what_it_passes_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "X-2020.csv", TEXT)
    put(tmp_path, "README.txt", "words")
    put(tmp_path, ".hidden.csv", "words")
    with caplog.at_level("INFO", "gatewise"):
        assert load(tmp_path, tmp_path / "*.csv").num_rows == 12
    assert "1 files passed over" in caplog.text
    assert "README.txt" in caplog.text


def test_files_of_other_columns_or_timeframes_are_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path, "A.csv", TEXT)
    put(tmp_path, "B.csv", as_csv(bars(12).drop("volume")))
    with pytest.raises(SchemaError, match=r"B\.csv lacks volume beside .*A\.csv"):
        load(tmp_path)
    assert load(tmp_path, columns=("close",)).symbols == ("A", "B")
    put(tmp_path, "B.csv", as_csv(bars(9, step=bars(9)["time"].diff()[1] * 24)))
    with pytest.raises(SchemaError, match=r"B\.csv: rows of B step by 1d"):
        load(tmp_path)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_duplicates_are_settled_only_on_request(keep: str, tmp_path: Path) -> None:
    cells = TEXT.splitlines()[5].split(",")
    again = ",".join([cells[0], *("1" for _ in cells[1:])])
    table = load(put(tmp_path, "X.csv", TEXT + again + "\n"), on_duplicate=keep)
    assert table.num_rows == 12
    assert table.frame["volume"][4] == (float(cells[-1]) if keep == "first" else 1.0)


def spoil(data: bytes, seed: int) -> bytes:
    """A few random faults, as disks, transfers and spreadsheets make them."""
    chance, spoiled = random.Random(seed), bytearray(data)
    insertions = [b"\n", b",", b'"', b";", b"\x00", b"inf", b"-", b"1e999", b"\xff", b"2020-01-11", b"\r", b"9" * 20]
    for _ in range(chance.choice([1, 2, 5, 20])):
        place = chance.randrange(len(spoiled) + 1)
        fault = chance.randrange(5)
        if fault == 0:
            spoiled[place : place + 1] = bytes([chance.randrange(256)])
        elif fault == 1:
            del spoiled[place : place + chance.randrange(1, 50)]
        elif fault == 2:
            spoiled[place:place] = chance.choice(insertions)
        elif fault == 3:
            spoiled[place:place] = spoiled[place : place + 60]
        else:
            del spoiled[max(place, 1) :]
    return bytes(spoiled)


KINDS: dict[str, Callable[[], bytes]] = {
    "X.csv": lambda: BYTES,
    "X.csv.gz": lambda: gzip.compress(BYTES),
    "X.csv.xz": lambda: lzma.compress(BYTES),
    "X.csv.zst": lambda: packed(BYTES, "zstd"),
    "X.json": lambda: bars(12).with_columns(pl.col("time").cast(pl.String)).write_json().encode(),
    "X.zip": lambda: zipped(X_csv=BYTES),
    "X.parquet": lambda: parquet(bars(12)),
    "X.feather": lambda: feather(bars(12)),
}


@pytest.mark.parametrize("name", KINDS)
def test_spoiled_files_give_a_table_or_a_typed_error_of_one_line(name: str, tmp_path: Path) -> None:
    said = []
    for seed in range(60):
        path = put(tmp_path, name, spoil(KINDS[name](), seed))
        for read in (lambda: load(path), lambda: check_data(DataConfig(paths=(str(path),)))):  # noqa: B023
            try:
                read()
            except DataError as error:
                said.append(f"{error.message} {error.hint}")
    assert said
    assert "\n" not in "".join(said)
