"""The step between rows: found as the most frequent one, held against what was asked, and added to stamps of opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from gatewise.config.durations import MONTH, months_of
from gatewise.config.schema import format_duration
from gatewise.data.market.sessions import rests
from gatewise.data.order import in_order
from gatewise.data.steps.periods import about_months, longest_step, months_within, usual_lengths
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL
from gatewise.errors import SchemaError

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_US = timedelta(microseconds=1)
JITTER = 1.02  # of clocks: a factor
STEADY = 1.1  # of clocks that jitter more around one step: a factor
_FEW_STEPS = 3  # fewer are told by what lengths bars usually have
_RARE = 0.01  # of the steps of the other series may be about as long as these few; weekends are longer than days
_ALIKE = 1.2
_THIN = 1.5  # a step that much longer than the timeframe needs no regularity to be another one
_REGULAR, _NEAR_SHARE = 0.8, 0.4  # of the shortest steps that are one; of all steps that are among the shortest
_TENTH = 0.1  # the quantile that stands for the shortest steps, as one alone may be a slip


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


def gap_tolerance(
    given: timedelta | None, timeframe: timedelta | None, calendar: str | None = None
) -> timedelta | None:
    """What was said, or else the default; None where the timeframe is unknown.

    Raises:
        SchemaError: what was said is shorter than the timeframe.
    """
    if timeframe is None:
        return None
    if given is not None and given < timeframe:
        least, got = format_duration(timeframe), format_duration(given)
        raise SchemaError(
            f"the gap tolerance must be at least the timeframe, {least}; got {got}",
            "data.gap_tolerance takes at least one data.timeframe",
        )
    return longest_step(given) if given is not None else default_gap_tolerance(timeframe, calendar)


def one_step(timeframe: timedelta) -> tuple[timedelta, timedelta]:
    """The shortest and the longest step that is one timeframe: clocks jitter, and months are of 28 to 31 days."""
    period = about_months(timeframe)
    if months_of(period) is None:
        return timeframe / JITTER, timeframe * JITTER
    return 2 * period - longest_step(period), longest_step(period)


@dataclass(frozen=True)
class OtherStep:
    """A symbol's rows of one file that step otherwise than the timeframe.

    Attributes:
        file: its number.
        step: how they step, or how they do at least.
        regular: whether nearly all of their shortest steps are that one.
        count: how many steps.
    """

    file: int
    symbol: str
    step: timedelta
    regular: bool
    count: int

    def describe(self, files: tuple[str, ...]) -> str:
        """`X_2.csv: rows of X step by 4h`."""
        return f"{files[self.file]}: rows of {self.symbol} step by {format_duration(self.step)}"


def find_other_steps(steps: pl.DataFrame, timeframe: timedelta) -> tuple[OtherStep, ...]:
    """Files and symbols whose rows step otherwise: regularly by another step, or all by more than 1.5 of it.

    A row stamped with its bar's open is usable one timeframe later, so too short a timeframe would let it be used
    before it is known. Rows that are absent make multiples of the timeframe, of which the shortest steps are rarely
    all one. Only rows that follow each other within a file are looked at, as files may share a series.

    Args:
        steps: of `steps_of`.
        timeframe: the common one.
    """
    inner = steps.filter("same_file")
    thin, fine, longer, shorter = _otherwise(timeframe)
    odd = thin | fine | (longer | shorter).fill_null(False)
    # Where nearly all steps are the timeframe, their quantiles are it too: one cheap look spares most series them.
    plain = pl.col("step") == timeframe
    doubtful = inner.group_by(FILE, SYMBOL).agg(plain.mean()).filter(pl.col("step") <= 1 - _TENTH)
    series = inner.join(doubtful, on=[FILE, SYMBOL], how="semi", maintain_order="left")
    series = series.group_by(FILE, SYMBOL, maintain_order=True).agg(_of_steps())
    series = series.filter(odd, pl.col("count") >= _FEW_STEPS)
    many = (
        OtherStep(
            row[FILE],
            row[SYMBOL],
            about_months(row["own"] or max(row["least"], min(row["middle"], timeframe))),
            row["own"] is not None,
            row["count"],
        )
        for row in series.iter_rows(named=True)
    )
    return (*many, *_few_other_steps(inner, timeframe))


def _few_other_steps(steps: pl.DataFrame, timeframe: timedelta) -> Iterator[OtherStep]:
    """Series of two or three rows that lie as far apart as longer bars do: two rows by a day or longer, three by less.

    Nothing of such a series tells whether rows are absent, so what other series never do is refused.
    """
    size, step = pl.len().over(FILE, SYMBOL), pl.col("step")
    few = (
        steps.filter(size < _FEW_STEPS)
        .group_by(FILE, SYMBOL, maintain_order=True)
        .agg(pl.len().alias("count"), step.min().alias("least"), step.max().alias("longest"))
        .filter(pl.col("longest") > timeframe)
    )
    if few.is_empty():
        return
    many = steps.filter(size >= _FEW_STEPS)["step"]
    unit = timeframe // _US
    lengths = [(exact, exact, length) for exact, length in usual_lengths(unit)]
    lengths += [(low, high, months * MONTH) for months, low, high in months_within(unit)]
    for low, high, length in lengths:
        enough = pl.lit(True) if length >= DAY else pl.col("count") > 1
        regular = few.filter(pl.col("least") >= low * _US, pl.col("longest") <= high * _US, enough)
        if regular.height and many.is_between(low * _US, 2 * low * _US).sum() <= _RARE * len(many):
            yield from (
                OtherStep(row[FILE], row[SYMBOL], length, True, row["count"]) for row in regular.iter_rows(named=True)
            )


def insisted(
    steps: pl.DataFrame, series: tuple[OtherStep, ...], files: tuple[str, ...], timeframe: timedelta
) -> list[str]:
    """Notes of rows that step otherwise, where the user says the timeframe: thinly traded ones, perhaps.

    Raises:
        SchemaError: no rows fit it.
    """
    if not series:
        return []
    first = series[0].describe(files)
    thin, fine, longer, _ = _otherwise(timeframe)
    none_fits = thin | fine | (longer.fill_null(False) & (pl.col("least") > one_step(timeframe)[1]))
    if not steps.filter("same_file").select(_of_steps()).filter(none_fits).is_empty():
        raise SchemaError(
            f"{first}; the timeframe asked for is {format_duration(timeframe)}",
            f'data.timeframe="{format_duration(series[0].step)}"',
        )
    more = f", and {len(series) - 1} other series step otherwise too" if series[1:] else ""
    return [f"{first}{more}; taken for rows of {format_duration(timeframe)}, as asked"]


def _of_steps() -> list[pl.Expr]:
    """Of a series' steps: their number, the least, the middle, and the one that nearly all of the shortest are."""
    length = pl.col("step").dt.total_microseconds()
    near = length.filter(length < 2 * length.quantile(_TENTH, "lower"))  # nights and weekends lie between the others
    usual = near.quantile(0.5, "nearest")
    is_one = near.is_between(usual / JITTER, usual * JITTER).mean() >= _REGULAR
    regular = is_one & (near.len() >= _FEW_STEPS) & (near.len() >= _NEAR_SHARE * pl.len())
    return [
        pl.len().alias("count"),
        pl.col("step").min().alias("least"),
        pl.col("step").median().alias("middle"),
        pl.when(regular).then(usual).cast(pl.Int64).cast(pl.Duration("us")).alias("own"),
    ]


def _otherwise(timeframe: timedelta) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Whether a series of `_of_steps` is all longer or mostly shorter, and regularly longer or shorter."""
    shortest, longest = one_step(timeframe)
    thin, fine = pl.col("least") > _THIN * timeframe, pl.col("middle") * _THIN < timeframe
    return thin, fine, pl.col("own") > longest, pl.col("own") < shortest


def knowable(stamp: pl.Expr, timeframe: timedelta, zone: str) -> pl.Expr:
    """From the open's stamp (UTC) to the moment the bar is complete: one timeframe later.

    Days and longer are counted by the zone's calendar, as its days last 23 to 25 hours; a 24-hour step on the longest
    of them would call the bar complete an hour early. Months end where `months.lay_on_calendar` says.
    """
    plain = stamp + timeframe
    if zone == "UTC" or timeframe < DAY or timeframe % DAY:
        return plain
    wall = stamp.dt.convert_time_zone(zone).dt.replace_time_zone(None) + timeframe
    by_calendar = wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
    return pl.coalesce(by_calendar, plain)
