"""The law of bars made of months: whichever day stamps the months, a quarter holds its own three, as pandas groups them
by their first days. A quarter of February, March and April looks like any other, and nothing later can tell.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, load, put
from gatewise.config.durations import MONTH
from gatewise.config.schema import FeatureConfig
from gatewise.data.steps.resample import resample
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.features.build import build_features
from test_data_odd_rows import STAMPED, first_of

DAY = timedelta(days=1)
VALUES = ["open", "high", "low", "close", "volume"]
LENGTH = {"3mo": 3, "6mo": 6, "1y": 12}
FREQUENCY = {"3mo": "QS", "6mo": "6MS", "1y": "YS"}
AT: dict[str, time] = {"": time(), "16:00": time(16), "23:59:59": time(23, 59, 59)}


def months(start: int, count: int, length: int = 1) -> list[tuple[date, date]]:
    return [(first_of(start + k * length), first_of(start + (k + 1) * length)) for k in range(count)]


def put_months(folder: Path, stamps: list[datetime] | list[date], name: str = "X.csv") -> Path:
    return put(folder, name, as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))


def of_pandas(firsts: list[date], every: str, rows: int | None = None) -> pd.DataFrame:
    """Whole bars of the first months of so many rows, by their first days."""
    frame = bars(rows or len(firsts)).head(len(firsts)).drop("time").to_pandas().set_index(pd.DatetimeIndex(firsts))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    grouped = frame.resample(FREQUENCY[every]).agg(how)
    ends = grouped.index + pd.DateOffset(months=LENGTH[every])
    whole = (grouped.index >= firsts[0].isoformat()) & (ends <= (frame.index[-1] + pd.DateOffset(months=1)))
    return grouped[whole]


def same(table: Table, wanted: pd.DataFrame) -> None:
    np.testing.assert_allclose(table.frame.select(VALUES).to_numpy(), wanted[VALUES].to_numpy(), rtol=1e-12)


@settings(max_examples=80, deadline=None)
@given(
    way=st.sampled_from(sorted(STAMPED)),
    at=st.sampled_from(sorted(AT)),
    year=st.integers(1990, 2010),
    month=st.integers(0, 5),
    count=st.integers(30, 48),
    every=st.sampled_from(sorted(FREQUENCY)),
)
def test_bars_of_months_hold_the_months_that_pandas_groups_whichever_day_stamps_them(
    way: str, at: str, year: int, month: int, count: int, every: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if way == "last day" and at == "16:00":
        at = ""  # a midnight of China's clock, for all that anyone can tell
    month *= 6 if every == "6mo" else 1  # pandas counts half-years from the first row on
    periods = months(year * 12 + month % 12, count)
    days = [STAMPED[way](*period) for period in periods]
    stamps = [datetime.combine(day, AT[at], UTC) for day in days] if at else days
    file = put_months(tmp_path_factory.mktemp("months"), stamps)
    table = load(file, resample=every)
    wanted = of_pandas([first for first, _ in periods], every)
    same(table, wanted)
    ends = [moment.date() for moment in wanted.index + pd.DateOffset(months=LENGTH[every])]
    late = [known.date() - end for known, end in zip(table.frame["time"], ends, strict=True)]
    assert min(late) >= timedelta(0)
    assert max(late) <= (32 * DAY if way.startswith("last") else DAY)
    rows = load(file).frame
    assert set(table.frame["time"]) <= set(rows["time"])  # a bar is known with the last of its months


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize("said", [True, False])
def test_months_at_midnights_of_a_zone_make_the_quarters_that_pandas_groups(
    zone: str, said: bool, tmp_path: Path
) -> None:
    periods = months(2010 * 12, 40)
    stamps = [datetime.combine(first, time(), zoneinfo.ZoneInfo(zone)).astimezone(UTC) for first, _ in periods]
    table = load(put_months(tmp_path, stamps), resample="3mo", **({"timezone": zone} if said else {}))
    same(table, of_pandas([first for first, _ in periods], "3mo"))


@pytest.mark.parametrize("way", sorted(STAMPED))
def test_months_of_an_exchange_make_the_same_quarters(way: str, tmp_path: Path) -> None:
    periods = months(2010 * 12, 40)
    days = [STAMPED[way](*period) for period in periods]
    table = load(put_months(tmp_path, days), resample="3mo", calendar="XNYS", timezone="America/New_York")
    same(table, of_pandas([first for first, _ in periods], "3mo"))


@pytest.mark.parametrize("way", sorted(STAMPED))
def test_years_of_quarters_are_years_of_months_and_so_are_features_on_them(way: str, tmp_path: Path) -> None:
    periods = months(2000 * 12, 180)
    table = load(put_months(tmp_path, [STAMPED[way](*period) for period in periods]))
    years = resample(table, 12 * MONTH)
    twice = resample(resample(table, 3 * MONTH), 12 * MONTH)
    assert years.frame.drop("volume").equals(twice.frame.drop("volume"))
    same(years, of_pandas([first for first, _ in periods], "1y"))
    matrix = build_features(table, FeatureConfig(sets=("ohlcv",), timeframes=(12 * MONTH,)))
    column, rows = matrix.names.index("close_1y"), np.flatnonzero(matrix.valid)
    assert rows.size > 140
    closes = dict(years.frame.select("time", "close").iter_rows())
    for row in rows:
        known = max(end for end in closes if end <= table.frame["time"][int(row)])
        assert matrix.values[row, column] == pytest.approx(closes[known])


def test_a_running_month_is_in_its_own_quarter(tmp_path: Path) -> None:
    """Also the first and the last month of a quarter, stamped by last days or by first ones."""
    for way in ("first day", "last day of trade"):
        for running in (date(2013, 1, 22), date(2013, 3, 22), date(2013, 4, 22)):
            count = (running.year - 2010) * 12 + running.month - 1
            days = [STAMPED[way](*period) for period in months(2010 * 12, count)]
            table = load(put_months(tmp_path, [*days, running]), resample="3mo")
            firsts = [first for first, _ in months(2010 * 12, count + (running.month == 3))]
            same(table, of_pandas(firsts, "3mo", len(days) + 1))


def test_the_lake_keeps_which_months_its_rows_are_of(tmp_path: Path, cli: Cli) -> None:
    periods = months(2010 * 12, 30)
    for name, way in (("A.csv", "first day"), ("B.csv", "last day")):
        file = put_months(tmp_path, [STAMPED[way](*period) for period in periods], name)
        assert cli("data", "import", file, "--feed", "x", "--lake", tmp_path / "lake").code == 0
    lake = {"source": "lake", "lake": str(tmp_path / "lake"), "resample": "3mo"}
    for symbol in "AB":
        same(load(symbols=[symbol], **lake), of_pandas([first for first, _ in periods], "3mo"))
    with pytest.raises(ConfigError, match="stamped with first days"):
        load(symbols=["A", "B"], **lake)


def test_symbols_whose_months_are_stamped_in_two_ways_make_no_quarters(tmp_path: Path) -> None:
    for name, way in (("A.csv", "first day"), ("B.csv", "last day")):
        put_months(tmp_path, [STAMPED[way](*period) for period in months(2010 * 12, 30)], name)
    assert load(tmp_path).num_rows == 60
    with pytest.raises(ConfigError, match="stamped with first days and others' with last ones") as caught:
        load(tmp_path, resample="3mo")
    assert caught.value.hint == "load them apart"
