"""Laws of longer bars: each is what its rows say, whole, knowable at its close, and untouched by whatever comes later.

A bar that is used before it has closed holds its own future: the commonest leak of all, and every metric rewards it.
"""

from __future__ import annotations

import itertools
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, load, put
from feature_tables import random_walk, table_of
from gatewise.config.schema import DataConfig, format_duration, parse_duration
from gatewise.data.check.rows import check_data
from gatewise.data.steps.resample import resample
from gatewise.data.table import Table
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def minutes(offsets: list[int], symbol: str = "A", start: datetime = MONDAY, seed: int = 0, **more: object) -> Table:
    """Bars of a minute that close `offsets` minutes after `start`."""
    columns = random_walk(len(offsets), seed=seed)
    frame = pl.DataFrame({"symbol": [symbol] * len(offsets), "time": [start + k * MINUTE for k in offsets], **columns})
    frame = frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")), **more)  # type: ignore[arg-type]
    return Table(frame, MINUTE, MINUTE)


def by_hand(table: Table, step: timedelta) -> list[dict[str, object]]:
    """The definition, row by row: buckets by the clock, whole ones alone."""
    made = []
    for symbol in table.symbols:
        rows = table.frame.filter(pl.col("symbol") == symbol).to_dicts()
        buckets: dict[datetime, list[dict[str, float]]] = {}
        for row in rows:
            steps = -((MONDAY - row["time"]) // step)  # rounded up
            buckets.setdefault(MONDAY + steps * step, []).append(row)
        for end, inside in sorted(buckets.items()):
            if rows[0]["time"] - table.timeframe > end - step or rows[-1]["time"] < end:
                continue
            made.append(
                {
                    "symbol": symbol,
                    "time": end,
                    "open": inside[0]["open"],
                    "high": max(row["high"] for row in inside),
                    "low": min(row["low"] for row in inside),
                    "close": inside[-1]["close"],
                    "volume": pytest.approx(sum(row["volume"] for row in inside), rel=1e-12),
                }
            )
    return made


@settings(max_examples=60, deadline=None)
@given(
    first=st.sets(st.integers(1, 60), min_size=11),
    second=st.sets(st.integers(1, 60), min_size=11),
    step=st.sampled_from([2, 3, 5, 7, 10]),
    start=st.integers(0, 3000),
)
def test_a_bar_is_what_its_rows_say_and_only_whole_ones_are_there(
    first: set[int], second: set[int], step: int, start: int
) -> None:
    moment = MONDAY + start * MINUTE
    frames = [minutes(sorted(of), name, moment).frame for name, of in (("A", first), ("B", second))]
    table = Table(pl.concat(frames), MINUTE, MINUTE)
    wanted = by_hand(table, step * MINUTE)
    if not wanted:
        with pytest.raises(NotEnoughRowsError, match="must be complete"):
            resample(table, step * MINUTE)
        return
    made = resample(table, step * MINUTE)
    assert made.frame.to_dicts() == wanted
    assert (made.timeframe, made.gap_tolerance) == (step * MINUTE, step * MINUTE)


@settings(max_examples=40, deadline=None)
@given(present=st.sets(st.integers(1, 60), min_size=12), cut=st.integers(1, 60), factor=st.floats(0.1, 10))
def test_what_comes_later_changes_no_bar(present: set[int], cut: int, factor: float) -> None:
    table = minutes(sorted(present))
    now = MONDAY + cut * MINUTE
    later = pl.when(pl.col("time") > now).then(factor).otherwise(1.0)
    other = table.with_frame(table.frame.with_columns(pl.col("open", "high", "low", "close", "volume") * later))
    known = [
        resample(either, 5 * MINUTE).frame.filter(pl.col("time") <= now) if by_hand(either, 5 * MINUTE) else None
        for either in (table, other)
    ]
    assert (known[0] is None and known[1] is None) or known[0].equals(known[1])  # type: ignore[union-attr, arg-type]
    past = table.frame.filter(pl.col("time") <= now)
    if past.height and by_hand(table.with_frame(past), 5 * MINUTE):
        alone = resample(table.with_frame(past), 5 * MINUTE).frame
        whole = resample(table, 5 * MINUTE).frame.filter(pl.col("time") <= past["time"][-1])
        assert alone.equals(whole)


def test_the_bar_that_is_still_open_is_never_made() -> None:
    assert resample(minutes(list(range(1, 10))), 5 * MINUTE).frame["time"].to_list() == [MONDAY + 5 * MINUTE]
    closed = resample(minutes(list(range(1, 11))), 5 * MINUTE).frame["time"].to_list()
    assert closed == [MONDAY + 5 * MINUTE, MONDAY + 10 * MINUTE]


def test_a_bar_whose_last_minutes_are_absent_is_made_once_a_later_row_tells_that_they_are() -> None:
    assert resample(minutes([1, 2, 3, 4, 5, 6, 7, 8]), 5 * MINUTE).num_rows == 1
    assert resample(minutes([1, 2, 3, 4, 5, 6, 7, 8, 11]), 5 * MINUTE).num_rows == 2


def test_a_bar_without_any_row_is_absent_and_a_gap() -> None:
    made = resample(minutes([*range(1, 6), *range(11, 21)]), 5 * MINUTE)
    assert made.frame["time"].to_list() == [MONDAY + k * MINUTE for k in (5, 15, 20)]
    assert made.segment_start.tolist() == [0, 1, 1]
    tolerant = resample(minutes([*range(1, 6), *range(11, 21)]), 5 * MINUTE, gap_tolerance=10 * MINUTE)
    assert tolerant.segment_start.tolist() == [0, 0, 0]


def test_a_missing_value_is_missing_in_the_bar_and_other_columns_are_the_last_rows() -> None:
    table = minutes(list(range(1, 16)), spread=pl.int_range(pl.len()).cast(pl.Float64))
    row = pl.int_range(pl.len())
    holed = table.frame.with_columns(
        pl.when(row == 2).then(None).otherwise(pl.col("high")).alias("high"),
        pl.when(row == 5).then(None).otherwise(pl.col("open")).alias("open"),
        pl.when(row == 8).then(None).otherwise(pl.col("close")).alias("close"),
        pl.when(row == 11).then(None).otherwise(pl.col("volume")).alias("volume"),
        pl.when(row == 14).then(None).otherwise(pl.col("spread")).alias("spread"),
    )
    made = resample(table.with_frame(holed), 5 * MINUTE).frame
    assert made["high"].is_null().to_list() == [True, False, False]
    assert made["open"].is_null().to_list() == [False, True, False]
    assert made["close"].is_null().to_list() == [False, False, False]  # the last row's, which is there
    assert made["volume"].is_null().to_list() == [False, False, True]
    assert made["spread"].to_list() == [4.0, 9.0, None]


@pytest.mark.parametrize("column", ["low", "close"])
def test_rows_that_break_the_rules_of_bars_are_not_hidden_in_longer_ones(column: str) -> None:
    table = minutes(list(range(1, 31)))
    broken = pl.when(pl.int_range(pl.len()) == 12).then(0.0).otherwise(pl.col(column)).alias(column)
    with pytest.raises(QualityError, match=r"prices must be positive and .* 1, the first at A 2024-01-01 00:13:00"):
        resample(table.with_frame(table.frame.with_columns(broken)), 5 * MINUTE)


@pytest.mark.parametrize("step", ["1m", "5m", "15m", "1h", "4h", "12h", "1d", "7d"])
def test_bars_close_on_the_clock_of_utc_and_weeks_on_mondays(step: str) -> None:
    length = parse_duration(step)
    assert isinstance(length, timedelta)
    table = minutes(list(range(1, 20 * 1440)), start=MONDAY + 3 * DAY + 17 * MINUTE)
    closes = resample(table, length).frame["time"].to_list()
    assert all(one + length == other for one, other in itertools.pairwise(closes))
    for close in closes:
        assert (close - MONDAY) % length == timedelta(0)
        if length <= DAY:
            midnight = close.replace(hour=0, minute=0)
            assert (close - midnight) % length == timedelta(0)
    if step == "7d":
        assert {close.weekday() for close in closes} == {0}
        assert {(close.hour, close.minute) for close in closes} == {(0, 0)}


@pytest.mark.parametrize("between", ["5m", "15m", "1h", "6h"])
def test_bars_of_bars_are_the_bars_of_the_rows(between: str) -> None:
    middle = parse_duration(between)
    assert isinstance(middle, timedelta)
    table = minutes(list(range(1, 4 * 1440)))
    direct, twice = resample(table, DAY), resample(resample(table, middle), DAY)
    assert direct.frame.drop("volume").equals(twice.frame.drop("volume"))
    np.testing.assert_allclose(direct.frame["volume"], twice.frame["volume"], rtol=1e-12)


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2024, 3, 10), 23), (datetime(2024, 11, 3), 25)], ids=["spring", "autumn"]
)
def test_a_change_of_clocks_neither_moves_nor_stretches_a_bar(day: datetime, hours: int, tmp_path: Path) -> None:
    """New York's day of 23 or 25 hours, stamped on its wall clock: hourly bars in UTC go on without a hole."""
    zone = zoneinfo.ZoneInfo("America/New_York")
    midnight = day.replace(tzinfo=zone)
    first = midnight.astimezone(UTC)
    count = int((day + DAY).replace(tzinfo=zone).timestamp() - first.timestamp()) // 60
    assert count == hours * 60
    frame = bars(count, MINUTE, first)
    file = put(tmp_path, "X.csv", as_csv(frame, lambda t: t.astimezone(zone).strftime("%Y-%m-%d %H:%M")))
    table = load(file, timezone="America/New_York", timeframe=MINUTE, resample=HOUR)
    assert table.frame["time"].to_list() == [first + k * HOUR for k in range(1, hours + 1)]
    assert table.frame["open"].to_list() == frame["open"].to_list()[::60]
    assert table.frame["close"].to_list() == frame["close"].to_list()[59::60]


