"""Laws of longer bars among the shorter ones that they are made of: a stock's days between its hours, in one table.

A day's high among hours would be used one hour after midnight. No step tells it, and no later check can see it; a plain
series that is refused for it could not be used at all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.steps.envelopes import Envelopes, find_envelopes
from gatewise.errors import SchemaError
from sql_tables import put as put_table
from sql_tables import sqlite_url

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def sessions(days: int, step: timedelta, begin: timedelta = 9.5 * HOUR, length: timedelta = 6.5 * HOUR) -> pl.DataFrame:
    """Bars of the sessions of weekdays."""
    dates = [MONDAY + n * DAY for n in range(days * 7 // 5) if n % 7 < 5]
    stamps = [date + begin + n * step for date in dates for n in range(-(-length // step))]
    return bars(len(stamps)).with_columns(pl.Series("time", stamps))


def longer(frame: pl.DataFrame, every: str, at: timedelta, offset: timedelta = timedelta(0)) -> pl.DataFrame:
    """Bars made of others, each stamped at a time after its period began."""
    made = frame.sort("time").group_by_dynamic("time", every=every, offset=offset)
    whole = made.agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    return whole.with_columns(pl.col("time") + at)


def found_in(frame: pl.DataFrame, timeframe: timedelta) -> tuple[Envelopes, ...]:
    named = frame.rename({"time": "__stamp"}).with_columns(pl.lit("X").alias("symbol"))
    row = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("__row")
    return find_envelopes(named.with_columns(pl.lit(0, pl.UInt32).alias("__file"), row).sort("__stamp"), timeframe)


# The short bars, their step, and the longer ones made of them, with how these are stamped.
MADE: dict[str, tuple[pl.DataFrame, timedelta, str, timedelta, timedelta]] = {
    "days by their date": (sessions(20, HOUR), HOUR, "1d", 0 * DAY, 0 * DAY),
    "days by their close": (sessions(20, HOUR), HOUR, "1d", 16 * HOUR, 0 * DAY),
    "days by their last minute": (bars(240, 4 * HOUR, MONDAY), 4 * HOUR, "1d", 23 * HOUR + 59 * MINUTE, 0 * DAY),
    "days by the next date": (sessions(20, HOUR), HOUR, "1d", DAY, 0 * DAY),
    "days among minutes": (sessions(5, MINUTE), MINUTE, "1d", 0 * DAY, 0 * DAY),
    "days with hours before and after them": (
        sessions(20, HOUR, 4.5 * HOUR, 16 * HOUR),
        HOUR,
        "1d",
        16 * HOUR,
        0 * DAY,
    ),
    "days of trade that begin the evening before": (
        sessions(20, HOUR, -6.5 * HOUR, 23 * HOUR),
        HOUR,
        "1d",
        6 * HOUR,
        -6 * HOUR,
    ),
    "weeks by their Sunday": (sessions(60, DAY, 0 * DAY, DAY), DAY, "1w", 0 * DAY, -1 * DAY),
    "weeks by their Saturday": (sessions(60, DAY, 0 * DAY, DAY), DAY, "1w", 5 * DAY, 0 * DAY),
    "weeks among hours": (sessions(30, HOUR), HOUR, "1w", 0 * DAY, -1 * DAY),
    "hours among minutes": (bars(600, MINUTE, MONDAY), MINUTE, "1h", timedelta(seconds=30), 0 * DAY),
}


@pytest.mark.parametrize("case", MADE)
def test_longer_bars_among_those_that_they_are_made_of_are_found(case: str) -> None:
    short, step, every, at, offset = MADE[case]
    long = longer(short, every, at, offset)
    (found,) = found_in(pl.concat([long, short]), step)
    assert found.count == long.height
    assert found.period == {"1h": HOUR, "1d": DAY, "1w": 7 * DAY}[every]
    assert found.first["__stamp"] == long["time"][0]
    assert found_in(short, step) == ()


def test_days_of_another_feed_that_mostly_agree_are_found() -> None:
    """Its noise of float32, a high of an auction now and then, and days that are absent."""
    short, random = sessions(40, HOUR), np.random.default_rng(3)
    long = longer(short, "1d", 0 * DAY).filter(pl.Series(random.random(40) < 0.7))
    auction = pl.Series(random.random(long.height) < 0.3)
    high = pl.when(auction).then(pl.col("high") + 0.2).otherwise("high").cast(pl.Float32).cast(pl.Float64)
    (found,) = found_in(pl.concat([long.with_columns(high), short]), HOUR)
    assert found.count == long.height


def test_days_of_local_midnights_in_utc_are_found_on_both_sides_of_a_change_of_clocks() -> None:
    short = sessions(60, HOUR, 14.5 * HOUR)
    long = longer(short, "1d", 0 * DAY)
    stamps = [moment + (5 - (moment.month > 1)) * HOUR for moment in long["time"]]
    found = found_in(pl.concat([long.with_columns(pl.Series("time", stamps)), short]), HOUR)
    assert sum(one.count for one in found) == long.height


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(10, 2000),
    tick=st.sampled_from([0.01, 0.5, 2.0, 5.0]),
    still=st.floats(0, 0.95),
    step=st.sampled_from([MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY]),
    there=st.floats(0.1, 1),
)
def test_plain_rows_are_no_longer_bars(
    seed: int, rows: int, tick: float, still: float, step: timedelta, there: float
) -> None:
    """Coarse ticks, prices that stand still, an hour of the day that is wilder than the others, and absent rows."""
    random = np.random.default_rng(seed)
    frame = bars(rows, step, MONDAY, seed)
    hour = frame["time"].dt.hour().to_numpy()
    wild = 1 + 4 * (hour == hour[rows // 2]) * (random.random() < 0.5)
    spread = random.exponential(1, rows) * wild * (random.random(rows) >= still)
    middle = 100 + np.cumsum(random.normal(0, 0.5, rows) * (random.random(rows) >= still))
    high, low = np.round((middle + spread) / tick) * tick, np.round((middle - spread) / tick) * tick
    frame = frame.with_columns(pl.Series("high", high), pl.Series("low", low))
    assert found_in(frame.filter(pl.Series(random.random(rows) < there)), step) == ()


def stock(folder: Path, in_order: bool = True) -> Path:
    """A file of a stock's days and hours."""
    short = sessions(40, HOUR)
    both = pl.concat([longer(short, "1d", 0 * DAY), short])
    return put(folder, "AAPL.csv", as_csv(both.sort("time") if in_order else both, lambda t: f"{t:%Y-%m-%d %H:%M}"))


