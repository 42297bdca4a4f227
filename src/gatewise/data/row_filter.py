"""`data.filter`: the rows whose column holds one of the values that are wanted."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl

from gatewise.data.columns.spellings import normalise
from gatewise.data.files.text import Raw
from gatewise.data.table import ROW
from gatewise.errors import SchemaError

Wanted = Mapping[str, str | tuple[str, ...]]
_SHOWN = 8


def values_of(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def column_of(name: str, columns: Collection[str], wanted: str) -> str:
    """The column that a filter names, exactly or by a spelling that only one of them has.

    Raises:
        SchemaError: no such column; the nearest is named.
    """
    if wanted in columns:
        return wanted
    alike = [column for column in columns if normalise(column) == normalise(wanted)]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise SchemaError(f"{name} has no column {wanted!r} to filter by", f"{guess}its columns: {', '.join(columns)}")


def matching(raw: Raw, wanted: Wanted) -> Raw:
    """The rows that hold a wanted value in every column of the filter; there may be none.

    Raises:
        SchemaError: no such column.
    """
    frame = raw.frame
    columns = [column for column in frame.columns if column != ROW]
    for key, values in wanted.items():
        frame = frame.filter(_holds(frame[column_of(raw.name, columns, key)], values_of(values)))
    return replace(raw, frame=frame)


def no_such_rows(name: str, wanted: Wanted, held: Mapping[str, Sequence[str]]) -> SchemaError:
    """For rows of which the filter leaves none.

    Args:
        held: values of each column of the filter, for the hint.
    """
    condition = " and ".join(f"{column} {' or '.join(values_of(values))}" for column, values in wanted.items())
    hints = "; ".join(
        f"{column} holds {', '.join(values[:_SHOWN])}{', …' if values[_SHOWN:] else ''}"
        for column, values in held.items()
    )
    return SchemaError(f"{name} has no row with {condition}", hints or "another data.filter")


def held_values(raw: Raw, wanted: Wanted) -> dict[str, list[str]]:
    """Of each column of the filter some of its values, the most frequent first."""
    columns = [column for column in raw.frame.columns if column != ROW]
    values = {}
    for key in wanted:
        column = column_of(raw.name, columns, key)
        counts = _texts(raw.frame[column]).drop_nulls().value_counts(sort=True)
        values[key] = counts.to_series(0).head(_SHOWN + 1).to_list()
    return values


def _texts(column: pl.Series) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars(" \t\r\"'")
    return text.str.strip_suffix(".0") if column.dtype.is_float() else text


def _holds(column: pl.Series, values: tuple[str, ...]) -> pl.Series:
    """By the text; where no row holds a number written so, by the number (1 and 01, 60 and 60.0)."""
    text = _texts(column)
    kept = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    for value in values:
        equal = (text == value.strip()).fill_null(False)
        if not equal.any() and (number := as_number(value)) is not None:
            equal = (text.cast(pl.Float64, strict=False) == number).fill_null(False)
        kept |= equal
    return kept


def as_number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
