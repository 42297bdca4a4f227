"""JSON in the shapes that pandas, exchanges and services write is the same Table; anything else is refused."""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, bars, expected, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import DataError, QualityError, ReadError

BARS = bars()
WANTED = expected(BARS).fingerprint
ROWS = [(int(time.timestamp()), *values) for time, *values in BARS.iter_rows()]
MS = [[stamp * 1000, *values] for stamp, *values in ROWS]
RECORDS = [
    {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", **dict(zip(VALUES, values, strict=True))}
    for time, *values in BARS.iter_rows()
]


def columns(names: str = "t o h l c v") -> dict[str, list[Any]]:
    return dict(zip(names.split(), map(list, zip(*ROWS, strict=True)), strict=True))


def framed() -> pd.DataFrame:
    return pd.DataFrame(
        {name: BARS[name].to_numpy() for name in VALUES}, index=pd.DatetimeIndex(BARS["time"].to_list(), name="time")
    )


def yahoo() -> dict[str, Any]:
    c = columns()
    quote = {"open": c["o"], "high": c["h"], "low": c["l"], "close": c["c"], "volume": c["v"]}
    meta = {"symbol": "X", "validRanges": ["1d", "5d"], "tradingPeriods": [[{"start": 1}]], "currency": "USD"}
    return {"chart": {"result": [{"meta": meta, "timestamp": c["t"], "indicators": {"quote": [quote]}}], "error": None}}


SHAPES: dict[str, Any] = {
    "arrays of arrays": MS,
    "arrays of arrays with a header": [["time", *VALUES], *MS],
    "arrays of text": [[str(cell) for cell in row] for row in MS],
    "klines": [[*row, row[0] + 3_599_999, "1.5", 3, "1.0", "1.0", "0"] for row in MS],
    "arrays of objects": RECORDS,
    "one array in an object": {"status": "ok", "count": 40, "data": RECORDS},
    "objects of arrays": columns("time open high low close volume"),
    "UDF": {"s": "ok", **columns()},
    "records of short names": [dict(zip("tohlcv", row, strict=True)) for row in ROWS],
    "Polygon": {"ticker": "X", "resultsCount": 40, "results": [dict(zip("tohlcv", row, strict=True)) for row in MS]},
    "Alpaca": {"bars": {"X": [dict(zip("tohlcv", row, strict=True)) for row in ROWS]}, "next_page_token": None},
    "Kraken": {"error": [], "result": {"X": [[*row[:5], row[4], row[5], 7] for row in ROWS], "last": 1}},
    "Bybit": {"retCode": 0, "result": {"category": "spot", "symbol": "X", "list": MS}},
    "Alpha Vantage": {
        "Meta Data": {"1. Information": "Intraday", "2. Symbol": "X"},
        "Time Series (60min)": {
            record["time"]: {f"{n}. {name}": str(record[name]) for n, name in enumerate(VALUES, start=1)}
            for record in reversed(RECORDS)
        },
    },
    "Twelve Data": {"meta": {"symbol": "X", "interval": "1h"}, "values": RECORDS[::-1], "status": "ok"},
    "OANDA": {
        "instrument": "X",
        "candles": [
            {
                "complete": True,
                "time": r["time"],
                "volume": r["volume"],
                "mid": {name[0]: r[name] for name in VALUES[:4]},
            }
            for r in RECORDS
        ],
    },
    "Yahoo": yahoo(),
}


@pytest.mark.parametrize("name", SHAPES)
def test_json_of_known_shapes_is_the_same_table(name: str, tmp_path: Path) -> None:
    file = "X.json" if "symbol" not in json.dumps(SHAPES[name]).lower() else "answer.json"
    path = put(tmp_path, file, json.dumps(SHAPES[name]))
    assert load(path, columns=VALUES).fingerprint == WANTED


@pytest.mark.parametrize("orient", ["columns", "index", "records", "split", "table", "values"])
@pytest.mark.parametrize("date_format", ["epoch", "iso"])
def test_json_of_pandas_is_the_same_table_in_each_orient(orient: Any, date_format: Any, tmp_path: Path) -> None:
    if orient == "table" and date_format == "epoch":
        return  # pandas refuses
    frame = framed() if orient in ("columns", "index", "split", "table") else framed().reset_index()
    path = tmp_path / "X.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # epochs are on their way out of pandas, and in many files
        frame.to_json(path, orient=orient, date_format=date_format, double_precision=15)
    assert load(path).fingerprint == WANTED


@pytest.mark.parametrize("rows", [RECORDS, MS], ids=["objects", "arrays"])
@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json"])
def test_json_lines_are_the_same_table(rows: list[Any], suffix: str, tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, rows)) + "\n"
    assert load(put(tmp_path, f"X{suffix}", text)).fingerprint == WANTED
    assert load(put(tmp_path, "X.log", text), format="json", symbol="X").fingerprint == WANTED


