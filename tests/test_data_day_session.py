"""Laws of days that begin at a time of a zone's clock: bars of days and hours count from it, through every change of
clocks, and a daily row is usable when its session has ended.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import TINY, Cli
from data_files import as_csv, bars, load, put
from feature_tables import random_walk
from gatewise.config.durations import MONTH
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, FeatureConfig
from gatewise.data.check.rows import check_data
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.resample import resample
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.features.build import build_features

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVENING, MORNING = "17:00 America/New_York", "09:30 America/New_York"
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def start_of(day: date, clock: str, zone: str) -> datetime:
    """When the session begins that begins on a day, in UTC, by Python's own zones."""
    wall = datetime.combine(day, time.fromisoformat(clock), zoneinfo.ZoneInfo(zone))
    return wall.astimezone(UTC)


def bounds_by_hand(moment: datetime, clock: str, zone: str, step: timedelta) -> tuple[datetime, datetime]:
    """(start, end] of the bar in which a row closes at a moment: a day, or a part of one."""
    day = moment.astimezone(zoneinfo.ZoneInfo(zone)).date() + DAY
    while start_of(day, clock, zone) >= moment:
        day -= DAY
    opened, closed = start_of(day, clock, zone), start_of(day + DAY, clock, zone)
    if step == DAY:
        return opened, closed
    start = opened + (moment - opened - timedelta(microseconds=1)) // step * step
    return start, min(start + step, closed)


@settings(max_examples=200, deadline=None)
@given(
    clock=st.sampled_from(["17:00", "09:30", "00:00", "18:00", "16:15"]),
    zone=st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Sydney", "UTC"]),
    step=st.sampled_from([HOUR, 4 * HOUR, 30 * MINUTE, 5 * HOUR, DAY]),
    minutes=st.integers(0, 5 * 366 * 1440),
)
def test_days_and_hours_begin_where_the_clock_of_the_zone_says(
    clock: str, zone: str, step: timedelta, minutes: int
) -> None:
    moment = datetime(2020, 1, 1, tzinfo=UTC) + minutes * MINUTE
    us = np.array([(moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)])
    found = Grid(step, f"{clock} {zone}").bounds(us)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    got = tuple(epoch + int(bound[0]) * timedelta(microseconds=1) for bound in found)
    assert got == bounds_by_hand(moment, clock, zone, step)


def minutes_of(days: int, start: datetime, calendar: str | None, step: timedelta = 5 * MINUTE) -> Table:
    count = days * DAY // step
    frame = pl.DataFrame(
        {"symbol": ["A"] * count, "time": [start + (k + 1) * step for k in range(count)], **random_walk(count)}
    )
    return Table(frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))), step, step, calendar)


