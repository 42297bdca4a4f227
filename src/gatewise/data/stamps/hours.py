"""A date beside a column of hours, and of minutes and seconds: one time, where hours are 0 to 23 and begin then.

Hours of 1 to 24 and hours ending are counted otherwise: their numbers may be an hour off their beginnings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from gatewise.data.columns.spellings import DATES, HOUR_ENDS, HOURS, normalise
from gatewise.data.stamps.time_parts import counted_hours, date_text, holds_dates, is_written_clock, whole_numbers

_FINER = ("minute", "second")
_MOST = 25  # hours of a day of which clocks show one twice
_MIDNIGHTS = r"^[^:]*([T ]0?0:00(:00([.]0+)?)?)?$"


def find_hours(frame: pl.DataFrame, spelled: Mapping[str, str]) -> tuple[str, ...] | None:
    """The columns of a date, an hour, a minute and a second by their names, where rows of one date differ in these.

    Args:
        frame: as read.
        spelled: normalised spelling -> column.
    """
    hour = next((spelled[s] for s in (*HOURS, *HOUR_ENDS) if s in spelled), None)
    day = next((spelled[s] for s in DATES if hour and s in spelled and holds_dates(frame[spelled[s]])), None)
    if hour is None or day is None:
        return None
    finer = [spelled[s] for s in _FINER if s in spelled]
    columns = next((c for n in (2, 1, 0) if are_hours(frame, c := (day, hour, *finer[:n]))), None)
    if columns is None or (frame[day].dtype == pl.String and not frame[day].str.contains(_MIDNIGHTS).all()):
        return None
    # An hour that comes with its date alone, such as that of a daily auction, is a number like any other.
    return columns if frame.n_unique(columns) > frame.n_unique(day) else None


def are_hours(frame: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether columns are called and filled like a date, an hour, a minute and a second, or the first of these."""
    called = [normalise(column) for column in columns[1:]]
    if not called or called[0] not in (*HOURS, *HOUR_ENDS) or called[1:] != list(_FINER[: len(called) - 1]):
        return False
    if not holds_dates(frame[columns[0]]):
        return False
    if is_written_clock(frame[columns[1]]):
        return not called[1:]
    limits = [_MOST, *(59 for _ in _FINER)]
    return all(
        (numbers := whole_numbers(frame[column])) is not None and (numbers <= most).all()
        for column, most in zip(columns[1:], limits, strict=False)
    )


def of_hours(name: str, frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Date and time of day as one text.

    Args:
        name: how errors call the file.
        columns: of `are_hours`.

    Raises:
        AmbiguousError: hours from 1 to 24, or such that end.
    """
    parts = [whole_numbers(frame[column]) for column in columns[1:]]
    if normalise(columns[1]) in HOUR_ENDS or (parts[0] is not None and (parts[0] > 23).any()):
        raise counted_hours(name, frame[columns[1]])
    clock = [
        frame[columns[1]].cast(pl.String).str.strip_chars() if p is None else p.cast(pl.String).str.zfill(2)
        for p in parts
    ]
    if parts[0] is not None and not parts[1:]:
        clock.append(pl.repeat("00", frame.height, dtype=pl.String, eager=True))
    whole = pl.DataFrame([part.alias(str(n)) for n, part in enumerate(clock)])
    written = [
        date_text(frame[columns[0]]).alias("day"),
        whole.select(pl.concat_str(pl.all(), separator=":").alias("clock")).to_series(),
    ]
    return pl.DataFrame(written).select(pl.concat_str(pl.all(), separator=" ")).to_series()
