"""A time that lies in several columns: a date and a time of day, or parts of the calendar, put together.

Times of day may be digits. 93500 is 09:35 where some row of the column proves that its digits hold seconds; where none
does, 930 may be 09:30 or 00:09:30, and the column is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from gatewise.data.columns.spellings import CALENDAR, ISO_WEEKS, ISO_YEARS, QUARTERS, WEEKS, normalise
from gatewise.data.stamps.formats import date_format
from gatewise.data.stamps.iso_weeks import iso_weeks
from gatewise.errors import AmbiguousError, ReadError

_PARTS = {
    **dict.fromkeys(QUARTERS, "quarter"),
    **dict.fromkeys(WEEKS, "week"),
    **dict.fromkeys(ISO_WEEKS, "iso_week"),
    **dict.fromkeys(ISO_YEARS, "year"),
}
TO_TIMES = "write them as the times at which they begin"
_MIDNIGHT = r"[T ]0?0:00(:00([.]0+)?)?$"


def holds_times_of_day(column: pl.Series) -> bool:
    """Whether a column holds times without dates: typed, written with colons, or digits such as 93500 and 0930."""
    if is_written_clock(column):
        return True
    digits = whole_numbers(column.drop_nulls())
    return digits is not None and (_is_clock(digits, 4) or _is_clock(digits, 6))


def is_written_clock(column: pl.Series) -> bool:
    """Whether a column holds times without dates that are typed, or written with colons."""
    values = column.drop_nulls()
    written = column.dtype == pl.String and len(values) > 0 and re.match(r"\s*\d{1,2}:\d{2}", values[0]) is not None
    return written or column.dtype == pl.Time


def holds_dates(column: pl.Series) -> bool:
    """Whether a column holds dates without times of day, or at midnight: typed, written, or digits such as 20240304."""
    values = column.drop_nulls()
    if isinstance(column.dtype, pl.Datetime):
        return column.dtype.time_zone is None and bool((values.dt.truncate("1d") == values).all())
    if (digits := whole_numbers(values)) is not None:
        return bool(digits.is_between(1800_01_01, 2200_00_00).all())
    if column.dtype == pl.String and len(values):
        return date_format(re.sub(_MIDNIGHT, "", values[0].strip(" \t\"'"))) is not None
    return column.dtype == pl.Date


def calendar_parts(frame: pl.DataFrame, columns: Sequence[str]) -> dict[str, str] | None:
    """Part of CALENDAR, quarter or (iso_)week -> the column that holds it; None where some column is no such part.

    `period` is a month where it holds M03, and a quarter where it holds Q1.
    """
    parts = {}
    for column in columns:
        spelling = normalise(column)
        if spelling == "period":
            first = _text(frame[column].drop_nulls().head(1))
            spelling = {"M": "month", "Q": "quarter"}.get(first[0][:1].upper(), "") if len(first) else ""
        parts[_PARTS.get(spelling, spelling)] = column
    return parts if len(parts) == len(columns) and parts.keys() <= {*CALENDAR, *_PARTS.values()} else None


def find_periods(frame: pl.DataFrame, spelled: Mapping[str, str], names: Collection[str]) -> tuple[str, ...]:
    """Year and month, quarter or week, or the year alone, where they tell rows apart; else none.

    Args:
        frame: as read.
        spelled: normalised spelling -> column.
        names: columns that may name a row's series.
    """
    year = next((spelled[s] for s in ("year", *ISO_YEARS) if s in spelled), None)
    if year is None:
        return ()
    within = [spelled[s] for s in ("month", *QUARTERS, "period", *ISO_WEEKS, *WEEKS) if s in spelled]
    ways: list[tuple[str, ...]] = [(year, part) for part in within]
    for columns in ways or [(year,)]:
        parts = [name for name in frame.columns if name in {*columns, *names}]
        if calendar_parts(frame, columns) is not None and frame.select(parts).n_unique() * 2 > frame.height:
            return columns
    return ()


def of_calendar(name: str, frame: pl.DataFrame, columns: Mapping[str, str], rows: pl.Series) -> pl.Series:
    """Year, month, day, … to Datetime; year and month, quarter or week to text as it names such periods.

    Args:
        columns: of `calendar_parts`.
        rows: row numbers, for errors.

    Raises:
        ReadError: year, month or day is not among the parts, or a row's parts make no date.
        AmbiguousError: hours from 1 to 24; weeks that may be counted in several ways.
    """
    texts = {part: _text(frame[column]).str.replace(r"\.0+$", "") for part, column in columns.items()}
    if texts.keys() == {"year", "quarter"}:
        return texts["year"] + "Q" + texts["quarter"].str.replace(r"^[Qq]\s*", "")
    if texts.keys() == {"year", "month"}:
        return texts["year"] + "-" + texts["month"].str.replace(r"^[Mm](\d)", "$1").str.zfill(2)
    if texts.keys() in ({"year", "week"}, {"year", "iso_week"}):
        return iso_weeks(name, columns, texts, rows)
    missing = [part for part in ("year", "month", "day") if part not in columns]
    if missing:
        raise ReadError(f"{name}: the time's parts must hold {missing[0]}", 'data.time_column="year,month,day,hour"')
    parts = pl.DataFrame([text.cast(pl.Int32, strict=False).alias(part) for part, text in texts.items()])
    written = [
        (pl.col(part) if part in columns else pl.lit(0)).cast(pl.String).str.zfill(4 if part == "year" else 2)
        for part in CALENDAR
    ]
    moments = parts.select(pl.concat_str(written).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False))
    times = moments.to_series()
    if times.null_count():
        if "hour" in parts and (parts["hour"] == 24).any():
            raise counted_hours(name, frame[columns["hour"]])
        wrong = int(times.is_null().arg_max() or 0)
        values = ", ".join(f"{column}={frame[column][wrong]}" for column in columns.values())
        raise ReadError(f"{name} row {rows[wrong]}: {values} is no time", "take that row out")
    return times


def of_texts(
    name: str, frame: pl.DataFrame, columns: Sequence[str], rows: pl.Series, time_format: str | None
) -> pl.Series:
    """Any other parts to one text, with blanks between: a date and a time of day as they are written.

    Args:
        columns: in order.
        rows: row numbers, for errors.
        time_format: as in DataConfig; it tells what digits of a time of day hold.

    Raises:
        AmbiguousError: digits that may be hours and minutes, or hours, minutes and seconds.
    """
    parts = [frame[column] for column in columns]
    if holds_dates(parts[0]) and len(parts) == 2:
        written = [date_text(parts[0]), _clock(name, parts[1], rows, time_format, parts[0])]
    else:
        written = [_text(part) for part in parts]
    return pl.DataFrame(written).select(pl.concat_str(pl.all(), separator=" ")).to_series()


def date_text(column: pl.Series) -> pl.Series:
    """Dates of `holds_dates` as text."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date().cast(pl.String)
    digits = whole_numbers(column)
    text = _text(column) if digits is None else digits.cast(pl.String)
    return text.str.replace(_MIDNIGHT, "")


