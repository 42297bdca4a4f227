"""Longer bars: does a bar that could be used by a moment change with the shorter rows that come after it?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.steps.resample import resample
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import NotEnoughRowsError
from gatewise.proofs.base import Check, describe_cover, take_chunk
from gatewise.proofs.corrupt import Future, worlds
from gatewise.quiet import warnings_only

CHUNK_ROWS = 20_000
CHUNK_BARS = 20

Resample = Callable[[Table, timedelta], Table]


def check_bars(rows: Table, step: timedelta, seed: int = 0, make: Resample = resample) -> Check:
    """Bars that may be used at or before a cut are the same, to the bit, in every other future of the rows.

    A symbol's last bar may be absent where the row that tells that it is complete is cut off; otherwise the same bars
    must be there.

    Args:
        rows: before any resampling.
        step: of the bars.
        seed: of the stretch, the cuts and the corruptions.
        make: what is audited; the tests pass others.
    """
    rng = np.random.default_rng([seed, *map(ord, "bars")])
    num_rows = max(CHUNK_ROWS, CHUNK_BARS * (step // rows.timeframe))
    chunk = take_chunk(rows, np.arange(rows.num_rows), num_rows, rng)
    compared = num_futures = 0
    with warnings_only("gatewise"):
        for world, future in worlds(chunk, rng, (step,)):
            was, now = (_known(make, table, step, future.cut_us) for table in (world, future.table))
            if offence := _offence(was, now, future):
                return Check("bars", False, offence)
            compared, num_futures = compared + now.height, num_futures + 1
    return Check(
        "bars",
        True,
        f"{compared:,} bars of {format_duration(step)} identical to the bit under {num_futures} corrupted futures of "
        f"the rows that they are made of; {describe_cover(chunk)}",
    )


def _known(make: Resample, table: Table, step: timedelta, cut_us: int) -> pl.DataFrame:
    try:
        bars = make(table, step)
    except NotEnoughRowsError:  # no bar is complete
        return table.frame.clear()
    return bars.frame.filter(pl.Series(bars.time_us <= cut_us))


def _offence(was: pl.DataFrame, now: pl.DataFrame, future: Future) -> str | None:
    keys = [SYMBOL, TIME]
    came, went = now.join(was, on=keys, how="anti"), was.join(now, on=keys, how="anti")
    if future.removes_rows:  # the last bar of a symbol may wait for the row that tells that it is complete
        newest = went.group_by(SYMBOL).agg(pl.col(TIME).max())
        went = went.join(newest, on=keys, how="anti")
    if (odd := pl.concat([came, went])).height:
        return f"whether there is a bar at {_named(odd)} depends on later rows ({future.what})"
    both = was.join(now, on=keys, how="semi").equals(now)
    if both:
        return None
    other = was.join(now, on=keys, how="inner", suffix="_then")
    for name in was.columns[2:]:
        changed = other.filter(~pl.col(name).eq_missing(pl.col(f"{name}_then")))
        if changed.height:
            return f"{name} of the bar at {_named(changed)} looks ahead: it changes when later rows are {future.what}"
    return f"the bars up to {_named(was.tail(1))} come in another order when later rows are {future.what}"


def _named(bars: pl.DataFrame) -> str:
    symbol, time = bars.select(SYMBOL, TIME).row(0)
    return f"{symbol} {time:%Y-%m-%d %H:%M:%S}"
