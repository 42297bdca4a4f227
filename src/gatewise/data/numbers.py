"""Cells to Float64: missing words become null, decimal commas and grouped thousands are read only where proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.errors import AmbiguousError

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?")
_DIGITS = r"^[+-]?[\d.,]*\d[\d.,]*$"
# What only grouped thousands look like (1,234.5 and 1,234,567), and what only a decimal comma does (12,5 and 1.234,5).
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+\.\d*$|^[+-]?[1-9]\d{0,2}(,\d{3}){2,}$"
_DECIMAL = r"^[+-]?\d*,(\d{1,2}|\d{4,})$|^[+-]?(0|\d{4,}),\d+$|^[+-]?\d{1,3}(\.\d{3})+,\d+$"


@dataclass(frozen=True)
class Numbers:
    """A column as numbers.

    Attributes:
        values: Float64; null where a cell is missing or NaN.
        wrong: the positions of cells that hold something else than a number, and are null in `values`.
    """

    values: pl.Series
    wrong: pl.Series


def to_numbers(name: str, columns: Sequence[pl.Series]) -> list[Numbers]:
    """Reads the columns of one file; the comma means one thing in all of it.

    Args:
        name: how errors call the file.
        columns: of any type; what can't be a number (nested, times, binary) is wrong in every cell.

    Raises:
        AmbiguousError: `1,234` is one thousand or one point two, and no cell of the file tells which.
    """
    easy = [_easy(column) for column in columns]
    cleaned = [_clean(column) if column.dtype == pl.String else column for column in easy]
    texts = [column for column in cleaned if column.dtype == pl.String]
    comma = _comma(name, texts) if any(column.str.contains(",", literal=True).any() for column in texts) else None
    if comma == "decimal":  # then 1.234 is not what the easy way took it for
        cleaned = [_clean(column) if column.dtype == pl.String else column for column in columns]
    return [_read(column, comma) for column in cleaned]


def _easy(column: pl.Series) -> pl.Series:
    """Float64 where every cell is a plain number; else the column as it is."""
    if column.dtype != pl.String:
        return column
    values = column.cast(pl.Float64, strict=False)
    return values if values.null_count() == column.null_count() else column


def _clean(column: pl.Series) -> pl.Series:
    """Without blanks, quotes, money signs and missing words."""
    text = column.str.strip_chars(" \t\r\"'").str.replace(r"^([+-]?)[$€£]", "$1")
    return text.set(text.str.to_lowercase().is_in(MISSING).fill_null(False), None)


def _comma(name: str, texts: Sequence[pl.Series]) -> str | None:
    """`group` or `decimal` by what the cells prove; None where no number holds a comma."""
    cells = pl.concat([column.unique() for column in texts]).drop_nulls()
    cells = cells.filter(cells.str.contains(",", literal=True) & cells.str.contains(_DIGITS))
    if cells.is_empty():
        return None
    group, decimal = bool(cells.str.contains(_THOUSANDS).any()), bool(cells.str.contains(_DECIMAL).any())
    if group == decimal:
        why = "some cells prove either reading" if group else "no cell tells thousands from a decimal comma"
        raise AmbiguousError(
            f"{name}: numbers hold commas, such as {cells[0]!r}, and {why}", "write numbers without commas, as 1234.5"
        )
    return "group" if group else "decimal"


def _read(column: pl.Series, comma: str | None) -> Numbers:
    if column.dtype == pl.String:
        text = column
        if comma == "group":
            grouped = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$").fill_null(False)
            text = text.zip_with(~grouped, text.str.replace_all(",", "", literal=True))
        elif comma == "decimal":
            # A point groups thousands here, so one that doesn't is wrong rather than a decimal point.
            grouped = text.str.contains(r"^[+-]?\d{1,3}(\.\d{3})*(,\d*)?$|^[+-]?\d*(,\d*)?$").fill_null(False)
            plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
            text = plain.set(~grouped, None)
        values = text.cast(pl.Float64, strict=False)
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64)
    else:
        values = pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    wrong = (values.is_null() & column.is_not_null()).arg_true()
    return Numbers(values.fill_nan(None), wrong)