def test_several_tables_are_one_a_symbol(tmp_path: Path) -> None:
    both = {"BTC/USDT": MS, "ETH/USDT": [[stamp, *(value * 2 for value in values)] for stamp, *values in MS]}
    table = load(put(tmp_path, "X.json", json.dumps(both)))
    assert table.symbols == ("BTC/USDT", "ETH/USDT")
    assert table.frame.filter(pl.col("symbol") == "BTC/USDT")["close"].to_list() == BARS["close"].to_list()


def udf(rows: list[Any], **said: Any) -> dict[str, Any]:
    return {**said, **dict(zip("tohlcv", map(list, zip(*rows, strict=True)), strict=True))}


def chart(rows: list[Any], symbol: str) -> dict[str, Any]:
    t, o, h, low, c, v = map(list, zip(*rows, strict=True))
    quote = {"open": o, "high": h, "low": low, "close": c, "volume": v}
    return {"meta": {"symbol": symbol, "currency": "USD"}, "timestamp": t, "indicators": {"quote": [quote]}}


SEVERAL: dict[str, Any] = {
    "UDF by symbol": lambda of: {symbol: udf(rows, s="ok") for symbol, rows in of.items()},
    "UDF by symbol in data": lambda of: {"data": {symbol: udf(rows) for symbol, rows in of.items()}},
    "UDF one after another": lambda of: [udf(rows, symbol=symbol) for symbol, rows in of.items()],
    "chart of several results": lambda of: {"chart": {"result": [chart(r, s) for s, r in of.items()], "error": None}},
    "chart by symbol": lambda of: {s: {"chart": {"result": [chart(rows, s)]}} for s, rows in of.items()},
    "spark": lambda of: {"spark": {"result": [{"symbol": s, "response": [chart(rows, s)]} for s, rows in of.items()]}},
    "spark by symbol": lambda of: {
        s: {"symbol": s, **udf(rows), "previousClose": None, "dataGranularity": 300} for s, rows in of.items()
    },
    "rows by symbol": lambda of: {symbol: [[r[0] * 1000, *r[1:]] for r in rows] for symbol, rows in of.items()},
    "objects by symbol": lambda of: {
        s: {"bars": [dict(zip("tohlcv", r, strict=True)) for r in rows]} for s, rows in of.items()
    },
}


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.dictionaries(st.sampled_from(["AAPL", "MSFT", "BRK-B", "V", "^GSPC"]), st.integers(3, 9), min_size=2),
    shape=st.sampled_from(sorted(SEVERAL)),
)
def test_each_symbol_of_an_answer_keeps_its_own_rows(lengths: dict[str, int], shape: str) -> None:
    of = {
        symbol: [(row[0], *(n * v for v in row[1:])) for row in ROWS[:length]]
        for n, (symbol, length) in enumerate(lengths.items(), start=1)
    }
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "answer.json", json.dumps(SEVERAL[shape](of))))
    read = {symbol: frame["close"].to_list() for (symbol,), frame in table.frame.group_by("symbol")}
    assert read == {symbol: [row[4] for row in rows] for symbol, rows in of.items()}


