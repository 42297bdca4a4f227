"""Laws of odd rows among bars of the calendar: the month of a listing at the start, a running bar at the end. They make
no other timeframe of the rest, none is usable before its period ends, and they are counted; what 30 or 31 days would be
lets a model see months before they are over, and nothing later can tell.
"""

from __future__ import annotations

import itertools
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from conftest import TINY, Cli
from data_files import as_csv, bars, load, put
from gatewise.config.durations import MONTH, format_duration
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import Report, check_data
from gatewise.data.steps.months import lay_on_calendar

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Stamps = list[datetime] | list[date]


def first_of(month: int) -> date:
    """The first day of a month, counted from January of year 0."""
    return date(month // 12, month % 12 + 1, 1)


def start_of(day: date, length: int, phase: int) -> date:
    """The first day of the period of `length` months that a day lies in; periods begin `phase` months after January."""
    month = day.year * 12 + day.month - 1
    return first_of(month - (month - phase) % length)


def months_after(day: date, months: int) -> date:
    return first_of(day.year * 12 + day.month - 1 + months)


def on_or_after(day: date) -> date:
    return day + DAY * ((7 - day.weekday()) if day.weekday() > 4 else 0)


def on_or_before(day: date) -> date:
    return day - DAY * max(0, day.weekday() - 4)


# The day that stamps a period, from its first day and the first day of the period after it.
STAMPED: dict[str, Callable[[date, date], date]] = {
    "first day": lambda first, following: first,
    "first day of trade": lambda first, following: on_or_after(first),
    "last day": lambda first, following: following - DAY,
    "last day of trade": lambda first, following: on_or_before(following - DAY),
}


def put_rows(folder: Path, stamps: Stamps, name: str = "X.csv") -> Path:
    return put(folder, name, as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))


