"""Laws of the clock: what is ambiguous is refused, changes of the clock are met, no bar is usable before it ends.

An hour too early is a look at the future that every metric rewards.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import as_csv, bars, expected, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.files.source import read_rows
from gatewise.data.load import load_table
from gatewise.data.stamps.formats import parse_text
from gatewise.data.steps.timeframe import knowable
from gatewise.errors import AmbiguousError, ConfigError, DataError, ReadError, SchemaError

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def series(stamps: list[object]) -> str:
    return "time,value\n" + "".join(f"{stamp},{row}\n" for row, stamp in enumerate(stamps))


def refusal(folder: Path, stamps: list[object], **said: Any) -> DataError:
    file = put(folder, "X.csv", series(stamps))
    with pytest.raises(DataError) as caught:
        load(file, **said)
    assert str(file) in caught.value.message
    assert "'time'" in caught.value.message
    assert caught.value.hint is not None
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


@given(st.lists(st.dates(datetime(1990, 1, 1).date(), datetime(2060, 1, 1).date()), min_size=1, max_size=20))
def test_the_order_of_day_and_month_is_taken_only_where_the_column_proves_it(days: list[Any]) -> None:
    text = pl.Series([f"{day:%d/%m/%Y}" for day in days])
    rows = pl.Series(range(1, len(days) + 1))
    if any(day.day > 12 for day in days):
        assert parse_text("f", "c", text, rows, None).values.dt.date().to_list() == days
    else:
        with pytest.raises(AmbiguousError, match="proves"):
            parse_text("f", "c", text, rows, None)
    assert parse_text("f", "c", text, rows, True).values.dt.date().to_list() == days


@pytest.mark.parametrize("stamp", ["{:02d}.03.2020", "{}/3/2020 10:00", "03-{:02d}-20", "{:02d}/03/2020 09:00 PM"])
def test_an_ambiguous_date_is_refused_and_either_flag_settles_it(stamp: str, tmp_path: Path) -> None:
    stamps: list[object] = [stamp.format(day) for day in range(1, 12)]
    error = refusal(tmp_path, stamps)
    assert isinstance(error, AmbiguousError)
    assert "data.day_first=True or data.day_first=False" in str(error.hint)
    assert ("time_format" in str(error.hint)) == ('data.time_format="%y-%m-%d"' in str(error.hint)) == ("-20" in stamp)
    one, other = (load(tmp_path / "X.csv", day_first=first, stamp="close").frame["time"] for first in (True, False))
    assert {(time.month, time.day) for time in one} == {(time.day, time.month) for time in other}
    assert one.to_list() != other.to_list()


def test_a_date_of_three_readings_is_refused_and_a_format_settles_it(tmp_path: Path) -> None:
    stamps: list[object] = ["01/02/03", "01/02/04", "01/02/05"]
    refusal(tmp_path, stamps)
    times = load(tmp_path / "X.csv", time_format="%y/%m/%d").frame["time"]
    assert times[0] == datetime(2001, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamps", "row", "words"),
    [
        (["13/01/2020", "14/01/2020", "01/15/2020"], 3, "written otherwise"),
        (["2020-01-01", "2020-01-02 00:00", "2020-01-03"], 2, "written otherwise"),
        (["1/2/2020", "1/3/20", "1/15/2020"], 2, "written otherwise"),
        (["2020-01-01T00:00:00Z", "2020-01-01T00:01:00", "2020-01-01T00:02:00Z"], 2, "no offset from UTC"),
        (["2020-01-01 00:00", "2020-01-01 00:01+00:00"], 2, "carries an offset"),
        (["2020-01-01 00:00", "2020-02-30 00:00"], 2, "written otherwise"),
    ],
)
def test_mixed_formats_and_zones_are_refused_with_the_row(
    stamps: list[object], row: int, words: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, stamps)
    assert isinstance(error, AmbiguousError)
    assert f"row {row}:" in error.message
    assert words in error.message


def test_stamps_that_carry_their_own_offsets_may_differ_in_them(tmp_path: Path) -> None:
    stamps: list[object] = ["2020-03-08T01:00:00-05:00", "2020-03-08T03:00:00-04:00", "2020-03-08T08:00:00Z"]
    times = load(put(tmp_path, "X.csv", series(stamps)), stamp="close").frame["time"].to_list()
    assert times == [datetime(2020, 3, 8, hour, tzinfo=UTC) for hour in (6, 7, 8)]


@pytest.mark.parametrize(
    ("stamps", "words"),
    [
        (["soon", "later"], "no known time"),
        (["2020-13-45 10:00", "2020-01-01 10:00"], "no date and time"),
        (["2020-01-01 10:00", "", "2020-01-01 10:02"], "row 2 holds no time"),
        (["1.67E+12", "1.68E+12"], "no known time"),
    ],
)
def test_what_is_no_time_is_refused(stamps: list[object], words: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, stamps)
    assert isinstance(error, ReadError)
    assert words in error.message


@pytest.mark.parametrize(
    "stamps",
    [
        [0, 60, 120],
        [43831.5, 43832.5],
        [252460800, 1577836800],  # 1978 is before the years in which units are told apart
    ],
)
def test_numbers_that_may_be_several_times_are_refused(stamps: list[object], tmp_path: Path) -> None:
    error = refusal(tmp_path, stamps)
    assert isinstance(error, AmbiguousError)
    # No hint leads to 1970; a row of 1978 among others is named with its date.
    assert ('data.time_format="epoch_s"' in str(error.hint)) == (1577836800 in stamps)


def test_an_epoch_outside_the_usual_years_is_read_when_said(tmp_path: Path) -> None:
    table = load(put(tmp_path, "X.csv", series([0, 60, 120])), time_format="epoch_s", stamp="close")
    assert table.frame["time"].to_list() == [datetime(1970, 1, 1, 0, minute, tzinfo=UTC) for minute in range(3)]


def test_an_epoch_with_an_exponent_is_read_when_said(tmp_path: Path) -> None:
    stamps: list[object] = ["1.5e9", "1.50000006e9", "1500000120"]
    assert "data.time_format" in str(refusal(tmp_path, stamps).hint)
    times = load(tmp_path / "X.csv", time_format="epoch_s", stamp="close").frame["time"]
    assert times.dt.epoch("s").to_list() == [1_500_000_000, 1_500_000_060, 1_500_000_120]
    assert "NaN" in refusal(tmp_path, ["1.5e9", "nan"], time_format="epoch_s").message


UNITS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}


@pytest.mark.parametrize("said", UNITS)
@pytest.mark.parametrize("meant", UNITS)
def test_a_unit_that_is_said_wrong_is_refused_and_the_fitting_one_named(meant: str, said: str, tmp_path: Path) -> None:
    stamps: list[object] = [(1577836800 + 60 * row) * UNITS[meant] for row in range(4)]
    if said == meant:
        times = load(put(tmp_path, "X.csv", series(stamps)), time_format=said, stamp="close").frame["time"]
        assert times[0] == datetime(2020, 1, 1, tzinfo=UTC)
    else:
        error = refusal(tmp_path, stamps, time_format=said)
        assert f"{said} puts its stamps at" in error.message
        assert f'data.time_format="{meant}"' in str(error.hint)


def test_an_epoch_that_no_unit_fits_is_refused_rather_than_wrapped(tmp_path: Path) -> None:
    # As seconds these overflow 64 bits of microseconds, and what is left of them may be any year.
    error = refusal(tmp_path, [9 * 10**18, 9 * 10**18 + 1], time_format="epoch_s")
    assert "not between 1800 and 2200" in error.message


def test_dates_without_separators_are_dates(tmp_path: Path) -> None:
    table = load(put(tmp_path, "X.csv", series([20191230, 20191231, 20200101])))
    assert table.frame["time"].to_list() == [datetime(2019, 12, 31, tzinfo=UTC) + DAY * day for day in range(3)]


def test_a_wrong_format_is_refused_with_the_row_that_it_misses(tmp_path: Path) -> None:
    stamps: list[object] = ["2020-01-01 10:00", "2020-01-01 10.01"]
    assert "row 2: '2020-01-01 10.01'" in refusal(tmp_path, stamps, time_format="%Y-%m-%d %H:%M").message
    assert "row 1" in refusal(tmp_path, stamps, time_format="epoch_s").message


def wall_clock(first: datetime, rows: int, step: timedelta) -> pl.DataFrame:
    """Bars stamped by the clock on a wall in New York, as Python's own zone data reads it."""
    frame = bars(rows, step, first)
    stamps = [f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}" for moment in frame["time"]]
    return frame.with_columns(pl.Series("time", stamps))


