"""The step between rows: found as the most frequent one, held against what was asked, and added to stamps of opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.table import SYMBOL
from gatewise.errors import SchemaError

FILE = "__file"
STAMP = "__stamp"
DAY = timedelta(days=1)
_FEW_STEPS = 3


@dataclass(frozen=True)
class Steps:
    """Steps between the rows of a symbol, in order of time, equal stamps left out.

    Attributes:
        common: the most frequent step, the shorter one on a tie; None where no symbol has two rows.
        share: how many of all steps are the common one, 0 to 1.
    """

    common: timedelta | None
    share: float


def find_steps(frame: pl.DataFrame) -> Steps:
    """Args: frame: holds symbol and `__stamp`, in any order."""
    steps = _steps(frame, [SYMBOL]).to_series(-1)
    if steps.is_empty():
        return Steps(None, 0.0)
    counts = pl.DataFrame({"step": steps}).group_by("step").len().sort(["len", "step"], descending=[True, False])
    return Steps(counts["step"][0], counts["len"][0] / len(steps))


def default_gap_tolerance(timeframe: timedelta) -> timedelta:
    """One timeframe within the day; seven days for daily rows and slower, or one timeframe where that is longer."""
    return timeframe if timeframe < DAY else max(timeframe, 7 * DAY)


def hold_against(frame: pl.DataFrame, files: tuple[str, ...], timeframe: timedelta, asked: bool) -> None:
    """Checks that every file and symbol steps by about `timeframe`.

    A row stamped with its bar's open is usable one timeframe later, so too short a timeframe would let it be used
    before it is known.

    Raises:
        SchemaError: every step of a file is longer than 1.5 timeframes, or its median step shorter than one by as much.
    """
    steps = _steps(frame, [FILE, SYMBOL])
    per_file = (
        steps.group_by(FILE, SYMBOL, maintain_order=True)
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


def _steps(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    ordered = frame.select(*keys, STAMP).sort(*keys, STAMP)
    same = pl.all_horizontal(pl.col(key) == pl.col(key).shift() for key in keys)
    step = pl.col(STAMP).diff().alias("step")
    return ordered.select(*keys, step, same.alias("same")).filter("same", pl.col("step") > timedelta(0)).drop("same")
