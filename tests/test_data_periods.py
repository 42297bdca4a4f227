"""Laws of the calendar's months, quarters and years: a bar of one is usable when the calendar has ended it, and never
before, whichever day it is stamped with; what 30 or 365 days would be is up to two days early.
"""

from __future__ import annotations

import itertools
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import TINY, Cli
from data_files import as_csv, bars, load, put
from feature_tables import random_walk
from gatewise.bundle.reading import reading_config
from gatewise.config.durations import MONTH, format_duration, months_of, parse_duration
from gatewise.config.schema import DataConfig, ExperimentConfig, FeatureConfig
from gatewise.data.check.rows import check_data
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.resample import resample
from gatewise.data.table import Table
from gatewise.errors import ConfigError, ReadError, SchemaError
from gatewise.features.build import build_features

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def first_of(month: int) -> date:
    """The first day of a month, counted from January of year 0."""
    return date(month // 12, month % 12 + 1, 1)


def weekday_on_or_after(day: date) -> date:
    return day + DAY * ((7 - day.weekday()) if day.weekday() > 4 else 0)


def weekday_on_or_before(day: date) -> date:
    return day - DAY * max(0, day.weekday() - 4)


# The day that stamps a period, from its first day and the first day of the period after it.
STAMPED: dict[str, Callable[[date, date], date]] = {
    "first day": lambda first, following: first,
    "first day of trade": lambda first, following: weekday_on_or_after(first),
    "first day of trade after a holiday": lambda first, following: weekday_on_or_after(first + DAY),
    "last day": lambda first, following: following - DAY,
    "last day of trade": lambda first, following: weekday_on_or_before(following - DAY),
}


def stamps_of(way: str, length: int, start: int, count: int) -> list[tuple[date, date, date]]:
    """Stamp, first day and following first day of `count` periods."""
    periods = [(first_of(start + k * length), first_of(start + (k + 1) * length)) for k in range(count)]
    return [(STAMPED[way](*period), *period) for period in periods]


def put_days(folder: Path, days: list[date], name: str = "X.csv") -> Path:
    return put(folder, name, as_csv(bars(len(days)).with_columns(pl.Series("time", days))))


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(sorted(STAMPED)),
    length=st.sampled_from([1, 3, 6, 12]),
    start=st.integers(1990 * 12, 2010 * 12),
    count=st.integers(6, 30),
    absent=st.sets(st.integers(2, 29), max_size=2),
)
def test_periods_of_the_calendar_are_known_by_whatever_day_stamps_them_and_usable_once_they_have_ended(
    way: str, length: int, start: int, count: int, absent: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    periods = [period for n, period in enumerate(stamps_of(way, length, start, count)) if n not in absent]
    table = load(put_days(tmp_path_factory.mktemp("periods"), [stamp for stamp, *_ in periods]))
    assert table.timeframe == length * MONTH
    late = length if way.startswith("last") else 0  # read as the start of the period after it
    wanted = [first_of(following.year * 12 + following.month - 1 + late) for *_, following in periods]
    if (
        len(on := {stamp.day for stamp, *_ in periods}) == 1 and not late
    ):  # from the 2nd to the 2nd, for all that is known
        wanted = [day.replace(day=min(on)) for day in wanted]
    assert [moment.date() for moment in table.frame["time"]] == wanted
    assert {moment.time().isoformat() for moment in table.frame["time"]} == {"00:00:00"}
    gaps = [b[1] != a[2] for a, b in itertools.pairwise(periods)]
    assert (np.diff(table.segment_start) > 0).tolist() == gaps


@pytest.mark.parametrize(
    ("days", "timeframe"),
    [
        ([date(2023, 1, 1) + 30 * DAY * k for k in range(9)], "30d"),
        ([date(2023, 1, 1) + 28 * DAY * k for k in range(9)], "28d"),
        ([date(2023, 1, 1) + 365 * DAY * k for k in range(9)], "365d"),
        ([date(2023, 1, 4) + 91 * DAY * k for k in range(9)], "91d"),
        ([date(2023, 4, 1), date(2023, 5, 1), date(2023, 5, 31)], "30d"),
    ],
)
def test_as_many_days_each_are_no_months(days: list[date], timeframe: str, tmp_path: Path) -> None:
    assert format_duration(load(put_days(tmp_path, days)).timeframe) == timeframe


def test_months_that_step_by_30_and_31_days_alike_end_by_the_calendar(tmp_path: Path) -> None:
    """May of 2023 was known on the 31st of May where a month was 30 days."""
    table = load(put_days(tmp_path, [date(2023, month, 1) for month in range(4, 13)]))
    assert [moment.date() for moment in table.frame["time"]][:3] == [
        date(2023, 5, 1),
        date(2023, 6, 1),
        date(2023, 7, 1),
    ]
    assert format_duration(table.timeframe) == "1mo"


def test_of_steps_that_are_alike_the_longer_one_is_taken_on_a_tie(tmp_path: Path) -> None:
    stamps = [datetime(2024, 1, 1, tzinfo=UTC) + k * MINUTE for k in (0, 20, 42, 62, 84)]
    file = put(tmp_path, "X.csv", as_csv(bars(5).with_columns(pl.Series("time", stamps))))
    assert load(file).timeframe == 22 * MINUTE
    stamps = [datetime(2024, 1, 1, tzinfo=UTC) + k * MINUTE for k in (0, 20, 80, 100, 160)]
    file = put(tmp_path, "X.csv", as_csv(bars(5).with_columns(pl.Series("time", stamps))))
    assert load(file).timeframe == 20 * MINUTE


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "America/Sao_Paulo"])
@pytest.mark.parametrize("said", [True, False])
def test_local_midnights_written_in_utc_are_usable_no_earlier_than_the_local_month_ends(
    zone: str, said: bool, tmp_path: Path
) -> None:
    info = zoneinfo.ZoneInfo(zone)
    months = [datetime(2010 + k // 12, k % 12 + 1, 1, tzinfo=info).astimezone(UTC) for k in range(49)]
    file = put(tmp_path, "X.csv", as_csv(bars(48).with_columns(pl.Series("time", months[:-1]))))
    table = load(file, **({"timezone": zone} if said else {}))
    assert table.timeframe == MONTH
    late = [moment - end for moment, end in zip(table.frame["time"], months[1:], strict=True)]
    assert set(late) == {timedelta(0)} if said else max(late) <= DAY and min(late) >= timedelta(0)


def test_stamps_of_closes_stay_and_a_running_month_is_off_the_grid(tmp_path: Path) -> None:
    days = [first for _, first, _ in stamps_of("first day", 1, 2020 * 12, 24)]
    closes = load(put_days(tmp_path, days), stamp="close")
    assert [moment.date() for moment in closes.frame["time"]] == days
    running = put_days(tmp_path, [*days, date(2022, 1, 1), date(2022, 1, 19)])
    assert check_data(DataConfig(paths=(str(running),))).to_dict()["off_grid"] == 1
    assert load(running, off_grid="drop").num_rows == 25


def test_days_that_are_said_of_months_are_obeyed_with_a_warning(tmp_path: Path) -> None:
    file = put_days(tmp_path, [first for _, first, _ in stamps_of("first day", 1, 2020 * 12, 24)])
    report = check_data(DataConfig(paths=(str(file),), timeframe=30 * DAY))
    assert any("warning: rows lie in periods of the calendar of 1mo" in note for note in report.notes)
    assert load(file, timeframe="1mo").fingerprint == load(file).fingerprint
    with pytest.raises(SchemaError, match="step by 1mo; the timeframe asked for is 1d") as caught:
        load(file, timeframe="1d")
    assert caught.value.hint == 'data.timeframe="1mo"'  # 28d, its shortest step, would know the others early


@pytest.mark.parametrize(
    ("text", "months", "back"),
    [("1mo", 1, "1mo"), ("1q", 3, "3mo"), ("2q", 6, "6mo"), ("1y", 12, "1y"), ("18mo", 18, "18mo"), ("0.5y", 6, "6mo")],
)
def test_months_quarters_and_years_are_durations(text: str, months: int, back: str) -> None:
    length = parse_duration(text)
    assert isinstance(length, timedelta)
    assert (months_of(length), format_duration(length)) == (months, back)
    assert parse_duration(back) == length


@pytest.mark.parametrize("text", ["1.5mo", "0.1y", "1M", "mo"])
def test_months_are_counted_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"counted whole|a number and a unit"):
        parse_duration(text)


@given(st.integers(1, 10**13))
def test_every_length_is_read_back_as_it_was_written(us: int) -> None:
    length = timedelta(microseconds=us)
    assert parse_duration(format_duration(length)) == length


def table_of_steps(timeframe: timedelta, count: int, start: datetime, keep: float = 1.0, seed: int = 0) -> Table:
    """Rows knowable every `timeframe` from `start` on, some of them absent."""
    there = np.flatnonzero(np.random.default_rng(seed).random(count) < keep)
    columns = random_walk(len(there), seed=seed)
    times = [start + (int(k) + 1) * timeframe for k in there]
    frame = pl.DataFrame({"symbol": ["A"] * len(there), "time": times, **columns})
    return Table(frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))), timeframe, timeframe)


