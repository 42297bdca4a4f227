"""What stands beside the time in columns of its own. Left out, it puts rows hours early or late without complaint: the
afternoon of a clock of twelve hours into the night before, and New York's morning into London's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.schema import DataConfig
from gatewise.data.files.part import Part, part_of
from gatewise.data.files.text import Raw
from gatewise.data.sources import read_source
from gatewise.errors import AmbiguousError, DataError

FIRST = datetime(2024, 3, 13)
Write = Callable[[list[datetime]], dict[str, list[Any]]]
# Times by a clock of 12 hours, without their halves.
CLOCKS: dict[str, Write] = {
    "date and clock": lambda ms: {"Date": [f"{m:%Y-%m-%d}" for m in ms], "Time": [f"{m:%I:%M}" for m in ms]},
    "one cell": lambda ms: {"time": [f"{m:%m/%d/%Y %I:%M:%S}" for m in ms]},
    "hours": lambda ms: (
        {"Date": [f"{m:%Y%m%d}" for m in ms], "Hour": [f"{m:%I}" for m in ms]} | {"Minute": [f"{m.minute}" for m in ms]}
    ),
    "of the calendar": lambda ms: (
        {"year": [m.year for m in ms], "month": [m.month for m in ms]}
        | {"day": [m.day for m in ms], "hour": [int(f"{m:%I}") for m in ms], "minute": [m.minute for m in ms]}
    ),
    "typed": lambda ms: {"time": [m.replace(hour=m.hour % 12) for m in ms]},
    "hours of 0 to 11": lambda ms: {"time": [f"{m:%Y-%m-%d} {m.hour % 12}:{m:%M}" for m in ms]},
}
HALVES = {"AM": "PM", "am": "pm", "a.m.": "p.m.", "A.M. ": " P.M.", "오전": "오후", "上午": "下午", "午前": "午後"}


def part(columns: dict[str, list[Any]], **said: Any) -> Part:
    frame = pl.DataFrame(columns, strict=False)
    frame = frame.with_columns(close=pl.int_range(1.0, frame.height + 1)).with_row_index("__row", 1)
    return part_of(Raw("f.csv", frame, (), None), Path("f.csv"), DataConfig(paths=("f.csv",), **said))


def stamps(of: Part) -> list[datetime]:
    return of.frame["__stamp"].dt.replace_time_zone(None).to_list()


@given(
    start=st.integers(0, 24 * 60 - 1),
    step=st.sampled_from([5, 30, 60, 300]),
    rows=st.integers(30, 80),
    clock=st.sampled_from(list(CLOCKS)),
    am=st.sampled_from(list(HALVES)),
    called=st.sampled_from(["AM/PM", "AMPM", "Meridiem", "x"]),
)
def test_halves_of_the_day_in_a_column_of_their_own_are_a_part_of_the_time(
    start: int, step: int, rows: int, clock: str, am: str, called: str
) -> None:
    moments = [FIRST + timedelta(minutes=start + step * row) for row in range(rows)]
    halves = [am if m.hour < 12 else HALVES[am] for m in moments]
    found = part(CLOCKS[clock](moments) | {called: halves})
    if clock == "hours" and len({m.hour % 12 for m in moments}) == 1:
        return
    assert stamps(found) == moments
    assert f"AM and PM are read from {called}" in found.notes
    assert called not in found.texts


@given(st.lists(st.booleans(), min_size=30, max_size=30), st.integers(13, 23))
def test_a_clock_that_counts_to_24_needs_no_halves_whatever_a_column_says(late: list[bool], top: int) -> None:
    moments = [FIRST + timedelta(days=row, hours=row % (top + 1)) for row in range(30)]
    found = part({"time": [str(m) for m in moments], "session": ["PM" if pm else "AM" for pm in late]})
    assert stamps(found) == moments
    assert "session" in found.texts


def test_dates_stay_dates_beside_a_half_of_the_day() -> None:
    """Twelve hours after a day begins is not when the report of its evening comes."""
    days = [FIRST + timedelta(days=row) for row in range(30)]
    assert stamps(part({"date": [f"{d:%Y-%m-%d}" for d in days], "report": ["AM", "PM"] * 15})) == days


def test_a_row_without_its_half_is_refused() -> None:
    moments = [FIRST + timedelta(hours=row) for row in range(30)]
    halves = [f"{m:%p}" if row != 6 else None for row, m in enumerate(moments)]
    with pytest.raises(AmbiguousError, match=r"'AMPM' row 7 says neither AM nor PM") as raised:
        part(CLOCKS["date and clock"](moments) | {"AMPM": halves})
    assert raised.value.hint


def test_a_database_is_asked_for_halves_too_and_keeps_rows_that_its_own_stamps_put_elsewhere(tmp_path: Path) -> None:
    moments = [FIRST + timedelta(hours=row) for row in range(96)]
    with sqlite3.connect(tmp_path / "b.db") as base:
        base.execute("CREATE TABLE t (time TEXT, half TEXT, close REAL)")
        base.executemany("INSERT INTO t VALUES (?, ?, ?)", [(f"{m:%Y-%m-%d %I:%M}", f"{m:%p}", 1.0) for m in moments])
    base.close()
    start = datetime(2024, 3, 14, 12)
    spec = DataConfig(source="sql", url=f"sqlite:///{tmp_path / 'b.db'}", table="t", start=start, stamp="close")
    assert read_source(spec).frame["__stamp"].sort().dt.replace_time_zone(None).to_list() == [
        m for m in moments if m >= start
    ]


def offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def minutes(moment: datetime) -> int:
    return int(offset(moment).total_seconds() // 60)


def written(moment: datetime, sign: str = "", colon: str = ":") -> str:
    ahead = minutes(moment)
    return f"{'-' if ahead < 0 else sign}{abs(ahead) // 60:02d}{colon}{abs(ahead) % 60:02d}"


WAYS: dict[str, Callable[[datetime], Any]] = {
    "-05:00": lambda m: written(m, "+"),
    "05:30": written,
    "-0500": lambda m: written(m, "+", ""),
    "UTC-05:00": lambda m: "UTC" + written(m, "+"),
    "-05:00:00": lambda m: written(m, "+") + ":00",
    "hours as numbers": lambda m: minutes(m) / 60,
    "hours as text": lambda m: f"{minutes(m) / 60:g}",
    "seconds": lambda m: minutes(m) * 60,
    "names": lambda m: str(m.tzinfo),
}
PLACES = ("America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC", "America/Caracas", "Asia/Kathmandu")


@given(
    places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=3),
    way=st.sampled_from(list(WAYS)),
    called=st.sampled_from(["timezone", "tz", "TimeZone", "utcoffset", "utc_offset", "GMT Offset", "tzinfo"]),
    first=st.sampled_from([datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 7, 15, tzinfo=UTC)]),
)
def test_a_column_of_zones_or_offsets_says_whose_clock_each_row_shows(
    places: list[str], way: str, called: str, first: datetime
) -> None:
    moments = [first + timedelta(hours=row) for row in range(40)]
    shown = [m.astimezone(ZoneInfo(places[row % len(places)])) for row, m in enumerate(moments)]
    found = part({"time": [f"{m:%Y-%m-%d %H:%M}" for m in shown], called: [WAYS[way](m) for m in shown]})
    assert stamps(found) == [m.replace(tzinfo=None) for m in moments]
    assert not found.zone_assumed
    assert called not in found.frame.columns


def clocks(cells: list[Any], called: str = "timezone", time: str = "time") -> dict[str, list[Any]]:
    return {time: [str(FIRST + timedelta(hours=row)) for row in range(len(cells))], called: cells}


@pytest.mark.parametrize(
    ("cells", "what", "hint"),
    [
        (["UTC"] * 20 + ["EST"] * 10, "'timezone' row 21: 'EST' names no zone", "America/New_York"),
        (["IST"] * 30, "'timezone' row 1: 'IST' names no zone", "Asia/Kolkata"),
        (["Exchange"] * 30, "'timezone' row 1: 'Exchange' is no time zone", "data.timezone"),
        (["UTC"] * 20 + [None] * 10, "'timezone' row 21 names no zone while others do", "write it"),
    ],
)
def test_what_names_no_zone_is_refused_with_the_column(cells: list[Any], what: str, hint: str) -> None:
    with pytest.raises(DataError, match=what) as raised:
        part(clocks(cells))
    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize("cell", ["-300", "250", "-15", "99"])
def test_a_number_that_may_be_two_offsets_or_is_none_is_refused(cell: str) -> None:
    """-300 is five hours in minutes, and three in hours and minutes."""
    with pytest.raises(DataError, match=f"'utc_offset' row 1: '{cell}' is no time zone"):
        part(clocks([cell] * 30, "utc_offset"))


@pytest.mark.parametrize(
    "cells", [["EST"] * 30, ["America/New_York"] * 30, ["Eastern"] * 30, ["local"] * 30, ["a", "b"] * 15]
)
def test_a_zone_that_is_said_reads_what_the_column_does_not_tell(cells: list[str]) -> None:
    """Where one name stands beside all rows it may be that of the clock, summer and winter alike."""
    found = part(clocks((cells * 30)[:30]), timezone="America/New_York")
    assert stamps(found)[0] == FIRST + timedelta(hours=4)  # of summer time


def test_another_clock_than_was_said_is_refused() -> None:
    with pytest.raises(AmbiguousError, match="'timezone' holds 'PST', which is not the clock of"):
        part(clocks(["PST"] * 30), timezone="America/New_York")


def test_stamps_that_say_their_own_moment_need_no_zone_beside_them() -> None:
    moments = [FIRST + timedelta(hours=row) for row in range(30)]
    for cells in ([f"{m}Z" for m in moments], [int(m.replace(tzinfo=UTC).timestamp()) for m in moments]):
        assert stamps(part({"time": cells, "timezone": ["America/New_York"] * 30})) == moments
    assert stamps(part(clocks(["America/New_York"] * 30, time="time_utc"))) == moments


def test_a_measure_that_is_called_like_a_zone_stays_one() -> None:
    assert "tz" in part(clocks([row * 1.7 for row in range(30)], "tz")).frame.columns


def test_a_database_is_asked_for_zones_too(tmp_path: Path) -> None:
    moments = [FIRST.replace(tzinfo=UTC) + timedelta(hours=row) for row in range(96)]
    shown = [m.astimezone(ZoneInfo("America/New_York")) for m in moments]
    with sqlite3.connect(tmp_path / "b.db") as base:
        base.execute("CREATE TABLE t (time TEXT, tz TEXT, close REAL)")
        base.executemany("INSERT INTO t VALUES (?, ?, 1.0)", [(f"{m:%Y-%m-%d %H:%M}", str(m.tzinfo)) for m in shown])
    base.close()
    start = moments[40]
    spec = DataConfig(source="sql", url=f"sqlite:///{tmp_path / 'b.db'}", table="t", start=start, stamp="close")
    assert read_source(spec).frame["__stamp"].to_list() == moments[40:]
