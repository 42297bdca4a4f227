"""What an exchange sends that is no candle of the series is left out and counted, and all others are kept.

A lake keeps for ever what it takes once, and whoever trains on it never sees the exchange's answer again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_server import CandleServer, Market, serve
from conftest import Cli
from gatewise.feeds.candles import GRID, PRICES, SHAPE, STAMP, TWICE, VOLUME, counted, judge_candles
from gatewise.feeds.paging import Pager, milliseconds

STEP = timedelta(minutes=1)
FIRST = datetime(2024, 6, 1, 12, tzinfo=UTC)
NOW = FIRST + timedelta(hours=2)

CANDLE = (10.0, 12.0, 9.0, 11.0, 5.0)
SPOILT: list[tuple[str, Any]] = [
    (SHAPE, None),
    (SHAPE, "candle"),
    (SHAPE, []),
    (SHAPE, {"open": 1.0}),
    (SHAPE, [*range(20)]),
    *((STAMP, stamp) for stamp in (1.7e15, -6e10, math.nan, math.inf, 1e30, 0, None, "1717243200000", True, 4e12)),
    *((GRID, milliseconds(FIRST) + off) for off in (1, 37_000, 59_999)),
    *((PRICES, (name, value)) for name in range(4) for value in (None, "n/a", math.nan, math.inf, 0.0, -3.0)),
    (PRICES, (1, 8.5)),  # the high below the low
    (PRICES, (2, 10.5)),  # the low above the open
    (PRICES, (3, 12.5)),  # the close above the high
    *((VOLUME, (4, value)) for value in (-1.0, math.nan, math.inf, "many")),
]


def good(number: int) -> list[Any]:
    return [milliseconds(FIRST + number * STEP), *CANDLE]


def spoil(number: int, why: str, how: Any) -> Any:
    """A candle that is wrong in one way."""
    if why == SHAPE:
        return how
    if why in (STAMP, GRID):
        return [how + (60_000 * number if why == GRID else 0) if why == GRID else how, *CANDLE]
    row = good(number)
    row[how[0] + 1] = how[1]
    return row


@pytest.mark.parametrize(("why", "how"), SPOILT)
def test_each_kind_of_fault_is_left_out_and_said(why: str, how: Any) -> None:
    found = judge_candles([good(0), spoil(7, why, how), good(2)], STEP, NOW)
    assert sorted(found.rows) == [FIRST + STEP, FIRST + 3 * STEP]
    assert counted(found.left_out) == {why: 1}


@given(st.lists(st.none() | st.sampled_from(SPOILT), max_size=40), st.randoms())
def test_whatever_is_among_them_every_good_candle_is_kept_once(faults: list[Any], random: Any) -> None:
    rows = [good(n) if fault is None else spoil(n, *fault) for n, fault in enumerate(faults)]
    rows += [good(n) for n, fault in enumerate(faults) if fault is None and random.random() < 0.3]
    random.shuffle(rows)
    found = judge_candles(rows, STEP, NOW)
    assert sorted(found.rows) == [FIRST + (n + 1) * STEP for n, fault in enumerate(faults) if fault is None]
    assert all(tuple(row[1:]) == CANDLE for row in found.rows.values())


@given(st.permutations([0, 1, 2, 3, 4]))
def test_two_values_for_one_moment_are_both_left_out_whichever_comes_first(order: list[int]) -> None:
    rows = [good(0), good(1), [good(1)[0], 10.0, 13.0, 9.0, 12.5, 5.0], good(2), good(2)]
    found = judge_candles([rows[place] for place in order], STEP, NOW)
    assert sorted(found.rows) == [FIRST + STEP, FIRST + 3 * STEP]
    assert found.left_out == {(TWICE, FIRST + 2 * STEP)}


def test_days_that_an_exchange_counts_from_another_hour_are_its_grid() -> None:
    """OKX begins its days at midnight in Hong Kong."""
    day = timedelta(days=1)
    opens = [datetime(2024, 6, n, 16, tzinfo=UTC) for n in range(1, 6)]
    rows = [[milliseconds(time), *CANDLE] for time in (*opens, opens[2] + timedelta(hours=3))]
    found = judge_candles(rows, day, NOW + 10 * day)
    assert sorted(found.rows) == [time + day for time in opens]
    assert counted(found.left_out) == {GRID: 1}


def test_an_answer_of_nothing_but_nonsense_says_nothing_of_the_time_asked_for() -> None:
    page = Pager(STEP, 300).page(lambda *_: [[1.7e15, *CANDLE]], FIRST, FIRST + 10 * STEP, NOW)
    assert (page.covered, page.frame.height, page.resume) == (None, 0, FIRST + 10 * STEP)
    assert counted(page.left_out) == {STAMP: 1}


def test_a_candle_that_is_still_running_or_was_not_asked_for_is_nobodys_fault() -> None:
    bad = [PRICES, (0, None)]
    now = FIRST + 5 * STEP + timedelta(seconds=30)
    rows = [*(good(n) for n in range(5)), spoil(5, *bad), spoil(-20, *bad)]
    page = Pager(STEP, 300).page(lambda *_: rows, FIRST + STEP, FIRST + 60 * STEP, now)
    assert (page.frame.height, counted(page.left_out)) == (5, {})


@pytest.fixture
def server() -> Iterator[CandleServer]:
    market = Market("BTC-USD", datetime(2024, 6, 1), datetime(2024, 6, 2), 1, absent=0)
    with serve(CandleServer({"BTC-USD": market}, NOW)) as running:
        yield running


def test_a_fetch_leaves_them_out_counts_them_and_the_lake_lacks_them(
    cli: Cli, server: CandleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("GATEWISE_FEED_URL", server.url)
    at = {
        name: str(int((FIRST + n * STEP).timestamp())) for n, name in enumerate(("ms", "twice", "grid", "text", "null"))
    }

    def spoiled(shown: list[Any]) -> list[Any]:
        out = []
        for row in shown:
            if row["start"] == at["ms"]:
                row = {**row, "start": row["start"] + "000"}
            if row["start"] == at["text"]:
                row = {**row, "close": "n/a"}
            if row["start"] == at["null"]:
                out += [{**row, "start": None}, "candle", {}]
            out.append(row)
            if row["start"] == at["twice"]:
                out.append({**row, "close": row["high"], "high": str(float(row["high"]) * 2)})
            if row["start"] == at["grid"]:
                out.append({**row, "start": str(int(row["start"]) + 37)})
        return out

    server.spoil = spoiled
    fetch = ("data", "fetch", "coinbase", "BTC-USD", "--start", "2024-06-01T11:30", "--end", "2024-06-01T12:40")
    said = cli(*fetch, "--requests-per-second", "1000", "--json")
    assert said.code == 0
    (series,) = said.json["series"]
    assert series["left_out"] == {"stamp": 2, "off_grid": 1, "two_values": 1, "prices": 1}
    assert (series["differing"], series["rows"], series["absent"], series["error"]) == (1, 67, 3, None)
    (checked,) = cli("data", "check", "--json").json["series"]
    assert (checked["rows"], checked["absent"], checked["ok"]) == (67, 3, True)
    # Two values and no price are of known bars; a stamp in another unit may be of any.
    ends = [(FIRST + (n + 1) * STEP).isoformat().replace("+00:00", "Z") for n in (1, 3)]
    assert checked["left_out"] == [{"start": end, "end": end, "bars": 1} for end in ends]
    assert checked["no_trade"] == 1
    assert "left out, as what was answered can't be" in cli("data", "check").out
    words = " ".join(cli(*fetch, "--requests-per-second", "1000", "--refetch").out.split())
    told = "candles left out: 2 with an invalid stamp, 1 off the grid of the timeframe, 1 with two values"
    assert told in words
    server.spoil = list
    (mended,) = cli(*fetch, "--requests-per-second", "1000", "--refetch", "--json").json["series"]
    assert (mended["left_out"], mended["rows"], mended["added"]) == ({}, 70, 3)
    (checked,) = cli("data", "check", "--json").json["series"]
    assert (checked["left_out"], checked["absent"]) == ([], 0)
