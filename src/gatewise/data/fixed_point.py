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
import polars as pl

from gatewise.data.text import Raw

_DATABENTO = {"rtype", "publisher_id", "instrument_id"}
_PRICE = re.compile(r"open|high|low|close|price|(?:bid|ask)_px_\d\d")
_UNIT = 1_000_000_000
_NO_PRICE = 2**63 - 1
# Usual prices from which on whole numbers are a count of billionths: none is written as an integer otherwise, and of
# floats, which may be whole by chance, none is that large.
_LEAST_INTEGER, _LEAST_FLOAT = 1e5, 1e9


def without_fixed_point(raw: Raw) -> Raw:
    """The rows with Databento's fixed-point prices as numbers, and a note; other rows as they are."""
    names = {column.strip().lower() for column in raw.frame.columns}
    if not names >= _DATABENTO:
        return raw
    columns = [column for column in raw.frame.columns if _PRICE.fullmatch(column.strip().lower())]
    scaled = [_scaled(raw.frame[column]) for column in columns]
    if not columns or any(column is None for column in scaled):
        return raw
    values = [column for column in scaled if column is not None]
    absent = sum(column.null_count() - raw.frame[column.name].null_count() for column in values)
    note = f"{', '.join(columns)}: Databento's fixed-point prices, read in units of 1e-9"
    if absent:
        note += f"; {absent:,} of them are its sign for no price, and missing"
    return replace(raw, frame=raw.frame.with_columns(values), notes=(*raw.notes, note))


def _scaled(column: pl.Series) -> pl.Series | None:
    """Numbers in whole units of the currency; None where the column is no count of billionths."""
    plain = column
    if column.dtype == pl.String:
        text = column.str.strip_chars().replace("", None)
        integers = text.str.contains(r"^[+-]?\d+$").all()
        plain = text.cast(pl.Int64 if integers else pl.Float64, strict=False)
        if plain.null_count() > text.null_count():
            return None
    if not plain.dtype.is_numeric():
        return None
    numbers = plain.cast(pl.Float64).to_numpy().copy()
    numbers[numbers >= _NO_PRICE] = np.nan  # as floats the sign and its neighbours are one number
    there = numbers[np.isfinite(numbers)]
    least = _LEAST_INTEGER if plain.dtype.is_integer() else _LEAST_FLOAT
    if there.size and (np.median(np.abs(there)) < least or (there != np.rint(there)).any()):
        return None
    return pl.Series(column.name, numbers / _UNIT, nan_to_null=True)  # Polars would multiply by the rounded reciprocal
