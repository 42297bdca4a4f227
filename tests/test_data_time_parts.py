"""A time in two columns, and stamps that name a period: read where the column proves how, refused where it doesn't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import put
from gatewise.config.schema import DataConfig
from gatewise.data.columns.roles import find_roles
from gatewise.data.files.source import read_rows
from gatewise.data.stamps.column import Reading, read_stamps
from gatewise.errors import AmbiguousError, DataError, ReadError, SchemaError

FIRST = datetime(2024, 3, 4, 9, 35)
DATES = {"%Y%m%d": "digits", "%Y-%m-%d": "ISO", "%d.%m.%Y": "day first", "%Y-%m-%d 00:00:00": "midnights"}
CLOCKS = {"%H%M%S": "digits", "%H:%M:%S": "text", "%H:%M": "minutes", "%H%M": "four digits"}
HEADERS = (
    ("<DATE>", "<TIME>"),
    ("<DTYYYYMMDD>", "<TIME>"),
    ("Date", "Timestamp"),
    ("trade_date", "trade_time"),
    ("day", "time"),
    ("Date", "Local time"),
)


def read(frame: pl.DataFrame, **said: Any) -> list[datetime]:
    roles = find_roles("f", frame, None, None, {})
    rows, symbols = pl.Series(range(1, frame.height + 1)), pl.Series(["X"] * frame.height)
    stamps = read_stamps("f", frame, roles.time, rows, symbols, Reading(**said))
    return stamps.values.dt.replace_time_zone(None).to_list()


@pytest.mark.parametrize("header", HEADERS, ids="+".join)
@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("clock", CLOCKS)
def test_a_date_and_a_time_of_day_are_one_time_however_written(header: tuple[str, str], date: str, clock: str) -> None:
    moments = [FIRST + timedelta(minutes=5) * row for row in range(4000)]
    frame = pl.DataFrame({header[0]: [f"{m:{date}}" for m in moments], header[1]: [f"{m:{clock}}" for m in moments]})
    assert read(frame.with_columns(close=1.0)) == moments


@given(
    start=st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)),
    step=st.sampled_from([1, 5, 60]),
    rows=st.integers(1, 300),
    kind=st.sampled_from(["integer", "float", "text"]),
    seconds=st.booleans(),
)
def test_a_time_of_day_without_leading_zeros_is_read_where_a_row_proves_its_width(
    start: datetime, step: int, rows: int, kind: str, seconds: bool
) -> None:
    moments = [start.replace(second=0, microsecond=0) + timedelta(minutes=step) * row for row in range(rows)]
    digits = [int(f"{m:%H%M%S}" if seconds else f"{m:%H%M}") for m in moments]
    clock = {"integer": digits, "float": list(map(float, digits)), "text": list(map(str, digits))}[kind]
    frame = pl.DataFrame({"date": [int(f"{m:%Y%m%d}") for m in moments], "time": clock})
    lengths = {len(str(number)) for number in digits}
    if max(digits) > 2359 or (kind == "text" and lengths == {4} and not seconds):
        assert read(frame) == moments
    elif kind != "text" or lengths not in ({4}, {6}):
        with pytest.raises(AmbiguousError, match="no row of") as caught:
            read(frame)
        assert f'data.time_format="%Y%m%d {"%H%M"}"' in str(caught.value.hint)
    assert read(frame, time_format="%Y%m%d %H%M%S" if seconds else "%Y%m%d %H%M") == moments


def test_typed_parts_are_one_time(tmp_path: Path) -> None:
    moments = [FIRST + timedelta(minutes=5) * row for row in range(500)]
    days, clock = pl.Series(moments).dt.date(), pl.Series(moments).dt.time()
    numbers = pl.Series([int(f"{m:%H%M%S}") for m in moments])
    for date in (days, days.cast(pl.Datetime("us")), days.cast(pl.String)):
        for part in (clock, numbers, clock.cast(pl.String)):
            assert read(pl.DataFrame({"date": date, "time": part})) == moments
    pl.DataFrame({"Date": days, "Time": clock, "close": 1.0}).write_parquet(tmp_path / "X.parquet")
    rows = read_rows(DataConfig(paths=(str(tmp_path / "X.parquet"),)))
    assert rows.frame["__stamp"].dt.replace_time_zone(None).to_list() == moments


def test_a_time_of_day_is_no_time_where_a_column_holds_both() -> None:
    moments = [FIRST + timedelta(minutes=5) * row for row in range(30)]
    whole = pl.DataFrame({"date": [f"{m:%Y-%m-%d %H:%M}" for m in moments], "time": [f"{m:%H%M%S}" for m in moments]})
    assert read(whole) == moments
    epochs = pl.DataFrame({"date": [f"{m:%Y-%m-%d}" for m in moments], "time": pl.Series(moments).dt.epoch("s")})
    assert read(epochs) == moments
    with pytest.raises(ReadError, match="it has no date"):
        read(pl.DataFrame({"time": ["09:30:00", "09:35:00"]}))
    for clocks in (["093015", "9930"], ["093015", "0931"]):  # digits of a width that others have not
        with pytest.raises(DataError, match="row 2"):
            read(pl.DataFrame({"date": ["20240304"] * 2, "time": clocks}))
    assert read(pl.DataFrame({"date": [FIRST.date()], "time": [time(9, 35)]})) == [FIRST]


MONDAY = datetime(2019, 1, 7)


def month(n: int) -> datetime:
    return datetime(2019 + n // 12, n % 12 + 1, 1)


PERIODS: dict[str, Any] = {
    "2019-03": lambda n: (month(n), f"{month(n):%Y-%m}"),
    "03/2019": lambda n: (month(n), f"{month(n):%m/%Y}"),
    "2019M03": lambda n: (month(n), f"{month(n):%YM%m}"),
    "Mar 2019": lambda n: (month(n), f"{month(n):%b %Y}"),
    "March-2019": lambda n: (month(n), f"{month(n):%B-%Y}"),
    "201903": lambda n: (month(n), f"{month(n):%Y%m}"),
    "2019Q1": lambda n: (month(3 * n), f"{month(3 * n).year}Q{n % 4 + 1}"),
    "2019-Q1": lambda n: (month(3 * n), f"{month(3 * n).year}-Q{n % 4 + 1}"),
    "Q1 2019": lambda n: (month(3 * n), f"Q{n % 4 + 1} {month(3 * n).year}"),
    "2019-W10": lambda n: (
        datetime(2019, 1, 7) + timedelta(weeks=n),
        f"{datetime(2019, 1, 7) + timedelta(weeks=n):%G-W%V}",
    ),
    "2019": lambda n: (datetime(1960 + n, 1, 1), str(1960 + n)),
}


@pytest.mark.parametrize("name", PERIODS)
@pytest.mark.parametrize("rows", [2, 60])
def test_a_stamp_that_names_a_period_is_its_first_moment_and_that_is_said(name: str, rows: int, tmp_path: Path) -> None:
    pairs = [PERIODS[name](n) for n in range(rows)]
    file = put(tmp_path, "X.csv", "date,close\n" + "".join(f"{text},1\n" for _, text in pairs))
    read_in = read_rows(DataConfig(paths=(str(file),)))
    assert read_in.frame["__stamp"].dt.replace_time_zone(None).to_list() == [moment for moment, _ in pairs]
    assert any("read as their first moments" in note for note in read_in.notes)


def quarter(n: int) -> datetime:
    return datetime(2019 + n // 4, n % 4 * 3 + 1, 1)


# Columns beside each other, and what they hold of the n-th row.
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[int], tuple[datetime, tuple[str, ...]]]]] = {
    "numbers": (("Year", "Month"), lambda n: (month(n), (f"{month(n).year}", f"{month(n).month}"))),
    "floats": (("year", "month"), lambda n: (month(n), (f"{month(n).year}.0", f"{month(n).month}.0"))),
    "zeros": (("YEAR", "MONTH"), lambda n: (month(n), (f"{month(n):%Y}", f"{month(n):%m}"))),
    "names": (("Month", "Year"), lambda n: (month(n), (f"{month(n):%b}", f"{month(n):%Y}"))),
    "long names": (("year", "month"), lambda n: (month(n), (f"{month(n):%Y}", f"{month(n):%B}"))),
    "BLS": (("year", "period"), lambda n: (month(n), (f"{month(n):%Y}", f"M{month(n):%m}"))),
    "quarters": (("Year", "Quarter"), lambda n: (quarter(n), (f"{quarter(n):%Y}", f"{n % 4 + 1}"))),
    "Q1": (("Year", "Qtr"), lambda n: (quarter(n), (f"{quarter(n):%Y}", f"Q{n % 4 + 1}"))),
    "period": (("year", "period"), lambda n: (quarter(n), (f"{quarter(n):%Y}", f"Q{n % 4 + 1}"))),
    "years": (("Year",), lambda n: (datetime(1960 + n, 1, 1), (str(1960 + n),))),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("symbols", [1, 3])
def test_columns_of_a_year_and_its_parts_are_the_periods_that_they_name(
    name: str, symbols: int, tmp_path: Path
) -> None:
    header, row = COLUMNS[name]
    pairs = [row(n) for n in range(60)]
    lines = [",".join([*cells, f"A{s}", str(n)]) for s in range(symbols) for n, (_, cells) in enumerate(pairs)]
    file = put(tmp_path, "X.csv", "\n".join([",".join([*header, "symbol", "close"]), *lines]) + "\n")
    for said in ({}, {"time_column": ",".join(header)}):
        rows = read_rows(DataConfig(paths=(str(file),), **said))
        assert rows.columns == ("close",)
        first = rows.frame.filter(pl.col("symbol") == "A0")
        assert first["__stamp"].dt.replace_time_zone(None).to_list() == [moment for moment, _ in pairs]
        assert first["time"][0].replace(tzinfo=None) == pairs[1][0]  # known when the period has ended
        assert any("read as their first moments" in note for note in rows.notes)
    pl.read_csv(file).write_parquet(tmp_path / "X.parquet")
    again = read_rows(DataConfig(paths=(str(tmp_path / "X.parquet"),)))
    assert again.frame["__stamp"].to_list() == rows.frame["__stamp"].to_list()


@pytest.mark.parametrize("finer", ["week", "doy", "hour", "Dy"])
def test_a_year_and_a_month_are_no_time_of_rows_that_come_more_often(finer: str, tmp_path: Path) -> None:
    lines = [f"{month(n):%Y,%m},{part},{n}\n" for n in range(24) for part in range(1, 5)]
    with pytest.raises(SchemaError, match="no column is known to hold the time"):
        read_rows(DataConfig(paths=(str(put(tmp_path, "X.csv", f"year,month,{finer},close\n" + "".join(lines))),)))


def test_a_column_of_dates_is_the_time_beside_a_year_and_a_month(tmp_path: Path) -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(90)]
    for header in ("date", ""):
        text = f"{header},Year,Month,close\n" + "".join(f"{d:%Y-%m-%d},{d:%Y},{d.month},1\n" for d in days)
        rows = read_rows(DataConfig(paths=(str(put(tmp_path, "X.csv", text)),)))
        assert rows.frame["__stamp"].dt.replace_time_zone(None).to_list() == days


def test_a_month_that_is_none_is_refused_with_its_row(tmp_path: Path) -> None:
    text = "year,month,close\n" + "".join(f"2024,{n},1\n" for n in range(1, 14))
    with pytest.raises(DataError, match="row 13"):
        read_rows(DataConfig(paths=(str(put(tmp_path, "X.csv", text)),)))


WRITTEN = {
    "%Y-%m-%dT%H:%M:%S.000000000Z": "nanoseconds",
    "%Y-%m-%d %H:%M:%S,%f": "a comma",
    "%a %d %b %Y %H:%M:%S": "a weekday",
    "%a, %d %b %Y %H:%M:%S GMT": "RFC 2822",
    "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)": "JavaScript",
    "%Y-%m-%dT%H:%M:%S+00:00[UTC]": "Java",
    "%b %d, %Y %I:%M %p": "English",
    "%Y%m%dT%H%M%SZ": "ISO's basic form",
    "%Y-%jT%H:%M": "days of the year",
    "%G-W%V-%u": "days of the week",
    "%d-%b-%y": "a short year",
    "%Y年%m月%d日 %H:%M": "Chinese",
}


@pytest.mark.parametrize("fmt", WRITTEN, ids=WRITTEN.values())
@given(start=st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), hours=st.sampled_from([1, 7, 24]))
def test_common_ways_to_write_a_time_are_read_as_python_writes_them(fmt: str, start: datetime, hours: int) -> None:
    step = timedelta(hours=24 if "%H" not in fmt and "%I" not in fmt else hours)
    if "%y" in fmt:  # of two centuries the one that is not yet to come
        start = start.replace(year=min(start.year, 2020))
    start = start.replace(second=0, microsecond=0) if hours != 24 else datetime(start.year, start.month, start.day)
    moments = [(datetime(start.year, start.month, start.day) if step.days else start) + step * n for n in range(60)]
    assert read(pl.DataFrame({"time": [m.strftime(fmt) for m in moments]})) == moments


@pytest.mark.parametrize("stamp", ["2024-03-04 24:00", "2024-03-04T24:00:00Z"])
def test_hours_end_at_23(stamp: str) -> None:
    with pytest.raises(ReadError, match="24:00"):
        read(pl.DataFrame({"time": ["2024-03-04 23:00" + ("" if stamp[-1] == "0" else ":00Z"), stamp]}))