@settings(max_examples=40, deadline=None)
@given(
    step=st.sampled_from(["1mo", "2mo", "3mo", "6mo", "1y"]),
    timeframe=st.sampled_from([DAY, 6 * HOUR]),
    start=st.integers(0, 2000),
    keep=st.floats(0.5, 1),
    seed=st.integers(0, 1000),
)
def test_bars_of_months_are_what_polars_groups(
    step: str, timeframe: timedelta, start: int, keep: float, seed: int
) -> None:
    length = parse_duration(step)
    assert isinstance(length, timedelta)
    table = table_of_steps(
        timeframe, 1500 * DAY // timeframe, datetime(2000, 1, 1, tzinfo=UTC) + start * DAY, keep, seed
    )
    made = resample(table, length)
    grouped = (
        table.frame.group_by_dynamic("time", every=step, closed="right", label="right")
        .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last())
        .filter(pl.col("time") <= table.frame["time"][-1])
    )
    names = ["time", "open", "high", "low", "close"]
    wanted = grouped.select(names)
    begun = made.num_rows == wanted.height  # the first one is whole where the rows begin with its start or before it
    first_end = wanted["time"][0]
    opened = table.frame["time"][0] - timeframe
    assert begun == (opened <= pl.select(pl.lit(first_end).dt.offset_by(f"-{step}")).item())
    assert made.frame.select(names).equals(wanted if begun else wanted[1:])
    assert made.timeframe == length


