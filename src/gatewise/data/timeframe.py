"""The step between rows: found as the most frequent one, held against what was asked, and added to stamps of opens."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.order import in_order
from gatewise.data.periods import about_months, longest_step
from gatewise.data.sessions import rests
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL
from gatewise.errors import SchemaError

DAY = timedelta(days=1)
_FEW_STEPS = 3
_ALIKE = 1.2


def steps_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Steps between the rows of each symbol in order of time, equal stamps left out.

    Args:
        frame: holds symbol, `__stamp`, `__file` and `__row`, in any order.

    Returns:
        symbol, `__file`, `__row` and `__stamp` of the later row, step, and whether both rows are of one file.
    """
    ordered = in_order(frame.select(SYMBOL, FILE, ROW, STAMP))  # a sort takes several times the room of what it sorts
    return ordered.select(
        SYMBOL,
        FILE,
        ROW,
        STAMP,
        pl.col(STAMP).diff().alias("step"),
        (pl.col(FILE) == pl.col(FILE).shift()).alias("same_file"),
        (pl.col(SYMBOL) == pl.col(SYMBOL).shift()).alias("same_symbol"),
    ).filter("same_symbol", pl.col("step") > timedelta(0))


def most_frequent(steps: pl.DataFrame) -> tuple[timedelta | None, float]:
    """The most frequent step and its share of all; None where no symbol has two rows.

    On a tie it is the shortest, or the longest of those that are hardly longer: a row is never known before its end.
    """
    if steps.is_empty():
        return None, 0.0
    counts = steps.group_by("step").len()
    tied = counts.filter(pl.col("len") == pl.col("len").max())
    step, count = tied.filter(pl.col("step") < _ALIKE * pl.col("step").min()).sort("step").row(-1)
    return step, count / steps.height


def default_gap_tolerance(timeframe: timedelta, calendar: str | None = None) -> timedelta:
    """One timeframe within the day; seven days for daily rows and slower, or one timeframe where that is longer.

    One of months is as long as they may be.

    With an exchange's calendar it is one timeframe for daily rows too, as closed days are then no part of a step.
    """
    if timeframe < DAY or (rests(calendar) and timeframe == DAY):
        return timeframe
    return max(longest_step(timeframe), 7 * DAY)


def gap_tolerance(said: timedelta | None, timeframe: timedelta | None, calendar: str | None = None) -> timedelta | None:
    """What was said, or else the default; None where the timeframe is unknown.

    Raises:
        SchemaError: what was said is shorter than the timeframe.
    """
    if timeframe is None:
        return None
    if said is not None and said < timeframe:
        least, got = format_duration(timeframe), format_duration(said)
        raise SchemaError(
            f"the gap tolerance must be at least the timeframe, {least}; got {got}",
            "data.gap_tolerance takes at least one data.timeframe",
        )
    return longest_step(said) if said is not None else default_gap_tolerance(timeframe, calendar)


def hold_against(steps: pl.DataFrame, files: tuple[str, ...], timeframe: timedelta, asked: bool) -> list[str]:
    """Checks that rows step by about `timeframe`: not all longer than 1.5 of it, nor their median shorter than 2/3.

    A row stamped with its bar's open is usable one timeframe later, so too short a timeframe would let it be used
    before it is known. Only rows that follow each other within a file are looked at, as files may share a series.

    Args:
        steps: of `steps_of`.
        files: names, by `__file`.
        timeframe: the common one.
        asked: the user gave it. Then it must fit the rows as a whole; files and symbols that it does not fit, such as
            thinly traded ones, are told in the notes. Else it must fit each.

    Returns:
        Notes.

    Raises:
        SchemaError: names a file and symbol of another step.
    """
    inner = steps.filter("same_file")
    found = [pl.len().alias("count"), pl.col("step").min().alias("least"), pl.col("step").median().alias("middle")]
    odd = (pl.col("least") > 1.5 * timeframe) | (pl.col("middle") * 1.5 < timeframe)
    others = inner.group_by(FILE, SYMBOL, maintain_order=True).agg(found).filter(odd, pl.col("count") >= _FEW_STEPS)
    if others.is_empty():
        return []
    row = others.row(0, named=True)
    usual = format_duration(about_months(row["least"] if row["least"] > 1.5 * timeframe else row["middle"]))
    first = f"{files[row[FILE]]}: rows of {row[SYMBOL]} step by {usual}"
    if not asked:
        common = format_duration(timeframe)
        raise SchemaError(
            f"{first}; the timeframe of the other rows is {common}",
            f'load files and symbols of one timeframe at a time, or insist: data.timeframe="{common}"',
        )
    if not inner.select(found).filter(odd).is_empty():
        raise SchemaError(
            f"{first}; the timeframe asked for is {format_duration(timeframe)}", f'data.timeframe="{usual}"'
        )
    more = f", and {others.height - 1} other series step otherwise too" if others.height > 1 else ""
    return [f"{first}{more}; taken for rows of {format_duration(timeframe)}, as asked"]


def knowable(stamp: pl.Expr, timeframe: timedelta, zone: str) -> pl.Expr:
    """From the open's stamp (UTC) to the moment the bar is complete: one timeframe later.

    Days and longer are counted by the zone's calendar, as its days last 23 to 25 hours; a 24-hour step on the longest
    of them would call the bar complete an hour early. Months are for `periods.knowable_by_calendar`.
    """
    plain = stamp + timeframe
    if zone == "UTC" or timeframe < DAY or timeframe % DAY:
        return plain
    wall = stamp.dt.convert_time_zone(zone).dt.replace_time_zone(None) + timeframe
    by_calendar = wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
    return pl.coalesce(by_calendar, plain)
