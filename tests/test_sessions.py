"""Laws of trading time.

A clock that stands still at the wrong moment hides a gap or invents one, and a daily bar that is usable before its
session's close is a leak that flatters every later figure.
"""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.load import load_table
from gatewise.data.market.sessions import common_calendar, find_calendar, session_close, sessions, trading_time
from gatewise.data.steps.timeframe import knowable
from gatewise.data.table import Table
from gatewise.errors import AmbiguousError, ConfigError, QualityError, UnknownNameError
from gatewise.feeds.yahoo_exchanges import _OF_EXCHANGE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def table(
    times: list[datetime], calendar: str | None, timeframe: timedelta, tolerance: timedelta | None = None
) -> Table:
    frame = pl.DataFrame(
        {"symbol": ["A"] * len(times), "time": times}, schema={"symbol": pl.String, "time": pl.Datetime("us", "UTC")}
    )
    return Table(frame, timeframe, tolerance or timeframe, calendar)


def new_york(*when: int) -> datetime:
    return datetime(*when, tzinfo=NEW_YORK).astimezone(UTC)  # type: ignore[arg-type, misc]  # year, month, day and so on


def session_minutes(day: date, start: tuple[int, int] = (9, 31), end: tuple[int, int] = (16, 0)) -> list[datetime]:
    """When the minutes of a session in New York are knowable."""
    first, last = (new_york(day.year, day.month, day.day, *clock) for clock in (start, end))
    return [first + MINUTE * n for n in range((last - first) // MINUTE + 1)]


def daily_file(folder: Path, days: list[date]) -> Path:
    file = folder / "daily.csv"
    file.write_text("date,close\n" + "".join(f"{day},{100 + n}\n" for n, day in enumerate(days)))
    return file


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def test_nights_weekends_holidays_and_half_days_are_no_gap() -> None:
    # Thanksgiving on Thursday 2024-11-28, a half day until 13:00 on Friday, then a weekend.
    times = [
        *session_minutes(date(2024, 11, 27)),
        *session_minutes(date(2024, 11, 29), end=(13, 0)),
        *session_minutes(date(2024, 12, 2)),
    ]
    assert not table(times, "XNYS", MINUTE).segment_start.any()
    assert np.unique(table(times, None, MINUTE).segment_start).size == 3


def test_good_friday_is_no_gap_though_no_federal_holiday(tmp_path: Path) -> None:
    days = [day for day in weekdays(date(2024, 3, 25), date(2024, 4, 5)) if day != date(2024, 3, 29)]
    report = check_data(DataConfig(paths=(str(daily_file(tmp_path, days)),), timeframe=DAY, calendar="XNYS"))
    assert report.to_dict()["gaps"] == 0
    assert report.to_dict()["outside_sessions"] == 0


def test_an_absent_bar_of_a_session_is_a_gap_at_its_start_its_middle_and_its_end() -> None:
    whole = session_minutes(date(2024, 7, 1)) + session_minutes(date(2024, 7, 2))
    for absent in (0, 200, 389, 390, 391):
        times = whole[:absent] + whole[absent + 1 :]
        starts = np.unique(table(times, "XNYS", MINUTE).segment_start).tolist()
        assert starts == ([0] if absent == 0 else [0, absent]), absent


def test_an_absent_session_is_a_gap_of_minutes_and_of_days() -> None:
    days = [date(2024, 7, 1), date(2024, 7, 3)]
    minutes = [m for day in days for m in session_minutes(day, end=(13, 0) if day.day == 3 else (16, 0))]
    assert np.unique(table(minutes, "XNYS", MINUTE).segment_start).tolist() == [0, 390]
    closes = [new_york(2024, 7, 1, 16), new_york(2024, 7, 3, 13), new_york(2024, 7, 5, 16)]  # the 4th is a holiday
    assert table(closes, "XNYS", DAY).segment_start.tolist() == [0, 1, 1]


def test_an_hour_that_the_close_cuts_short_is_no_gap() -> None:
    times = [new_york(2024, 7, day, 10, 30) + HOUR * n for day in (1, 2) for n in range(7)]
    assert not table(times, "XNYS", HOUR).segment_start.any()


@pytest.mark.parametrize("change", [date(2024, 3, 10), date(2024, 11, 3)])
def test_a_change_of_clocks_moves_the_session_and_makes_no_gap(change: date) -> None:
    friday, monday = change - timedelta(2), change + timedelta(1)
    times = session_minutes(friday) + session_minutes(monday)
    assert {time.hour for time in times} >= {20, 21}  # the closes differ in UTC
    assert not table(times, "XNYS", MINUTE).segment_start.any()
    an_hour_late = session_minutes(friday) + [time + HOUR for time in session_minutes(monday)]
    assert table(an_hour_late, "XNYS", MINUTE).segment_start.any()


def test_a_market_that_never_closes_measures_time_as_it_passes() -> None:
    times = [datetime(2024, 3, 8, tzinfo=UTC) + MINUTE * n for n in (*range(1440), *range(1442, 5000))]
    assert table(times, "24/7", MINUTE).segment_start.tolist() == table(times, None, MINUTE).segment_start.tolist()
    clock = trading_time(np.array([us(time) for time in times]), "24/7", MINUTE)
    assert np.array_equal(np.diff(clock), np.diff([us(time) for time in times]))


def test_a_lunch_break_is_closed_time() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    before, after = datetime(2024, 7, 1, 11, 30, tzinfo=tokyo), datetime(2024, 7, 1, 12, 31, tzinfo=tokyo)
    assert np.diff(trading_time(np.array([us(before), us(after)]), "XTKS", MINUTE)).tolist() == [60_000_000]


def test_epochs_count_no_leap_second_and_neither_does_the_clock(tmp_path: Path) -> None:
    # 2016 ended with 23:59:60 UTC; POSIX has 1483228799 for 23:59:59 and 1483228800 for the second after 23:59:60.
    epochs = [1483228800 + 60 * n for n in range(-5, 6)]
    file = tmp_path / "leap.csv"
    file.write_text("timestamp,close\n" + "".join(f"{epoch},{epoch % 97}\n" for epoch in epochs))
    for calendar in (None, "24/7"):
        rows = load_table(DataConfig(paths=(str(file),), stamp="close", calendar=calendar))
        assert rows.time_us.tolist() == [epoch * 1_000_000 for epoch in epochs]
        assert not rows.segment_start.any()
    assert rows.frame["time"][5] == datetime(2017, 1, 1, tzinfo=UTC)


def test_a_leap_second_written_out_is_the_midnight_that_follows_it(tmp_path: Path) -> None:
    file = tmp_path / "leap.csv"
    file.write_text("time,close\n2016-12-31T23:59:58Z,1\n2016-12-31T23:59:59Z,2\n2016-12-31T23:59:60Z,3\n")
    rows = load_table(DataConfig(paths=(str(file),), stamp="close"))
    assert rows.frame["time"][2] == datetime(2017, 1, 1, tzinfo=UTC)
    with file.open("a") as more:
        more.write("2017-01-01T00:00:00Z,4\n")
    with pytest.raises(QualityError, match="repeat a time"):
        load_table(DataConfig(paths=(str(file),), stamp="close"))


@cache
def made(calendar: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package's own use of pandas
        return exchange_calendars.get_calendar(calendar, start="2023-12-01", end="2024-12-31").schedule


@cache
def schedule(calendar: str) -> list[tuple[int, int]]:
    """Stretches of trading by the package's own table, one by one."""
    stretches = []
    for opened, paused, resumed, closed in made(calendar).itertuples(index=False):
        moments = [us(moment) for moment in (opened, paused, resumed, closed) if str(moment) != "NaT"]
        stretches += list(zip(moments[::2], moments[1::2], strict=True))
    return stretches


@cache
def closes(calendar: str) -> list[int]:
    return [us(moment) for moment in made(calendar)["close"]]


def brute_clock(moment: int, calendar: str, daily: bool) -> int:
    """Trading time by the definition: what lies of each stretch before the moment, or each session's close."""
    if daily:
        return sum(86_400_000_000 for close in closes(calendar) if close <= moment)
    return sum(max(0, min(moment, end) - start) for start, end in schedule(calendar))


@settings(max_examples=60, deadline=None)
@given(
    calendar=st.sampled_from(["XNYS", "XHKG", "24/7", "24/5", "XLON"]),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2024, 6, 1)),
    steps=st.lists(st.integers(1, 2000), min_size=1, max_size=12),
    timeframe=st.sampled_from([MINUTE, HOUR, DAY]),
    tolerance=st.integers(1, 5),
)
def test_segments_begin_where_the_definition_says(
    calendar: str, start: datetime, steps: list[int], timeframe: timedelta, tolerance: int
) -> None:
    start = start.replace(second=0, microsecond=0, tzinfo=UTC)
    times = [start + timeframe * int(n) / (24 if timeframe == DAY else 1) for n in np.cumsum([0, *steps])]
    times = [time for time in times if time < datetime(2024, 12, 1, tzinfo=UTC)]
    rows = table(times, calendar, timeframe, tolerance * timeframe)
    clock = [brute_clock(us(time), calendar, timeframe == DAY) for time in times]
    expected, first = [], 0
    for row in range(len(times)):
        if row and timedelta(microseconds=clock[row] - clock[row - 1]) > tolerance * timeframe:
            first = row
        expected.append(first)
    assert rows.segment_start.tolist() == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**8), min_size=2, max_size=50), st.sampled_from(["XNYS", "CMES", "XTKS", "24/7"]))