def _clock(name: str, column: pl.Series, rows: pl.Series, time_format: str | None, date: pl.Series) -> pl.Series:
    """Times of day as text; digits filled up with zeros to the width that holds what they mean."""
    digits = whole_numbers(column)
    if digits is None:
        return _text(column)
    text = _text(column) if column.dtype == pl.String else digits.cast(pl.String)
    text = text.str.replace(r"\.0+$", "")
    width = _width(text, digits, column.dtype == pl.String, time_format)
    if width is not None:
        return text.str.zfill(width)
    short = text.str.contains(r"^0\d{1,4}$")
    row = int((short.arg_max() if short.any() else digits.arg_max()) or 0)
    number = digits[row]
    as_date = date_format(_text(date_text(date))[row]) or "%Y-%m-%d"
    counts, hint = "", f'data.time_format="{as_date} %H%M" or data.time_format="{as_date} %H%M%S"'
    if (digits < 100).all():
        counts = " or a count of hours or periods"
        hint = (
            f'hours of 0 to 23: data.time_format="{as_date} %H"; minutes or seconds: {hint}; other counts: {TO_TIMES}'
        )
    raise AmbiguousError(
        f"{name} column {column.name!r} row {rows[row]}: {number} may be {number // 100:02d}:{number % 100:02d} or "
        f"00:{number // 100:02d}:{number % 100:02d}{counts}, and no row of {len(column)} proves which",
        hint,
    )


def counted_hours(name: str, column: pl.Series) -> AmbiguousError:
    """Of hours that are not those of a clock."""
    numbers = whole_numbers(column)
    count = "" if numbers is None else f" from {numbers.sort()[0]} to {numbers.sort()[-1]}"
    return AmbiguousError(
        f"{name} column {column.name!r} counts hours{count}, which may name where each begins or where it ends",
        f"{TO_TIMES}: hour 1 begins at 00:00 where it is the day's first, as of hours ending, and else at 01:00",
    )


def _width(text: pl.Series, digits: pl.Series, padded: bool, time_format: str | None) -> int | None:
    """How many digits a time of day has, 2 where that is said, 4 or 6; None where no row proves it."""
    if time_format is not None and (match := re.search(r"%H(%M)?(%S)?$", time_format)):
        return 6 if match[2] else 4 if match[1] else 2
    lengths = text.str.len_chars()
    filled = padded and (lengths == lengths[0]).all() and lengths[0] in (4, 6)
    if filled:
        return int(lengths[0])
    # 930 lacks its zero among six digits; 0930 has it, and so lacks its seconds.
    return None if _is_clock(digits, 4) or text.str.contains(r"^0\d{1,4}$").any() else 6


def _is_clock(digits: pl.Series, width: int) -> bool:
    """Whether digits, filled up to `width`, are hours and minutes, or hours, minutes and seconds."""
    minutes = digits if width == 4 else digits // 100
    fits = (minutes // 100 < 24) & (minutes % 100 < 60) & (digits % 100 < 60)
    return bool(len(digits) and fits.all())


def whole_numbers(column: pl.Series) -> pl.Series | None:
    """As whole numbers; None where some value is anything else than up to eight digits, or there is none."""
    if column.dtype == pl.String:
        if not len(column) or not re.fullmatch(r"\s*\"?\d{1,8}(\.0+)?\"?\s*", column[0] or ""):
            return None
        values = column.str.strip_chars(" \t\"'")
        if not values.str.contains(r"^\d{1,8}(\.0+)?$").all():
            return None
        column = values.cast(pl.Float64)
    if not column.dtype.is_numeric() or not len(column):
        return None
    whole = column.cast(pl.Int64, strict=False)
    return whole if (whole == column).all() and whole.is_between(0, 99_999_999).all() else None


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars(" \t\"'")
