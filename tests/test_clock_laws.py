"""Laws of the clock: every timeframe, unit, zone and edge of the calendar gives the same bars at the same moments.

A bar that stands one step too early is a look at the future; one that stands in the wrong longer bar is another.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import data_files
from data_files import as_csv, load, put
from gatewise.config.durations import parse_duration
from gatewise.config.schema import FeatureConfig
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.resample import bars_of_symbols, describe_bars, resample, rows_expected
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError, QualityError
from gatewise.features.build import build_features

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
# The last leap second so far was inserted right before this midnight; POSIX time repeats a second there.
AFTER_LEAP = datetime(2017, 1, 1, tzinfo=UTC)


def bars(rows: int, step: timedelta, first: datetime = data_files.FIRST) -> pl.DataFrame:
    """As of the data files, but far enough from 0 for a walk of a year of minutes."""
    return data_files.bars(rows, step, first).with_columns(pl.col("open", "high", "low", "close") + 100_000)


def length(text: str) -> timedelta:
    step = parse_duration(text)
    assert isinstance(step, timedelta)
    return step


def posix(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_timeframe_is_found_and_its_bars_are_usable_at_their_closes(timeframe: str, tmp_path: Path) -> None:
    step = length(timeframe)
    frame = bars(200, step, datetime(2023, 12, 25, tzinfo=UTC))
    table = load(put(tmp_path, "X.csv", as_csv(frame)), stamp="open")
    assert table.timeframe == step
    assert table.frame["time"].to_list() == [moment + step for moment in frame["time"]]
    assert not table.segment_start.any()


UNITS: dict[str, Callable[[datetime], int]] = {
    "epoch_s": posix,
    "epoch_ms": lambda moment: posix(moment) * 1_000,
    "epoch_us": lambda moment: posix(moment) * 1_000_000,
    "epoch_ns": lambda moment: posix(moment) * 1_000_000_000,
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("said", [True, False], ids=["said", "found"])
def test_epochs_of_every_unit_step_over_a_leap_second_without_a_gap(unit: str, said: bool, tmp_path: Path) -> None:
    frame = bars(600, MINUTE, AFTER_LEAP - 300 * MINUTE)
    file = put(tmp_path, "X.csv", as_csv(frame, UNITS[unit]))
    table = load(file, stamp="open", **({"time_format": unit} if said else {}))
    assert table.frame["time"].to_list() == [moment + MINUTE for moment in frame["time"]]
    assert not table.segment_start.any()
    hours = resample(table, HOUR)
    assert hours.frame["time"].to_list() == [AFTER_LEAP + hour * HOUR for hour in range(-4, 6)]
    assert hours.frame["volume"].to_list() == pytest.approx(
        [frame["volume"][start : start + 60].sum() for start in range(0, 600, 60)]
    )


def test_the_leap_second_itself_is_the_midnight_after_it(tmp_path: Path) -> None:
    stamps = ["2016-12-31T23:58:00Z", "2016-12-31T23:59:00Z", "2016-12-31T23:59:60Z", "2017-01-01T00:01:00Z"]
    rows = "time,value\n" + "".join(f"{stamp},{row}\n" for row, stamp in enumerate(stamps))
    table = load(put(tmp_path, "X.csv", rows), stamp="close")
    assert table.frame["time"].to_list() == [AFTER_LEAP + minute * MINUTE for minute in (-2, -1, 0, 1)]
    both = rows + "2017-01-01T00:00:00Z,9\n"
    with pytest.raises(QualityError, match="repeat a time of their symbol"):
        load(put(tmp_path, "Y.csv", both), stamp="close")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2023-12-29", "2024-01-03"),
        ("2024-02-27", "2024-03-03"),
        ("2023-02-26", "2023-03-03"),
        ("2024-04-28", "2024-05-03"),
    ],
    ids=["year's end", "leap day", "February", "April"],
)
def test_days_and_weeks_end_with_the_calendar_at_the_ends_of_months_and_years(first: str, last: str) -> None:
    start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    count = (end - start) // MINUTE
    table = load_minutes(start, count)
    days = resample(table, DAY).frame["time"].to_list()
    assert days == [start + (k + 1) * DAY for k in range((end - start) // DAY)]
    assert {(day.hour, day.minute) for day in days} == {(0, 0)}
    assert resample(resample(table, HOUR), DAY).frame["time"].to_list() == days


def load_minutes(start: datetime, count: int) -> Table:
    frame = bars(count, MINUTE, start)
    ready = frame.select(pl.lit("X").alias("symbol"), pl.col("time") + MINUTE, pl.exclude("time").cast(pl.Float64))
    return Table(ready, MINUTE, MINUTE)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("year", [2021, 2024])
@pytest.mark.parametrize("timeframe", ["15m", "1h"])
def test_a_year_stamped_on_a_wall_clock_has_every_bar_once(
    zone: str, year: int, timeframe: str, tmp_path: Path
) -> None:
    """Lord Howe moves its clocks by half an hour; India stands half an hour off and never moves them."""
    step, there = length(timeframe), zoneinfo.ZoneInfo(zone)
    start = datetime(year, 1, 1, tzinfo=UTC)
    frame = bars((datetime(year + 1, 1, 1, tzinfo=UTC) - start) // step, step, start)
    if zone == "Australia/Lord_Howe" and timeframe == "1h":
        pytest.skip("an hour that is repeated by half is not told by rows of an hour")
    file = put(tmp_path, "X.csv", as_csv(frame, lambda moment: moment.astimezone(there).strftime("%Y-%m-%d %H:%M")))
    table = load(file, timezone=zone, stamp="open")
    assert table.frame["time"].to_list() == [moment + step for moment in frame["time"]]
    assert not table.segment_start.any()
    days = resample(table, DAY)
    assert days.num_rows == (366 if year == 2024 else 365)


@pytest.mark.parametrize("step", [MINUTE, 5 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY, 7 * DAY])
@pytest.mark.parametrize("year", [1969, 1970, 1972, 2017, 2038, 2100])
def test_bounds_hold_each_moment_before_and_after_the_epoch(step: timedelta, year: int) -> None:
    step_us = step // timedelta(microseconds=1)
    around = posix(datetime(year, 1, 1, tzinfo=UTC)) * 1_000_000
    moments = around + np.arange(-3 * 1440, 3 * 1440) * 60_000_000 + 1
    for shift in (-1, 0):
        start, end = Grid(step).bounds(moments + shift)
        assert (end - start == step_us).all()
        assert ((start < moments + shift) & (moments + shift <= end)).all()
        assert not ((end - posix(datetime(1970, 1, 5, tzinfo=UTC)) * 1_000_000) % step_us).any()


def session_minutes(days: list[tuple[datetime, datetime]]) -> Table:
    """A row for each minute of trading, at its close."""
    times = [opened + k * MINUTE for opened, closed in days for k in range(1, (closed - opened) // MINUTE + 1)]
    frame = bars(len(times), MINUTE).with_columns(pl.Series("time", times).cast(pl.Datetime("us", "UTC")))
    ready = frame.select(pl.lit("X").alias("symbol"), "time", pl.exclude("time").cast(pl.Float64))
    return Table(ready, MINUTE, MINUTE, "XNYS")


# New York around Thanksgiving 2023 and the autumn's end of daylight saving time: 9:30 to 16:00, on the 24th to 13:00.
THANKSGIVING = [
    (datetime(2023, 11, day, 14, 30, tzinfo=UTC), datetime(2023, 11, day, 18 if day == 24 else 21, tzinfo=UTC))
    for day in (20, 21, 22, 24, 27)
]
CHANGE = [
    (datetime(2023, 11, day, hour, 30, tzinfo=UTC), datetime(2023, 11, day, hour + 6, 30, tzinfo=UTC) + 30 * MINUTE)
    for day, hour in ((2, 13), (3, 13), (6, 14), (7, 14))
]


@pytest.mark.parametrize("days", [THANKSGIVING, CHANGE], ids=["half day", "change of clocks"])
def test_with_a_calendar_a_day_is_a_session_and_known_at_its_close(days: list[tuple[datetime, datetime]]) -> None:
    table = session_minutes(days)
    assert not table.segment_start.any()
    made = resample(table, DAY)
    # No row before the first session tells that nothing was traded since the close before it.
    assert made.frame["time"].to_list() == [closed for _, closed in days[1:]]
    assert not made.segment_start.any()
    first = (days[0][1] - days[0][0]) // MINUTE
    for row, (opened, closed) in enumerate(days[1:]):
        count = (closed - opened) // MINUTE
        assert made.frame["open"][row] == table.frame["open"][first]
        assert made.frame["high"][row] == table.frame["high"][first : first + count].max()
        assert made.frame["close"][row] == table.frame["close"][first + count - 1]
        first += count
    assert resample(table.with_frame(table.frame[:-1]), DAY).num_rows == len(days) - 2


def test_with_a_calendar_features_of_longer_bars_live_on_over_nights_and_half_days() -> None:
    table = session_minutes(THANKSGIVING)
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(HOUR, DAY))
    matrix = build_features(table, spec)
    # A day holds at most the 390 minutes of a session, not 1,440, and the row before it tells where it begins.
    assert matrix.lookback == 390 + 389 + 1
    assert matrix.valid[779:].all()
    first = 390 + 390 + 390  # of the half day, the morning after Thanksgiving
    hour, day = (matrix.names.index(f"close_{word}") for word in ("1h", "1d"))
    assert table.frame["time"][first] == datetime(2023, 11, 24, 14, 31, tzinfo=UTC)
    for row, bar in ((first, first - 1), (first + 28, first - 1), (first + 29, first + 29)):
        assert matrix.values[row, hour] == table.frame["close"][bar]
    after = first + 210  # of Monday; the half day closed at 13:00
    for row, bar in ((after - 2, first - 1), (after - 1, after - 1), (after, after - 1)):
        assert matrix.values[row, day] == table.frame["close"][bar]
    for row in range(779, table.num_rows, 83):
        buffer = table.with_frame(table.frame.slice(row - matrix.lookback + 1, matrix.lookback))
        live = build_features(buffer, spec)
        assert live.valid[-1]
        np.testing.assert_array_equal(live.values[-1], matrix.values[row])


@pytest.mark.parametrize(
    ("calendar", "step", "timeframe", "rows"),
    [
        ("XNYS", DAY, MINUTE, 390),
        ("XNYS", 7 * DAY, DAY, 5),
        ("XNYS", 7 * DAY, HOUR, 5 * 8),
        ("XHKG", DAY, MINUTE, 330),  # two stretches with a lunch break between them
        ("XNYS", HOUR, MINUTE, 60),
        ("24/7", DAY, MINUTE, 1440),
        (None, DAY, MINUTE, 1440),
    ],
)
def test_a_bar_holds_at_most_the_rows_of_its_trading(
    calendar: str | None, step: timedelta, timeframe: timedelta, rows: int
) -> None:
    assert Grid(step, calendar).most_rows(timeframe) == rows


@pytest.mark.parametrize("step", [HOUR, DAY, 7 * DAY], ids=["hour", "day", "week"])
def test_with_a_calendar_a_bar_is_short_where_rows_of_its_trading_are_absent(step: timedelta) -> None:
    """A session's first half hour, a half day and a week with a holiday lack nothing."""
    before = (THANKSGIVING[0][0] - 3 * DAY, THANKSGIVING[0][1] - 3 * DAY)
    table = session_minutes([before, *THANKSGIVING])
    whole = bars_of_symbols(table, step)
    assert (whole.num_rows == rows_expected(whole, table)).all()
    lacking = table.with_frame(pl.concat([table.frame[:1000], table.frame[1001:]]))
    made = bars_of_symbols(lacking, step)
    assert np.sum(made.num_rows < rows_expected(made, lacking)) == 1
    assert ", 1 of them with rows absent" in describe_bars(made, lacking, step)


