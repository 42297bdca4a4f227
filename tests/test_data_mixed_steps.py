"""Laws of stretches that step otherwise: bars of two lengths in one series are never taken for one, and rows that are
only absent are never refused for it.

A weekly bar taken for a daily one is used six days before it ends; no later check can see that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import TINY, Cli
from data_files import as_csv, bars, load, put
from gatewise.config.durations import MONTH, format_duration
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.steps.mixed_steps import Stretch, find_stretches
from gatewise.data.steps.timeframe import find_other_steps, most_frequent, steps_of
from gatewise.errors import SchemaError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2018, 1, 1, tzinfo=UTC)

Stamps = list[datetime]


def stretches_of(*series: Stamps) -> tuple[timedelta, tuple[Stretch, ...]]:
    """Timeframe and stretches of rows, a symbol a list."""
    time = pl.Datetime("us", "UTC")
    frames = [
        pl.DataFrame({"symbol": [f"S{n}"] * len(stamps), "__stamp": stamps}, schema_overrides={"__stamp": time})
        for n, stamps in enumerate(series)
    ]
    row = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("__row")
    steps = steps_of(pl.concat(frames).with_columns(pl.lit(0, pl.UInt32).alias("__file"), row))
    timeframe, _ = most_frequent(steps)
    assert timeframe is not None
    return timeframe, find_stretches(steps, timeframe)


def every(step: timedelta, start: datetime, count: int) -> Stamps:
    return [start + number * step for number in range(count)]


def weekdays(start: datetime, count: int) -> Stamps:
    return [day for day in every(DAY, start, 2 * count + 7) if day.weekday() < 5][:count]


def months(start: datetime, count: int, length: int = 1) -> Stamps:
    """First days of months, none before the start."""
    first = start.year * 12 + start.month - (start.day == 1)
    return [datetime((first + k) // 12, (first + k) % 12 + 1, 1, tzinfo=UTC) for k in range(0, count * length, length)]


def sessions(start: datetime, count: int, step: timedelta) -> Stamps:
    """Rows of days of trade from 14:30 to 21:00."""
    opens = [day + timedelta(hours=14, minutes=30) for day in weekdays(start, count)]
    return [moment for first in opens for moment in every(step, first, -(-timedelta(hours=6.5) // step))]


def after(stamps: Stamps, step: timedelta) -> datetime:
    """The midnight at which rows may go on that follow those of a step."""
    return (stamps[-1] + step).replace(hour=0, minute=0) + DAY


# The step of fewer rows, those rows, and the others.
MIXED: dict[str, tuple[timedelta, Callable[[datetime], Stamps], Callable[[datetime], Stamps]]] = {
    "weeks among weekdays": (7 * DAY, lambda s: every(7 * DAY, s, 10), lambda s: weekdays(s, 40)),
    "months among weekdays": (MONTH, lambda s: months(s, 12), lambda s: weekdays(s, 60)),
    "quarters among weekdays": (3 * MONTH, lambda s: months(s, 8, 3), lambda s: weekdays(s, 60)),
    "years among months": (12 * MONTH, lambda s: months(s, 9, 12), lambda s: months(s, 30)),
    "weekdays among hours": (DAY, lambda s: weekdays(s, 20), lambda s: every(HOUR, s, 400)),
    "weekdays among hours of sessions": (DAY, lambda s: weekdays(s, 20), lambda s: sessions(s, 10, HOUR)),
    "weekdays among minutes": (DAY, lambda s: weekdays(s, 8), lambda s: sessions(s, 2, MINUTE)),
    "hours among minutes": (HOUR, lambda s: every(HOUR, s, 24), lambda s: every(MINUTE, s, 600)),
    "hours among minutes of sessions": (HOUR, lambda s: sessions(s, 5, HOUR), lambda s: sessions(s, 2, MINUTE)),
    "five minutes among minutes": (5 * MINUTE, lambda s: every(5 * MINUTE, s, 20), lambda s: every(MINUTE, s, 600)),
    "half hours among ten minutes": (
        30 * MINUTE,
        lambda s: every(30 * MINUTE, s, 20),
        lambda s: every(10 * MINUTE, s, 600),
    ),
    "two minutes among minutes": (2 * MINUTE, lambda s: every(2 * MINUTE, s, 40), lambda s: every(MINUTE, s, 300)),
    "minutes among hours": (MINUTE, lambda s: every(MINUTE, s, 20), lambda s: every(HOUR, s, 30)),
    "weekdays among weeks": (DAY, lambda s: weekdays(s, 11), lambda s: every(7 * DAY, s, 30)),
    "hours among three quarters": (HOUR, lambda s: every(HOUR, s, 60), lambda s: every(45 * MINUTE, s, 300)),
    "three quarters among hours": (45 * MINUTE, lambda s: every(45 * MINUTE, s, 60), lambda s: every(HOUR, s, 300)),
    "days among months": (DAY, lambda s: every(DAY, s, 9), lambda s: months(s, 40)),
}


@pytest.mark.parametrize("place", ["first", "last", "between"])
@pytest.mark.parametrize("case", MIXED)
def test_bars_of_another_length_in_one_series_are_found_with_the_row_where_they_change(case: str, place: str) -> None:
    step, few, many = MIXED[case]
    begun = many(MONDAY) if place != "first" else []
    inserted = few(after(begun, timedelta(0)) if begun else MONDAY)
    stamps = begun + inserted + (many(after(inserted, timedelta(0))) if place != "last" else [])
    found = stretches_of(weekdays(MONDAY, 3), stamps)[1]
    assert step in {stretch.step for stretch in found}
    stretch = max(found, key=lambda one: one.count)
    assert stretch.start >= inserted[0] - 31 * DAY
    assert stretch.change["symbol"] == "S1"
    row = stretch.change["__row"] - 4  # three rows of another series come before
    assert stamps[row] == stretch.change["__stamp"]
    edge = len(inserted) if place == "first" else len(begun)
    assert abs(row - edge) <= 1
    assert (stretch.first, stretch.last) == (place == "first", place == "last")


@settings(max_examples=150, deadline=None)
@given(
    chance=st.floats(0.05, 0.99),
    rows=st.integers(10, 3000),
    seed=st.integers(0, 2**32),
    step=st.sampled_from([MINUTE, HOUR, DAY]),
    rest=st.booleans(),
    wave=st.floats(0, 3),
)
def test_rows_that_are_absent_by_chance_are_no_other_step(
    chance: float, rows: int, seed: int, step: timedelta, rest: bool, wave: float
) -> None:
    """Each row is there with some chance, the same for all or one that comes and goes, with weekends or without."""
    number = np.arange(rows)
    odds = np.log(chance / (1 - chance)) + wave * np.sin(number / 100)
    there = np.flatnonzero(np.random.default_rng(seed).random(rows) < 1 / (1 + np.exp(-odds)))
    stamps = [moment for k in there if (moment := MONDAY + int(k) * step).weekday() < (5 if rest else 7)]
    if len(stamps) > 1:
        assert stretches_of(stamps)[1] == ()


def closed(stamps: Stamps, *holidays: tuple[str, int]) -> Stamps:
    """Without the days of holidays: the first of each, and how many."""
    out = {datetime.fromisoformat(first).date() + k * DAY for first, days in holidays for k in range(days)}
    return [moment for moment in stamps if moment.date() not in out]


WHOLE: dict[str, Stamps] = {
    "Golden Week": closed(weekdays(MONDAY, 600), ("2019-04-27", 10), ("2018-12-29", 6), ("2019-12-28", 9)),
    "New Year in China": closed(weekdays(MONDAY, 600), ("2018-02-15", 7), ("2019-02-04", 7), ("2019-10-01", 7)),
    "a week without the Mondays": [day for day in weekdays(MONDAY, 300) if day.weekday()],
    "weeks that begin on a Tuesday after a holiday": [
        week + DAY * (n % 9 == 4) for n, week in enumerate(every(7 * DAY, MONDAY, 90))
    ],
    "hours of sessions": sessions(MONDAY, 60, HOUR),
    "minutes of sessions": sessions(MONDAY, 12, MINUTE),
    "outages of a round-the-clock market": [
        moment for n, moment in enumerate(every(MINUTE, MONDAY, 8000)) if n % 997 > n % 61
    ],
    "one long outage": every(MINUTE, MONDAY, 400) + every(MINUTE, MONDAY + 30 * DAY, 400),
    "months": months(MONDAY, 60),
    "ends of months": [first - DAY for first in months(MONDAY, 60)],
    "quarters": months(MONDAY, 30, 3),
    "years": months(MONDAY, 12, 12),
    "days of a clock that changes": [
        day + timedelta(hours=5 - (90 <= n % 365 < 300)) for n, day in enumerate(every(DAY, MONDAY, 800))
    ],
    "a market that closes an hour a day": [moment for moment in every(MINUTE, MONDAY, 9000) if moment.hour != 22],
}


@pytest.mark.parametrize("case", WHOLE)
def test_nights_weekends_holidays_and_outages_are_no_other_step(case: str) -> None:
    assert stretches_of(WHOLE[case])[1] == ()


def rests_of_new_york(start: datetime, count: int) -> Stamps:
    """Days of trade without the first weekday of each eighth week."""
    return [day for day in weekdays(start, count) if (day - MONDAY).days // 7 % 8 or day.weekday()]


# The step of a few rows, those rows, the others, and how these step.
FEW: dict[str, tuple[timedelta, Callable[[datetime], Stamps], Callable[[datetime], Stamps], timedelta]] = {
    "weeks, then weekdays": (7 * DAY, lambda s: every(7 * DAY, s, 3), lambda s: rests_of_new_york(s, 200), DAY),
    "weeks, then days": (7 * DAY, lambda s: every(7 * DAY, s, 4), lambda s: every(DAY, s, 100), DAY),
    "months, then weekdays": (MONTH, lambda s: months(s, 3), lambda s: weekdays(s, 200), DAY),
    "quarters, then weekdays": (3 * MONTH, lambda s: months(s, 3, 3), lambda s: weekdays(s, 200), DAY),
    "days, then hours": (DAY, lambda s: every(DAY, s, 3), lambda s: every(HOUR, s, 200), HOUR),
    "hours, then minutes": (HOUR, lambda s: every(HOUR, s, 3), lambda s: every(MINUTE, s, 300), MINUTE),
}


@pytest.mark.parametrize("apart", ["a step of theirs", "a longer bar", "three days"])
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("case", FEW)
def test_a_few_longer_bars_at_an_end_of_a_series_are_found(case: str, place: str, apart: str) -> None:
    step, few, many, unit = FEW[case]
    gap = {"a step of theirs": unit, "a longer bar": 31 * DAY if step == MONTH else step, "three days": 3 * DAY}[apart]
    begun = (few if place == "first" else many)(MONDAY)
    ended = (many if place == "first" else few)(begun[-1] + gap)
    (stretch,) = stretches_of(begun + ended)[1]
    assert stretch.step == step
    assert 2 <= stretch.count <= 4
    assert (stretch.first, stretch.last) == (place == "first", place == "last")


def test_a_few_rows_of_thin_trade_at_an_end_are_no_longer_bars() -> None:
    """Holidays, halts, and outages."""
    later = rests_of_new_york(MONDAY + 28 * DAY, 300)
    for gaps in ((9, 7), (7, 5), (2, 2, 2, 2), (3, 3, 3), (7,), (4, 4), (31,), (5, 5)):
        days = [MONDAY + 28 * DAY - sum(gaps[n:]) * DAY for n in range(len(gaps))]
        assert stretches_of(days + later)[1] == (), gaps
    pauses = [moment for moment in every(MINUTE, MONDAY, 6000) if moment.minute % 10 or moment.hour % 5]
    for minutes in ((5, 5), (10, 10), (60,), (30, 25), (2, 2, 2, 2)):
        first = [pauses[0] - sum(minutes[n:]) * MINUTE for n in range(len(minutes))]
        assert stretches_of(first + pauses)[1] == (), minutes
    holed = [day for day in rests_of_new_york(MONDAY, 400) if day.weekday() != 2 or (day - MONDAY).days % 3]
    assert stretches_of(holed)[1] == ()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), step=st.sampled_from([MINUTE, HOUR]), chance=st.floats(0.02, 0.3))
def test_series_that_are_thin_at_first_begin_with_no_longer_bars(seed: int, step: timedelta, chance: float) -> None:
    random = np.random.default_rng(seed)
    there = np.flatnonzero(random.random(200) < chance)
    stamps = [MONDAY + int(k) * step for k in (*there, *range(200, 500))]
    assert stretches_of(stamps)[1] == ()


def test_a_sensor_that_is_asked_every_second_time_now_and_then_only_lacks_rows() -> None:
    stamps = [moment for n, moment in enumerate(every(HOUR, MONDAY, 3000)) if n % 300 < 240 or n % 2]
    assert stretches_of(stamps)[1] == ()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(50, 110), min_size=2, max_size=2).filter(lambda two: max(two) > 1.03 * min(two)),
    rows=st.integers(6, 60),
    odd=st.booleans(),
)
def test_a_series_of_any_other_step_is_refused_however_near_it_is(
    lengths: list[int], rows: int, odd: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Even where a single step of it is shorter, as after a change of clocks."""
    folder, (common, other) = tmp_path_factory.mktemp("near"), lengths
    put(folder, "A.csv", as_csv(bars(100, common * MINUTE, MONDAY)))
    stamps = [moment - (odd and n > 2) * 7 * MINUTE for n, moment in enumerate(every(other * MINUTE, MONDAY, rows))]
    put(folder, "B.csv", as_csv(bars(rows).with_columns(pl.Series("time", stamps))))
    with pytest.raises(SchemaError, match=r"B\.csv: rows of B step by") as caught:
        load(folder)
    assert "insist" not in str(caught.value.hint)
    if other > common and not odd:
        with pytest.raises(SchemaError, match="the timeframe asked for is"):
            load(folder / "B.csv", timeframe=f"{common}m")


