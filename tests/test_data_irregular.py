"""Laws of rows that step by no one length: trades, polls and bars of volume are never taken for bars of some length.

The most frequent step of such rows is an accident; each row that lasts longer would be used before it is known, and
every number of it is plausible.
"""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.errors import SchemaError

MINUTE = timedelta(minutes=1)
FIRST = datetime(2024, 1, 2, tzinfo=UTC)
NO_LENGTH = "step by no one length"


def write(folder: Path, stamps: list[datetime], name: str = "X.csv", column: str = "time") -> Path:
    """Bars with these stamps."""
    text = as_csv(bars(len(stamps))).splitlines()
    rows = [
        f"{stamp:%Y-%m-%dT%H:%M:%S.%f}Z,{row.split(',', 1)[1]}" for stamp, row in zip(stamps, text[1:], strict=True)
    ]
    return put(folder, name, "\n".join([text[0].replace("time", column, 1), *rows]) + "\n")


def at(seconds: np.ndarray, first: datetime = FIRST) -> list[datetime]:
    return [first + timedelta(microseconds=round(second * 1e6)) for second in seconds.tolist()]


@settings(max_examples=30, deadline=None)
@given(
    mean=st.floats(3, 4000),
    spread=st.floats(0.3, 1.5),
    digits=st.sampled_from([3, 6]),
    rows=st.integers(30, 300),
    seed=st.integers(0, 2**32),
)
def test_bars_that_last_as_long_as_they_take_are_refused_until_a_length_is_said(
    mean: float, spread: float, digits: int, rows: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    stamps = at(np.round(np.cumsum(mean * random.lognormal(0, spread, rows)), digits))
    path = write(tmp_path_factory.mktemp("ticks"), stamps)
    with pytest.raises(SchemaError, match=NO_LENGTH) as caught:
        load(path)
    assert "data.timeframe" in str(caught.value.hint)
    longest = max(later - stamp for stamp, later in itertools.pairwise(stamps))
    said = timedelta(seconds=longest // timedelta(seconds=1) + 1)
    table = load(path, timeframe=f"{said // timedelta(seconds=1)}s")
    # No row is used before the next one begins.
    assert all(moment >= later for moment, later in zip(table.frame["time"][:-1], stamps[1:], strict=True))
    closes = load(path, timeframe="1m", stamp="close")
    assert closes.frame["time"].to_list() == stamps


@settings(max_examples=30, deadline=None)
@given(
    step=st.sampled_from([1, 60, 300, 3600, 14_400]),
    chance=st.floats(0.05, 1),
    seed=st.integers(0, 2**32),
)
def test_thin_bars_go_on_however_few_follow_each_other(
    step: int, chance: float, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = np.flatnonzero(np.random.default_rng(seed).random(3000) < chance)
    table = load(write(tmp_path_factory.mktemp("thin"), at(np.append([0, 1], there + 2.0) * step)))
    assert not table.timeframe % timedelta(seconds=step)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["volume", "first trade"]),
    length=st.integers(20, 600),
    rows=st.integers(60, 1500),
    seed=st.integers(0, 2**32),
)
def test_rows_that_last_longer_than_a_second_are_not_taken_for_thin_seconds(
    kind: str, length: int, rows: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stamped to the second as thin seconds are, but they hardly follow each other by one."""
    random = np.random.default_rng(seed)
    if kind == "volume":
        seconds = np.cumsum(np.maximum(1, np.round(random.gamma(3, length / 3, rows))))
    else:
        seconds = length * np.arange(rows) + random.integers(0, length, rows)
    path = write(tmp_path_factory.mktemp("seconds"), at(np.unique(seconds)))
    with suppress(SchemaError):
        assert load(path).timeframe > timedelta(seconds=1)


@settings(max_examples=20, deadline=None)
@given(step=st.sampled_from([60, 3600]), jitter=st.floats(1e-6, 0.009), seed=st.integers(0, 2**32))
def test_of_clocks_that_jitter_no_row_is_used_before_the_next_is_there(
    step: int, jitter: float, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    late = np.random.default_rng(seed).uniform(0, jitter * step, 200)
    stamps = at(np.arange(200) * step + late)
    table = load(write(tmp_path_factory.mktemp("jitter"), stamps))
    slack = timedelta(seconds=min(1, step / 1000))
    assert all(moment + slack >= later for moment, later in zip(table.frame["time"][:-1], stamps[1:], strict=True))
    assert table.timeframe < 1.03 * timedelta(seconds=step)


def test_a_length_that_is_too_short_for_some_rows_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stamps = at(np.cumsum(np.random.default_rng(1).lognormal(3, 1, 100)))
    caplog.set_level("INFO", "gatewise.data")
    load(write(tmp_path, stamps), timeframe="30s")
    longer = sum(later - stamp > timedelta(seconds=30) for stamp, later in itertools.pairwise(stamps))
    assert f"warning: {longer} of 99 steps are longer than that" in caplog.text


def test_one_symbol_of_many_that_steps_anyhow_is_named(tmp_path: Path) -> None:
    write(tmp_path, at(np.arange(400) * 60.0), "A.csv")
    write(tmp_path, at(np.cumsum(np.random.default_rng(2).uniform(20, 120, 200))), "B.csv")
    with pytest.raises(SchemaError, match=f"rows of B {NO_LENGTH}"):
        load(tmp_path)


def test_the_times_of_the_period_are_read_and_not_those_of_its_first_and_last_trade(tmp_path: Path) -> None:
    """CoinAPI's columns, with a first trade some seconds into each minute."""
    frame, first = bars(200, MINUTE, FIRST), np.random.default_rng(3).uniform(0, 50, 200)
    names = "time_open,time_close,time_period_start,time_period_end,price_open,price_high,price_low,price_close\n"
    rows = "".join(
        f"{t + timedelta(seconds=x)},{t + timedelta(seconds=55)},{t},{t + MINUTE},{o},{h},{low},{c}\n"
        for (t, o, h, low, c, *_), x in zip(frame.iter_rows(), first.tolist(), strict=True)
    )
    table = load(put(tmp_path, "X.csv", names + rows))
    assert table.timeframe == MINUTE
    assert table.frame["time"].to_list() == [moment + MINUTE for moment in frame["time"]]
    without = "\n".join(",".join((*row.split(",")[:2], *row.split(",")[4:])) for row in (names + rows).splitlines())
    with pytest.raises(SchemaError, match=NO_LENGTH):
        load(put(tmp_path, "Y.csv", without + "\n"))


def test_a_candles_time_is_read_and_not_that_of_its_last_tick(tmp_path: Path) -> None:
    """Upbit's candles, newest first."""
    frame, last = bars(60, MINUTE, FIRST), np.random.default_rng(4).integers(20_000, 59_999, 60)
    candles = [
        {
            "market": "KRW-BTC",
            "candle_date_time_utc": f"{t:%Y-%m-%dT%H:%M:%S}",
            "candle_date_time_kst": f"{t + timedelta(hours=9):%Y-%m-%dT%H:%M:%S}",
            "opening_price": o,
            "high_price": h,
            "low_price": low,
            "trade_price": c,
            "timestamp": int(t.timestamp() * 1000) + int(x),
        }
        for (t, o, h, low, c, *_), x in zip(frame.iter_rows(), last, strict=True)
    ]
    table = load(put(tmp_path, "X.json", json.dumps(candles[::-1])))
    assert table.timeframe == MINUTE
    assert table.frame["time"].to_list() == [moment + MINUTE for moment in frame["time"]]