@pytest.mark.parametrize(("between", "step"), [("1mo", "3mo"), ("3mo", "1y"), ("1mo", "1y"), ("1d", "1y")])
def test_bars_of_months_of_months_are_the_months_of_the_rows(between: str, step: str) -> None:
    middle, length = (parse_duration(text) for text in (between, step))
    assert isinstance(middle, timedelta)
    assert isinstance(length, timedelta)
    table = table_of_steps(HOUR * 12, 3000, datetime(2001, 5, 17, tzinfo=UTC))
    direct, twice = resample(table, length), resample(resample(table, middle), length)
    assert direct.num_rows >= 2
    assert direct.frame.drop("volume").equals(twice.frame.drop("volume"))
    np.testing.assert_allclose(direct.frame["volume"], twice.frame["volume"], rtol=1e-12)


def test_months_of_months_hold_all_of_their_rows(tmp_path: Path) -> None:
    file = put_days(tmp_path, [first for _, first, _ in stamps_of("first day", 1, 2010 * 12, 60)])
    report = check_data(DataConfig(paths=(str(file),), resample=3 * MONTH))
    assert report.to_dict()["short_bars"] == 0
    assert load(file, resample="3mo").num_rows == 20
    assert load(file, resample="1y").num_rows == 5


def test_months_with_a_calendar_end_with_its_last_session(tmp_path: Path) -> None:
    days = [day for k in range(800) if (day := date(2021, 12, 1) + k * DAY).weekday() < 5]
    table = load(put_days(tmp_path, days), calendar="XNYS", timezone="America/New_York", resample="1mo")
    closes = [f"{moment:%Y-%m-%d %H:%M}" for moment in table.frame["time"][:4]]
    assert closes == ["2021-12-31 21:00", "2022-01-31 21:00", "2022-02-28 21:00", "2022-03-31 20:00"]
    assert len(set(table.segment_start.tolist())) == 1
    assert Grid(MONTH, "XNYS").most_rows(DAY) == 23
    assert Grid(12 * MONTH, "XNYS").most_rows(DAY) >= 253


@pytest.mark.parametrize(
    ("timeframe", "step"), [("7d", "1mo"), ("1mo", "45d"), ("1mo", "7d"), ("3mo", "1mo"), ("3mo", "4mo"), ("7h", "1mo")]
)
def test_months_that_rows_do_not_fill_are_refused(timeframe: str, step: str) -> None:
    rows, length = (parse_duration(text) for text in (timeframe, step))
    assert isinstance(rows, timedelta)
    assert isinstance(length, timedelta)
    with pytest.raises(ConfigError, match=f"whole multiples of the rows' timeframe, {timeframe}; got {step}"):
        resample(table_of_steps(rows, 90, datetime(2001, 1, 1, tzinfo=UTC)), length)


