"""What a cell of text is by itself, in any column."""

from __future__ import annotations

import polars as pl

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?")  # in a column of numbers


def are_numbers(column: pl.Series) -> pl.Series:
    """Which cells are written as plain numbers; NAN and INF, which are tickers too, are none."""
    return column.cast(pl.Float64, strict=False).is_finite().fill_null(False)


def may_be_ticker(cell: str) -> bool:
    """Whether a symbol may be called so: NA and NULL may, a missing value as programs write it (nan, n/a) may not."""
    return cell.lower() not in MISSING or (cell.isalpha() and cell.isupper())
