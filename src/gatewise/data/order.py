"""Rows in order of symbol and stamp. Most files are in order already, and a look is cheaper than a sort."""

from __future__ import annotations

import polars as pl

from gatewise.data.table import STAMP, SYMBOL


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by symbol and stamp, those of one stamp as they came; the very frame where it is so already."""
    if frame[STAMP].is_sorted() and frame[SYMBOL].is_sorted():  # of one symbol, mostly: a tenth of what is below
        return frame
    symbol, stamp = pl.col(SYMBOL), pl.col(STAMP)
    falls = (symbol < symbol.shift()) | ((symbol == symbol.shift()) & (stamp < stamp.shift()))
    return frame.sort(SYMBOL, STAMP, maintain_order=True) if frame.select(falls.any()).item() else frame