def test_features_of_months_are_joined_once_the_month_has_ended() -> None:
    table = table_of_steps(DAY, 2000, datetime(2001, 1, 1, tzinfo=UTC))
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(MONTH,))
    matrix = build_features(table, spec)
    column = matrix.names.index("close_1mo")
    ends = dict(resample(table, MONTH).frame.select("time", "close").iter_rows())
    rows = np.flatnonzero(matrix.valid)
    assert rows.size > 1800
    for row in rows[::37]:
        moment = table.frame["time"][int(row)]
        last = max(end for end in ends if end <= moment)
        assert matrix.values[row, column] == ends[last]


def test_months_train_and_a_bundle_reads_new_rows_as_months(tmp_path: Path, cli: Cli) -> None:
    days = [first for _, first, _ in stamps_of("first day", 1, 1960 * 12, 600)]
    file = put_days(tmp_path, days)
    trained = cli("train", "--data", file, *TINY[2:], "--json", "-q")
    assert trained.code == 0, trained.err
    done = cli("predict", "--model", trained.json["run_id"], "--data", file, "-o", tmp_path / "p.csv", "--json")
    assert done.json["rows"] > 500
    daily = put_days(tmp_path, [date(2000, 1, 1) + k * DAY for k in range(60)], "D.csv")
    said = cli("predict", "--model", trained.json["run_id"], "--data", daily, "-o", tmp_path / "q.csv")
    assert "was trained on rows of 1mo; these are of 1d" in said.err
    assert reading_config(ExperimentConfig(), None, ["data.resample=1q"], {}).resample == 3 * MONTH


def test_a_lake_of_months_lacks_none(tmp_path: Path, cli: Cli) -> None:
    days = [first for n, (_, first, _) in enumerate(stamps_of("first day", 1, 2010 * 12, 60)) if n != 30]
    lake = ("--lake", tmp_path / "lake")
    assert cli("data", "import", put_days(tmp_path, days), "--feed", "x", *lake).code == 0
    said = cli("data", "check", *lake, "--json")
    (series,) = said.json["series"]
    assert (series["timeframe"], series["absent"]) == ("1mo", 1)


@pytest.mark.parametrize("written", ["%b %y", "%b-%y"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_months_with_years_of_two_digits_are_months_as_investing_com_writes_them(
    written: str, newest_first: bool, tmp_path: Path
) -> None:
    months = [first_of(2018 * 12 + 10 + n) for n in range(30)]
    rows = [f"{month:{written}},{100 + n}" for n, month in enumerate(months)]
    plain = [f"{month:%Y-%m},{100 + n}" for n, month in enumerate(months)]
    tables = []
    for lines in (rows, plain):
        file = tmp_path / "X.csv"
        file.write_text("\n".join(["Date,close", *(lines[::-1] if newest_first else lines)]) + "\n")
        tables.append(load(file))
    assert tables[0].fingerprint == tables[1].fingerprint


@pytest.mark.parametrize("num_days", [20, 366])
def test_days_without_a_year_are_no_months_of_years(num_days: int, tmp_path: Path) -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(num_days)]
    file = tmp_path / "X.csv"
    file.write_text("Date,close\n" + "".join(f"{day:%b %d},{100 + n}\n" for n, day in enumerate(days)))
    with pytest.raises(ReadError, match="is no known time"):
        load(file)


@pytest.mark.parametrize(("length", "is_read"), [(6, True), (7, False), (4, False)])
def test_weeks_as_pandas_writes_their_first_and_last_days_begin_on_the_first(
    length: int, is_read: bool, tmp_path: Path
) -> None:
    mondays = [date(2023, 1, 2) + timedelta(days=7 * n) for n in range(20)]
    file = tmp_path / "X.csv"
    file.write_text(
        "time,close\n" + "".join(f"{day}/{day + timedelta(days=length)},{100 + n}\n" for n, day in enumerate(mondays))
    )
    if not is_read:
        with pytest.raises(ReadError):
            load(file)
        return
    read = load(file)
    file.write_text("time,close\n" + "".join(f"{day},{100 + n}\n" for n, day in enumerate(mondays)))
    assert read.fingerprint == load(file).fingerprint
