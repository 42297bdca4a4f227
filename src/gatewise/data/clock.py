"""A time column to UTC: epochs, typed stamps, text, parts in several columns; wall-clock time is placed in its zone."""

from __future__ import annotations

import difflib
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.columns import CALENDAR, normalise
from gatewise.data.formats import apply_format, parse_text
from gatewise.errors import AmbiguousError, ConfigError, ReadError

# Microseconds in a unit; a unit is taken where every stamp then lies within the years 1980 to 2100.
EPOCH_US = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}
_EPOCH_FROM_S, _EPOCH_TO_S = 315_532_800, 4_102_444_800
_OLDEST, _NEWEST = datetime(1800, 1, 1), datetime(2200, 1, 1)
_DAY_US = 86_400_000_000
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True)
class Reading:
    """How the user says that stamps are to be read; `None` says nothing. Fields as in DataConfig."""

    time_format: str | None = None
    timezone: str | None = None
    day_first: bool | None = None


@dataclass(frozen=True)
class Stamps:
    """Stamps of a file's rows.

    Attributes:
        values: Datetime[us, UTC], no null.
        zone: the zone whose midnights bound days: said, or the column's own; UTC where only offsets are known.
        notes: what was assumed.
        zone_assumed: nothing says that the stamps are UTC, as which they were read.
    """

    values: pl.Series
    zone: str
    notes: tuple[str, ...]
    zone_assumed: bool = False


def read_stamps(
    name: str, frame: pl.DataFrame, columns: tuple[str, ...], rows: pl.Series, symbols: pl.Series, how: Reading
) -> Stamps:
    """Reads the time of every row.

    Args:
        name: how errors call the file.
        frame: holds `columns`: one time column, or the parts of the time in order.
        rows: row numbers, for errors.
        symbols: the symbol of each row; order in time is looked at within one.
        how: what the user said.

    Raises:
        ReadError: a row without a time, or a stamp that can't be read.
        AmbiguousError: two readings are possible: day and month, epoch unit, mixed formats or zones, the hour that
            a change of clocks repeats.
        ConfigError: no such time zone.
    """
    zone = how.timezone
    if zone is not None and zone not in (zones := zoneinfo.available_timezones()):
        near = difflib.get_close_matches(zone, zones, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"unknown time zone {zone!r}", f"{guess}zones have IANA names, such as UTC, America/New_York")
    label = ",".join(columns)
    column = frame[columns[0]] if len(columns) == 1 else _join(name, frame, columns, rows)
    if column.dtype == pl.String:
        column = column.str.strip_chars(" \t\r\"'")
        column = column.set((column == "").fill_null(False), None)
    if column.null_count():
        row = rows[int(column.is_null().arg_max() or 0)]
        raise ReadError(
            f"{name} column {label!r} row {row} holds no time; {column.null_count()} of {len(column)} rows don't",
            "take those rows out, or name another column: data.time_column",
        )
    wall, aware = _moments(name, label, column, rows, how)
    if (outside := ~wall.is_between(_OLDEST, _NEWEST)).any():
        wrong = int(outside.arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {column.to_physical()[wrong]!r} is not between "
            f"{_OLDEST.year} and {_NEWEST.year}",
            "take that row out, or say how stamps are written: data.time_format",
        )
    notes = []
    if aware:
        typed = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
        return Stamps(wall.dt.replace_time_zone("UTC"), zone or typed or "UTC", ())
    if zone is None:
        if not normalise(columns[0]).startswith(("utc", "gmt")) and not normalise(columns[0]).endswith("utc"):
            notes.append("stamps carry no zone: read as UTC (data.timezone says otherwise)")
        return Stamps(wall.dt.replace_time_zone("UTC"), "UTC", tuple(notes), zone_assumed=bool(notes))
    return Stamps(_localise(name, label, wall, rows, symbols, zone), zone, ())


def epoch_units(low: float, high: float) -> list[str]:
    """Names of the epoch units that put these numbers, and so all between, within the years 1980 to 2100."""
    return [unit for unit, us in EPOCH_US.items() if low * us / 1e6 >= _EPOCH_FROM_S and high * us / 1e6 <= _EPOCH_TO_S]