def test_trading_time_never_falls_nor_outruns_time(seconds: list[int], calendar: str) -> None:
    moments = np.sort(np.array(seconds, np.int64)) * 1_000_000 + us(datetime(2018, 1, 1, tzinfo=UTC))
    steps = np.diff(trading_time(moments, calendar, MINUTE))
    assert (steps >= 0).all()
    assert (steps <= np.diff(moments)).all()
    assert (np.diff(trading_time(moments, calendar, DAY)) >= 0).all()


def test_segments_of_a_part_of_the_rows_are_those_of_the_whole() -> None:
    closes = sessions("XNYS", us(datetime(2023, 1, 1, tzinfo=UTC)), us(datetime(2024, 1, 1, tzinfo=UTC))).close_us
    times = [datetime.fromtimestamp(int(close) / 1e6, UTC) for close in np.delete(closes, [30, 200])]
    whole = table(times, "XNYS", DAY)
    part = whole.with_frame(whole.frame.slice(150, 100))
    assert part.calendar == "XNYS"
    assert np.array_equal(np.maximum(whole.segment_start[150:250] - 150, 0), part.segment_start)


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2024, 1, 3), datetime(2024, 1, 3, 21)),
        (date(2024, 7, 2), datetime(2024, 7, 2, 20)),
        (date(2024, 7, 3), datetime(2024, 7, 3, 17)),  # a half day in summer
        (date(2024, 11, 29), datetime(2024, 11, 29, 18)),  # and one in winter
        (date(2024, 3, 8), datetime(2024, 3, 8, 21)),
        (date(2024, 3, 11), datetime(2024, 3, 11, 20)),
        (date(2024, 3, 9), datetime(2024, 3, 10)),  # a Saturday: the end of the day, as without a calendar
    ],
)
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_daily_bar_is_usable_at_the_close_of_its_session(
    tmp_path: Path, day: date, close: datetime, zone: str | None
) -> None:
    file = daily_file(tmp_path, [day])
    spec = DataConfig(paths=(str(file),), timeframe=DAY, calendar="XNYS", timezone=zone)
    expected = close.replace(tzinfo=UTC)
    if zone and day.weekday() == 5:
        expected = new_york(2024, 3, 10)
    assert load_table(spec).frame["time"].to_list() == [expected]
    assert load_table(spec.model_copy(update={"calendar": None})).frame["time"][0] >= expected