@settings(max_examples=30, deadline=None)
@given(chance=st.floats(0.02, 1), seed=st.integers(0, 2**32), jitter=st.sampled_from([0, 400_000]))
def test_thin_series_and_clocks_that_jitter_are_of_the_timeframe(chance: float, seed: int, jitter: int) -> None:
    random = np.random.default_rng(seed)
    there = np.flatnonzero(random.random(2000) < chance)
    thin = [MONDAY + int(k) * MINUTE for k in (0, 1, *(there + 2))]
    shaken = [MONDAY + k * MINUTE + timedelta(microseconds=int(random.integers(0, jitter + 1))) for k in range(200)]
    time = pl.Datetime("us", "UTC")
    frame = pl.concat(
        pl.DataFrame({"symbol": name, "__stamp": stamps}, schema_overrides={"__stamp": time})
        for name, stamps in (("T", thin), ("S", shaken))
    ).with_columns(pl.lit(0, pl.UInt32).alias("__file"), pl.int_range(pl.len(), dtype=pl.UInt32).alias("__row"))
    assert find_other_steps(steps_of(frame), MINUTE) == ()


def weeks_then_days(folder: Path) -> Path:
    frame = bars(40, first=MONDAY)
    stamps = [*every(7 * DAY, MONDAY, 10), *weekdays(MONDAY + 70 * DAY, 30)]
    return put(folder, "IDX.csv", as_csv(frame.with_columns(pl.Series("time", stamps)), lambda t: f"{t:%Y-%m-%d}"))