def check(file: Path, **said: object) -> Report:
    return check_data(DataConfig.model_validate({"paths": (str(file),), **said}))


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(sorted(STAMPED)),
    length=st.sampled_from([1, 3, 6, 12]),
    phase=st.integers(0, 11),
    start=st.integers(1990, 2010),
    count=st.integers(5, 40),
    listed=st.none() | st.integers(7, 23),
    running=st.none() | st.integers(7, 23),
    beside=st.booleans(),
    zone=st.sampled_from(["", "UTC", "Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Sydney"]),
    said=st.booleans(),
)
def test_odd_rows_at_the_ends_leave_the_periods_those_of_the_calendar(
    way: str,
    length: int,
    phase: int,
    start: int,
    count: int,
    listed: int | None,
    running: int | None,
    beside: bool,
    zone: str,
    said: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Zones: dates alone, or midnights of one, in UTC; `beside`: the running period has a row on its first day too."""
    phase %= length
    begin = start * 12 + phase
    periods = [(first_of(begin + k * length), first_of(begin + (k + 1) * length)) for k in range(count)]
    days = [(STAMPED[way](*period), period[1]) for period in periods]
    if listed is not None:  # on one day of the first period, in any of its months
        day = months_after(periods[0][0], listed % length) + (listed - 1) * DAY
        if way.startswith("first"):
            days[0] = (day, periods[0][1])
        else:
            days.insert(0, (months_after(periods[0][0], listed % length - length) + (listed - 1) * DAY, periods[0][0]))
    if running is not None:  # of the period after the last one, which it may have a row of already
        first = periods[-1][1]
        if way.startswith("first") and beside:
            days.append((STAMPED[way](first, months_after(first, length)), months_after(first, length)))
        days.append((months_after(first, running % length) + (running - 1) * DAY, months_after(first, length)))
    odd = [day for day, _ in days[:1] if listed is not None] + [day for day, _ in days[-1:] if running is not None]
    info = zoneinfo.ZoneInfo(zone or "UTC")
    # A last day of trade that is written as a midnight of a zone is a thing that nobody writes.
    assume(not zone or way.startswith("first"))
    stamps = [datetime.combine(day, time(), info).astimezone(UTC) for day, _ in days]
    ends = [datetime.combine(end, time(), info) for _, end in days]
    file = put_rows(tmp_path_factory.mktemp("odd"), [day for day, _ in days] if not zone else stamps)
    flags = {"timezone": zone} if zone and said else {}
    table = load(file, **flags)
    assert format_duration(table.timeframe) == format_duration(length * MONTH)
    late = [known - end for known, end in zip(table.frame["time"], ends, strict=True)]
    assert min(late) >= timedelta(0)
    assert max(late) <= (length * 31 + 1) * DAY
    report = check(file, **flags)
    assert (report.to_dict()["off_grid"], report.ok) == (len(odd), True)
    if odd:
        plain = put_rows(file.parent, [s for s, (day, _) in zip(stamps, days, strict=True) if day not in odd], "P.csv")
        dropped = load(file, off_grid="drop", **flags)
        assert dropped.num_rows == len(days) - len(odd)
        assert dropped.frame["time"].equals(load(plain, symbol="X", **flags).frame["time"])


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(sorted(STAMPED)),
    length=st.sampled_from([1, 3, 12]),
    count=st.integers(1, 15),
    odd=st.sets(st.integers(0, 700), max_size=3),
)
def test_each_row_is_usable_later_than_the_one_before_it_and_once_its_period_has_ended(
    way: str, length: int, count: int, odd: set[int]
) -> None:
    """Wherever the odd rows lie, and however few the others are, where the months are said."""
    begin = 1990 * 12
    days = {STAMPED[way](first_of(begin + k * length), first_of(begin + (k + 1) * length)) for k in range(count)}
    rows = sorted(days | {date(1990, 1, 6) + day * DAY for day in odd})
    stamps = pl.Series("__stamp", rows).cast(pl.Datetime("us"))
    laid = lay_on_calendar(pl.DataFrame({"symbol": ["X"] * len(rows), "__stamp": stamps}), pl.col("__stamp"), length)
    assert (laid["ends"].diff().drop_nulls() > timedelta(0)).all()
    for day, ends in zip(rows, laid["ends"], strict=True):
        assert ends.date() >= months_after(start_of(day, length, 0), length if day in days or length == 1 else 1)


LITERAL: dict[str, tuple[str, list[str], list[str]]] = {
    "a listing in the middle of a month": (
        "1mo",
        ["2012-05-18", "2012-06-01", "2012-07-01", "2012-08-01", "2012-09-01"],
        ["2012-06-01", "2012-07-01", "2012-08-01", "2012-09-01", "2012-10-01"],
    ),
    "Yahoo's running month beside its own first day": (
        "1mo",
        ["2023-09-01", "2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01", "2024-01-26"],
        ["2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01", "2024-02-26"],
    ),
    "Yahoo's running month on a last day": (
        "1mo",
        ["2023-09-01", "2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01", "2024-01-30"],
        ["2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01", "2024-02-29"],
    ),
    "Alpha Vantage's running month": (
        "1mo",
        ["2023-08-31", "2023-09-29", "2023-10-31", "2023-11-30", "2023-12-29", "2024-01-26"],
        ["2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"],
    ),
    "business quarters that run": (
        "3mo",
        ["2022-10-03", "2023-01-02", "2023-04-03", "2023-07-03", "2023-10-02", "2024-01-01", "2024-02-14"],
        ["2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01", "2024-01-01", "2024-04-01", "2024-05-14"],
    ),
    "a month in the middle that is there twice": (
        "1mo",
        [*(f"2023-{month:02}-01" for month in range(1, 13)), "2023-06-14"],
        [*(f"2023-{month:02}-01" for month in range(2, 8)), "2023-07-14"],
    ),
}


@pytest.mark.parametrize("case", LITERAL)
def test_what_vendors_write_is_of_the_calendar_and_ends_with_it(case: str, tmp_path: Path) -> None:
    timeframe, days, known = LITERAL[case]
    file = put_rows(tmp_path, sorted(map(date.fromisoformat, days)))
    table = load(file)
    assert format_duration(table.timeframe) == timeframe
    assert [f"{moment:%Y-%m-%d}" for moment in table.frame["time"]][: len(known)] == known
    assert check(file).to_dict()["off_grid"] == 1


def test_a_short_series_among_others_may_have_an_odd_row_too(tmp_path: Path) -> None:
    put_rows(tmp_path, [first_of(2010 * 12 + k) for k in range(40)], "A.csv")
    put_rows(tmp_path, [date(2012, 5, 18), date(2012, 6, 1), date(2012, 7, 1)], "B.csv")
    put_rows(tmp_path, [date(2012, 5, 18), date(2012, 6, 1)], "C.csv")
    put_rows(tmp_path, [date(2013, 5, 18)], "D.csv")
    assert load(tmp_path).timeframe == MONTH


@pytest.mark.parametrize("step", [28, 30, 91, 365])
@pytest.mark.parametrize("running", [0, 11])
@pytest.mark.parametrize("rows", [3, 5, 9, 30])
def test_as_many_days_each_stay_days_whatever_row_follows(step: int, running: int, rows: int, tmp_path: Path) -> None:
    days = [date(2003, 1, 4 if rows > 6 else 12) + step * DAY * k for k in range(rows)]
    table = load(put_rows(tmp_path, [*days, *([days[-1] + running * DAY] if running else [])]))
    assert table.timeframe == step * DAY


WEEKS: dict[str, list[date]] = {
    "Mondays": [date(2022, 1, 3) + 7 * DAY * k for k in range(40)],
    "Mondays and some Tuesdays": [date(2022, 1, 3) + 7 * DAY * k + (k % 9 == 4) * DAY for k in range(40)],
    "Fridays and some Thursdays": [date(2022, 1, 7) + 7 * DAY * k - (k % 9 == 4) * DAY for k in range(40)],
}


@pytest.mark.parametrize("zone", ["", "America/New_York", "Europe/London"])
@pytest.mark.parametrize("odd", ["", "first", "last", "both"])
@pytest.mark.parametrize("case", WEEKS)
def test_odd_weeks_are_counted_and_end_with_the_week_or_later(case: str, odd: str, zone: str, tmp_path: Path) -> None:
    days = WEEKS[case]
    before, after = days[0] - 4 * DAY, days[-1] + 5 * DAY
    rows = [before] * (odd in ("first", "both")) + days + [after] * (odd in ("last", "both"))
    info = zoneinfo.ZoneInfo(zone or "UTC")
    stamps: Stamps = [datetime.combine(day, time(), info).astimezone(UTC) for day in rows] if zone else rows
    file, flags = put_rows(tmp_path, stamps), ({"timezone": zone} if zone else {})
    table = load(file, **flags)
    assert table.timeframe == 7 * DAY
    ends = [day + (7 - day.weekday()) * DAY for day in rows]  # the next Monday
    trade = case.startswith("Fridays")
    for known, end in zip(table.frame["time"], ends, strict=True):
        least = datetime.combine(end - 2 * DAY if trade else end, time(), info)  # they trade until Friday's midnight
        assert known >= least
    assert check(file, **flags).to_dict()["off_grid"] == {"": 0, "both": 2}.get(odd, 1)


def of_new_york(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), zoneinfo.ZoneInfo("America/New_York")).astimezone(UTC)


TRADED = [day for k in range(400) if (day := date(2021, 1, 4) + k * DAY).weekday() < 5]
SHORT: dict[str, tuple[timedelta, list[datetime], timedelta]] = {
    "days by their close, some of them half": (
        DAY,
        [of_new_york(day, 13 if k in (100, 130, 228, 248) else 16) for k, day in enumerate(TRADED)],
        timedelta(0),
    ),
    "days by their open": (DAY, [of_new_york(day, 9, 30) for day in TRADED], 6.5 * HOUR),
    "hours with a short first one": (
        HOUR,
        [of_new_york(day, hour, 30 * (hour == 9)) for day in TRADED for hour in range(9, 16)],
        HOUR,
    ),
    "four hours of a session, the second one short": (
        4 * HOUR,
        [of_new_york(day, hour, 30) for day in TRADED for hour in (9, 13)],
        4 * HOUR,
    ),
    "four hours of a day that rests for one": (
        4 * HOUR,
        [of_new_york(day, hour) for day in TRADED for hour in (2, 6, 10, 14, 18, 22)],
        4 * HOUR,
    ),
}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("case", SHORT)
def test_half_days_and_short_bars_of_sessions_are_on_the_grid(case: str, zone: str, tmp_path: Path) -> None:
    timeframe, stamps, lasts = SHORT[case]
    file = put_rows(tmp_path, stamps)
    table = load(file, timezone=zone)
    assert table.timeframe == timeframe
    assert all(known >= stamp + lasts for known, stamp in zip(table.frame["time"], stamps, strict=True))
    report = check(file, timezone=zone)
    assert (report.to_dict()["off_grid"], report.to_dict()["mixed_steps"], report.ok) == (0, 0, True)


def test_months_with_a_running_one_train_and_new_rows_are_read_as_months(tmp_path: Path, cli: Cli) -> None:
    days = [first_of(1960 * 12 + k) for k in range(600)]
    trained = cli("train", "--data", put_rows(tmp_path, [*days, date(2009, 12, 17)]), *TINY[2:], "--json")
    assert trained.code == 0, trained.err
    assert "rows off the grid of 1mo: 1, the first of X at 2009-12-17" in trained.err
    new = [date(1990, 5, 18), *(first_of(1990 * 12 + k) for k in range(5, 90)), date(1997, 6, 24)]
    model = trained.json["run_id"]
    done = cli("predict", "--model", model, "--data", put_rows(tmp_path, new, "N.csv"), "-o", tmp_path / "p.csv")
    assert done.code == 0, done.err
    times = pl.read_csv(tmp_path / "p.csv")["time"].to_list()
    assert all(moment[8:10] == "01" for moment in times[:-1]), times
    assert list(itertools.islice(reversed(times), 2))[1].startswith("1997-07-01")
    assert times[-1].startswith("1997-07-24")
