"""Laws of periods of two lengths that take turns, of which the longer would be used before they end, silently; and of
closed hours, weekends, holidays and clocks that change, which are no periods.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import SchemaError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2018, 1, 1, tzinfo=UTC)

Stamps = list[datetime]


def fridays(nth: int, months: int) -> Stamps:
    firsts = [date(2018 + n // 12, n % 12 + 1, 1) for n in range(months)]
    return [
        datetime(first.year, first.month, 1 + (4 - first.weekday()) % 7 + 7 * (nth - 1), tzinfo=UTC) for first in firsts
    ]


def weeks(pattern: tuple[int, ...], rows: int) -> Stamps:
    return [MONDAY + timedelta(weeks=int(n)) for n in np.cumsum([0, *(pattern[k % len(pattern)] for k in range(rows))])]


def daily(clocks: tuple[float, ...], days: int = 40, zone: str = "UTC") -> Stamps:
    """Rows of weekdays at times of a zone."""
    dates = [MONDAY + n * DAY for n in range(days * 7 // 5) if n % 7 < 5]
    walls = [day.replace(tzinfo=None) + timedelta(hours=clock) for day in dates for clock in clocks]
    return [wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for wall in walls]


UNEVEN: dict[str, tuple[Stamps, timedelta]] = {
    "first Fridays": (fridays(1, 48), 35 * DAY),
    "third Fridays of a year": (fridays(3, 12), 35 * DAY),
    "retail months of 4, 4 and 5 weeks": (weeks((4, 4, 5), 36), 35 * DAY),
    "retail months of 4, 5 and 4 weeks": (weeks((4, 5, 4), 24), 35 * DAY),
    "meetings every six to eight weeks": (weeks((6, 7, 6, 6, 8, 6, 7), 32), 56 * DAY),
    "three sessions of the world": (daily((-6, 2, 8), zone="America/New_York", days=160), 10 * HOUR),
    "three sessions and one row more": (daily((-6, 2, 8), zone="America/New_York")[2:-1], 10 * HOUR),
    "a day and a night session": (daily((8.75, 15), zone="Asia/Taipei"), 17.75 * HOUR),
}


@pytest.mark.parametrize("case", UNEVEN)
def test_periods_of_two_lengths_are_refused_and_the_hint_has_none_used_before_it_ends(
    case: str, tmp_path: Path
) -> None:
    stamps, longest = UNEVEN[case]
    file = put(tmp_path, "X.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))
    report = check_data(DataConfig(paths=(str(file),))).to_dict()
    assert (report["ok"], report["mixed_steps"] > 1) == (False, True)
    with pytest.raises(SchemaError, match=r"X\.csv row .* after the row before it") as caught:
        load(file)
    said = re.search(r'data\.timeframe="(\w+)"', str(caught.value.hint))
    assert said is not None
    table = load(file, timeframe=said[1])
    assert table.timeframe == longest
    early = [b for a, b in zip(table.frame["time"][:-1], stamps[1:], strict=True) if a < b <= a + longest / 2]
    assert all(later.weekday() in (0, 6) for later in early)  # but for weekends, after which a market opens


FIRSTS = [datetime(2018 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(60)]


def with_snapshots(bar: timedelta, after: timedelta, count: int = 60) -> Stamps:
    return [MONDAY + n * bar + late for n in range(count) for late in (timedelta(0), after)]


def with_moved_day(firsts: int, lasts: int) -> Stamps:
    """Months stamped with their first day, and from some month on with their last one."""
    begins = [datetime(2018 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(firsts + lasts + 1)]
    return begins[:firsts] + [later - DAY for later in begins[firsts + 1 :]]


PARTS: dict[str, tuple[Stamps, str]] = {
    "five minutes and two minutes of each": (with_snapshots(5 * MINUTE, 2 * MINUTE), "5m"),
    "five minutes and one minute of each": (with_snapshots(5 * MINUTE, MINUTE), "5m"),
    "hours and forty minutes of each": (with_snapshots(HOUR, 40 * MINUTE), "1h"),
    "weeks by Monday and Wednesday": (with_snapshots(7 * DAY, 2 * DAY), "7d"),
    "months by first days, then by last ones": (with_moved_day(30, 30), "1mo"),
    "months by last days, then by first ones": ([*with_moved_day(0, 30), *with_moved_day(70, 0)[31:]], "1mo"),
    "months by last days, then the first of the next": ([*with_moved_day(0, 30), *with_moved_day(70, 0)[30:]], "1mo"),
    "quarters by first days, then by last ones": (with_moved_day(90, 90)[::3], "3mo"),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_of_a_bar_and_months_whose_day_changes_are_refused_with_the_whole_length(
    case: str, tmp_path: Path
) -> None:
    stamps, whole = PARTS[case]
    file = put(tmp_path, "X.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))
    with pytest.raises(SchemaError, match=r"X\.csv row .* after the row before it") as caught:
        load(file)
    assert f'data.timeframe="{whole}"' in str(caught.value.hint)
    table = load(file, timeframe=whole)
    if table.timeframe < 28 * DAY:
        assert table.frame["time"].to_list() == [stamp + table.timeframe for stamp in stamps]


EVEN: dict[str, Stamps] = {
    "hours with a lunch of half an hour": daily((9.5, 10.5, 11.5, 13, 14, 15)),
    "hours with a lunch": daily((9, 10, 11, 12.5, 13.5, 14.5)),
    "three quarters with a lunch": daily((9, 9.75, 10.5, 11.25, 12.5, 13.25, 14, 14.75)),
    "hours before and after noon": daily((9.5, 10.5, 13, 14)),
    "mornings and afternoons": daily((9, 12.5)),
    "minutes of a clock that is late every other time": [
        MONDAY + n * MINUTE + timedelta(seconds=n % 2) for n in range(90)
    ],
    "two rows a day, every day": [MONDAY + n * DAY + hours * HOUR for n in range(60) for hours in (9, 14)],
    "months by the first day of trade": [day + DAY * (7 - day.weekday()) * (day.weekday() > 4) for day in FIRSTS],
    "months by the first day, some absent": [day for n, day in enumerate(FIRSTS) if n % 9 != 4],
    "two bars of four hours a day": daily((9.5, 13.5)),
    "two bars of six hours a day": daily((9.5, 15.5)),
    "three bars of three hours a day": daily((9.5, 12.5, 15.5)),
    "a market that closes an hour a day": daily(tuple(range(23))),
    "days of New York": daily((0,), 500, "America/New_York"),
    "days and half days by their close": [day - 3 * HOUR * (n % 30 == 7) for n, day in enumerate(daily((16,), 300))],
    "Mondays, Wednesdays and Fridays": [day for day in daily((0,), 200) if day.weekday() in (0, 2, 4)],
    "weeks that begin on a Tuesday after a holiday": [MONDAY + 7 * n * DAY + DAY * (n % 7 == 3) for n in range(104)],
    "fortnights": weeks((2,), 40),
    "four weeks, of which some are absent": weeks((4, 4, 8, 4, 4), 40),
    "four hours of a clock that changes": daily((0, 4, 8, 12, 16, 20), 300, "America/New_York"),
}


@pytest.mark.parametrize("case", EVEN)
def test_closed_hours_weekends_holidays_and_clocks_that_change_are_no_longer_periods(case: str, tmp_path: Path) -> None:
    stamps = EVEN[case]
    file = put(tmp_path, "X.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))
    assert load(file).num_rows == len(stamps)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    step=st.sampled_from([5 * MINUTE / 60, MINUTE, HOUR, DAY]),
    there=st.floats(0.25, 1),  # thinner ones may show no step at all, and are refused for that
    jitter=st.sampled_from([0, 1, 3]),
)
def test_thin_rows_and_clocks_that_jitter_by_seconds_are_no_longer_periods(
    seed: int, step: timedelta, there: float, jitter: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    kept = np.flatnonzero(random.random(400) < (1 if jitter else there))  # thin and unsteady show no step
    shift = random.integers(0, jitter + 1, kept.size) if step >= MINUTE else np.zeros(kept.size)
    stamps = [MONDAY + int(k) * step + timedelta(seconds=int(s)) for k, s in zip(kept, shift, strict=True)]
    if len(stamps) < 2:
        return
    file = put(
        tmp_path_factory.mktemp("thin"), "X.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps)))
    )
    assert "begins" not in str(check_data(DataConfig(paths=(str(file),))).findings[0].examples)


def half_months(first: date, count: int, ends: bool) -> list[date]:
    """The 1st and the 16th, or the 15th and the last of a month."""
    months = [date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1) for n in range(count)]
    if not ends:
        return [day for month in months for day in (month, month + timedelta(days=15))][:count]
    nexts = [(month + timedelta(days=31)).replace(day=1) for month in months]
    return [d for m, n in zip(months, nexts, strict=True) for d in (m + timedelta(days=14), n - timedelta(days=1))][
        :count
    ]


def meetings(first: date, count: int, weeks: list[int], seed: int) -> list[date]:
    steps = np.random.default_rng(seed).choice(weeks, count - 1)
    return [first + timedelta(weeks=int(n)) for n in np.append(0, np.cumsum(steps))]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["half-months", "their ends", "meetings", "announcements"]),
    first=st.dates(date(1990, 1, 1), date(2020, 1, 1)).map(lambda day: day.replace(day=1)),
    count=st.integers(6, 80),
    seed=st.integers(0, 1000),
)
def test_periods_that_are_irregular_by_nature_are_never_used_before_they_end(
    kind: str, first: date, count: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They are refused, and the length that a hint names, or that is the longest of them, has none used before."""
    if kind == "meetings":
        days = meetings(first, count, [5, 6, 6, 7, 7, 8], seed)
    elif kind == "announcements":
        steps = np.random.default_rng(seed).integers(20, 110, count - 1)
        days = [first + timedelta(days=int(n)) for n in np.append(0, np.cumsum(steps))]
    else:
        days = half_months(first, count, kind == "their ends")
    frame = bars(count).with_columns(pl.Series("time", days))
    path = put(tmp_path_factory.mktemp("irregular"), "X.csv", frame.write_csv())

    def early(**said: str) -> bool:
        known = load(path, **said).frame["time"].to_list()
        return any(moment.date() < later for moment, later in zip(known, days[1:], strict=False))

    longest = max(later - day for day, later in itertools.pairwise(days))
    try:
        assert not early()
        return
    except SchemaError as refused:
        named = re.search(r'data.timeframe="(\w+)"', str(refused.hint))
    assert not early(timeframe=named[1] if named else f"{longest.days}d")