@settings(max_examples=100, deadline=None)
@given(
    day=st.dates(date(2023, 2, 1), date(2024, 11, 30)),  # of two years, as each year takes a calendar of its own
    calendar=st.sampled_from(["XNYS", "XTKS", "XLON", "CMES", "24/7"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo", "Europe/London"]),
    hour=st.sampled_from([0, 0, 5, 14, 23]),
)
def test_no_daily_bar_is_usable_while_its_session_trades_nor_later_than_without_a_calendar(
    day: date, calendar: str, zone: str, hour: int
) -> None:
    stamp = pl.Series("time", [datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC)])
    stamp = stamp.dt.cast_time_unit("us")
    plain = pl.select(knowable(pl.lit(stamp), DAY, zone)).to_series()
    moment, start, end = (us(m) for m in (session_close(stamp, plain, zone, calendar)[0], stamp[0], plain[0]))
    found = sessions(calendar, start, end)
    assert start < moment <= end
    assert moment == end or moment in found.close_us
    if hour:  # a stamp that is no date: nothing is traded between the bar's end and the moment of its stamp plus a day
        between = (found.start_us < end) & (found.end_us > moment)
        assert moment == end or not between.any()
    else:  # a date is that of its session, where the market rests between sessions
        number = (day - date(1970, 1, 1)).days
        named = found.close_us[found.day == number]
        if calendar != "24/7" and named.size and start < named[0] <= end:
            assert moment in named
        later = (found.open_us < end) & (found.close_us > moment) & (moment < end)
        assert (found.day[later] > number).all()
        assert calendar != "24/7" or moment == end


@pytest.mark.parametrize(
    ("calendar", "zone", "day"),
    [
        ("24/7", "Europe/London", date(2024, 6, 5)),  # from 23:00 UTC: a session closes an hour after it begins
        ("24/5", "Europe/London", date(2024, 6, 5)),
        ("24/7", "America/New_York", date(2024, 6, 5)),
        ("24/7", "Asia/Tokyo", date(2024, 6, 5)),
        ("XNYS", "Asia/Tokyo", date(2024, 6, 5)),  # the end of one session, the start of the next
        ("XNYS", "Australia/Sydney", date(2024, 1, 10)),  # that of the day before closes within it
    ],
)
def test_a_day_that_no_session_of_its_date_fills_is_usable_at_its_own_end(
    tmp_path: Path, calendar: str, zone: str, day: date
) -> None:
    spec = DataConfig(paths=(str(daily_file(tmp_path, [day])),), timeframe=DAY, calendar=calendar, timezone=zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + DAY
    assert load_table(spec).frame["time"].to_list() == [midnight.astimezone(UTC)]


def test_a_daily_bar_stamped_at_its_sessions_open_is_usable_at_that_sessions_close(tmp_path: Path) -> None:
    file = tmp_path / "es.csv"
    # CMES opens at 17:00 in Chicago on the evening before.
    file.write_text("time,close\n2024-01-02T23:00:00Z,1\n2024-01-03T23:00:00Z,2\n2024-07-01T22:00:00Z,3\n")
    rows = load_table(DataConfig(paths=(str(file),), timeframe=DAY, calendar="CMES"))
    assert [f"{time:%m-%d %H}" for time in rows.frame["time"]] == ["01-03 23", "01-04 23", "07-02 22"]


def test_a_bar_of_a_week_is_usable_at_its_last_close(tmp_path: Path) -> None:
    file = tmp_path / "weeks.csv"
    file.write_text("date,close\n2024-03-18,1\n2024-03-25,2\n2024-04-01,3\n2024-04-15,4\n")
    rows = load_table(DataConfig(paths=(str(file),), timeframe=7 * DAY, calendar="XNYS"))
    # Good Friday ends the second week on Thursday; the week of the 8th of April is absent.
    assert [f"{time:%m-%d %H}" for time in rows.frame["time"]] == ["03-22 20", "03-28 20", "04-05 20", "04-19 20"]
    assert rows.segment_start.tolist() == [0, 0, 0, 3]


def test_stamps_said_to_be_closes_are_left_as_they_are(tmp_path: Path) -> None:
    file = daily_file(tmp_path, [date(2024, 1, 3), date(2024, 1, 4)])
    rows = load_table(DataConfig(paths=(str(file),), timeframe=DAY, calendar="XNYS", stamp="close"))
    assert rows.frame["time"][0] == datetime(2024, 1, 3, tzinfo=UTC)
    assert not rows.segment_start.any()


def test_rows_while_the_market_is_closed_are_counted_and_take_no_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    early = [new_york(2024, 7, 2, 8, n) for n in (1, 30)]
    times = session_minutes(date(2024, 7, 1)) + early + session_minutes(date(2024, 7, 2))
    file = tmp_path / "premarket.csv"
    file.write_text("time,close\n" + "".join(f"{time.isoformat()},{n}\n" for n, time in enumerate(times, 1)))
    report = check_data(DataConfig(paths=(str(file),), stamp="close", calendar="XNYS")).to_dict()
    assert (report["outside_sessions"], report["gaps"], report["ok"]) == (2, 0, True)
    with caplog.at_level("INFO", "gatewise.data"):
        load_table(DataConfig(paths=(str(file),), stamp="close", calendar="XNYS"))
    assert "2 of 782 rows lie outside the sessions of XNYS" in caplog.text


def test_a_calendar_is_found_by_code_or_alias_in_any_case() -> None:
    assert [find_calendar(name) for name in ("XNYS", "nyse", "NASDAQ", "us_futures", "24/7", "none", None)] == [
        *("XNYS", "XNYS", "XNYS", "us_futures", "24/7"),
        *(None, None),
    ]


def test_an_unknown_calendar_is_refused_with_the_nearest_names(cli: Cli) -> None:
    with pytest.raises(UnknownNameError) as refused:
        find_calendar("XNYX")
    assert "XNYS" in (refused.value.hint or "")
    assert len((refused.value.hint or "").split(",")) <= 10
    said = cli("data", "check", "--source", "sp500", "--calendar", "nysee")
    assert said.code == 2
    assert "NYSE" in said.err


def test_rows_before_a_calendar_begins_are_refused(tmp_path: Path) -> None:
    file = daily_file(tmp_path, [date(1949, 5, 16), date(1949, 5, 17), date(1949, 5, 18)])
    with pytest.raises(ConfigError, match=r"XTKS is known from 1997-01-01"):
        load_table(DataConfig(paths=(str(file),), calendar="XTKS"))


def test_series_read_together_keep_one_calendar() -> None:
    assert common_calendar(None, ["XNYS", "NYSE"]) == "XNYS"
    assert common_calendar(None, [None, None]) is None
    assert common_calendar("none", ["XNYS"]) is None
    assert common_calendar("CMES", ["XNYS", None]) == "CMES"
    with pytest.raises(AmbiguousError, match="XNYS, none"):
        common_calendar(None, ["XNYS", None])


def test_the_fingerprint_tells_a_calendar_apart_and_leaves_others_as_they_were() -> None:
    times = session_minutes(date(2024, 7, 1))
    prints = [table(times, calendar, MINUTE).fingerprint for calendar in (None, "XNYS", "XLON", "XNYS")]
    assert prints[1] == prints[3]
    assert len(set(prints)) == 3


def test_the_sp500_of_twenty_years_has_no_gap_on_its_calendar() -> None:
    # The closures after 2001-09-11 and for Hurricane Sandy included.
    report = check_data(DataConfig(source="sp500", calendar="XNYS")).to_dict()
    assert (report["rows"], report["gaps"], report["outside_sessions"], report["possible_splits"]) == (5031, 0, 0, 0)


def test_real_minutes_of_regular_hours_have_no_gap(shared_data: Path) -> None:
    file = shared_data / "messy_market" / "ndx_1m_2026_rth_only_all_zero_volume.csv"
    plain = check_data(DataConfig(paths=(str(file),))).to_dict()
    kept = check_data(DataConfig(paths=(str(file),), calendar="XNYS")).to_dict()
    assert (plain["gaps"], kept["gaps"]) == (41, 0)
    assert kept["outside_sessions"] == 42  # one row a day at the close itself, taken for the open of a minute


def test_real_futures_keep_only_the_gaps_within_their_sessions(shared_data: Path) -> None:
    folder = shared_data / "futures_intraday" / "esh20_1m_2020"
    rows = load_table(DataConfig(paths=(str(folder),), calendar="CMES"))
    begins = np.flatnonzero(rows.segment_start == np.arange(rows.num_rows))[1:]
    closes = sessions("CMES", int(rows.time_us[0]), int(rows.time_us[-1]))
    assert np.array_equal(closes.closed(rows.time_us[begins - 1]), closes.closed(rows.time_us[begins]))
    chicago = rows.frame["time"].dt.convert_time_zone("America/Chicago")
    # Once a session the pause from 15:15 to 15:30 that index futures kept then; the rest are quiet minutes.
    assert [f"{chicago[int(row)]:%H:%M}" for row in begins].count("15:31") == 21
    plain = load_table(DataConfig(paths=(str(folder),)))
    assert (np.unique(plain.segment_start).size, begins.size) == (54, 31)


def test_real_stocks_of_thirteen_years_have_no_gap(shared_data: Path) -> None:
    file = shared_data / "stocks_daily" / "bokeh_stocks.csv.gz"
    report = check_data(DataConfig(paths=(str(file),), calendar="XNAS")).to_dict()
    assert (report["rows"], report["gaps"], report["outside_sessions"]) == (12_154, 0, 0)


@pytest.mark.parametrize("calendar", ["XTAE", "ASEX"])  # listed by version 4.13 of the package, which can't make them
def test_a_calendar_that_the_package_cannot_make_is_refused_in_a_line(calendar: str) -> None:
    week = us(datetime(2025, 3, 3, tzinfo=UTC)), us(datetime(2025, 3, 8, tzinfo=UTC))
    try:
        assert sessions(calendar, *week).day.size
    except ConfigError as refused:
        said = refused
    else:
        pytest.skip(f"this version makes {calendar}")
    assert "\n" not in said.message
    assert calendar in said.message
    assert said.hint is not None


@pytest.mark.soak
def test_every_exchange_of_yahoo_has_a_calendar_that_can_be_made() -> None:
    for calendar in sorted(set(_OF_EXCHANGE.values())):
        assert sessions(calendar, us(datetime(2025, 3, 3, tzinfo=UTC)), us(datetime(2025, 3, 8, tzinfo=UTC))).day.size
