"""Columns of a field and a symbol each to rows of one symbol each: `Close` of AAPL beside `Close` of MSFT."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gatewise.data.columns.spellings import SYMBOLS
from gatewise.data.files.header import Label
from gatewise.data.table import ROW


def to_long(frame: pl.DataFrame, labels: Sequence[Label]) -> tuple[pl.DataFrame, list[str]]:
    """Rows of each symbol below those of the one before it.

    Args:
        frame: a column a label, in order, then `__row`.
        labels: at least one with a symbol.

    Returns:
        The frame, with a column of symbols, and notes.
    """
    symbols = list(dict.fromkeys(label.symbol for label in labels if label.symbol is not None))
    fields = list(dict.fromkeys(label.field for label in labels if label.symbol is not None))
    names = frame.columns
    shared = {label.field or f"__unnamed_{n}": names[n] for n, label in enumerate(labels) if label.symbol is None}
    column = next(name for name in SYMBOLS if name not in {*shared, *fields})
    parts, blank = [], 0
    for symbol in symbols:
        given = {label.field: names[place] for place, label in enumerate(labels) if label.symbol == symbol}
        values = [pl.col(given[f]).alias(f) if f in given else pl.lit(None).alias(f) for f in fields]
        part = frame.select(
            *(pl.col(have).alias(name) for name, have in shared.items()), pl.lit(symbol).alias(column), *values, ROW
        )
        kept = part.filter(pl.any_horizontal(pl.col(field).is_not_null() for field in given)) if symbols[1:] else part
        blank += part.height - kept.height
        parts.append(kept)
    few = ", ".join(symbols[:3]) + (f", … ({len(symbols)} in all)" if symbols[3:] else "")
    notes = [f"columns of a field and a symbol each, read as rows of {few}"]
    if blank:
        notes.append(f"rows in which one of several symbols has no value at all left out: {blank}")
    return pl.concat(parts, how="vertical_relaxed"), notes
