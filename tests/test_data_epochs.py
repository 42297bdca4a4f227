"""Numbers as stamps: every row in its own unit, digits as dates, and a said unit or zone answered rather than obeyed
where it can't be meant. The truth is Python's datetime and zoneinfo.
"""

from __future__ import annotations

import itertools
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data_files import put
from gatewise.config.schema import DataConfig
from gatewise.data.files.source import read_rows
from gatewise.data.stamps.column import Reading, Stamps, read_stamps
from gatewise.data.stamps.epochs import EPOCH_US
from gatewise.errors import AmbiguousError, ConfigError, DataError, ReadError

MINUTE = timedelta(minutes=1)
UNITS = tuple(EPOCH_US)
MOMENTS = st.datetimes(datetime(1980, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


def epoch(moment: datetime, unit: str) -> int:
    seconds = (moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)) // timedelta(seconds=1)
    return seconds * round(1e6 / EPOCH_US[unit])


def read(column: pl.Series | list[Any], symbols: list[str] | None = None, **said: Any) -> Stamps:
    column = column.alias("time") if isinstance(column, pl.Series) else pl.Series("time", column)
    of = pl.Series(symbols or ["X"] * len(column))
    return read_stamps(
        "f.csv", pl.DataFrame([column]), ("time",), pl.Series(range(1, len(of) + 1)), of, Reading(**said)
    )


def other_readings(rows: list[tuple[datetime, str]]) -> bool:
    """Whether numbers may all be dates of ten digits as well, or .NET's ticks."""
    dates = all(re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])[0-2]\d", str(epoch(*row))) for row in rows)
    ticks = {unit for _, unit in rows} == {"epoch_ns"} and {moment.year for moment, _ in rows} <= {1989, 1990}
    return dates or ticks


def said_of(file: Path, **said: Any) -> str:
    return "\n".join(read_rows(DataConfig(paths=(str(file),), timeframe="1m", **said)).notes)


@given(rows=st.lists(st.tuples(MOMENTS, st.sampled_from(UNITS)), min_size=1, max_size=30), as_text=st.booleans())
def test_each_epoch_is_read_in_its_own_unit_whatever_the_others_have(
    rows: list[tuple[datetime, str]], as_text: bool
) -> None:
    numbers = pl.Series([epoch(*row) for row in rows], dtype=pl.Int64)
    assume(not other_readings(rows))
    stamps = read(numbers.cast(pl.String) if as_text else numbers)
    assert stamps.values.to_list() == [moment for moment, _ in rows]
    turn = next((n for n, (one, other) in enumerate(itertools.pairwise(rows)) if one[1] != other[1]), None)
    change = [note for note in stamps.notes if "change from" in note]
    assert bool(change) == (turn is not None)
    if turn is not None:
        assert f"change from {rows[turn][1]} to {rows[turn + 1][1]} at row {turn + 2}" in change[0]


@given(rows=st.lists(st.tuples(MOMENTS, st.sampled_from(UNITS)), min_size=1, max_size=20), said=st.sampled_from(UNITS))
def test_a_said_unit_is_refused_at_the_first_row_that_another_unit_fits(
    rows: list[tuple[datetime, str]], said: str
) -> None:
    assume(not other_readings(rows))
    numbers = [epoch(*row) for row in rows]
    wrong = next((n for n, (_, unit) in enumerate(rows) if unit != said), None)
    if wrong is None:
        assert read(numbers, time_format=said).values.to_list() == [moment for moment, _ in rows]
        return
    with pytest.raises(ReadError, match=f"row {wrong + 1}: {said} puts its stamps at") as caught:
        read(numbers, time_format=said)
    assert f"{rows[wrong][1]} puts this one at {rows[wrong][0]:%Y-%m-%d}" in caught.value.message
    # The hint is safe: what it advises is read right.
    assert "data.time_format" in str(caught.value.hint)
    assert read(numbers).values.to_list() == [moment for moment, _ in rows]


def test_klines_that_change_their_unit_within_a_file_are_read_and_the_row_is_said(tmp_path: Path) -> None:
    first = datetime(2024, 12, 31, 23, 50, tzinfo=UTC)
    opens = [first + MINUTE * row for row in range(20)]
    units = ["epoch_ms" if moment.year < 2025 else "epoch_us" for moment in opens]
    lines = [
        f"{epoch(m, u)},100,101,99,100.5,9,{epoch(m + MINUTE, u) - 1},1,1,1,1,0"
        for m, u in zip(opens, units, strict=True)
    ]
    file = put(tmp_path, "BTCUSDT-1m-2024-12.csv", "\n".join(lines) + "\n")
    rows = read_rows(DataConfig(paths=(str(file),)))
    assert rows.frame["__stamp"].to_list() == opens
    assert any("change from epoch_ms to epoch_us at row 11" in note for note in rows.notes)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (
            [1709535600, 0],
            "row 2: 0 is in 1980 to 2100 in no epoch unit; as epoch_s, like other rows, it is 1970-01-01",
        ),
        ([45355.396, 45355.4], "a spreadsheet's days since 1900 (row 1 is 2024-03-04 then)"),
        ([19786, 19787], "days since 1970 (row 1 is 2024-03-04 then)"),
        ([2460373.5, 2460374.5], "Julian days (row 1 is 2024-03-04 then)"),
        ([739315.4, 739316.4], "MATLAB's days since year 0 (row 1 is 2024-03-04 then)"),
        ([638451522000000000, 638451522600000000], "epoch_ns and .NET's ticks of 100 ns since year 1 both fit"),
        ([133540000000000000, 133540000600000000], "Windows' file times"),
        ([240304, 240305], "dates, and no row tells in what order"),
        ([1930, 1935, 1940], "may be years or times of day"),
    ],
)
def test_numbers_that_are_no_epochs_are_refused_with_a_word_on_what_they_look_like(
    numbers: list[float], words: str
) -> None:
    with pytest.raises(AmbiguousError) as caught:
        read(numbers)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "numbers",
    [
        [45355, 45356],
        [19786, 19787],
        [739315.4, 739316.4],
        [2460373.5, 2460374.5],
        [28402560, 28402561],
        [24002, 24003],
        [5, 9],
    ],
)
def test_no_hint_leads_to_rows_of_1970(numbers: list[float]) -> None:
    with pytest.raises(AmbiguousError) as caught:
        read(numbers)
    assert "time_format" not in str(caught.value.hint)
    assert "write them as dates" in str(caught.value.hint)


