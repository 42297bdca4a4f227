"""Prices brought back where it is certain what they should be, each time with a word about it; everything else is left.

**hundredfold**: cells that are 10, 100, … times too large or too small and whose neighbours on both sides say so are
divided again; see `faults`. **splits**: prices before a split that they were not adjusted for are divided by it,
and volume multiplied, where the step is a split's, is no move of this series, and the volume of the days around proves
it; see `find_splits`. Columns in the same units go with them; see `companions`. Mending twice is mending once.

A mended row is known only with the rows that mended it: a hundredfold cell with the rows after it, and prices before a
split with the split. Returns and ratios of rows are those that were earned; levels are not those that were seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.blocks import block_starts
from gatewise.data.check.finding import SHOWN
from gatewise.data.check.prices import Prices, find_level_jumps, mended, shifted
from gatewise.data.repair.companions import at_errors, at_split, beside_of, others
from gatewise.data.repair.decades import Ints
from gatewise.data.repair.mended import Repair
from gatewise.data.rows import Rows
from gatewise.data.table import STAMP, SYMBOL


def repaired(rows: Rows, spec: DataConfig) -> Rows:
    """The rows with what `spec.repair` names mended, and notes of what was done and of what was left as not certain."""
    keep = "last" if spec.on_duplicate == "last" else "first"
    if "hundredfold" in spec.repair:
        prices = Prices(rows, keep)
        if prices.names and prices.faults.hundredfold.row.size:
            frame, done = _tens(prices)
            rows = _with(rows, frame, done, _describe("hundredfold", done))
    if "splits" in spec.repair:
        prices = Prices(rows, keep)
        if prices.names:
            frame, done = _adjusted(prices)
            rows = _with(rows, frame, done, [*_describe("splits", done), *_left(prices)])
    return rows


def _with(rows: Rows, frame: pl.DataFrame, done: tuple[Repair, ...], notes: list[str]) -> Rows:
    return replace(rows, frame=frame, notes=(*rows.notes, *notes), repairs=(*rows.repairs, *done))


def _tens(prices: Prices) -> tuple[pl.DataFrame, tuple[Repair, ...]]:
    """One entry for each run of rows with the same columns off by the same number."""
    frame, ordered, symbol = mended(prices), prices.frame, prices.frame[SYMBOL]
    place, stamp = prices.place, ordered[STAMP]
    true = {name: frame[name].to_numpy()[place] for name in prices.names}
    beside = beside_of(true, ordered["volume"].to_numpy() if "volume" in ordered.columns else None)
    bounds = _steps(prices)
    broken = np.zeros(ordered.height, np.bool_)
    broken[prices.faults.hundredfold.row] = True
    values = {name: ordered[name].to_numpy() for name in others(prices.rows.columns)}
    decades = {name: np.zeros(ordered.height, np.int64) for name in values}
    done = []
    for run, names, power in _runs(prices):
        first, last = bounds[bounds <= run.start][-1], bounds[bounds >= run.stop][0]
        within = slice(int(first), int(last))
        off = {name: at_errors(column, beside, run, power, broken, within) for name, column in values.items()}
        for name, at in off.items():
            if at is not None:
                decades[name][at] = power
        also = tuple(name for name, at in off.items() if at is not None and at.size)
        left = tuple(name for name, at in off.items() if at is None)
        a, b = run.start, run.stop - 1
        columns, factor = (*names, *also), 10.0**-power
        done.append(Repair("hundredfold", symbol[a], stamp[a], stamp[b], b - a + 1, columns, factor, left=left))
    for name, powers in decades.items():
        if powers.any():
            column = frame[name].to_numpy().copy()
            column[place] = shifted(column[place], powers)
            frame = frame.with_columns(pl.Series(name, column, nan_to_null=True))
    return frame, tuple(done)


def _steps(prices: Prices) -> Ints:
    """Rows with which a symbol, or another level of its prices, begins, and the number of rows."""
    keys = prices.frame.select(SYMBOL, pl.col(STAMP).alias("time")).with_row_index("row")
    split = keys.join(prices.splits.select(SYMBOL, "time"), on=[SYMBOL, "time"], how="semi")["row"].to_numpy()
    fresh = block_starts(keys[SYMBOL])
    return np.unique(np.concatenate([fresh, split, prices.faults.jump_row, [keys.height]])).astype(np.int64)


def _runs(prices: Prices) -> Iterator[tuple[slice, tuple[str, ...], int]]:
    """Rows in a row whose same columns are off by the same powers of ten, with those columns, power by power."""
    cells = prices.faults.hundredfold
    symbol = prices.frame[SYMBOL]
    each, first = np.unique(cells.row, return_index=True)
    last = np.append(first[1:], cells.row.size)
    kinds = [
        (tuple(cells.column[a:b].tolist()), tuple(cells.decade[a:b].tolist())) for a, b in zip(first, last, strict=True)
    ]
    begin = 0
    for place in range(1, each.size + 1):
        ends = place == each.size or each[place] != each[place - 1] + 1 or kinds[place] != kinds[begin]
        if not ends and symbol[int(each[place])] == symbol[int(each[begin])]:
            continue
        columns, powers = kinds[begin]
        for power in dict.fromkeys(powers):
            names = tuple(prices.names[c] for c, p in zip(columns, powers, strict=True) if p == power)
            yield slice(int(each[begin]), int(each[place - 1]) + 1), names, power
        begin = place


def _adjusted(prices: Prices) -> tuple[pl.DataFrame, tuple[Repair, ...]]:
    frame, done, names = prices.rows.frame, [], others(prices.rows.columns)
    for symbol, time, new, old in (
        prices.splits.filter("proved", "certain").select(SYMBOL, "time", "new", "old").sort(SYMBOL, "time").iter_rows()
    ):
        in_symbol, factor = pl.col(SYMBOL) == symbol, old / new
        split = at_split(prices.frame.filter(in_symbol), names, time, new / old)
        multiplied = dict.fromkeys(prices.names, time) | split.prices
        divided = {"volume": time} | split.shares
        frame, earlier = (
            frame.with_columns(
                *(_before(name, until, in_symbol, pl.col(name) * factor) for name, until in multiplied.items()),
                *(_before(name, until, in_symbol, pl.col(name) / factor) for name, until in divided.items()),
            ),
            frame.filter(in_symbol, pl.col(STAMP) < time),
        )
        first, last = earlier.select(pl.col(STAMP).min().alias("first"), pl.col(STAMP).max()).row(0)
        done.append(
            Repair("splits", symbol, first, last, earlier.height, (*multiplied,), factor, (*divided,), split.left)
        )
    return frame, tuple(done)


def _before(name: str, until: datetime, in_symbol: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(in_symbol & (pl.col(STAMP) < until)).then(value).otherwise(pl.col(name)).alias(name)


def _describe(kind: str, done: tuple[Repair, ...]) -> list[str]:
    notes = [
        f"repaired, {kind}: {repair.symbol} {repair.start:%Y-%m-%d %H:%M}{_until(repair)}, {', '.join(repair.columns)} "
        f"times {repair.factor:g}{_beyond_prices(repair)}"
        for repair in done[:SHOWN]
    ]
    if done[SHOWN:]:
        total = f"repaired, {kind}: {sum(repair.rows for repair in done):,} rows in all"
        notes.append(f"{total}, in {len(done):,} places; gatewise data check --json lists them")
    return notes


def _beyond_prices(repair: Repair) -> str:
    """What was divided where prices were multiplied, and what was left."""
    divided = f", {', '.join(repair.divided)} divided by it" if repair.divided else ""
    return divided + (f"; left as they are: {', '.join(repair.left)}" if repair.left else "")


def _until(repair: Repair) -> str:
    return f" to {repair.end:%Y-%m-%d %H:%M} ({repair.rows:,} rows)" if repair.rows > 1 else ""


def _left(prices: Prices) -> list[str]:
    """What looks like a split, or stays like one, and was left alone, with the reason."""
    candidates, jumps = prices.splits, find_level_jumps(prices)
    notes = []
    for reason, left in (
        ("no volume proves that they are splits", candidates.filter(~pl.col("proved"))),
        ("another ratio is as likely", candidates.filter("proved", ~pl.col("certain"))),
    ):
        splits = left.select(SYMBOL, "time", "new", "old").rows()
        if splits:
            few = ", ".join(f"{name} {time:%Y-%m-%d} {new}:{old}" for name, time, new, old in splits[:SHOWN])
            notes.append(f"not repaired, as {reason}: {few}{_more(len(splits))}")
    if jumps.count:
        few = ", ".join(jumps.examples)
        notes.append(f"not repaired, as these steps are at no day's beginning or no split's: {few}{_more(jumps.count)}")
    return notes


def _more(count: int) -> str:
    return f" and {count - SHOWN:,} more" if count > SHOWN else ""
