"""Columns that count within a day, as hours and periods of settlement do: a part of the time, and no names of series.

Taken for names, they would make a series of each hour of a day. What tells a count from numbers of instruments is its
name, or that it runs from 0 or 1 on, row by row, as often as a day has hours, half hours, and so on.
"""

from __future__ import annotations

import polars as pl

from gatewise.data.columns.spellings import HOUR_ENDS, HOURS, normalise
from gatewise.data.stamps.time_parts import TO_TIMES
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL

# What power markets (Elexon, ERCOT, PJM, OMIE, ENTSO-E) call theirs.
_COUNTS = (
    *("settlement_period", "settlementperiod", "trading_period", "delivery_period", "period", "sp", "mtu", "minute"),
    *("interval", "delivery_interval", "time_slot", "timeslot", "slot", "half_hour", "quarter_hour", "block", "time"),
)
_A_DAY = (24, 48, 96, 288, 1440)
_HALF = r"\s*[AaPp][.]?[Mm][.]?"
_CLOCK = rf"^\d{{1,2}}(:\d{{2}}(:\d{{2}}([.]\d+)?)?({_HALF})?|{_HALF})$"
_FROM_TO = r"^\d{1,2}:\d{2}\D+\d{1,2}:\d{2}"
_MOSTLY = 0.9  # days on which clocks change, and absent rows, break a count


def part_of_time(frame: pl.DataFrame, column: str) -> str | None:
    """What to do about a column that tells rows of one time apart by where in a day they are; None of any other.

    Args:
        frame: symbol, `__stamp`, `__file`, `__row` and the column, in order of symbol and stamp.
        column: of text or numbers.
    """
    values = frame[column].drop_nulls()
    both = f"data.time_column={f'DATE,{column}'!r} names both"
    if values.dtype == pl.String and values.str.contains(_CLOCK).all():
        return f"{column!r} holds times of day: {both}"
    if values.dtype == pl.String and values.str.contains(_FROM_TO).all():
        return f"{column!r} holds times of day, each with its end: {TO_TIMES}"
    counts = _numbers(frame[column])
    hours = normalise(column) in (*HOURS, *HOUR_ENDS)
    if counts is None:
        return f"{column!r} is a part of the time: {both}" if hours else None
    if not (hours or _by_one(frame, counts)):
        return None
    lowest, highest, rowwise = counts.sort()[0], counts.sort()[-1], _by_time(frame)
    range_text = f"{column!r} counts {lowest} to {highest}"
    usual = frame.group_by(SYMBOL, STAMP).len()["len"].mode()
    if hours or normalise(column) in _COUNTS or (rowwise and lowest < 2 and usual.is_in(_A_DAY).any()):
        clock = lowest == 0 and highest < 24 and normalise(column) not in HOUR_ENDS
        return f"{range_text} within a day and is a part of the time: {both if clock else TO_TIMES}"
    if not rowwise:
        return None
    return (
        f"{range_text} at each time, row by row: {TO_TIMES} where it counts within a day; only where it numbers series "
        f"data.symbol_column={column!r}"
    )


def _numbers(column: pl.Series) -> pl.Series | None:
    """The whole numbers that a column holds, in words that are otherwise the same, like HE01; None of any other."""
    if column.null_count():
        return None
    if column.dtype.is_numeric():
        whole = column.cast(pl.Int64, strict=False)
        return whole if (whole == column).fill_null(False).all() else None
    if column.str.replace(r"\d+", "").n_unique() > 1:
        return None
    whole = column.str.extract(r"^\D*(\d{1,4})\D*$").cast(pl.Int64)
    return None if whole.null_count() else whole


def _by_one(frame: pl.DataFrame, counts: pl.Series) -> bool:
    """Whether the numbers of one time follow each other by one, in any order."""
    ordered = frame.select(SYMBOL, STAMP, counts.alias("count")).sort(SYMBOL, STAMP, "count")
    steps = ordered.select(pl.col("count").diff().over(SYMBOL, STAMP))["count"].drop_nulls()
    return len(steps) > 0 and int((steps == 1).sum()) >= _MOSTLY * len(steps)


def _by_time(frame: pl.DataFrame) -> bool:
    """Whether the rows of a symbol stand by time in their files, rather than series by series."""
    steps = frame.sort(SYMBOL, FILE, ROW).select(pl.col(STAMP).diff().over(SYMBOL, FILE).dt.total_microseconds())
    return not (steps[STAMP] > 0).any() or not (steps[STAMP] < 0).any()