def _moments(name: str, label: str, column: pl.Series, rows: pl.Series, how: Reading) -> tuple[pl.Series, bool]:
    """Datetime[us] without zone, and whether it is UTC already."""
    if isinstance(column.dtype, pl.Datetime):
        aware = column.dtype.time_zone is not None
        if aware:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.dt.cast_time_unit("us"), aware
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")), False
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        said = how.time_format in EPOCH_US
        digits = numbers.null_count() == 0 and (said or not column.str.contains("[eEnN]").any())
        if not digits or (how.time_format and how.time_format not in EPOCH_US):
            return _text(name, label, column, rows, how)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if whole.null_count() == 0 else numbers
    if not column.dtype.is_numeric():
        raise ReadError(f"{name} column {label!r} is of type {column.dtype}, no time", "data.time_column names another")
    return _epochs(name, label, column, rows, how)


def _text(name: str, label: str, column: pl.Series, rows: pl.Series, how: Reading) -> tuple[pl.Series, bool]:
    if how.time_format is None:
        moments = parse_text(name, label, column, rows, how.day_first)
        return moments.values, moments.aware
    if how.time_format in EPOCH_US:
        wrong = int(column.cast(pl.Float64, strict=False).is_null().arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {column[wrong]!r} is no number",
            "data.time_format says how stamps are written",
        )
    moments = apply_format(column, how.time_format)
    if moments.values.null_count():
        wrong = int(moments.values.is_null().arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {column[wrong]!r} is not written as {how.time_format}",
            "mend data.time_format, or leave it out to have it found",
        )
    return moments.values, moments.aware


def _epochs(name: str, label: str, column: pl.Series, rows: pl.Series, how: Reading) -> tuple[pl.Series, bool]:
    numbers = column.cast(pl.Float64).to_numpy()
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite(numbers).all():
        raise ReadError(f"{name} column {label!r} holds NaN or infinite stamps", "take those rows out")
    if how.time_format is not None and how.time_format not in EPOCH_US:
        return _text(name, label, column.cast(pl.Int64).cast(pl.String), rows, how)
    usual = epoch_units(low, high)
    if how.time_format:
        _refuse_unit(name, label, numbers, rows, how.time_format, usual)
    found = [how.time_format] if how.time_format else usual
    compact = None if how.time_format else _compact(column)
    if compact is not None and not found:
        return compact, False
    if len(found) != 1 or compact is not None:
        both = (
            f"{found[0]} and dates both fit"
            if compact is not None
            else "no epoch unit puts all of them in 1980 to 2100"
        )
        raise AmbiguousError(
            f"{name} column {label!r} holds numbers from {low:.0f} (row {rows[int(numbers.argmin())]}) to {high:.0f}: "
            f"{both}",
            'data.time_format="epoch_s", or epoch_ms, epoch_us, epoch_ns or %Y%m%d, as they are',
        )
    scale = EPOCH_US[found[0]]
    if column.dtype.is_integer():
        column = column.cast(pl.Int64)
        us = column * int(scale) if scale >= 1 else column // 1000
    else:
        us = pl.Series(numbers * scale).round().cast(pl.Int64)
    return us.cast(pl.Datetime("us")), True


def _refuse_unit(
    name: str, label: str, numbers: npt.NDArray[np.float64], rows: pl.Series, unit: str, usual: list[str]
) -> None:
    """Refuses a unit that was said where another is meant: it alone puts all stamps within the usual years.

    Milliseconds read as nanoseconds all lie in the first hour of 1970, a year like any other to whoever checks years
    alone. Where no other unit fits, so that 1962 can be said, the years of `_OLDEST` to `_NEWEST` still hold.
    """
    seconds = numbers * (EPOCH_US[unit] / 1e6)
    if usual and unit not in usual:
        first, last = (_day(float(moment)) for moment in (seconds.min(), seconds.max()))
        raise ReadError(
            f"{name} column {label!r}: {unit} puts its stamps at {first} to {last}; "
            f"{usual[0]} puts all of them in 1980 to 2100",
            f'data.time_format="{usual[0]}", or leave it out to have it found',
        )
    oldest, newest = (moment.replace(tzinfo=UTC).timestamp() for moment in (_OLDEST, _NEWEST))
    outside = (seconds < oldest) | (seconds > newest)
    if outside.any():
        wrong = int(outside.argmax())
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {numbers[wrong]:.0f} as {unit} is not between "
            f"{_OLDEST.year} and {_NEWEST.year}",
            "take that row out, or say how stamps are written: data.time_format",
        )


