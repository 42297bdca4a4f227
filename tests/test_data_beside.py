"""What stands beside the time in columns of its own. Left out, it puts rows hours early or late without complaint: the
afternoon of a clock of twelve hours into the night before, and New York's morning into London's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.schema import DataConfig
from gatewise.data.part import Part, part_of
from gatewise.data.sources import read_source
from gatewise.data.text import Raw
from gatewise.errors import AmbiguousError

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