@pytest.mark.parametrize("start", [datetime(2024, 3, 7, tzinfo=UTC), datetime(2024, 10, 31, tzinfo=UTC)])
def test_days_of_new_york_are_what_polars_groups_by_its_clock_through_both_changes(start: datetime) -> None:
    table = minutes_of(8, start, EVENING)
    made = resample(table, DAY).frame
    wall = pl.col("time").dt.offset_by("-1us").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None)
    grouped = table.frame.group_by((wall - timedelta(hours=17)).dt.date().alias("day"), maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    names = ["open", "high", "low", "close"]
    assert made.select(names).equals(grouped[1:-1].select(names))
    ends = [moment.astimezone(NEW_YORK).strftime("%H:%M") for moment in made["time"]]
    assert set(ends) == {"17:00"}
    assert len({moment.hour for moment in made["time"]}) == 2  # in UTC


def test_hours_count_from_the_start_of_a_session_and_end_with_it() -> None:
    table = minutes_of(3, datetime(2024, 1, 8, 14, 30, tzinfo=UTC), MORNING)
    hours = [moment.astimezone(NEW_YORK).strftime("%H:%M") for moment in resample(table, HOUR).frame["time"]]
    assert hours[:3] == ["10:30", "11:30", "12:30"]
    fives = [moment.astimezone(NEW_YORK).strftime("%H:%M") for moment in resample(table, 5 * HOUR).frame["time"]]
    assert fives[:6] == ["14:30", "19:30", "00:30", "05:30", "09:30", "14:30"]


def test_weeks_and_months_are_made_of_sessions_by_their_names() -> None:
    table = minutes_of(70, datetime(2024, 1, 1, tzinfo=UTC), EVENING, HOUR)
    weeks = [moment.astimezone(NEW_YORK).strftime("%a %H:%M") for moment in resample(table, 7 * DAY).frame["time"]]
    assert set(weeks) == {"Sun 17:00"}
    months = [moment.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M") for moment in resample(table, MONTH).frame["time"]]
    assert months == ["2024-01-31 17:00", "2024-02-29 17:00"][-len(months) :]


def fx_days(folder: Path, stamps: list[str]) -> Path:
    return put(folder, "EURUSD.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))


def in_new_york(table: Table) -> list[str]:
    return [moment.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M") for moment in table.frame["time"]]


SAID = {"session": "17:00", "timezone": "America/New_York"}
MARCH = [date(2024, 3, 4) + k * DAY for k in range(14)]  # clocks change on Sunday the 10th


@pytest.mark.parametrize(
    ("stamps", "ends"),
    [
        pytest.param(
            [f"{day}" for day in MARCH if day.weekday() < 5],
            [f"{day} 17:00" for day in MARCH if day.weekday() < 5],
            id="dates of Monday to Friday",
        ),
        pytest.param(
            [f"{day}" for day in MARCH if day.weekday() not in (4, 5)],
            [f"{day + DAY} 17:00" for day in MARCH if day.weekday() not in (4, 5)],
            id="dates of Sunday to Thursday",
        ),
        pytest.param([f"{day}" for day in MARCH], [f"{day + DAY} 17:00" for day in MARCH], id="dates of all days"),
        pytest.param(
            [f"{day} 17:00" for day in MARCH if day.weekday() not in (4, 5)],
            [f"{day + DAY} 17:00" for day in MARCH if day.weekday() not in (4, 5)],
            id="stamps of the start",
        ),
    ],
)
def test_daily_rows_are_usable_at_the_end_of_their_session(stamps: list[str], ends: list[str], tmp_path: Path) -> None:
    table = load(fx_days(tmp_path, stamps), **SAID)
    assert in_new_york(table) == ends
    assert (table.calendar, table.gap_tolerance) == (EVENING, 7 * DAY)


def test_dates_of_days_that_begin_in_the_morning_end_on_the_next_one(tmp_path: Path) -> None:
    table = load(fx_days(tmp_path, [f"{day}" for day in MARCH]), session="09:30", timezone="America/New_York")
    assert in_new_york(table) == [f"{day + DAY} 09:30" for day in MARCH]


@pytest.mark.parametrize("zoned", [True, False])
def test_starts_in_utc_end_no_earlier_than_their_session(zoned: bool, tmp_path: Path) -> None:
    starts = [start_of(day, "17:00", "America/New_York") for day in MARCH]
    file = fx_days(tmp_path, [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in starts])
    table = load(file, **(SAID if zoned else {"session": EVENING}))
    late = [
        moment - (start_of(day + DAY, "17:00", "America/New_York"))
        for moment, day in zip(table.frame["time"], MARCH, strict=True)
    ]
    assert set(late) <= {timedelta(0)} if zoned else min(late) >= timedelta(0) and max(late) <= HOUR


def test_closed_time_stays_a_gap_and_no_row_is_outside(tmp_path: Path) -> None:
    frame = bars(100, HOUR, datetime(2024, 1, 5, 12, tzinfo=UTC)).filter(
        pl.int_range(pl.len()).is_between(10, 58).not_()
    )
    file = put(tmp_path, "X.csv", as_csv(frame))
    plain, said = (check_data(DataConfig(paths=(str(file),), **more)) for more in ({}, SAID))  # type: ignore[arg-type]
    for kind in ("gaps", "outside_sessions"):
        assert said.to_dict()[kind] == plain.to_dict()[kind]
    assert said.to_dict()["gaps"] == 1
    assert load(file, **SAID).segment_start.tolist() == load(file).segment_start.tolist()


def test_features_of_days_are_joined_at_the_end_of_sessions() -> None:
    table = minutes_of(60, datetime(2024, 2, 1, tzinfo=UTC), EVENING, HOUR)
    matrix = build_features(table, FeatureConfig(sets=("ohlcv",), timeframes=(DAY,)))
    ends = dict(resample(table, DAY).frame.select("time", "close").iter_rows())
    column = matrix.names.index("close_1d")
    for row in np.flatnonzero(matrix.valid)[::7]:
        last = max(end for end in ends if end <= table.frame["time"][int(row)])
        assert matrix.values[row, column] == ends[last]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"session": "17:00"}, "a time of some zone's clock; none is named"),
        ({"session": "25:00", "timezone": "UTC"}, "must be when a day begins"),
        ({"session": "evening", "timezone": "UTC"}, "must be when a day begins"),
        ({"session": "17:00 America/New_Yrok"}, "unknown time zone"),
        ({"session": "17:00", "timezone": "UTC", "calendar": "XNYS"}, "one of data.calendar and data.session"),
    ],
)
def test_a_session_that_can_not_be_is_refused_in_one_line(said: dict[str, str], words: str, tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(bars(9)))
    with pytest.raises(ConfigError, match=words) as caught:
        load(file, **said)
    assert caught.value.hint


def test_yaml_may_take_a_time_for_a_number(tmp_path: Path) -> None:
    file = put(tmp_path, "c.yaml", "data:\n  session: 17:00\n")
    assert load_config(file, (), {}).data.session == "17:00"
    assert load_config(None, ("data.session=9:30",), {}).data.session == "09:30"


def test_a_bundle_makes_the_same_days_of_new_rows(tmp_path: Path, cli: Cli) -> None:
    frame = bars(24 * 200, HOUR, datetime(2024, 3, 15, tzinfo=UTC)).with_columns(pl.exclude("time", "volume") + 500)
    file = put(tmp_path, "X.csv", as_csv(frame, lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}"))
    session = ("--session", "17:00", "--timezone", "America/New_York")
    trained = cli("train", "--data", file, *TINY[2:], *session, "--resample", "4h", "--json", "-q")
    assert trained.code == 0, trained.err
    run = ("predict", "--model", trained.json["run_id"], "-o", tmp_path / "p.csv")
    assert cli(*run, "--data", file, "--json").code == 0
    hours = {
        f"{moment.astimezone(NEW_YORK):%H:%M}"
        for moment in pl.read_csv(tmp_path / "p.csv", try_parse_dates=True)["time"]
    }
    assert hours == {"01:00", "05:00", "09:00", "13:00", "17:00", "21:00"}
    other = cli(*run, "--data", file, "--calendar", "none")
    assert (other.code, "rows of calendar 17:00 America/New_York" in other.err) == (2, True)
    assert 'calendar="17:00 America/New_York"' in other.err or "--calendar '17:00 America/New_York'" in other.err
    assert cli(*run, "--data", file, "--calendar", EVENING, "--json").code == 0


def test_a_table_of_another_session_is_not_the_same() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    prints = {minutes_of(3, start, calendar).fingerprint for calendar in (None, EVENING, MORNING)}
    assert len(prints) == 3
