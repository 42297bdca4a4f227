"""The step between rows: found as the most frequent one, held against what was asked, and added to stamps of opens."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.table import SYMBOL
from gatewise.errors import SchemaError

FILE = "__file"
STAMP = "__stamp"
DAY = timedelta(days=1)
_FEW_STEPS = 3


def steps_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Steps between the rows of each symbol in order of time, equal stamps left out.

    Args:
        frame: holds symbol, `__stamp` and `__file`, in any order.

    Returns:
        symbol, `__file` (the later row's), step, and whether both rows are of one file.
    """
    ordered = frame.select(SYMBOL, FILE, STAMP).sort(SYMBOL, STAMP)
    return ordered.select(
        SYMBOL,
        FILE,
        pl.col(STAMP).diff().alias("step"),
        (pl.col(FILE) == pl.col(FILE).shift()).alias("same_file"),
        (pl.col(SYMBOL) == pl.col(SYMBOL).shift()).alias("same_symbol"),
    ).filter("same_symbol", pl.col("step") > timedelta(0))


def most_frequent(steps: pl.DataFrame) -> tuple[timedelta | None, float]:
    """The most frequent step, the shorter one on a tie, and its share of all; None where no symbol has two rows."""
    if steps.is_empty():
        return None, 0.0
    step, count = steps.group_by("step").len().sort(["len", "step"], descending=[True, False]).row(0)
    return step, count / steps.height


def default_gap_tolerance(timeframe: timedelta) -> timedelta:
    """One timeframe within the day; seven days for daily rows and slower, or one timeframe where that is longer."""
    return timeframe if timeframe < DAY else max(timeframe, 7 * DAY)


def hold_against(steps: pl.DataFrame, files: tuple[str, ...], timeframe: timedelta, asked: bool) -> None:
    """Checks that every file and symbol steps by about `timeframe`.

    A row stamped with its bar's open is usable one timeframe later, so too short a timeframe would let it be used
    before it is known. Only rows that follow each other within a file are looked at, as files may share a series.

    Raises:
        SchemaError: every step of a file is longer than 1.5 timeframes, or its median step shorter than one by as much.
    """
    per_file = (
        steps.filter("same_file")
        .group_by(FILE, SYMBOL, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("step").min().alias("shortest"),
            pl.col("step").median().alias("middle"),
        )
        .filter(pl.col("count") >= _FEW_STEPS)
    )
    for row in per_file.iter_rows(named=True):
        if row["shortest"] > 1.5 * timeframe or row["middle"] * 1.5 < timeframe:
            usual = row["shortest"] if row["shortest"] > 1.5 * timeframe else row["middle"]
            against = "asked for" if asked else "of the other rows"
            raise SchemaError(
                f"{files[row[FILE]]}: rows of {row[SYMBOL]} step by {format_duration(usual)}; the timeframe {against} "
                f"is {format_duration(timeframe)}",
                f"--timeframe {format_duration(usual)}" if asked else "load files of one timeframe at a time",
            )


def knowable(stamp: pl.Expr, timeframe: timedelta, zone: str) -> pl.Expr:
    """From the open's stamp (UTC) to the moment the bar is complete: one timeframe later.

    Days and longer are counted by the zone's calendar, as its days last 23 to 25 hours; a 24-hour step on the longest
    of them would call the bar complete an hour early.
    """
    plain = stamp + timeframe
    if zone == "UTC" or timeframe < DAY or timeframe % DAY:
        return plain
    wall = stamp.dt.convert_time_zone(zone).dt.replace_time_zone(None) + timeframe
    by_calendar = wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
    return pl.coalesce(by_calendar, plain)
