"""A time column to UTC: epochs, typed stamps, text, parts in several columns; wall-clock time is placed in its zone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import polars as pl

from gatewise.data.stamps.beside import NOTHING, Beside, by_halves, zone_words
from gatewise.data.stamps.epochs import EPOCH_US, NEWEST, OLDEST, read_numbers
from gatewise.data.stamps.format_zones import zone_beside, zone_word
from gatewise.data.stamps.formats import parse_text, read_format
from gatewise.data.stamps.header_zones import zone_in_names
from gatewise.data.stamps.hours import are_hours, of_hours
from gatewise.data.stamps.strptime import Moments
from gatewise.data.stamps.time_parts import calendar_parts, holds_dates, of_calendar, of_texts
from gatewise.data.stamps.turned_back import find_turns, turned_back
from gatewise.data.stamps.wall_clock import localise, localise_words
from gatewise.data.stamps.zones import offset_of, require_zone
from gatewise.errors import ConfigError, DataError, ReadError

Kind = Literal["epochs", "numbers", "text", "typed"]
_LONGEST_REST = 14  # days from an evening to the day of trade that it belongs to


@dataclass(frozen=True)
class Reading:
    """How the user says that stamps are to be read; `None` says nothing. Fields as in DataConfig."""

    time_format: str | None = None
    timezone: str | None = None
    day_first: bool | None = None
    epochs: Literal["utc", "wall"] = "utc"


@dataclass(frozen=True)
class Stamps:
    """Stamps of a file's rows.

    Attributes:
        values: Datetime[us, UTC], no null.
        zone: the zone whose midnights bound days: said, or the stamps' own; UTC where only offsets are known.
        notes: what was assumed.
        zone_assumed: nothing says that the stamps are UTC, as which they were read.
        beside: the columns beside the time that had a say.
    """

    values: pl.Series
    zone: str
    notes: tuple[str, ...]
    zone_assumed: bool = False
    beside: tuple[str, ...] = ()


def read_stamps(
    name: str,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    rows: pl.Series,
    symbols: pl.Series,
    reading: Reading,
    beside: Beside = NOTHING,
) -> Stamps:
    """Reads the time of every row.

    Args:
        name: how errors call the file.
        frame: holds `columns`: one time column, or the parts of the time in order.
        rows: row numbers, for errors.
        symbols: the symbol of each row; order in time is looked at within one.
        reading: what the user said.
        beside: columns of `frame` that may say more of the time.

    Raises:
        ReadError: a row without a time, or a stamp that can't be read.
        AmbiguousError: two readings are possible: day and month, epoch unit, mixed formats or zones, an abbreviation of
            a zone, the hour that a change of clocks repeats, the half of the day, the day of an evening.
        ConfigError: no such time zone, or invalid `epochs`.
    """
    notes = require_zone(reading.timezone) if reading.timezone is not None else ()
    if reading.epochs == "wall" and reading.timezone is None:
        raise ConfigError(
            'data.epochs="wall" takes epochs for the clock of a zone; got none',
            'data.timezone="Europe/Athens", or wherever that clock hangs',
        )
    label = ",".join(columns)
    column = frame[columns[0]] if len(columns) == 1 else _join(name, frame, columns, rows, reading.time_format)
    if column.dtype == pl.String:
        column = column.str.strip_chars(" \t\r\"'")
        column = column.set((column == "").fill_null(False), None)
    if column.null_count():
        row = rows[int(column.is_null().arg_max() or 0)]
        raise ReadError(
            f"{name} column {label!r} row {row} holds no time; {column.null_count()} of {len(column)} rows don't",
            "take those rows out, or name another column: data.time_column",
        )
    moments, kind = _moments(name, label, column, rows, reading)
    if reading.epochs == "wall":
        if kind != "epochs":
            raise ConfigError(
                f'{name} column {label!r} holds no epochs, so data.epochs="wall" can\'t be', "leave data.epochs out"
            )
        moments = Moments(moments.values, aware=False, notes=moments.notes)
    if (outside := ~moments.values.is_between(OLDEST, NEWEST)).any():
        wrong = int(outside.arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {column.to_physical()[wrong]!r} is not between "
            f"{OLDEST.year} and {NEWEST.year}",
            "take that row out, or say how stamps are written: data.time_format",
        )
    moments, used = _with_beside(name, frame, columns, rows, reading, beside, moments)
    address, assumed = f"{name} column {label!r}", False
    alone, offset = not moments.aware and moments.words is None and reading.epochs != "wall", None
    if alone and (word := zone_in_names(address, columns)):
        word = zone_beside(address, word, reading.timezone, "their column's name")
        if word is None or (offset := offset_of(word)) is None:
            moments = replace(moments, words=_of_all(word, column))
    if not moments.aware:
        clocks = symbols if moments.words is None or moments.words.n_unique() == 1 else symbols + moments.words
        turns = find_turns(moments.values, clocks, column if column.dtype == pl.String else None)
        if turns is not None:
            calendar = _calendar_dates(name, frame, columns, rows, symbols, reading, moments.values)
            raise turned_back(address, moments.values, rows, turns, calendar)
    if offset is not None:
        moments, kind = Moments(moments.values - offset, aware=True, notes=moments.notes), "text"
    if moments.aware:
        local = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
        values, unmoved = moments.values.dt.replace_time_zone("UTC"), _UNMOVED[kind]
    elif moments.words is not None:
        values, local, moved = localise_words(address, moments.values, moments.words, rows, symbols, reading.timezone)
        unmoved = "" if moved else _UNMOVED["text"]
    else:
        local, unmoved = None, ""
        values = localise(address, moments.values, rows, symbols, reading.timezone or "UTC")
        assumed = reading.timezone is None
        if assumed:
            notes = (*notes, "stamps carry no zone: read as UTC (data.timezone says otherwise)")
    zone = reading.timezone or local or "UTC"
    if unmoved and reading.timezone not in (None, "UTC", local):
        notes = (*notes, unmoved.format(zone=reading.timezone))
    return Stamps(values, zone, (*moments.notes, *notes), assumed, used)


def _with_beside(
    name: str,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    rows: pl.Series,
    reading: Reading,
    beside: Beside,
    moments: Moments,
) -> tuple[Moments, tuple[str, ...]]:
    """Stamps with what the columns beside them say, and which of these had a say."""
    used = []
    if beside.half is not None and not moments.aware:
        values = by_halves(f"{name} column {beside.half!r}", moments.values, frame[beside.half], rows)
        if values is not None:
            moments = replace(moments, values=values, notes=(*moments.notes, f"AM and PM are read from {beside.half}"))
            used.append(beside.half)
    if beside.zone is not None and not (moments.aware or moments.words is not None or zone_in_names(name, columns)):
        zones = zone_words(f"{name} column {beside.zone!r}", frame[beside.zone], rows, reading.timezone)
        if zones is not None:
            notes = (*moments.notes, f"each row is read by the clock that {beside.zone} names")
            moments = replace(moments, words=zones, notes=notes)
            used.append(beside.zone)
    return moments, tuple(used)


def _calendar_dates(
    name: str,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    rows: pl.Series,
    symbols: pl.Series,
    spec: Reading,
    stamps: pl.Series,
) -> str | None:
    """What reads the dates from another column than the days of trade, where it puts the rows in their order."""
    if len(columns) != 2 or not holds_dates(frame[columns[0]]):
        return None
    for day in (column for column in frame.columns if column not in columns and holds_dates(frame[column])):
        pair = (day, columns[1])
        try:
            moments, _ = _moments(name, ",".join(pair), _join(name, frame, pair, rows, spec.time_format), rows, spec)
        except (DataError, pl.exceptions.PolarsError):
            continue
        near = (moments.values - stamps).abs() <= timedelta(days=_LONGEST_REST)
        if near.all() and find_turns(moments.values, symbols) is None:
            return f"data.time_column={','.join(pair)!r}"
    return None


# What is said of stamps that data.timezone doesn't place.
_UNMOVED = {
    "epochs": "warning: data.timezone moves no stamp, as epochs are UTC already; it only says whose midnights bound "
    'days. Where they are the clock of {zone}, as MetaTrader\'s API gives them: data.epochs="wall"',
    "text": "data.timezone moves no stamp, as they carry their own; it only says whose midnights bound days",
    "typed": "data.timezone moves no stamp, as the column's type has a zone; it only says whose midnights bound days",
}


def _moments(name: str, label: str, column: pl.Series, rows: pl.Series, reading: Reading) -> tuple[Moments, Kind]:
    if isinstance(column.dtype, pl.Datetime):
        aware = column.dtype.time_zone is not None
        if aware:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return Moments(column.dt.cast_time_unit("us"), aware), "typed"
    if column.dtype == pl.Date:
        return Moments(column.cast(pl.Datetime("us")), aware=False), "typed"
    unit = reading.time_format if reading.time_format in EPOCH_US else None
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        digits = numbers.null_count() == 0 and (unit is not None or not column.str.contains("[eEnN]").any())
        if not digits or (reading.time_format and unit is None):
            return _text(name, label, column, rows, reading), "text"
        whole = column.cast(pl.Int64, strict=False)
        column = whole if whole.null_count() == 0 else numbers
    if not column.dtype.is_numeric():
        raise ReadError(f"{name} column {label!r} is of type {column.dtype}, no time", "data.time_column names another")
    if reading.time_format and unit is None:
        written = column.cast(pl.Int64, strict=False).cast(pl.String).fill_null(column.cast(pl.String))
        return _text(name, label, written, rows, reading), "text"
    moments = read_numbers(name, label, column, rows, unit)
    return moments, "epochs" if moments.aware else "numbers"


def _text(name: str, label: str, column: pl.Series, rows: pl.Series, reading: Reading) -> Moments:
    if reading.time_format is None:
        return parse_text(name, label, column, rows, reading.day_first)
    if reading.time_format in EPOCH_US:
        wrong = int(column.cast(pl.Float64, strict=False).is_null().arg_max() or 0)
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {column[wrong]!r} is no number",
            "data.time_format says how stamps are written",
        )
    moments = read_format(name, label, column, rows, reading.time_format)
    if moments.aware or moments.words is not None:
        return moments
    word = zone_beside(f"{name} column {label!r}", zone_word(reading.time_format), reading.timezone, "data.time_format")
    return replace(moments, words=_of_all(word, column))


def _of_all(word: str | None, column: pl.Series) -> pl.Series | None:
    return None if word is None else pl.repeat(word, len(column), dtype=pl.String, eager=True)


def _join(
    name: str, frame: pl.DataFrame, columns: tuple[str, ...], rows: pl.Series, time_format: str | None
) -> pl.Series:
    if (parts := calendar_parts(frame, columns)) is not None:
        return of_calendar(name, frame, parts, rows)
    if time_format is None and are_hours(frame, columns):
        return of_hours(name, frame, columns)
    return of_texts(name, frame, columns, rows, time_format)
