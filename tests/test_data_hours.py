"""A date beside a column of hours or of other counts within the day. Taken for a symbol, each hour of the day becomes a
series of its own, and taken an hour early, rows are used before they are known: both train without complaint.
"""

from __future__ import annotations

import shlex
import tempfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import put
from gatewise.cli.flags import translate
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.files.source import read_rows
from gatewise.errors import AmbiguousError, DataError, ReadError

FIRST = datetime(2024, 3, 4)
DATES = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%Y-%m-%d 00:00:00"]


def as_file(folder: Path, columns: dict[str, list[Any]]) -> Path:
    rows = len(next(iter(columns.values())))
    value = {"load": [1000 + (row * 7919) % 997 for row in range(rows)]}
    return put(folder, "X.csv", pl.DataFrame(columns | value).cast(pl.String).write_csv())


def stamps(path: Path, **said: Any) -> list[datetime]:
    return read_rows(DataConfig(paths=(str(path),), **said)).frame["__stamp"].dt.replace_time_zone(None).to_list()


def hint_on_repeats(path: Path, **said: Any) -> str:
    finding = next(f for f in check_data(DataConfig(paths=(str(path),), **said)).findings if f.kind == "duplicates")
    assert finding.count
    assert finding.blocks
    return finding.remedy


@settings(max_examples=60)
@given(
    minutes=st.sampled_from([60, 30, 15, 1]),
    first=st.integers(0, 30),
    rows=st.integers(40, 120),
    step=st.integers(1, 3),
    fmt=st.sampled_from(DATES),
    names=st.sampled_from(
        [("Date", "Hour", "Minute"), ("<DATE>", "hr", "minute"), ("trade_date", "hour_of_day", "Minute")]
    ),
    padded=st.booleans(),
)
def test_a_date_and_an_hour_of_0_to_23_are_the_moment_at_which_the_hour_begins(
    minutes: int, first: int, rows: int, step: int, fmt: str, names: tuple[str, str, str], padded: bool
) -> None:
    moments = sorted(
        FIRST + timedelta(days=row // 20, minutes=minutes * (first + step * (row % 20)) % 1440) for row in range(rows)
    )
    columns: dict[str, list[Any]] = {names[0]: [f"{m:{fmt}}" for m in moments]}
    columns[names[1]] = [f"{m.hour:02d}" if padded else m.hour for m in moments]
    if minutes < 60:
        columns[names[2]] = [m.minute for m in moments]
    with tempfile.TemporaryDirectory() as folder:
        path = as_file(Path(folder), columns)
        assert stamps(path, day_first=True) == moments
        assert stamps(path, day_first=True, time_column=",".join(columns)) == moments


def test_hours_written_as_times_and_typed_hours_are_read_too(tmp_path: Path) -> None:
    moments = [FIRST + timedelta(hours=hour) for hour in range(60)]
    written = as_file(tmp_path, {"Date": [m.date() for m in moments], "Hour": [f"{m:%H:%M}" for m in moments]})
    assert stamps(written) == moments
    typed = pl.DataFrame({"date": [m.date() for m in moments], "hour": [m.hour for m in moments], "load": 1.0})
    typed.write_parquet(tmp_path / "X.parquet")
    assert stamps(tmp_path / "X.parquet") == moments


def test_symbols_keep_their_hours(tmp_path: Path) -> None:
    keys = [(FIRST + timedelta(hours=hour), symbol) for hour in range(48) for symbol in "AB"]
    columns = {"Date": [m.date() for m, _ in keys], "Symbol": [s for _, s in keys], "Hour": [m.hour for m, _ in keys]}
    rows = read_rows(DataConfig(paths=(str(as_file(tmp_path, columns)),)))
    assert rows.timeframe == timedelta(hours=1)
    assert not rows.ordered.select("symbol", "__stamp").is_duplicated().any()


@pytest.mark.parametrize("name", ["Hour", "HE", "HourEnding", "Hour Ending"])
@pytest.mark.parametrize("hours", [range(1, 25), range(1, 26)])
def test_hours_of_1_to_24_are_refused_with_what_they_may_mean(name: str, hours: range, tmp_path: Path) -> None:
    days = [date(2024, 3, 4) + timedelta(days=n) for n in range(3)]
    path = as_file(tmp_path, {"Date": [day for day in days for _ in hours], name: [h for _ in days for h in hours]})
    for said in ({}, {"time_column": f"Date,{name}"}):
        with pytest.raises(AmbiguousError, match=f"{name!r} counts hours from 1 to {hours[-1]}") as caught:
            stamps(path, **said)
        assert "write them as the times at which they begin" in str(caught.value.hint)
    with pytest.raises(ReadError):
        stamps(path, time_column=f"Date,{name}", time_format="%Y-%m-%d %H")


def test_hours_that_end_are_no_beginnings_whatever_they_are(tmp_path: Path) -> None:
    for hours in (range(24), range(9, 17)):
        path = as_file(tmp_path, {"Date": ["2024-03-04"] * len(hours), "HE": list(hours)})
        with pytest.raises(AmbiguousError, match="where each begins or where it ends"):
            stamps(path)


def test_hour_24_beside_year_month_and_day_is_no_row_to_take_out(tmp_path: Path) -> None:
    hours = list(range(1, 25))
    path = as_file(tmp_path, {"year": [2024] * 24, "month": [3] * 24, "day": [4] * 24, "hour": hours})
    with pytest.raises(AmbiguousError, match="'hour' counts hours from 1 to 24") as caught:
        stamps(path)
    assert "take" not in str(caught.value.hint)


def test_an_hour_that_tells_no_rows_of_a_date_apart_is_a_number(tmp_path: Path) -> None:
    days = [FIRST + timedelta(days=n) for n in range(12)]
    daily = as_file(tmp_path, {"date": [f"{day:%Y-%m-%d}" for day in days], "hour": [16] * 12})
    rows = read_rows(DataConfig(paths=(str(daily),)))
    assert rows.frame["__stamp"].dt.replace_time_zone(None).to_list() == days
    assert rows.frame["hour"].to_list() == [16] * 12
    hourly = [FIRST + timedelta(hours=n) for n in range(30)]
    whole = as_file(tmp_path, {"date": [str(m) for m in hourly], "hour": [m.hour for m in hourly]})
    assert stamps(whole) == hourly


def test_an_hour_by_the_name_of_time_is_read_by_the_hint_and_never_as_minutes(tmp_path: Path) -> None:
    moments = [FIRST + timedelta(hours=n) for n in range(48)]
    path = as_file(tmp_path, {"Date": [m.date() for m in moments], "Time": [m.hour for m in moments]})
    with pytest.raises(AmbiguousError, match="or a count of hours or periods") as caught:
        stamps(path)
    words = shlex.split(translate(str(caught.value.hint)))
    assert words[:4] == ["hours", "of", "0", "to"]
    assert stamps(path, time_format=words[words.index("--time-format") + 1].rstrip(";")) == moments


@pytest.mark.parametrize("rows", [2, 24])
def test_a_time_and_its_end_are_no_time_with_an_offset(rows: int, tmp_path: Path) -> None:
    moments = [FIRST + timedelta(hours=n) for n in range(rows)]
    spans = [f"{m:%H:%M}-{m + timedelta(hours=1):%H:%M}" for m in moments]
    for columns in (
        {"Date": [m.date() for m in moments], "Hour": spans},
        {"Date": [m.date() for m in moments], "Time": spans},
        {"time": [f"{m:%Y-%m-%d} {span}" for m, span in zip(moments, spans, strict=True)]},
    ):
        with pytest.raises(ReadError, match="names a time and its end"):
            stamps(as_file(tmp_path, columns))
    offsets = as_file(tmp_path, {"time": [f"{m:%Y-%m-%d %H:%M}-05:00" for m in moments]})
    assert stamps(offsets) == [m + timedelta(hours=5) for m in moments]


COUNTS: dict[str, list[Any]] = {
    "hours": list(range(24)),
    "hours from 1": list(range(1, 25)),
    "half hours": list(range(1, 49)),
    "quarters": list(range(1, 97)),
    "HE01": [f"HE{hour:02d}" for hour in range(1, 25)],
    "clocks": [f"{hour:02d}:00" for hour in range(24)],
    "halves": [f"{hour % 12 or 12} {'AM' if hour < 12 else 'PM'}" for hour in range(24)],
    "spans": [f"{hour:02d}:00 - {hour + 1:02d}:00" for hour in range(24)],
}


@pytest.mark.parametrize("name", ["Settlement Period", "Stunde", "mtu", "n"])
@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_count_within_the_day_is_never_hinted_as_a_symbol_or_filter(
    name: str, kind: str, newest_first: bool, tmp_path: Path
) -> None:
    days = [date(2024, 3, 25) + timedelta(days=n) for n in range(12)]
    keys = [(day, count) for day in days for count in COUNTS[kind]]
    del keys[3:5], keys[len(COUNTS[kind]) * 6]  # absent rows, and a day on which clocks go forward
    keys = keys[::-1] if newest_first else keys
    path = as_file(tmp_path, {"Date": [day for day, _ in keys], name: [count for _, count in keys]})
    hint = hint_on_repeats(path)
    assert not any(word in hint for word in ("symbol_column", "filter", "on_duplicate"))
    assert repr(name) in hint
    if "data.time_column" in hint:
        hours = [COUNTS[kind].index(count) for _, count in keys]
        moments = [datetime.combine(day, time(hour)) for (day, _), hour in zip(keys, hours, strict=True)]
        said = {"time_column": f"Date,{name}", "time_format": "%Y-%m-%d %H" if kind == "hours" else None}
        assert stamps(path, **said) == moments
    else:
        assert "write them as the times at which they begin" in hint
        with pytest.raises(DataError):
            stamps(path, time_column=f"Date,{name}")


@pytest.mark.parametrize("said", [{"time_column": "Date"}, {"time_column": "Date", "on_duplicate": "last"}])
def test_hours_that_were_left_out_of_the_time_are_named_as_its_part(said: dict[str, Any], tmp_path: Path) -> None:
    for name in ("Hour", "HE"):
        days = ["2024-03-04"] * 5 + ["2024-03-05"] * 5
        hint = hint_on_repeats(as_file(tmp_path, {"Date": days, name: [0, 6, 12, 18, 23] * 2}), **said)
        assert repr(name) in hint
        assert "is a part of the time" in hint
    words = as_file(tmp_path, {"Date": days, "Hour": ["night", "dawn", "noon", "dusk", "late"] * 2})
    assert "'Hour' is a part of the time" in hint_on_repeats(words, **said)


def test_numbers_of_series_are_still_named_and_where_they_stand_row_by_row_both_readings_are(tmp_path: Path) -> None:
    days = [date(2024, 3, 4) + timedelta(days=n) for n in range(10)]
    below = [(day, shop) for shop in range(1, 25) for day in days]
    hint = hint_on_repeats(as_file(tmp_path, {"Date": [d for d, _ in below], "Shop": [s for _, s in below]}))
    assert hint == "'Shop' tells them apart: data.symbol_column='Shop'"
    beside = [(day, shop) for day in days for shop in range(1, 6)]
    hint = hint_on_repeats(as_file(tmp_path, {"Date": [d for d, _ in beside], "Shop": [s for _, s in beside]}))
    assert "where it counts within a day" in hint
    assert "only where it numbers series data.symbol_column='Shop'" in hint
