"""Prices that a vendor writes as whole numbers of a fixed small unit, where its columns say whose they are.

Databento's records carry rtype, publisher_id and instrument_id, and prices in billionths; 2^63 - 1 stands for no price.
Its pretty prices, and those that its client makes floats of, have a decimal point and are left as they are. Source:
Databento's documentation, "Standards and conventions": prices. Others say nothing by which their unit could be known:
`gatewise data check` names whole numbers that look like one.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.files.text import Raw

_DATABENTO = {"rtype", "publisher_id", "instrument_id"}
_PRICE = re.compile(r"open|high|low|close|price|(?:bid|ask)_px_\d\d")
_UNIT = 1_000_000_000
_NO_PRICE = 2**63 - 1
# Of integers, usual prices from which on they are a count of billionths. Smaller ones (spreads, fractions of a cent)
# are where each is a multiple of the smallest step that is quoted, as hardly any prices in whole units are.
_LEAST_INTEGER, _LEAST_STEP = 1e5, 1_000
_LEAST_FLOAT = 1e9  # of floats, which may be whole by chance


def without_fixed_point(raw: Raw) -> Raw:
    """The rows with Databento's fixed-point prices as numbers, and a note; other rows as they are."""
    names = {column.strip().lower() for column in raw.frame.columns}
    if not names >= _DATABENTO:
        return raw
    columns = [column for column in raw.frame.columns if _PRICE.fullmatch(column.strip().lower())]
    plain = [_plain(raw.frame[column]) for column in columns]
    numbers = [column for column in plain if column is not None]
    if not columns or len(numbers) < len(columns):
        return raw
    values = [_numbers(column) for column in numbers]
    known = np.concatenate([column[np.isfinite(column)] for column in values])
    integers = all(column.dtype.is_integer() or not column.count() for column in numbers)
    listed = ", ".join(columns)
    if not _counts(known, integers):
        small = integers and known.any()
        note = f"warning: {listed}: whole numbers, too small for Databento's fixed-point prices: read as they are"
        return replace(raw, notes=(*raw.notes, note)) if small else raw
    scaled = [pl.Series(name, column / _UNIT, nan_to_null=True) for name, column in zip(columns, values, strict=True)]
    absent = sum(column.null_count() - raw.frame[column.name].null_count() for column in scaled)
    note = f"{listed}: Databento's fixed-point prices, read in units of 1e-9"
    if absent:
        note += f"; {absent:,} of them are its sign for no price, and missing"
    return replace(raw, frame=raw.frame.with_columns(scaled), notes=(*raw.notes, note))


def _counts(prices: npt.NDArray[np.float64], integers: bool) -> bool:
    """Whether prices, of all columns together, are a count of billionths."""
    if not prices.size or (prices != np.rint(prices)).any():
        return False
    usual = float(np.median(np.abs(prices)))
    if not integers:
        return usual >= _LEAST_FLOAT
    return usual >= _LEAST_INTEGER or bool(prices.any() and (prices % _LEAST_STEP == 0).all())


def _plain(column: pl.Series) -> pl.Series | None:
    """The column as numbers; None where a cell is none."""
    if column.dtype != pl.String:
        return column if column.dtype.is_numeric() else None
    text = column.str.strip_chars().replace("", None)
    integers = text.str.contains(r"^[+-]?\d+$").all()
    plain = text.cast(pl.Int64 if integers else pl.Float64, strict=False)
    return plain if plain.null_count() == text.null_count() else None


def _numbers(column: pl.Series) -> npt.NDArray[np.float64]:
    numbers = column.cast(pl.Float64).to_numpy().copy()
    numbers[numbers >= _NO_PRICE] = np.nan  # as floats the sign and its neighbours are one number
    return numbers