def test_arrays_of_one_name_in_several_objects_never_stand_for_each_other(tmp_path: Path) -> None:
    shared = {"time": columns()["t"], "A": {"close": columns()["c"]}, "B": {"close": columns()["o"]}}
    path = put(tmp_path, "X.json", json.dumps(shared))
    assert load(path).frame["close"].to_list() == [*BARS["close"], *BARS["open"]]  # of A, of B
    alone = load(path, symbol="X")
    assert alone.frame["A.close"].to_list() == BARS["close"].to_list()
    assert alone.frame["B.close"].to_list() == BARS["open"].to_list()
    for nameless in ([udf(ROWS), udf(ROWS)], [udf(ROWS, symbol="A"), {"symbol": "B"}]):
        with pytest.raises(ReadError, match="JSON without a table"):
            load(put(tmp_path, "X.json", json.dumps(nameless)))


def test_pairs_of_time_and_value_are_columns_of_one_table(tmp_path: Path) -> None:
    answer = {"prices": [[row[0], row[4]] for row in MS], "total_volumes": [[row[0], row[5]] for row in MS]}
    table = load(put(tmp_path, "X.json", json.dumps(answer)))
    assert table.frame["prices"].to_list() == BARS["close"].to_list()
    assert table.frame["total_volumes"].to_list() == BARS["volume"].to_list()


@pytest.mark.parametrize("suffix", ["json", "csv"])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("okx", [False, True])
def test_candles_with_turnover_are_known_where_it_is_what_their_volume_is_worth(
    okx: bool, inverse: bool, suffix: str, tmp_path: Path
) -> None:
    def rows(turnover: Any) -> list[list[Any]]:
        found = []
        for row in reversed(MS):
            worth = turnover(row[5], row[4])
            found.append([*map(str, row), *([str(row[5] * 7)] if okx else []), str(worth), *(["1"] if okx else [])])
        return found

    def saved(table: list[list[Any]]) -> Path:
        answer = json.dumps({"code": "0", "data": table})
        return put(tmp_path, f"X.{suffix}", answer if suffix == "json" else "\n".join(map(",".join, table)) + "\n")

    path = saved(rows(lambda volume, price: round(volume / price if inverse else volume * price, 6)))
    assert load(path, columns=VALUES).fingerprint == WANTED
    with pytest.raises(ReadError, match="not what its volume is worth"):
        load(saved(rows(lambda volume, price: 3 * volume)), columns=VALUES)


@pytest.mark.parametrize("symbols", [("BTCUSDT",), ("BTCUSDT", "ETHUSDT")])
def test_small_letters_are_the_bars_and_capitals_beside_them_columns_of_their_own(
    symbols: tuple[str, ...], tmp_path: Path
) -> None:
    lines = []
    for row, symbol in itertools.product(MS, symbols):
        bar = {
            "T": row[0] + 3_599_999,
            "L": 5,
            "V": "1.5",
            "O": 9,
            "C": 8,
            "H": 7,
            **dict(zip("tohlcv", row, strict=True)),
        }
        lines += [
            json.dumps({"e": "kline", "E": row[0], "s": symbol, "k": {**bar, "s": symbol, "i": "1h", "x": ended}})
            for ended in (False, True)
        ]
    table = load(put(tmp_path, "ws.jsonl", "\n".join(lines)), columns=VALUES)
    assert table.symbols == symbols
    for symbol in symbols:
        read = table.frame.filter(pl.col("symbol") == symbol)
        assert read.select(VALUES).equals(expected(BARS).frame.select(VALUES))


def test_the_zone_that_an_answer_names_is_said(tmp_path: Path) -> None:
    stamped = {f"{time:%Y-%m-%d %H:%M:%S}": {"4. close": "1.5"} for time in BARS["time"]}
    answer = {"Meta Data": {"2. Symbol": "IBM", "6. Time Zone": "US/Eastern"}, "Time Series (60min)": stamped}
    path = put(tmp_path, "X.json", json.dumps(answer))
    report = check_data(DataConfig(paths=(str(path),)))
    assert report.symbols == ("IBM",)
    assert "its time zone is 'US/Eastern'" in "\n".join(report.notes)
    assert "time zone is" not in "\n".join(
        check_data(DataConfig(paths=(str(path),), timezone="America/New_York")).notes
    )


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1) | st.none(),
        min_size=3,
        max_size=6,
    ),
    shape=st.sampled_from(["records", "lines", "columns", "rows"]),
)
def test_numbers_are_those_that_were_written(values: list[float | int | None], shape: str) -> None:
    stamps = [f"2024-01-{day:02d}" for day in range(1, len(values) + 1)]
    records = [{"date": stamp, "x": value, "y": 1} for stamp, value in zip(stamps, values, strict=True)]
    content = {
        "records": json.dumps(records),
        "lines": "\n".join(map(json.dumps, records)),
        "columns": json.dumps({"date": stamps, "x": values, "y": [1] * len(values)}),
        "rows": json.dumps([["date", "x", "y"], *(list(record.values()) for record in records)]),
    }[shape]
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "X.json", content))
    wanted = [None if value is None else float(value) for value in values]
    assert table.frame["y"].to_list() == [1.0] * len(values)
    assert ("x" in table.columns) == any(value is not None for value in values)
    assert "x" not in table.columns or table.frame["x"].to_list() == wanted