@pytest.mark.parametrize("said", [{}, {"timezone": "America/New_York", "calendar": "XNYS"}, {"timeframe": HOUR}])
@pytest.mark.parametrize("in_order", [True, False])
def test_days_among_hours_are_counted_by_a_check_and_refused_for_training(
    said: dict[str, object], in_order: bool, tmp_path: Path
) -> None:
    file = stock(tmp_path, in_order)
    report = check_data(DataConfig(paths=(str(file),), **said))
    assert (report.to_dict()["mixed_steps"], report.ok) == (40, False)
    with pytest.raises(SchemaError, match=r"AAPL\.csv row 1 \(AAPL 2024-01-01 .* spans the 7 rows of its 1d") as caught:
        load(file, **said)
    assert "data.filter" in str(caught.value.hint)
    assert "timeframe" not in str(caught.value.hint)


def test_the_lake_takes_no_days_among_hours(tmp_path: Path, cli: Cli) -> None:
    said = cli("data", "import", "--feed", "x", stock(tmp_path), "--timeframe", "1h")
    assert said.code == 2
    assert "bars of two lengths in one table" in said.err


def test_a_database_s_days_among_hours_are_refused(tmp_path: Path) -> None:
    short = sessions(20, HOUR)
    both = pl.concat([longer(short, "1d", 0 * DAY), short]).sort("time")
    written = both.with_columns(pl.lit("X").alias("symbol"), pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    url = put_table(sqlite_url(tmp_path / "b.db"), written, "bars", {"symbol": "TEXT", "time": "TEXT"})
    with pytest.raises(SchemaError, match="spans the 7 rows of its 1d"):
        load(source="sql", url=url, table="bars")


def test_rows_that_are_no_bars_hold_none(tmp_path: Path) -> None:
    frame = sessions(10, HOUR).select("time", pl.col("close").alias("load"))
    assert load(put(tmp_path, "X.csv", as_csv(frame))).num_rows == frame.height