@pytest.mark.parametrize("step", [timedelta(seconds=30), timedelta(seconds=90), 2.5 * MINUTE])
def test_a_bar_that_rows_do_not_fill_evenly_is_refused(step: timedelta) -> None:
    with pytest.raises(ConfigError, match=f"whole multiples .*, 1m; got {format_duration(step)}") as caught:
        resample(minutes(list(range(1, 100))), step)
    assert "5m" in str(caught.value.hint)


def test_bars_of_the_rows_own_length_are_the_rows() -> None:
    table = minutes([1, 2, 4, 9])
    assert resample(table, MINUTE) is table


def test_days_over_rows_with_holes_are_what_polars_groups() -> None:
    table = table_of(random_walk(200_000), gaps_after=range(100, 200_000, 977))
    days = resample(table, DAY).frame
    ends = table.frame["time"].dt.offset_by("-1us").dt.truncate("1d") + DAY
    grouped = table.frame.group_by(ends.alias("time"), maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    assert days.drop("symbol", "volume").equals(grouped[1:-1].select("time", "open", "high", "low", "close"))


def test_the_flag_makes_longer_bars_and_the_check_counts_the_short_ones(tmp_path: Path, cli: Cli) -> None:
    frame = bars(120, MINUTE, MONDAY)
    absent = frame.filter(~pl.int_range(pl.len()).is_in([7, 31, 32]))
    file = put(tmp_path, "X.csv", as_csv(absent))
    said = cli("data", "check", file, "--resample", "5m", "--json")
    assert said.code == 0
    assert (said.json["short_bars"], said.json["rows"], said.json["timeframe"]) == (2, 117, "1m")
    assert any("24 bars of 5m" in note and "2 of them with rows absent" in note for note in said.json["notes"])
    report = check_data(DataConfig(paths=(str(file),), resample=5 * MINUTE))
    (found,) = [finding for finding in report.findings if finding.kind == "short_bars"]
    assert found.examples[0] == "X until 2024-01-01 00:35:00: 3 of 5 rows"
    table = load(file, resample=5 * MINUTE)
    assert (table.timeframe, table.num_rows) == (5 * MINUTE, 24)
    assert "short_bars" not in check_data(DataConfig(paths=(str(file),))).to_dict()
