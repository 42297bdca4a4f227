"""Years and numbers of weeks are ISO's where that is proved, or are refused: by another counting the same numbers name
other weeks, and a row of a week that is read too early is used before it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import bars, load, put
from gatewise.errors import AmbiguousError, GatewiseError

WEEK = timedelta(days=7)


def from_january_1(day: date) -> tuple[int, int]:
    return day.year, (day.timetuple().tm_yday - 1) // 7 + 1


def of_retail(day: date) -> tuple[int, int]:
    """Years of 52 weeks that begin with the Sunday nearest February 1."""
    begins = [date(day.year + n, 2, 1) + timedelta(days=3) for n in (-1, 0, 1)]
    begins = [begin - timedelta(days=(begin.weekday() + 1) % 7) for begin in begins]
    begin = max(begin for begin in begins if begin <= day)
    return begin.year + (begin.month == 1), (day - begin).days // 7 + 1


COUNTED: dict[str, Callable[[date], tuple[int, int]]] = {
    "from Sundays": lambda day: (day.year, int(f"{day:%U}")),
    "from Mondays": lambda day: (day.year, int(f"{day:%W}")),
    "from January 1": from_january_1,
    "retail": of_retail,
    "ISO's week of the calendar's year": lambda day: (day.year, day.isocalendar().week),
}


def write(folder: Path, counted: list[tuple[int, int]], names: tuple[str, str] = ("Year", "Week")) -> Path:
    frame = bars(len(counted), WEEK).drop("time")
    years, weeks = zip(*counted, strict=True)
    frame = pl.DataFrame({names[0]: years, names[1]: weeks}).hstack(frame)
    return put(folder, "X.csv", frame.write_csv())


def weeks_from(first: date, count: int) -> list[date]:
    return [first + n * WEEK for n in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    first=st.dates(date(1990, 1, 1), date(2025, 1, 1)),
    count=st.integers(8, 700),
    names=st.sampled_from([("Year", "Week"), ("year", "week_number"), ("iso_year", "iso_week"), ("Year", "ISO Week")]),
)
def test_weeks_of_iso_are_read_where_years_or_names_prove_them(
    first: date, count: int, names: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    mondays = weeks_from(first - timedelta(days=first.weekday()), count)
    path = write(tmp_path_factory.mktemp("weeks"), [tuple(monday.isocalendar()[:2]) for monday in mondays], names)
    ends = [datetime.combine(monday + WEEK, time(), UTC) for monday in mondays]
    ended = {monday.isocalendar().year for monday in mondays} - {mondays[-1].isocalendar().year}
    lengths = {date(year, 12, 28).isocalendar().week for year in ended}
    if "iso" in names[1].lower() or lengths == {52, 53}:
        table = load(path)
        assert (table.timeframe, table.frame["time"].to_list()) == (WEEK, ends)
    else:
        with pytest.raises(AmbiguousError, match="nothing tells by which counting"):
            load(path)


@settings(max_examples=60, deadline=None)
@given(
    how=st.sampled_from([*COUNTED]),
    first=st.dates(date(1990, 1, 1), date(2025, 1, 1)),
    count=st.integers(8, 700),
)
def test_no_week_of_another_counting_is_used_before_it_ends(
    how: str, first: date, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if how in ("from Sundays", "retail"):
        first -= timedelta(days=(first.weekday() + 1) % 7)
    elif how != "from January 1" or first.weekday() == 3:  # of Thursdays it is ISO's counting
        first -= timedelta(days=first.weekday())
    days = weeks_from(first, count)
    path = write(tmp_path_factory.mktemp("others"), [COUNTED[how](day) for day in days])
    try:
        known = load(path).frame["time"].to_list()
    except GatewiseError:
        return
    ends = [datetime.combine(day + WEEK, time(), UTC) for day in days]
    assert all(moment >= end for moment, end in zip(known, ends, strict=True))


def test_a_month_that_does_not_tell_weeks_apart_leaves_them_to_their_week(tmp_path: Path) -> None:
    mondays = weeks_from(date(2015, 1, 5), 300)
    frame = bars(300, WEEK).drop("time")
    year, week = zip(*(monday.isocalendar()[:2] for monday in mondays), strict=True)
    frame = pl.DataFrame({"year": year, "month": [monday.month for monday in mondays], "week": week}).hstack(frame)
    assert load(put(tmp_path, "X.csv", frame.write_csv())).timeframe == WEEK


@pytest.mark.parametrize("names", [("year", "iso_week"), ("iso_year", "iso_week")])
def test_a_december_week_under_the_calendars_year_is_refused(names: tuple[str, str], tmp_path: Path) -> None:
    """As `date.year` beside `date.isocalendar().week` gives it."""
    mondays = weeks_from(date(2018, 6, 4), 40)  # 2018-12-31 is of 2019's first week
    right = write(tmp_path, [tuple(monday.isocalendar()[:2]) for monday in mondays], names)
    assert load(right).timeframe == WEEK
    with pytest.raises(GatewiseError):
        load(write(tmp_path, [(monday.year, monday.isocalendar().week) for monday in mondays], ("year", names[1])))
