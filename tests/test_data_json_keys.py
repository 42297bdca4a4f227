"""What the keys above tables in JSON say of them. A wrong reading cuts one series in two, or makes one of two views,
and nothing in the table shows it."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import AmbiguousError

RECORDS = [
    {"date": f"{time:%Y-%m-%dT%H:%M:%SZ}", **dict(zip(VALUES, values, strict=True))}
    for time, *values in bars().iter_rows()
]
OTHERS = [{**record, "volume": record["volume"] + 1} for record in RECORDS]
PARTS = {
    "years": ["2022", "2023", "2024"],
    "days": ["2024-01-02", "2024-01-03", "2024-01-04"],
    "months": ["2024-01", "202402", "Mar2024"],
    "pages": ["page1", "page_2", "Page 3"],
    "counts": ["0", "1", "2"],
    "sessions": ["pre", "regular", "post"],
    "sessions in words": ["preMarket", "regularMarket", "afterHours"],
    "capitals": ["PRE", "REGULAR", "POST"],
    "states": ["history", "yesterday", "today"],
    "sets": ["train", "validation", "test"],
}
VIEWS = [
    *(
        ("bid", "ask"),
        ("BID", "ASK"),
        ("raw", "adjusted"),
        ("1d", "1h"),
        ("D1", "H1"),
        ("daily", "weekly"),
        ("open", "close"),
    ),
    *(
        ("spot", "futures"),
        ("data", "results"),
        ("data", "MSFT"),
        ("AAPL", "history"),
        ("2024", "MSFT"),
        ("calls", "puts"),
    ),
]
NO_NAMES = [
    "OHLC",
    "OHLCV",
    "D1",
    "1D",
    "H4",
    "DAILY",
    "BARS",
    "DATA",
    "BID",
    "CLOSE",
    "2024",
    "2024-01-02",
    "page1",
    "TIME_SERIES",
]


def write(folder: str | Path, answer: Any) -> Path:
    return put(Path(folder), "X.json", json.dumps(answer))


def said(path: Path) -> str:
    return "\n".join(check_data(DataConfig(paths=(str(path),))).notes)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(sorted(PARTS)),
    cuts=st.lists(st.integers(1, len(RECORDS) - 1), min_size=1, max_size=2, unique=True).map(sorted),
    order=st.randoms(use_true_random=False),
    above=st.sampled_from(["key", "beside", "inside", "nothing"]),
)
def test_parts_of_a_series_are_one_series_whatever_names_it(kind: str, cuts: list[int], order: Any, above: str) -> None:
    rows = [RECORDS[one:other] for one, other in pairwise([0, *cuts, len(RECORDS)])]
    of = list(zip(PARTS[kind], rows, strict=False))
    order.shuffle(of)
    parts: dict[str, Any] = dict(of)
    answer: Any = {
        "key": {"AAQ": parts},
        "beside": {"symbol": "AAQ", "data": parts},
        "inside": {key: {"ticker": "AAQ", "bars": table} for key, table in parts.items()},
        "nothing": parts,
    }[above]
    with tempfile.TemporaryDirectory() as folder:
        table = load(write(folder, answer))
    assert table.symbols == ("X" if above == "nothing" else "AAQ",)
    assert table.frame["close"].to_list() == [record["close"] for record in RECORDS]


@pytest.mark.parametrize("kind", PARTS)
def test_parts_that_cover_the_same_time_are_refused(kind: str, tmp_path: Path) -> None:
    one, other = PARTS[kind][:2]
    for rows in (OTHERS, RECORDS[::2]):
        with pytest.raises(AmbiguousError, match="cover the same time"):
            load(write(tmp_path, {"AAQ": {one: RECORDS, other: rows}}))
    with pytest.raises(AmbiguousError, match="cover the same time"):  # rows between each other's
        load(write(tmp_path, {one: RECORDS[::2], other: RECORDS[1::2]}))


@pytest.mark.parametrize("keys", VIEWS)
def test_views_of_a_series_and_keys_of_several_kinds_are_refused(keys: tuple[str, str], tmp_path: Path) -> None:
    for rows in ((RECORDS, OTHERS), (RECORDS[:20], RECORDS[20:])):
        tables = dict(zip(keys, rows, strict=True))
        for answer in (tables, {"AAQ": tables}, {"symbol": "AAQ", "bars": tables}):
            with pytest.raises(AmbiguousError):
                load(write(tmp_path, answer))


@pytest.mark.parametrize("key", NO_NAMES)
def test_a_lone_key_that_is_no_symbol_names_nothing(key: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, {key: RECORDS})).symbols == ("X",)
    assert load(write(tmp_path, {"AAQ": {key: RECORDS}})).symbols == ("AAQ",)


@pytest.mark.parametrize(
    "keys",
    [("AAQ",), ("BTC", "ETH"), ("MO", "PM"), ("NOW", "LOW", "HD"), ("bitcoin", "ethereum"), ("600519", "000001")],
)
def test_symbols_from_keys_are_said(keys: tuple[str, ...], tmp_path: Path) -> None:
    tables = {key: [RECORDS, OTHERS][place % 2] for place, key in enumerate(keys)}
    for answer in (tables, {"data": tables}):
        path = write(tmp_path, answer)
        assert load(path).symbols == tuple(sorted(keys))
        assert f"symbols are read from the keys: {', '.join(keys)}" in said(path)


def test_symbols_that_have_parts_each_keep_their_own_rows(tmp_path: Path) -> None:
    answer = {s: {"2023": rows[:20], "2024": rows[20:]} for s, rows in (("AAQ", RECORDS), ("MSQ", OTHERS))}
    table = load(write(tmp_path, answer)).frame
    assert table["volume"].to_list() == [record["volume"] for record in RECORDS + OTHERS]


def test_tables_under_mere_words_that_follow_each_other_may_be_parts_and_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousError, match="may be of two series, or parts of one"):
        load(write(tmp_path, {"bitcoin": RECORDS[:20], "ethereum": RECORDS[20:]}))


def test_symbols_at_two_levels_are_refused_and_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, {"NASDAQ": {"AAQ": RECORDS}})
    with pytest.raises(AmbiguousError, match="'NASDAQ' and 'AAQ' may each be the symbol"):
        load(path)
    assert load(path, symbol="AAQ").symbols == ("AAQ",)
    for answer in (
        {"BTC": {"USD": RECORDS, "EUR": OTHERS}},
        {"symbol": "BTC", "data": {"kraken": RECORDS, "okx": OTHERS}},
    ):
        with pytest.raises(AmbiguousError):
            load(write(tmp_path, answer))


OTHER = ("benchmark", "currency", "exchange", "index", "peers", "sector")


@settings(max_examples=60, deadline=None)
@given(
    others=st.lists(st.sampled_from(OTHER), min_size=1, unique=True),
    own=st.sampled_from(["beside", "meta", "asset", "nowhere"]),
    first=st.booleans(),
    within=st.booleans(),
)
def test_the_symbol_of_another_thing_is_not_the_rows(others: list[str], own: str, first: bool, within: bool) -> None:
    strange = {name: {"symbol": "SPY"} for name in others}
    mine: dict[str, Any] = {"beside": {"symbol": "AAQ"}, "nowhere": {}}.get(own, {own: {"symbol": "AAQ"}})
    about = {**strange, **mine} if first else {**mine, **strange}
    answer = {"info": about, "values": RECORDS} if within else {**about, "values": RECORDS}
    with tempfile.TemporaryDirectory() as folder:
        assert load(write(folder, answer)).symbols == ("X" if own == "nowhere" else "AAQ",)


def test_two_symbols_that_are_said_at_one_depth_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"meta": {"symbol": "AAQ"}, "request": {"symbol": "MSQ"}, "values": RECORDS})
    with pytest.raises(AmbiguousError, match="'AAQ' and 'MSQ' may each be the symbol"):
        load(path)
    assert load(path, symbol="MSQ").symbols == ("MSQ",)
    same = write(tmp_path, {"meta": {"symbol": "AAQ", "isin": "US1"}, "request": {"symbol": "AAQ"}, "values": RECORDS})
    assert load(same).symbols == ("AAQ",)
