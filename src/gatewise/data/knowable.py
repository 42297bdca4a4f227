"""When each row may be used: at its stamp, or one timeframe later, by the clock of its file's zone or a calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import polars as pl

from gatewise.config.durations import months_of
from gatewise.data.columns.roles import Stamp
from gatewise.data.files.part import Part
from gatewise.data.market.cut_short import cut_at_closes
from gatewise.data.market.sessions import rests, session_close
from gatewise.data.steps.months import lay_on_calendar
from gatewise.data.steps.timeframe import DAY, HOUR, knowable
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL, TIME

Key = TypeVar("Key", str, tuple[Stamp, str])


def wall_clock(parts: Sequence[Part]) -> pl.Expr:
    """The stamps of all files, each on the clock of its zone, as moments without one."""
    return _of_files([part.zone for part in parts], _wall)


def timed(
    frame: pl.DataFrame,
    parts: Sequence[Part],
    given: Stamp | None,
    timeframe: timedelta | None,
    calendar: str | None,
    notes: list[str],
) -> pl.DataFrame:
    """Adds `time`, the moment each row is knowable.

    Args:
        frame: symbol, `__stamp`, `__file`, `__row` and columns.
        parts: the files, in order.
        given: what stamps are of, where the user says it.
        timeframe: of the rows; None: their stamps are all that is known of them.
        calendar: whose sessions' closes end bars of a day and longer, and shorter ones that they cut short.
        notes: what was assumed is added.
    """
    ways = [(given or part.stamp or "open", part.zone) for part in parts]
    if given is None and timeframe is not None:
        known = {part.stamp for part in parts} - {None}
        reason = (
            "by the time column's name"
            if known
            else 'which is the later and so the safe reading (data.stamp="close" says otherwise)'
        )
        kinds = " and ".join(sorted({way for way, _ in ways}))
        notes.append(f"stamps are taken as the bar's {kinds}, {reason}")
    values = [column for column in frame.columns if column not in (SYMBOL, STAMP, FILE, ROW)]
    months = months_of(timeframe) if timeframe is not None else None
    if months is not None:
        ends = lay_on_calendar(frame, wall_clock(parts), months).select(SYMBOL, STAMP, "ends", "loose")
        frame = frame.join(ends, on=[SYMBOL, STAMP], how="left", maintain_order="left")
    time = pl.col(STAMP) if timeframe is None else _of_files(ways, lambda way: _usable(way, timeframe))
    rows = frame.select(SYMBOL, time.alias(TIME), *values, STAMP, FILE, ROW)
    if calendar is None or timeframe is None or not rows.height:
        return rows
    if timeframe < DAY:
        if not rests(calendar):
            return rows
        cut, said_of_cut = cut_at_closes(rows, timeframe, calendar)
        notes += said_of_cut
        return rows.with_columns(cut)
    if all(stamp == "close" for stamp, _ in ways):
        return rows
    notes.append(f"bars are usable at the close of their session by calendar {calendar}")
    return rows.with_columns(_closing(rows, ways, calendar))


def months_late(
    frame: pl.DataFrame, parts: Sequence[Part], given: Stamp | None, timeframe: timedelta | None
) -> int | None:
    """By how many months all rows are knowable later than their periods end; `None`: some are, and some are not."""
    months = months_of(timeframe) if timeframe is not None else None
    if months is None:
        return 0
    late = set(lay_on_calendar(frame, wall_clock(parts), months)["late"])
    ways = {given or part.stamp or "open" for part in parts}
    if ways == {"close"} or late <= {False}:
        return 0
    return months if ways == {"open"} and late == {True} else None


def _closing(rows: pl.DataFrame, ways: Sequence[tuple[Stamp, str]], calendar: str) -> pl.Series:
    """`time` moved to the session's close where stamps are opens; a stamp that is a close is one already."""
    time = rows[TIME]
    for zone in sorted({zone for stamp, zone in ways if stamp == "open"}):
        in_files = rows[FILE].is_in([number for number, way in enumerate(ways) if way == ("open", zone)])
        time = time.zip_with(~in_files, session_close(rows[STAMP], time, zone, calendar))
    return time.alias(TIME)


def _of_files(keys: Sequence[Key], make: Callable[[Key], pl.Expr]) -> pl.Expr:
    """What each file's key makes of its rows."""
    if len(set(keys)) == 1:
        return make(keys[0])
    return pl.coalesce(
        pl.when(pl.col(FILE).is_in([number for number, file_key in enumerate(keys) if file_key == key])).then(make(key))
        for key in dict.fromkeys(keys)
    )


def _wall(zone: str) -> pl.Expr:
    return pl.col(STAMP).dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _usable(way: tuple[Stamp, str], timeframe: timedelta) -> pl.Expr:
    stamp, zone = way
    if stamp == "close":
        return pl.col(STAMP)
    if months_of(timeframe) is None:
        return knowable(pl.col(STAMP), timeframe, zone)
    # On UTC's clock, which may only be assumed, hours past a midnight may be another clock's midnight.
    ends = pl.col("ends") + pl.when(pl.col("loose")).then(DAY).otherwise(0 * DAY) if zone == "UTC" else pl.col("ends")
    placed = [
        moment.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
        for moment in (ends, ends + HOUR)  # a midnight that clocks skip
    ]
    return pl.coalesce(placed)