ODD: dict[str, tuple[str, str]] = {
    "an error": ('{"error": "rate limit"}', "JSON without a table"),
    "no data": ('{"s": "no_data", "t": []}', "no rows"),
    "empty": ("[]", "JSON without a table"),
    "plain": ("[1, 2, 3]", "JSON without a table"),
    "cut": (json.dumps(RECORDS)[:-30], "damaged or truncated JSON"),
    "a cut line": ("\n".join(map(json.dumps, RECORDS))[:-30], "damaged or truncated JSON: line 40"),
    "deep": ("[" * 100_000, "damaged or truncated JSON"),
    "a name twice": ('[{"time": "2024-01-01", "x": 1, "x": 2}]', "'x' twice in one object"),
    "other lengths": (json.dumps(columns() | {"c": [1.0]}), "must be of one length"),
    "other rows": (json.dumps([*MS, [1]]), "row 41 has 1 values"),
    "another order": (json.dumps([[r[0], r[3], r[2], r[1], r[4], r[5]] for r in MS]), "not in the order open, high"),
    "nameless": (json.dumps([[1, 2], [3, 4]]), "has no header"),
    "several not alike": (json.dumps({"A": RECORDS, "B": [{"time": "2024-01-01", "x": 1}]}), "JSON without a table"),
    "pairs of other times": (
        json.dumps({"a": [[1704067200, 1]] * 2, "b": [[1704067260, 1]] * 2}),
        "JSON without a table",
    ),
    "words": ("nothing here", "damaged or truncated JSON"),
}


@pytest.mark.parametrize("name", ODD)
def test_other_json_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, found = ODD[name]
    with pytest.raises(ReadError, match=found) as caught:
        load(put(tmp_path, "X.json", content))
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_number_beyond_all_floats_is_infinite_and_refused(tmp_path: Path) -> None:
    records = [{"date": f"2024-01-0{day}", "x": 10**400} for day in (1, 2, 3)]
    with pytest.raises(QualityError, match="x must be finite"):
        load(put(tmp_path, "X.json", json.dumps(records)))


def test_names_that_are_said_of_arrays_are_taken(tmp_path: Path) -> None:
    coinbase = [[r[0], r[3], r[2], r[1], r[4], r[5]] for r in ROWS]
    path = put(tmp_path, "X.json", json.dumps(coinbase[::-1]))
    read = load(path, columns_are=("time", "low", "high", "open", "close", "volume"), columns=VALUES)
    assert read.fingerprint == WANTED
    with pytest.raises(ReadError, match="carries its columns' names"):
        load(put(tmp_path, "X.json", json.dumps(RECORDS)), columns_are=("time", *VALUES))


def test_a_json_beside_data_is_passed_over_and_alone_it_is_data(tmp_path: Path) -> None:
    put(tmp_path, "one/X.json", json.dumps(RECORDS))
    assert load(tmp_path / "one").fingerprint == WANTED
    put(tmp_path, "two/metadata.json", '{"source": "somewhere"}')
    put(tmp_path, "two/X.csv", BARS.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M")).write_csv())
    assert load(tmp_path / "two").fingerprint == WANTED


@settings(max_examples=150, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(["2024-01-01", "x", ""]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["time", "t", "open", "c", "data", "X", "symbol", "columns", "schema"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_gives_a_table_or_a_typed_error(value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "X.json", json.dumps(value))
        with contextlib.suppress(DataError):
            load(path)
