"""Prices brought back where it is certain what they should be, each time with a word about it; everything else is left.

**hundredfold**: cells that are 10, 100, … times too large or too small and whose neighbours on both sides say so are
divided again; see `price_faults`. **splits**: prices before a split that they were not adjusted for are divided by it,
and volume multiplied, where the step is a split's, is no move of this series, and the volume of the days around proves
it; see `find_splits`. Mending twice is mending once.

A mended row is known only with the rows that mended it: a hundredfold cell with the rows after it, and prices before a
split with the split. Returns and ratios of rows are those that were earned; levels are not those that were seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.finding import SHOWN
from gatewise.data.price_findings import Prices, find_level_jumps, mended
from gatewise.data.rows import Repair, Rows
from gatewise.data.table import STAMP, SYMBOL


def repaired(rows: Rows, spec: DataConfig) -> Rows:
    """The rows with what `spec.repair` names mended, and notes of what was done and of what was left as not certain."""
    keep = "last" if spec.on_duplicate == "last" else "first"
    if "hundredfold" in spec.repair:
        prices = Prices(rows, keep)
        if prices.names and prices.faults.hundredfold.row.size:
            done = tuple(_tens(prices))
            rows = _with(rows, mended(prices), done, _told("hundredfold", done))
    if "splits" in spec.repair:
        prices = Prices(rows, keep)
        if prices.names:
            frame, done = _adjusted(prices)
            rows = _with(rows, frame, done, [*_told("splits", done), *_left(prices)])
    return rows


def _with(rows: Rows, frame: pl.DataFrame, done: tuple[Repair, ...], notes: list[str]) -> Rows:
    return replace(rows, frame=frame, notes=(*rows.notes, *notes), repairs=(*rows.repairs, *done))


def _tens(prices: Prices) -> Iterator[Repair]:
    """One entry for each run of rows with the same columns off by the same number."""
    found = prices.faults.hundredfold
    symbol, stamp = prices.frame[SYMBOL], prices.frame[STAMP]
    each, first = np.unique(found.row, return_index=True)
    last = np.append(first[1:], found.row.size)
    kinds = [
        (tuple(found.column[a:b].tolist()), tuple(found.decade[a:b].tolist())) for a, b in zip(first, last, strict=True)
    ]
    begin = 0
    for place in range(1, each.size + 1):
        ends = place == each.size or each[place] != each[place - 1] + 1 or kinds[place] != kinds[begin]
        if not ends and symbol[int(each[place])] == symbol[int(each[begin])]:
            continue
        a, b = int(each[begin]), int(each[place - 1])
        columns, powers = kinds[begin]
        for power in dict.fromkeys(powers):
            names = tuple(prices.names[c] for c, p in zip(columns, powers, strict=True) if p == power)
            yield Repair("hundredfold", symbol[a], stamp[a], stamp[b], place - begin, names, 10.0**-power)
        begin = place


def _adjusted(prices: Prices) -> tuple[pl.DataFrame, tuple[Repair, ...]]:
    frame, done = prices.rows.frame, []
    for symbol, time, new, old in (
        prices.splits.filter("proved", "certain").select(SYMBOL, "time", "new", "old").sort(SYMBOL, "time").iter_rows()
    ):
        earlier = (frame[SYMBOL] == symbol) & (frame[STAMP] < time)
        factor = pl.when(earlier).then(old / new).otherwise(1.0)
        prices_of = [(pl.col(name) * factor).alias(name) for name in prices.names]
        frame = frame.with_columns(*prices_of, (pl.col("volume") / factor).alias("volume"))
        count, first, last = (
            frame.filter(earlier).select(pl.len(), pl.col(STAMP).min().alias("first"), pl.col(STAMP).max()).row(0)
        )
        done.append(Repair("splits", symbol, first, last, count, prices.names, old / new))
    return frame, tuple(done)


def _told(kind: str, done: tuple[Repair, ...]) -> list[str]:
    notes = [
        f"repaired, {kind}: {one.symbol} {one.start:%Y-%m-%d %H:%M}{_until(one)}, {', '.join(one.columns)} "
        f"times {one.factor:g}"
        for one in done[:SHOWN]
    ]
    if done[SHOWN:]:
        rest = f"repaired, {kind}: {sum(one.rows for one in done):,} rows in all"
        notes.append(f"{rest}, in {len(done):,} places; gatewise data check --json lists them")
    return notes


def _until(one: Repair) -> str:
    return f" to {one.end:%Y-%m-%d %H:%M} ({one.rows:,} rows)" if one.rows > 1 else ""


def _left(prices: Prices) -> list[str]:
    """What looks like a split, or stays like one, and was left alone, with the reason."""
    found, jumps = prices.splits, find_level_jumps(prices)
    notes = []
    for why, left in (
        ("no volume proves that they are splits", found.filter(~pl.col("proved"))),
        ("another ratio is as likely", found.filter("proved", ~pl.col("certain"))),
    ):
        splits = left.select(SYMBOL, "time", "new", "old").rows()
        if splits:
            few = ", ".join(f"{name} {time:%Y-%m-%d} {new}:{old}" for name, time, new, old in splits[:SHOWN])
            notes.append(f"not repaired, as {why}: {few}{_more(len(splits))}")
    if jumps.count:
        few = ", ".join(jumps.examples)
        notes.append(f"not repaired, as these steps are at no day's beginning or no split's: {few}{_more(jumps.count)}")
    return notes


def _more(count: int) -> str:
    return f" and {count - SHOWN:,} more" if count > SHOWN else ""