def test_a_file_of_weeks_and_days_is_refused_with_the_row_where_they_change(tmp_path: Path) -> None:
    file = weeks_then_days(tmp_path)
    change = r"IDX\.csv row 11 \(IDX 2018-03-12 .*: the 10 steps before it are of 7d, .* the other rows is 1d"
    with pytest.raises(SchemaError, match=change) as caught:
        load(file)
    assert 'data.start="2018-03-14T00:00:00" takes the rows after it' in str(caught.value.hint)
    assert load(file, start="2018-03-14T00:00:00").num_rows == 29
    with pytest.raises(SchemaError):  # a step of a week is still among them
        load(file, start="2018-03-06")
    assert load(file, timeframe="1d").num_rows == 40


def test_the_check_counts_what_steps_otherwise_and_a_timeframe_that_is_said_insists(tmp_path: Path) -> None:
    file = weeks_then_days(tmp_path)
    report = check_data(DataConfig(paths=(str(file),)))
    assert (report.to_dict()["mixed_steps"], report.ok) == (10, False)
    insisted = check_data(DataConfig(paths=(str(file),), timeframe=DAY))
    assert (insisted.to_dict()["mixed_steps"], insisted.ok) == (10, True)
    assert any("by 7d: 10; taken for rows of 1d, as asked" in note for note in insisted.notes)


