"""Rows that step by no one length, as trades and bars of volume do: their most frequent step says nothing of a row.

Bars that nobody traded in are absent, so all steps of thin bars are whole timeframes. Of the most frequent step of
stamps that lie anywhere, few others are. In the files that bars were known of (docs/data-files.md), half of the steps
and more are; in those of first and last trades, ticks, polls and bars of volume a tenth at most (`_LEAST_WHOLE` lies
between). Clocks that jitter a little around a steady step are bars still, and each lasts as long as the longest one.
"""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl

from gatewise.config.durations import format_duration
from gatewise.data.steps.timeframe import DAY, HOUR, STEADY, most_frequent
from gatewise.data.table import SYMBOL
from gatewise.errors import SchemaError

_LEAST_WHOLE = 0.5  # of a symbol's steps
_NEARLY_ALL = 0.9  # of the steps
_FEW_STEPS = 3  # tell nothing
_FEWEST_SECONDS = 5  # rows that follow by one
_EXACT, _MOST_EXACT_US = 1_000, 1_000_000  # a step is whole that misses by so small a part of it, a second at most
_SECOND, _US = timedelta(seconds=1), timedelta(microseconds=1)


def most_frequent_whole(steps: pl.DataFrame) -> tuple[timedelta | None, float]:
    """The most frequent step and its share; of thin rows, whose steps it may hardly divide, the one that does.

    Where bars are absent by chance no step is likelier than a single timeframe, but one may come more often. So where
    most steps are no whole multiples of the most frequent one, the shortest that is as frequent but for chance is
    asked too. Any step is a multiple of one second, so that is asked whether it comes as often as where each second
    holds a row or none by chance: bars of volume, or stamped by their first trade, hardly follow by a second.
    """
    common, share = most_frequent(steps)
    if common is None or share >= _LEAST_WHOLE or _share_of_whole(steps, common) >= _LEAST_WHOLE:
        return common, share
    most = share * steps.height
    least = max(_FEW_STEPS, most - 3 * (2 * most) ** 0.5)
    counts = steps.filter(pl.col("step") < common).group_by("step").len().filter(pl.col("len") >= least)
    whole_seconds = pl.col("step").dt.total_microseconds() % (_SECOND // _US) == 0
    by_chance = steps.height * math.log(2) * 1e6 / float(np.median(steps["step"].to_physical().to_numpy()))
    seconds = pl.col("len") >= max(_FEWEST_SECONDS, by_chance - 3 * by_chance**0.5)
    shorter = counts.filter(whole_seconds, (pl.col("step") > _SECOND) | seconds).sort("step")
    if shorter.height and _share_of_whole(steps, shorter["step"][0]) >= _NEARLY_ALL:
        return shorter["step"][0], shorter["len"][0] / steps.height
    return common, share


def irregular(steps: pl.DataFrame, common: timedelta, share: float) -> tuple[str, ...]:
    """The symbols of which most steps are no whole multiples of the most frequent one, be it all symbols' or its own.

    Args:
        steps: of `steps_of`.
        common, share: the most frequent one of all symbols, and its share of all.
    """
    if share >= _LEAST_WHOLE and steps[SYMBOL][0] == steps[SYMBOL][-1]:
        return ()
    odd = steps.filter(~_whole(common)).group_by(SYMBOL).len("odd")
    if odd.is_empty():
        return ()
    counts = steps.join(odd, on=SYMBOL, how="semi").group_by(SYMBOL).len("steps").join(odd, on=SYMBOL)
    enough, few_whole = pl.col("steps") >= _FEW_STEPS, pl.col("odd") > (1 - _LEAST_WHOLE) * pl.col("steps")
    symbols = []
    for symbol in counts.filter(enough, few_whole)[SYMBOL].sort():
        rows = steps.filter(pl.col(SYMBOL) == symbol)
        symbol_step, _ = most_frequent_whole(rows)
        if symbol_step is not None and _share_of_whole(rows, symbol_step) < _LEAST_WHOLE:
            symbols.append(str(symbol))
    return tuple(symbols)


def steady(name: str, steps: pl.DataFrame, symbols: tuple[str, ...], common: timedelta, share: float) -> timedelta:
    """How long a row lasts at most where clocks only jitter around one step: as long as the longest.

    Args:
        name: how the refusal calls the rows' file.
        steps: of `steps_of`.
        symbols: of `irregular`.
        common, share: the most frequent step, and its share of all.

    Raises:
        SchemaError: the steps lie anywhere.
    """
    length = steps.filter(pl.col(SYMBOL).is_in(symbols))["step"].dt.total_microseconds().to_numpy()
    middle = np.median(length)
    near = length[(length * STEADY >= middle) & (length <= middle * STEADY)]
    if near.size >= _NEARLY_ALL * length.size:
        return int(near.max()) * _US
    raise SchemaError(
        f"{name}: rows of {symbols[0]} step by no one length, so nothing says how long a row lasts (the most frequent "
        f"step, {format_duration(common)}, is {share:.1%} of all)",
        "data.time_column names the column in which bars begin, where there is one; else data.timeframe says how long "
        'a row lasts at most, and data.stamp="close" that stamps are of its end',
    )


def taken_for(steps: pl.DataFrame, timeframe: timedelta) -> list[str]:
    """Notes of rows that step by no one length, where the user says how long one lasts."""
    longer = int((steps["step"] > timeframe).sum())
    notes = [f"rows step by no one length; taken for rows of {format_duration(timeframe)}, as asked"]
    if longer:
        notes.append(
            f"warning: {longer:,} of {steps.height:,} steps are longer than that; a row that lasts until the next one "
            'begins counts as known before it ends, unless stamps are of ends (data.stamp="close")'
        )
    return notes


def _share_of_whole(steps: pl.DataFrame, common: timedelta) -> float:
    return float(steps.select(_whole(common).mean()).item())


def _whole(common: timedelta) -> pl.Expr:
    """Whether a step is a whole multiple; of days and longer also where clocks changed meanwhile."""
    length, unit = pl.col("step").dt.total_microseconds(), common // _US
    exact = min(unit // _EXACT, _MOST_EXACT_US)
    remainder = length % unit
    off = pl.min_horizontal(remainder, unit - remainder)
    is_whole = off <= exact
    if common >= DAY:
        is_whole |= (off - HOUR // _US).abs() <= exact
    return is_whole & (length >= unit // 2)
