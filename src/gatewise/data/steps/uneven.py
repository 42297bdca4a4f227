"""Periods of two lengths that take turns: four weeks and five, sessions of six hours and ten.

The most frequent step is the timeframe, and a row of a longer period would be used before that ends. Rows that are
absent make whole multiples of the timeframe, so a step of 1.25 of them that comes again and again is a longer period.
Closed hours make such steps too, and are told from that by their size and number: a lunch is one step among several of
a day, and a night is longer than three timeframes but for bars of a quarter of a day and longer, of which usual ones
divide the day. Weeks that begin a day late after a holiday are followed by one that is a day shorter.

Two steps that take turns all along are a longer bar and what was written down while it ran: it lasts as long as both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from gatewise.config.durations import format_duration, months_of
from gatewise.data.steps.periods import about_months
from gatewise.data.steps.timeframe import DAY, STEADY, one_step
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL

_WEEK = 7 * DAY
_JITTER = 0.02  # of clocks: a share of the timeframe
# Longer steps; steps of all lengths; longer ones from one time of day.
_FEWEST, _FEWEST_STEPS, _FEWEST_A_TIME = 3, 10, 3
_SHARE, _SHARE_OF_DAY = 0.1, 0.35  # of all steps that are longer ones; within the day longer or shorter
_OFTEN, _MOST_TIMES = 0.1, 4  # of all steps is each length of those within the day, that begin at a few times
_FEW_SHORTER = 0.25  # of the longer steps
_TURNS = 0.9  # of all steps follow one of the other length
_MANY = 0.25  # of all steps are longer or shorter, as no holiday moves periods longer than weeks so often


@dataclass(frozen=True)
class Uneven:
    """Steps that are longer than the timeframe and no multiple of it, again and again.

    Attributes:
        longest: of them, or how long a bar lasts that they are parts of.
        count: how many.
        first: the row that the first of them leads to, with symbol, `__file`, `__row` and `__stamp`.
        step: which leads there.
    """

    longest: timedelta
    count: int
    first: dict[str, Any]
    step: timedelta

    def describe(self, address: str, timeframe: timedelta) -> str:
        """`X.csv row 4 (…) begins 35d after the row before it, and the most frequent step is 28d`."""
        more = f" ({self.count:,} such steps)"
        usual = format_duration(timeframe)
        return (
            f"{address} begins {format_duration(self.step)} after the row before it, and most rows after {usual}{more}"
        )


def find_uneven(steps: pl.DataFrame, timeframe: timedelta) -> Uneven | None:
    """The longer periods among those of the timeframe, where there are some beyond doubt.

    Args:
        steps: of `steps_of`.
        timeframe: the most frequent one.
    """
    return _taking_turns(steps, timeframe) or _longer(steps, timeframe) or _moved_months(steps, timeframe)


def _longer(steps: pl.DataFrame, timeframe: timedelta) -> Uneven | None:
    """Steps that are longer than the timeframe and no multiple of it, again and again."""
    within_day = timeframe < DAY
    if months_of(timeframe) is not None or steps.height < (_FEWEST_STEPS if within_day else _FEWEST):
        return None
    step, slack = pl.col("step"), timeframe * _JITTER
    most = 3 * timeframe if timeframe < DAY else 2 * timeframe if timeframe >= _WEEK else 1.5 * timeframe
    odd = steps.filter(step > timeframe + slack, step < most - slack)
    fewest = 1 if timeframe > _WEEK else 2 if steps.height < _FEWEST_STEPS else _FEWEST
    if odd.height < max(fewest, int(_SHARE * steps.height)):
        return None
    if within_day:
        odd = odd.filter((step - 2 * timeframe).abs() > slack)
        odd = odd.filter(pl.len().over("step") >= _OFTEN * steps.height)
        begins = (pl.col(STAMP) - step).dt.time().n_unique()
        shorter = steps.select((step < timeframe - slack).sum()).item()  # another session's
        num_times = odd.select(begins).item()
        recur = num_times <= _MOST_TIMES and odd.height >= max(1, num_times) * _FEWEST_A_TIME
        regular = recur and odd.height + shorter >= _SHARE_OF_DAY * steps.height
    else:
        shorter = steps.select((step < timeframe - slack).sum()).item()
        regular = shorter <= _FEW_SHORTER * odd.height or (
            timeframe > _WEEK and odd.height + shorter >= _MANY * steps.height
        )
    if not regular:
        return None
    return _uneven(odd, max(odd["step"].to_list()))


def _taking_turns(steps: pl.DataFrame, timeframe: timedelta) -> Uneven | None:
    """Steps of the timeframe and of one other length, either after the other, but for two rows a day."""
    if steps.height < _FEWEST_STEPS or timeframe >= _WEEK:
        return None
    step = pl.col("step")
    others = steps.filter(step != timeframe)
    other = others["step"].mode().min()
    if not isinstance(other, timedelta) or timeframe / STEADY <= other <= timeframe * STEADY:
        return None
    both = timeframe + other
    follows = pl.col(SYMBOL) == pl.col(SYMBOL).shift()
    turns = steps.select((step + step.shift() == both).filter(follows & step.is_in([timeframe, other])).sum()).item()
    if both == DAY or turns < _TURNS * (steps.height - steps[SYMBOL].n_unique()):
        return None
    return _uneven(steps.filter(step == other), both)


def _moved_months(steps: pl.DataFrame, timeframe: timedelta) -> Uneven | None:
    """Months of several lengths that no calendar was found for, as where stamps of first days turn into last ones."""
    period = about_months(timeframe)
    if period == timeframe or steps.height < _FEWEST_STEPS:
        return None
    shortest, longest = one_step(timeframe)
    step = pl.col("step")
    month = step.is_between(shortest, longest)
    if steps.select((month & (step != timeframe)).mean()).item() < _MANY:
        return None
    moved = steps.filter(~month)
    return _uneven(steps.filter(step == step.max()) if moved.is_empty() else moved, period)


def _uneven(odd: pl.DataFrame, longest: timedelta) -> Uneven:
    first = odd.row(0, named=True)
    named = {name: first[name] for name in (SYMBOL, FILE, ROW, STAMP)}
    return Uneven(longest, odd.height, named, first["step"])