def test_files_of_one_symbol_that_step_otherwise_within_one_are_refused_by_the_file(tmp_path: Path) -> None:
    put(tmp_path, "X-2018-01-01.csv", as_csv(bars(300, HOUR, MONDAY)))
    later = bars(330, HOUR, MONDAY + 300 * HOUR)
    stamps = every(HOUR, MONDAY + 300 * HOUR, 300) + every(4 * HOUR, MONDAY + 600 * HOUR, 30)
    put(tmp_path, "X-2018-01-13.csv", as_csv(later.with_columns(pl.Series("time", stamps))))
    with pytest.raises(SchemaError, match=r"X-2018-01-13\.csv row 301 .*: the 29 steps from it on are of 4h") as caught:
        load(tmp_path)
    assert 'data.end="2018-01-26T01:00:00" takes the rows before it' in str(caught.value.hint)
    assert load(tmp_path, end="2018-01-26T01:00:00").num_rows == 600


@pytest.mark.parametrize("command", [("audit",), ("train",), ("data", "import", "--feed", "x")])
def test_no_command_takes_bars_of_two_lengths_for_one(command: tuple[str, ...], tmp_path: Path, cli: Cli) -> None:
    file = weeks_then_days(tmp_path)
    sized = TINY[2:] if command[0] in ("audit", "train") else ()
    said = cli(*command, *(("--data", file) if sized else (file,)), *sized)
    assert said.code == 2
    assert "the 10 steps before it are of 7d" in said.err
    assert "--timeframe 1d" in said.err