@pytest.mark.parametrize("said", [{}, {"time_format": "epoch_s"}, {"time_format": "%Y%m%d"}])
@pytest.mark.parametrize(
    "column",
    [
        pl.Series([2**64 - 1], dtype=pl.UInt64),
        pl.Series([1e300, -1e300]),
        pl.Series([-(2**63), 2**63 - 1]),
        pl.Series([1709535600], dtype=pl.Float32),  # it is a multiple of 128 there
    ],
    ids=["unsigned", "float", "signed", "float32"],
)
def test_numbers_beyond_any_time_are_refused(column: pl.Series, said: dict[str, str]) -> None:
    with pytest.raises(DataError):
        read(column, **said)


def test_digits_that_are_dates_are_no_seconds_even_where_a_unit_is_said() -> None:
    with pytest.raises(ReadError, match="20240304 is a date too, 2024-03-04"):
        read([20240304, 20240305], time_format="epoch_s")
    assert read([20240304093000123]).values.to_list() == [datetime(2024, 3, 4, 9, 30, 0, 123000, tzinfo=UTC)]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1709535600, 1709535660]),
        pl.Series(["2024-03-04T07:00:00Z", "2024-03-04T07:01:00Z"]),
        pl.Series(["2024-03-04 07:00 Etc/UTC", "2024-03-04 07:01 Etc/UTC"]),
        pl.Series([datetime(2024, 3, 4, 7, tzinfo=UTC), datetime(2024, 3, 4, 7, 1, tzinfo=UTC)]),
    ],
    ids=["epochs", "offsets", "names", "typed"],
)
def test_a_zone_said_of_stamps_that_need_none_is_answered(column: pl.Series) -> None:
    stamps = read(column, timezone="Europe/Athens")
    assert stamps.values[0] == datetime(2024, 3, 4, 7, tzinfo=UTC)
    assert stamps.zone == "Europe/Athens"
    (note,) = stamps.notes
    assert "data.timezone moves no stamp" in note
    assert ('data.epochs="wall"' in note) == column.dtype.is_integer()
    assert not any("moves no stamp" in note for note in read(column).notes)


@given(
    start=st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(second=0, microsecond=0)),
    zone=st.sampled_from(["Europe/Athens", "America/New_York", "Asia/Kolkata", "Australia/Sydney"]),
    unit=st.sampled_from(UNITS),
)
def test_epochs_of_a_walls_clock_are_what_that_clock_shows(start: datetime, zone: str, unit: str) -> None:
    there = zoneinfo.ZoneInfo(zone)
    moments = [start.replace(tzinfo=UTC) + timedelta(minutes=15) * row for row in range(300)]
    shown = [moment.astimezone(there).replace(tzinfo=None) for moment in moments]
    stamps = read([epoch(moment, unit) for moment in shown], timezone=zone, epochs="wall")
    if len(set(shown)) == len(shown) or shown[0] != shown[-1]:
        assert stamps.values.to_list() == moments


def test_a_walls_epochs_need_epochs_and_a_zone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes epochs for the clock of a zone"):
        read([1709535600], epochs="wall")
    with pytest.raises(ConfigError, match="holds no epochs"):
        read(["2024-03-04 07:00"], epochs="wall", timezone="Europe/Athens")
    with pytest.raises(DataError):  # clocks skip it
        read([epoch(datetime(2024, 3, 31, 3, 30), "epoch_s")], epochs="wall", timezone="Europe/Athens")
    file = put(tmp_path, "X.csv", "time,close\n1709535600,1\n1709535660,2\n")
    assert "warning: data.timezone moves no stamp" in said_of(file, timezone="Europe/Athens")
    assert "moves no stamp" not in said_of(file, timezone="Europe/Athens", epochs="wall")


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.String])
@pytest.mark.parametrize("hours", [1, 4, 24])
def test_digits_of_hours_are_refused_with_their_format_and_never_offered_as_seconds(
    kind: type[pl.DataType], hours: int
) -> None:
    """2024010209 is a second of 2034 too; read so, hours become bars of a second."""
    moments = [datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=hours * row) for row in range(60)]
    column = pl.Series([int(f"{moment:%Y%m%d%H}") for moment in moments]).cast(pl.Int64).cast(kind)
    with pytest.raises(AmbiguousError, match="2024010200 as 2034-02-20 or 2024-01-02 00:00:00") as caught:
        read(column)
    assert caught.value.hint == 'data.time_format="%Y%m%d%H"'
    assert read(column, time_format="%Y%m%d%H").values.to_list() == moments


def test_seconds_that_step_as_bars_do_may_be_said_to_be_such() -> None:
    with pytest.raises(AmbiguousError) as caught:
        read([2032010100, 2032010400])
    assert caught.value.hint == 'data.time_format="%Y%m%d%H", or data.time_format="epoch_s"'
