"""Laws of rows off the grid: a bar that was still running when it was written down is counted, and left out on request;
rows that a holiday, a session or a change of clocks puts elsewhere are as good as any.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, load, put
from gatewise.config.durations import MONTH
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.steps.off_grid import find_off_grid
from gatewise.errors import ConfigError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2022, 1, 3, tzinfo=UTC)
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")

Stamps = list[datetime]


def odd_of(timeframe: timedelta, *series: Stamps, zone: str = "UTC") -> Stamps:
    """Stamps of the rows off the grid, a symbol a list."""
    time = pl.Datetime("us", "UTC")
    frame = pl.concat(
        pl.DataFrame({"symbol": [f"S{n}"] * len(stamps), "__stamp": stamps}, schema_overrides={"__stamp": time})
        for n, stamps in enumerate(series)
    )
    wall = pl.col("__stamp").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return find_off_grid(frame, wall, timeframe)["__stamp"].to_list()


def every(step: timedelta, count: int, start: datetime = MONDAY) -> Stamps:
    return [start + number * step for number in range(count)]


def firsts_of_months(count: int, year: int = 2015) -> Stamps:
    return [datetime(year + k // 12, k % 12 + 1, 1, tzinfo=UTC) for k in range(count)]


def of_new_york(days: int, hour: int, minute: int = 0) -> Stamps:
    """One wall-clock time on each day of three years."""
    wall = [datetime(2021, 1, 1, hour, minute) + k * DAY for k in range(days)]
    return [moment.replace(tzinfo=NEW_YORK).astimezone(UTC) for moment in wall]


RUNNING: dict[str, tuple[timedelta, Stamps, datetime]] = {
    "minutes": (MINUTE, every(MINUTE, 40), MONDAY + 39 * MINUTE + timedelta(seconds=42)),
    "five minutes": (5 * MINUTE, every(5 * MINUTE, 40), MONDAY + 198 * MINUTE),
    "hours": (HOUR, every(HOUR, 30, MONDAY + 30 * MINUTE), MONDAY + 30 * HOUR + timedelta(minutes=41, seconds=7)),
    "days by the time of the last trade": (DAY, every(DAY, 30), MONDAY + 30 * DAY + timedelta(hours=18, minutes=22)),
    "weeks by the time of the last trade": (7 * DAY, every(7 * DAY, 24), MONDAY + 165 * DAY + timedelta(hours=20)),
    "weeks by a date": (7 * DAY, every(7 * DAY, 24), MONDAY + 165 * DAY),
    "weeks by a Sunday": (7 * DAY, every(7 * DAY, 24), MONDAY + 167 * DAY),
    "months by a date": (MONTH, firsts_of_months(90), datetime(2022, 6, 17, tzinfo=UTC)),
    "months by their last day": (MONTH, firsts_of_months(90), datetime(2022, 6, 30, tzinfo=UTC)),
    "years": (12 * MONTH, firsts_of_months(90)[::12], datetime(2022, 6, 17, tzinfo=UTC)),
}


@pytest.mark.parametrize("case", RUNNING)
def test_a_bar_that_was_still_running_is_off_the_grid(case: str) -> None:
    timeframe, whole, running = RUNNING[case]
    assert odd_of(timeframe, whole) == []
    assert odd_of(timeframe, [*whole, running]) == [running]
    assert odd_of(timeframe, [*whole, running], whole) == [running]


@settings(max_examples=100, deadline=None)
@given(
    timeframe=st.sampled_from([MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY]),
    phase=st.integers(0, 86_399),
    rows=st.sets(st.integers(0, 200), min_size=40),
    odd=st.dictionaries(st.integers(0, 200), st.integers(1, 59), max_size=5),
)
def test_planted_rows_off_the_grid_are_counted_exactly(
    timeframe: timedelta, phase: int, rows: set[int], odd: dict[int, int]
) -> None:
    """Whatever the phase, and whichever rows are absent; each planted row lies on a phase of its own."""
    start = MONDAY + timedelta(seconds=phase)
    planted = [start + k * timeframe + timedelta(seconds=s) for s, k in {s: k for k, s in odd.items()}.items()]
    grid = [start + k * timeframe for k in rows]
    assert odd_of(timeframe, grid + planted) == sorted(planted)


@pytest.mark.parametrize("timeframe", [5 * MINUTE, HOUR, 4 * HOUR, DAY])
@pytest.mark.parametrize("share", [0.01, 0.06, 0.2, 0.45])
def test_rows_within_whole_bars_are_off_the_grid_however_many_share_a_place(timeframe: timedelta, share: float) -> None:
    """Wherever they lie, and where the grid has moved after a while."""
    halves = [every(timeframe, 240), every(timeframe, 240, datetime(2024, 1, 1, tzinfo=UTC) + timeframe / 4)]
    chosen = [n for n in range(239) if n * 0.618034 % 1 < share]
    inside = [half[n] + timeframe * 2 / 5 for half in halves for n in chosen]
    whole = halves[0] + halves[1]
    assert odd_of(timeframe, sorted(whole + inside), whole) == inside


@pytest.mark.parametrize(("first", "days"), [(MONDAY, 9), (MONDAY + 4 * DAY, 12), (MONDAY + 4 * DAY, 5), (MONDAY, 16)])
@pytest.mark.parametrize("holidays", [(), (20, 35)])
def test_a_running_week_is_off_the_grid_whatever_weeks_are_absent_before_it(
    first: datetime, days: int, holidays: tuple[int, ...]
) -> None:
    whole = [week + DAY * (n in holidays) for n, week in enumerate(every(7 * DAY, 60, first))]
    running = whole[-1] + days * DAY
    assert odd_of(7 * DAY, [*whole, running]) == [running]


HABITS: dict[str, tuple[timedelta, Stamps, str]] = {
    "weeks that begin on a Tuesday after a holiday": (
        7 * DAY,
        [week + DAY * (n in (7, 20, 35, 51)) for n, week in enumerate(every(7 * DAY, 52))],
        "UTC",
    ),
    "a last week that begins on a Tuesday": (7 * DAY, [*every(7 * DAY, 20), MONDAY + 141 * DAY], "UTC"),
    "weeks that end on a Thursday before a holiday": (
        7 * DAY,
        [week + 4 * DAY - DAY * (n in (7, 20, 35, 51)) for n, week in enumerate(every(7 * DAY, 52))],
        "UTC",
    ),
    "first days of trade": (
        MONTH,
        [day + DAY * ((7 - day.weekday()) if day.weekday() > 4 else 0) for day in firsts_of_months(60)],
        "UTC",
    ),
    "ends of months": (MONTH, [day - DAY for day in firsts_of_months(60)], "UTC"),
    "midnights of New York": (DAY, of_new_york(900, 0), "America/New_York"),
    "midnights of New York, their zone unknown": (DAY, of_new_york(900, 0), "UTC"),
    "four hours of New York's clock": (
        4 * HOUR,
        [moment for hour in (1, 5, 9, 13, 17, 21) for moment in of_new_york(900, hour)],
        "UTC",
    ),
    "a session's short first hour": (
        HOUR,
        [moment for hour in range(9, 16) for moment in of_new_york(100, hour, 30 * (hour == 9))],
        "America/New_York",
    ),
    "hours cut by the open of a session": (
        HOUR,
        sorted(
            moment for hour in range(4, 20) for moment in of_new_york(100, hour) + of_new_york(100, 9, 30) * (hour == 9)
        ),
        "UTC",
    ),
    "a stretch of another phase": (HOUR, every(HOUR, 200) + every(HOUR, 60, MONDAY + 200 * HOUR + 30 * MINUTE), "UTC"),
    "a last week that begins on a Tuesday after an absent one": (
        7 * DAY,
        [*every(7 * DAY, 20), MONDAY + 148 * DAY],
        "UTC",
    ),
    "closes with half days": (
        DAY,
        [moment - 3 * HOUR * (n in (127, 230, 252)) for n, moment in enumerate(of_new_york(400, 16))],
        "America/New_York",
    ),
    "stamps that share no phase": (
        MINUTE,
        [moment + n * n % 59 * timedelta(seconds=1) for n, moment in enumerate(every(MINUTE, 90))],
        "UTC",
    ),
    "a market that rests": (MINUTE, [moment for moment in every(MINUTE, 3000) if moment.hour % 3], "UTC"),
}


@pytest.mark.parametrize("case", HABITS)
def test_holidays_sessions_and_clocks_put_no_row_off_the_grid(case: str) -> None:
    timeframe, stamps, zone = HABITS[case]
    assert odd_of(timeframe, stamps, zone=zone) == []


def running_week(folder: Path) -> Path:
    frame = bars(25, 7 * DAY, MONDAY)
    stamps = [*frame["time"][:-1], MONDAY + 165 * DAY + timedelta(hours=20, minutes=41)]
    return put(folder, "W.csv", as_csv(frame.with_columns(pl.Series("time", stamps))))


def test_the_check_counts_rows_off_the_grid_and_the_flag_leaves_them_out(tmp_path: Path, cli: Cli) -> None:
    file = running_week(tmp_path)
    said = cli("data", "check", file, "--json")
    assert (said.json["off_grid"], said.json["ok"], said.json["timeframe"]) == (1, True, "7d")
    assert any("2022-06-17 20:41:00" in note and "--off-grid drop" in note for note in said.json["notes"])
    (finding,) = [one for one in check_data(DataConfig(paths=(str(file),))).findings if one.kind == "off_grid"]
    assert finding.examples[0].endswith("W.csv row 25 (W 2022-06-17 20:41:00)")
    dropped = cli("data", "check", file, "--json", "--off-grid", "drop")
    assert (dropped.json["off_grid"], dropped.json["rows"]) == (0, 24)
    assert any("left out" in note for note in dropped.json["notes"])
    assert load(file, off_grid="drop").fingerprint == load(file, end="2022-06-21").fingerprint
    assert load(file).num_rows == 25


def test_rows_that_are_cut_away_are_not_counted(tmp_path: Path) -> None:
    report = check_data(DataConfig(paths=(str(running_week(tmp_path)),), end="2022-06-21"))  # type: ignore[arg-type]
    assert report.to_dict()["off_grid"] == 0
    assert not any("off the grid" in note for note in report.notes)


def test_the_lake_has_no_grid_to_leave_rows_off(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"on no grid; got data\.off_grid 'drop'"):
        load(source="lake", lake=str(tmp_path), off_grid="drop")