OTHER_FILES: dict[str, tuple[str, str]] = {
    "two files of one symbol": ("X-2018-01-01.csv", "X-2018-03-01.csv"),
    "a file a symbol": ("X.csv", "Y.csv"),
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_the_check_counts_files_that_step_otherwise_and_training_refuses_them(
    case: str, tmp_path: Path, cli: Cli
) -> None:
    common, other = OTHER_FILES[case]
    put(tmp_path, common, as_csv(bars(300, HOUR, MONDAY)))
    put(tmp_path, other, as_csv(bars(41, 4 * HOUR, MONDAY + 59 * DAY)))
    told = f"{other}: rows of {other[0]} step by 4h"
    said = cli("data", "check", tmp_path, "--json")
    assert (said.code, said.json["mixed_steps"], said.json["ok"], said.json["timeframe"]) == (1, 40, False, "1h")
    (finding,) = [one for one in check_data(DataConfig(paths=(str(tmp_path),))).findings if one.kind == "mixed_steps"]
    assert finding.examples[0].endswith(told)
    assert finding.remedy.startswith("load files and symbols of one timeframe at a time")
    with pytest.raises(SchemaError, match=f"{told}; the timeframe of the other rows is 1h") as caught:
        load(tmp_path)
    assert caught.value.hint == finding.remedy
    assert load(tmp_path, end="2018-02-01").num_rows == 300  # of the other file none is left
    assert cli("data", "check", tmp_path, "--json", "--timeframe", "1h").code == 0


def test_files_of_another_step_and_stretches_in_the_others_are_counted_once_each(tmp_path: Path) -> None:
    stamps = every(HOUR, MONDAY, 300) + every(4 * HOUR, MONDAY + 300 * HOUR, 30)
    put(tmp_path, "X.csv", as_csv(bars(330).with_columns(pl.Series("time", stamps))))
    put(tmp_path, "Y.csv", as_csv(bars(41, 4 * HOUR, MONDAY)))
    assert check_data(DataConfig(paths=(str(tmp_path),))).to_dict()["mixed_steps"] == 40 + 29


# How two or three rows of a symbol lie apart beside rows that step by a length; None: they may be thin.
BESIDE: dict[str, tuple[timedelta | None, Stamps, Stamps]] = {
    "three weeks, days": (7 * DAY, every(7 * DAY, MONDAY, 3), weekdays(MONDAY, 300)),
    "two weeks, days": (7 * DAY, every(7 * DAY, MONDAY, 2), weekdays(MONDAY, 300)),
    "two months, days": (MONTH, months(MONDAY, 2), weekdays(MONDAY, 300)),
    "three quarters, months": (3 * MONTH, months(MONDAY, 3, 3), months(MONDAY, 60)),
    "three days, hours": (DAY, every(DAY, MONDAY, 3), sessions(MONDAY, 30, HOUR)),
    "three hours, minutes": (HOUR, every(HOUR, MONDAY, 3), every(MINUTE, MONDAY, 600)),
    "three four-hours, hours": (4 * HOUR, every(4 * HOUR, MONDAY, 3), every(HOUR, MONDAY, 600)),
    "a weekend": (None, [MONDAY + 4 * DAY, MONDAY + 7 * DAY], weekdays(MONDAY, 300)),
    "three days of a listing": (None, [MONDAY + 3 * DAY, MONDAY + 4 * DAY, MONDAY + 7 * DAY], weekdays(MONDAY, 300)),
    "two trades": (None, [MONDAY, MONDAY + 5 * MINUTE], every(MINUTE, MONDAY, 600)),
    "two weeks of thin trade": (None, every(7 * DAY, MONDAY, 3), [d for d in weekdays(MONDAY, 300) if d.day % 9 < 2]),
    "a night": (None, sessions(MONDAY, 2, HOUR)[6:8], sessions(MONDAY, 30, HOUR)),
    "days among weeks, which are known late": (None, every(DAY, MONDAY, 3), every(7 * DAY, MONDAY, 60)),
}


@pytest.mark.parametrize("one_file", [True, False])
@pytest.mark.parametrize("case", BESIDE)
def test_two_or_three_rows_of_a_symbol_are_held_against_the_lengths_that_bars_have(
    case: str, one_file: bool, tmp_path: Path
) -> None:
    step, few, many = BESIDE[case]
    named = {"MANY": many, "NEW": few}
    frames = {
        name: bars(len(stamps)).with_columns(pl.Series("time", stamps), pl.lit(name).alias("symbol"))
        for name, stamps in named.items()
    }
    for name, frame in {"all": pl.concat(frames.values())}.items() if one_file else frames.items():
        put(tmp_path, f"{name}.csv", as_csv(frame))
    if step is None:
        assert load(tmp_path).num_rows == len(few) + len(many)
        return
    with pytest.raises(SchemaError, match=f"rows of NEW step by {format_duration(step)}; the timeframe of the other"):
        load(tmp_path)
    assert check_data(DataConfig(paths=(str(tmp_path),))).to_dict()["mixed_steps"] == len(few) - 1


def months_of_trade(stamps: Stamps, last: bool) -> Stamps:
    """The first or last of each month's days of trade."""
    choose = max if last else min
    return [choose(days) for _, group in groupby(stamps, lambda day: (day.year, day.month)) if (days := list(group))]


@pytest.mark.parametrize("count", [3, 12, 60])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("place", ["first", "last", "between"])
@pytest.mark.parametrize("zone", [0, 5, -9])
def test_months_by_their_days_of_trade_are_found_among_days_and_the_hint_leaves_days_alone(
    count: int, last: bool, place: str, zone: int, tmp_path: Path
) -> None:
    """Whichever weekday or holiday moves their steps, and whose midnights stamp them."""
    days = [day + timedelta(hours=zone) for day in rests_of_new_york(MONDAY, 2400)]
    begin = 0 if place == "first" else 261
    inner = months_of_trade(days[begin:], last)[1:-1][:count]
    until = days.index(inner[-1]) + 1
    begun = [day for day in days[:begin] if day < inner[0]]
    stamps = begun + inner + (days[until : until + 300] if place != "last" else [])
    if place == "between" and count < 12:
        return  # a few steps within a series may be absences
    found = stretches_of(stamps)[1]
    assert {stretch.step for stretch in found} == {MONTH}
    frame = bars(len(stamps)).with_columns(pl.Series("time", stamps))
    file = put(tmp_path, "X.csv", as_csv(frame))
    with pytest.raises(SchemaError, match=f"the {count - 1}|{count} steps .* are of 1mo") as caught:
        load(file)
    hint = re.search(r'data\.(start|end)="([^"]+)" takes', str(caught.value.hint))
    assert hint is not None
    left = load(file, **{hint[1]: hint[2]}).frame["time"].diff().drop_nulls()
    assert left.max() <= timedelta(days=5)
    assert len(left) >= 240


def test_no_hint_is_given_that_leaves_rows_of_two_steps(tmp_path: Path) -> None:
    """Weeks between days: the rows before them are days alone, and those after them are cut off with them."""
    stamps = [*weekdays(MONDAY, 60), *every(7 * DAY, MONDAY + 90 * DAY, 20), *weekdays(MONDAY + 238 * DAY, 60)]
    file = put(tmp_path, "X.csv", as_csv(bars(len(stamps)).with_columns(pl.Series("time", stamps))))
    with pytest.raises(SchemaError) as caught:
        load(file)
    hint = re.search(r'data\.(start|end)="([^"]+)" takes', str(caught.value.hint))
    assert hint is not None
    assert load(file, **{hint[1]: hint[2]}).num_rows == 60 - (hint[1] == "start")
