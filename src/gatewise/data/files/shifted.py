"""Symbols whose prices are another's of one row earlier or later: `CURR` and `NEXT`, or whatever a file calls them.

Rows of such a symbol hold tomorrow's bar under today's stamp, so a model would be trained on what nobody knew.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from gatewise.data.blocks import block_starts
from gatewise.data.order import in_order
from gatewise.data.table import OHLC, STAMP, SYMBOL
from gatewise.errors import AmbiguousError

_PRICES = (*OHLC, "adj_close")
_FIRST_ROWS, _FEWEST_ROWS, _FEWEST_VALUES = 1_000, 5, 4


def refuse_shifted(name: str, frame: pl.DataFrame, wanted: Collection[str]) -> None:
    """Refuses symbols that are copies of each other, shifted by a row.

    Args:
        name: how errors call the file.
        frame: symbol, `__stamp` and columns of numbers, in any order.
        wanted: the symbols that are asked for; all where none is named.

    Raises:
        AmbiguousError: two are.
    """
    prices = [column for column in _PRICES if column in frame.columns]
    if not prices or (frame[SYMBOL] == frame[SYMBOL][0]).all():
        return
    rows = frame.select(SYMBOL, STAMP, *prices)
    if wanted:
        rows = rows.filter(pl.col(SYMBOL).is_in([*wanted]))
    if not rows[STAMP].is_sorted():
        rows = in_order(rows)
        begins = block_starts(rows[SYMBOL])
        place = np.arange(rows.height) - np.repeat(begins, np.diff(begins, append=rows.height))
        rows = rows.filter(pl.Series(place < _FIRST_ROWS))  # grouping all rows takes longer
    first = rows.group_by(SYMBOL, maintain_order=True).head(_FIRST_ROWS)
    first = first.filter(pl.any_horizontal(pl.col(prices).is_not_null()))
    series: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    starts: dict[bytes, list[str]] = {}
    for (symbol,), own in first.group_by(SYMBOL, maintain_order=True):
        values = own.select(prices).to_numpy()
        if len(np.unique(values[:, -1])) >= _FEWEST_VALUES and len(values) > _FEWEST_ROWS:
            series[str(symbol)] = own[STAMP].to_physical().to_numpy(), values
            starts.setdefault(values[:_FEWEST_ROWS].tobytes(), []).append(str(symbol))
    for symbol, (_, values) in series.items():
        for skipped in (0, 1):
            for other in starts.get(values[skipped : skipped + _FEWEST_ROWS].tobytes(), ()):
                if other != symbol and (way := _shift(series[symbol], series[other], skipped)):
                    raise AmbiguousError(
                        f"{name}: prices of {other!r} are those of {symbol!r} one row {way}, all along: one of them "
                        "is no symbol, and its rows hold what was not known yet or not any more",
                        f"take the true one alone: data.symbols=[{symbol}] or data.symbols=[{other}]",
                    )


def _shift(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], skipped: int) -> str:
    """`early` or `late` where the other's rows, all of them, have the stamps next to those of the one's same prices."""
    times, values = one[0], one[1][skipped:]
    count = min(len(values), len(other[1]))
    if not np.array_equal(values[:count], other[1][:count], equal_nan=True):
        return ""
    places = np.arange(skipped, skipped + count)
    for way, step in (("early", -1), ("late", 1)):
        inside = (places + step >= 0) & (places + step < len(times))
        if np.array_equal(times[places[inside] + step], other[0][:count][inside]):
            return way
    return ""