@pytest.mark.parametrize("minutes", [60, 30, 1])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("day", [datetime(2020, 3, 8, 3, tzinfo=UTC), datetime(2020, 11, 1, 2, tzinfo=UTC)])
def test_changes_of_the_clock_leave_neither_gap_nor_overlap(
    day: datetime, newest_first: bool, minutes: int, tmp_path: Path
) -> None:
    step = timedelta(minutes=minutes)
    frame = wall_clock(day, 600 // minutes, step)
    file = put(tmp_path, "X.csv", (frame.reverse() if newest_first else frame).write_csv())
    table = load(file, timezone="America/New_York", timeframe=step)
    assert table.fingerprint == expected(bars(600 // minutes, step, day), step).fingerprint


def test_each_symbol_of_a_long_file_meets_the_change_on_its_own(tmp_path: Path) -> None:
    frame = wall_clock(datetime(2020, 11, 1, 2, tzinfo=UTC), 10, HOUR)
    long = pl.concat([frame.select(pl.lit(name).alias("symbol"), pl.all()) for name in ("A", "B")])
    for ordered in (long, long.sort("time", maintain_order=True)):
        times = load(put(tmp_path, "X.csv", ordered.write_csv()), timezone="America/New_York").frame
        for symbol in ("A", "B"):
            hours = times.filter(symbol=symbol)["time"].diff().drop_nulls().unique().to_list()
            assert hours == [HOUR]


def test_an_hour_that_happens_twice_but_is_there_once_is_refused(tmp_path: Path) -> None:
    frame = wall_clock(datetime(2020, 11, 1, 2, tzinfo=UTC), 10, HOUR).unique("time", maintain_order=True)
    with pytest.raises(AmbiguousError, match=r"01:00:00 happens twice in America/New_York"):
        load(put(tmp_path, "X.csv", frame.write_csv()), timezone="America/New_York")


def test_a_time_that_the_clock_skips_is_refused(tmp_path: Path) -> None:
    stamps: list[object] = ["2020-03-08 01:30", "2020-03-08 02:30", "2020-03-08 03:30"]
    error = refusal(tmp_path, stamps, timezone="America/New_York")
    assert "row 2" in error.message
    assert "does not exist" in error.message


def test_an_unknown_zone_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(bars()))
    with pytest.raises(ConfigError) as caught:
        load(file, timezone="America/NewYork")
    assert "America/New_York" in str(caught.value.hint)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Sydney", "UTC"])
def test_a_day_is_usable_when_the_next_one_begins_there(zone: str, tmp_path: Path) -> None:
    days = [datetime(2020, 1, 1) + DAY * day for day in range(366)]
    file = put(tmp_path, "X.csv", series([f"{day:%Y-%m-%d}" for day in days]))
    times = load(file, timezone=zone).frame["time"].to_list()
    assert times == [(day + DAY).replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC) for day in days]


@given(step=st.sampled_from([timedelta(minutes=1), HOUR, DAY, 7 * DAY]), row=st.integers(0, 20))
def test_no_bar_is_usable_before_the_next_one_opens(step: timedelta, row: int) -> None:
    opens = [datetime(2020, 10, 30, 4, tzinfo=UTC) + step * number for number in range(row + 2)]
    frame = pl.DataFrame({"t": opens}, schema={"t": pl.Datetime("us", "UTC")})
    for zone in ("UTC", "America/New_York"):
        usable = frame.select(knowable(pl.col("t"), step, zone)).to_series()
        clock = zoneinfo.ZoneInfo(zone)
        wall = opens[row].astimezone(clock).replace(tzinfo=None) + step
        ends = wall.replace(tzinfo=clock).astimezone(UTC) if step >= DAY else opens[row] + step
        assert usable[row] == ends


def test_the_timeframe_is_the_most_frequent_step_within_symbols(tmp_path: Path) -> None:
    minutes = [0, 1, 2, 3, 10, 11, 40]
    text = "symbol,time,value\n" + "".join(
        f"{symbol},2020-01-01 0{hour}:{minute:02d},1\n" for hour, symbol in enumerate("AB") for minute in minutes
    )
    table = load(put(tmp_path, "X.csv", text))
    assert table.timeframe == table.gap_tolerance == timedelta(minutes=1)
    assert len(set(table.segment_start.tolist())) == 6


@pytest.mark.parametrize(
    ("step", "tolerance"), [(HOUR, HOUR), (DAY, 7 * DAY), (7 * DAY, 7 * DAY), (28 * DAY, 28 * DAY)]
)
def test_the_tolerance_is_a_timeframe_within_the_day_and_a_week_for_days(
    step: timedelta, tolerance: timedelta, tmp_path: Path
) -> None:
    table = load(put(tmp_path, "X.csv", as_csv(bars(9, step))))
    assert (table.timeframe, table.gap_tolerance) == (step, tolerance)


def test_another_timeframe_than_the_rows_have_is_refused(tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(bars()))
    for asked in ("1m", "1d"):
        with pytest.raises(SchemaError, match="step by 1h") as caught:
            load(file, timeframe=asked)
        assert caught.value.hint == 'data.timeframe="1h"'


def test_a_sparse_series_takes_the_timeframe_that_it_is_told(tmp_path: Path) -> None:
    frame = bars(60)[[0, 2, 4, 6, 8, 9, 11, 13, 15, 40]]
    assert load(put(tmp_path, "X.csv", as_csv(frame))).timeframe == 2 * HOUR
    assert load(tmp_path / "X.csv", timeframe="1h").fingerprint == expected(frame).fingerprint


def test_a_zone_that_a_typed_column_carries_bounds_its_days(tmp_path: Path) -> None:
    days = [datetime(2020, 1, 1) + DAY * day for day in range(366)]
    wall = pl.Series("time", days, dtype=pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    pl.DataFrame({"time": wall, "value": range(366)}).write_parquet(tmp_path / "X.parquet")
    times = load(tmp_path / "X.parquet").frame["time"].to_list()
    assert times == [(day + DAY).replace(tzinfo=NEW_YORK).astimezone(UTC) for day in days]


def test_files_stamped_at_opens_and_at_closes_go_together(tmp_path: Path) -> None:
    frame = bars(20)
    put(tmp_path, "X-2020-01-11.csv", as_csv(frame[:10].rename({"time": "open_time"})))
    closes = frame[10:].with_columns(pl.col("time") + HOUR).rename({"time": "close_time"})
    put(tmp_path, "X-2020-01-12.csv", as_csv(closes))
    assert load(tmp_path).fingerprint == expected(frame).fingerprint


def test_a_thinly_traded_symbol_needs_the_timeframe_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "A.csv", as_csv(bars(30)))
    put(tmp_path, "B.csv", as_csv(bars(30)[::5]))
    with pytest.raises(SchemaError, match=r"B\.csv: rows of B step by 5h") as caught:
        load(tmp_path)
    assert 'data.timeframe="1h"' in str(caught.value.hint)
    with caplog.at_level("INFO", "gatewise"):
        table = load(tmp_path, timeframe="1h")
    assert table.num_rows == 36
    assert "rows of B step by 5h; taken for rows of 1h" in caplog.text


def test_a_tolerance_below_the_timeframe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="gap tolerance") as caught:
        load(put(tmp_path, "X.csv", as_csv(bars())), gap_tolerance="5m")
    assert "data.gap_tolerance" in str(caught.value.hint)


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "date"])
@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_a_date_is_no_close_whatever_its_column_is_called(tmp_path: Path, written: str, calendar: str | None) -> None:
    days = pl.Series("period_end", [date(2024, 1, day) for day in (16, 17, 18, 19)])
    stamps = days if written == "date" else days.dt.strftime(written)
    file = tmp_path / "days.parquet"
    pl.DataFrame([stamps, pl.Series("close", [1.0, 2.0, 3.0, 4.0])]).write_parquet(file)
    spec = DataConfig(paths=(str(file),), calendar=calendar, day_first=True)
    expected = datetime(2024, 1, 16, 21, tzinfo=UTC) if calendar else datetime(2024, 1, 17, tzinfo=UTC)
    assert load_table(spec).frame["time"][0] == expected
    said = spec.model_copy(update={"stamp": "close"})
    assert load_table(said).frame["time"][0] == datetime(2024, 1, 16, tzinfo=UTC)
    assert not any("close of their session" in note for note in read_rows(said).notes)
    times = pl.DataFrame([days.cast(pl.Datetime("us")), pl.Series("close", [1.0, 2.0, 3.0, 4.0])])
    times.write_parquet(file)
    assert load_table(spec).frame["time"][0] == datetime(2024, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y"])
def test_a_close_that_is_said_of_dates_is_obeyed_with_a_warning(written: str, tmp_path: Path) -> None:
    days = [datetime(2024, 1, 29) + day * DAY for day in range(5)]
    dates = read_rows(
        DataConfig(paths=(str(put(tmp_path, "X.csv", series([f"{day:{written}}" for day in days]))),), stamp="close")
    )
    assert dates.frame["time"].dt.replace_time_zone(None).to_list() == days
    (note,) = [note for note in dates.notes if "warning" in note]
    assert "time holds dates and no times of day" in note
    assert "with which its day begins" in note
    timed = put(tmp_path, "Y.csv", series([f"{day:{written}} 16:00" for day in days]))
    for file, stamp in ((timed, "close"), (tmp_path / "X.csv", "open"), (tmp_path / "X.csv", None)):
        assert not any("warning" in note for note in read_rows(DataConfig(paths=(str(file),), stamp=stamp)).notes)