def test_with_a_calendar_a_week_ends_with_its_last_session_and_hours_stay_on_the_clock() -> None:
    table = session_minutes(THANKSGIVING)
    friday = session_minutes([(THANKSGIVING[0][0] - 3 * DAY, THANKSGIVING[0][1] - 3 * DAY), *THANKSGIVING])
    weeks = resample(friday, 7 * DAY)
    assert weeks.frame["time"].to_list() == [datetime(2023, 11, 24, 18, tzinfo=UTC)]
    hours = resample(table, HOUR).frame["time"]
    assert {moment.minute for moment in hours} == {0}
    assert hours.dt.hour().unique().sort().to_list() == [15, 16, 17, 18, 19, 20, 21]
    assert not resample(table, HOUR).segment_start.any()
    absent = table.frame.filter(pl.col("time").dt.date() != datetime(2023, 11, 22).date())
    holed = resample(table.with_frame(absent), DAY)
    assert holed.segment_start.tolist() == [0, 1, 1]


def test_with_a_calendar_no_day_is_made_of_rows_that_begin_within_its_hours_before_the_open() -> None:
    early = [(opened - 2 * HOUR, closed) for opened, closed in THANKSGIVING]
    table = session_minutes(early)
    whole = resample(table, DAY)
    assert whole.frame["time"].to_list() == [closed for _, closed in THANKSGIVING[1:]]
    second = int(np.searchsorted(table.time_us, posix(THANKSGIVING[0][1]) * 1_000_000, side="right"))
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(DAY,))
    valid = build_features(table, spec).valid
    for late in (1, 60, 119, 120):  # in the midst of the two hours before the second day's open, and at the open
        buffer = table.with_frame(table.frame[second + late :])
        cut = resample(buffer, DAY)
        assert cut.frame.equals(whole.frame[-cut.num_rows :])
        assert cut.frame["time"][0] == THANKSGIVING[2][1]
        assert not (build_features(buffer, spec).valid & ~valid[second + late :]).any()


