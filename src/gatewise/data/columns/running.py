"""Bars that were still running when they were written, where a column says so: they are not known yet.

Sources: OANDA's candlesticks (complete), the klines of Binance's streams (x), of Bybit's (confirm) and of OKX
(confirm), ccxt and charting libraries (closed, final and their like).
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from gatewise.data.columns.spellings import VALUES, normalise
from gatewise.data.files.text import Raw
from gatewise.data.table import OHLC
from gatewise.errors import NotEnoughRowsError

_ENDED = ("complete", "completed", "closed", "confirm", "confirmed", "final", "finished", "finalized", "finalised")
_NAMES = {*_ENDED, *(f"{ahead}{word}" for word in _ENDED for ahead in ("is_", "is", "bar_", "candle_")), "x"}
_NO, _YES = ("false", "0", "0.0"), ("true", "1", "1.0")


def ended_column(frame: pl.DataFrame) -> str | None:
    """The column of bars that says yes of those that have ended, and no of those still running; None without one."""
    spelled = {normalise(column.rsplit(".", 1)[-1]) for column in frame.columns}  # bid.o, ask.o
    if not all(spelled & set(VALUES[price]) for price in OHLC):
        return None
    for column in frame.columns:
        if (name := normalise(column)) in _NAMES:
            values = _lowered(frame[column]).drop_nulls().unique()
            known = [*_NO, *_YES] if len(name) > 1 else [_NO[0], _YES[0]]  # one letter may be any number's name
            if len(values) and values.is_in(known).all():
                return column
    return None


def without_running(raw: Raw) -> Raw:
    """The rows without bars that were still running, and a note of how many; other rows as they are.

    Raises:
        NotEnoughRowsError: all were.
    """
    column = ended_column(raw.frame)
    if column is None:
        return raw
    running = _lowered(raw.frame[column]).is_in(_NO).fill_null(False)
    count = int(running.sum())
    if not count:
        return raw
    if count == len(running):
        raise NotEnoughRowsError(
            f"{raw.name}: all rows are bars that were still running: column {column!r} says no in each",
            "fetch bars that have ended; where that column says something else, rename it in the header",
        )
    note = f"rows of bars that were still running left out: {count:,} (column {column!r} says no)"
    return replace(raw, frame=raw.frame.filter(~running), notes=(*raw.notes, note))


def _lowered(column: pl.Series) -> pl.Series:
    if not (column.dtype in (pl.String, pl.Boolean) or column.dtype.is_numeric()):
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    return column.cast(pl.String).str.strip_chars(" \t\r\"'").str.to_lowercase()