def _day(seconds: float) -> str:
    year = 1970 + seconds / (365.2425 * 86400)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if 1 <= year < 9999 else f"the year {year:.0f}"


def _compact(column: pl.Series) -> pl.Series | None:
    """20200102 and 202001021530 as dates, where every number is one."""
    if not column.dtype.is_integer():
        return None
    text = column.cast(pl.String)
    fmt = _COMPACT.get(len(text[0]))
    if fmt is None or text.str.len_bytes().n_unique() > 1:
        return None
    values = apply_format(text, fmt).values
    return values if values.null_count() == 0 and (values.dt.year() <= 2100).all() else None


def _join(name: str, frame: pl.DataFrame, columns: tuple[str, ...], rows: pl.Series) -> pl.Series:
    """Year, month, day, … to Datetime; any other parts (date and time) to one text."""
    names = [normalise(column) for column in columns]
    if set(names) <= set(CALENDAR):
        parts = {part: frame[column].cast(pl.Int32, strict=False) for part, column in zip(names, columns, strict=True)}
        missing = [part for part in ("year", "month", "day") if part not in parts]
        if missing:
            raise ReadError(
                f"{name}: the time's parts must hold {missing[0]}", 'data.time_column="year,month,day,hour"'
            )
        moments = pl.DataFrame(parts).select(_calendar(parts)).to_series()
        if moments.null_count():
            wrong = int(moments.is_null().arg_max() or 0)
            said = ", ".join(f"{column}={frame[column][wrong]}" for column in columns)
            raise ReadError(f"{name} row {rows[wrong]}: {said} is no time", "take that row out")
        return moments
    parts_text = [frame[column].cast(pl.String).str.strip_chars() for column in columns]
    return pl.DataFrame(parts_text).select(pl.concat_str(pl.all(), separator=" ")).to_series()


def _calendar(parts: dict[str, pl.Series]) -> pl.Expr:
    """Null where the parts make no date."""
    written = [
        (pl.col(part) if part in parts else pl.lit(0)).cast(pl.String).str.zfill(4 if part == "year" else 2)
        for part in CALENDAR
    ]
    return pl.concat_str(written).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)


def _localise(name: str, label: str, wall: pl.Series, rows: pl.Series, symbols: pl.Series, zone: str) -> pl.Series:
    """Wall-clock time to UTC. The hour that happens twice is told apart by the rows' own order, or refused."""
    times = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if times.null_count():
        wrong = int(times.is_null().arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {wall[wrong]} does not exist in {zone}: clocks skip it",
            "another data.timezone?",
        )
    earliest = times.dt.epoch("us").to_numpy()
    latest = wall.dt.replace_time_zone(zone, ambiguous="latest").dt.epoch("us").to_numpy()
    twice = np.flatnonzero(earliest != latest)
    if not len(twice):
        return times.dt.convert_time_zone("UTC")
    clock, chosen = wall.dt.epoch("us").to_numpy(), earliest.copy()
    of_twice = symbols.gather(twice)
    for symbol in of_twice.unique(maintain_order=True):
        run = twice[(of_twice == symbol).to_numpy()]
        of_symbol = clock[(symbols == symbol).to_numpy()]
        for hour in np.split(run, np.flatnonzero(np.diff(clock[run] // _DAY_US)) + 1):
            late = _second_pass(clock[hour], newest_first=bool(of_symbol[0] > of_symbol[-1]))
            if late is None:
                raise AmbiguousError(
                    f"{name} column {label!r} row {rows[int(hour[0])]}: {wall[int(hour[0])]} happens twice in {zone}, "
                    "as clocks go back, and the rows' order does not tell which is meant",
                    "write stamps in UTC or with their offset",
                )
            chosen[hour] = np.where(late, latest[hour], earliest[hour])
    return pl.Series(wall.name, chosen).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _second_pass(clock: npt.NDArray[np.int64], newest_first: bool) -> npt.NDArray[np.bool_] | None:
    """Which rows of one repeated hour come after the change: the clock falls back once among them. None: it doesn't."""
    clock = clock[::-1] if newest_first else clock
    falls = np.flatnonzero(np.diff(clock) <= 0)
    if len(falls) != 1:
        return None
    late: npt.NDArray[np.bool_] = np.arange(len(clock)) > falls[0]
    return late[::-1] if newest_first else late