@pytest.mark.parametrize("step", [HOUR, DAY, 2 * DAY], ids=["hour", "day", "two days"])
def test_bars_of_rows_that_begin_with_a_sessions_first_are_those_of_all_rows(step: timedelta) -> None:
    """What was traded before the open may have been cut off there, and nothing in the rows that are left tells."""
    table = session_minutes([(opened - 90 * MINUTE, closed + HOUR) for opened, closed in THANKSGIVING])
    whole = resample(table, step).frame
    for opened, _ in THANKSGIVING[:-2]:
        first = int(np.searchsorted(table.time_us, posix(opened) * 1_000_000, side="right"))
        cut = resample(table.with_frame(table.frame[first:]), step).frame
        assert cut.equals(whole[-cut.height :])


@pytest.mark.parametrize("early", [0, 3, 90], ids=["none", "a few", "many"])
def test_a_buffer_says_what_all_rows_say_whatever_is_traded_before_the_open(early: int) -> None:
    table = session_minutes([(opened - early * MINUTE, closed) for opened, closed in THANKSGIVING])
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(HOUR, DAY))
    matrix = build_features(table, spec)
    valid, lookback = matrix.valid, matrix.lookback
    begins = [int(np.searchsorted(table.time_us, posix(day) * 1_000_000, side="right")) for day, _ in THANKSGIVING[:3]]
    for row in (begin + lookback - 1 + late for begin in begins for late in (-2, -1, 0, 1, 2)):
        if row >= table.num_rows:
            continue
        begin = max(row + 1 - lookback, 0)
        try:
            live = build_features(table.with_frame(table.frame[begin : row + 1]), spec)
        except NotEnoughRowsError:
            assert not valid[row]
            continue
        assert live.valid[-1] == valid[row]
        if valid[row]:
            np.testing.assert_array_equal(live.values[-1], matrix.values[row])
