"""Cells to Float64: missing words become null; what a comma, a point and a letter mean is proved by cells, or said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.data.cells.missing import MISSING
from gatewise.data.cells.signs import comma_of, is_amount, points_group, require_groups
from gatewise.data.table import OHLC

_UNITS = {"k": 3, "m": 6, "b": 9, "t": 12, "万": 4, "萬": 4, "만": 4, "亿": 8, "億": 8, "억": 8}
# Money as text writes it ahead of a number or behind it, and what else accounts put around one.
_MONEY = r"(?:(?:US|AU?|CA?|HK|NZ|S|NT|MX|R)?\$|[€£¥₩₹]|CHF|Fr\.|USD|EUR|GBP|JPY|BRL|PLN|zł|SEK|NOK|DKK|kr)"
_DRESSED = rf"^\(.*\d.*\)$|^\d[\d.,' ]*-$|^[+-]?{_MONEY}\s?[+-]?[\d.,]|\d\s?{_MONEY}$"
_SAMPLE = 200
_UNIT = r"([KMBTkmbt万萬만亿億억])$"


@dataclass(frozen=True)
class Numbers:
    """A column as numbers.

    Attributes:
        values: Float64; null where a cell is missing or NaN.
        wrong: the positions of cells that hold something else than a number, and are null in `values`.
        note: what a sign behind the numbers was taken for.
    """

    values: pl.Series
    wrong: pl.Series
    note: str | None = None


def to_numbers(
    name: str, columns: Sequence[pl.Series], thousands: str | None = None, decimal: str | None = None
) -> list[Numbers]:
    """Reads the columns of one file; the comma and the point mean one thing in all of it.

    Digits may also be grouped by apostrophes and blanks. K, M, B and T behind a number, and
    signs for 10^4 and 10^8 in Chinese, Japanese and Korean, multiply it; numbers with % behind are taken as they are.

    Args:
        name: how errors call the file.
        columns: of any type; what can't be a number (nested, times, binary) is wrong in every cell. A column's name
            tells whether it holds amounts, whose units may be written small or behind whole numbers alone, or prices,
            which are no percents.
        thousands, decimal: the signs that were said, as in `DataConfig`.

    Raises:
        AmbiguousError: `1,234` or `1.234` is one thousand or one point two, or `110'165` a quote in 32nds, and no cell
            tells which.
    """
    given = _given_comma(thousands, decimal)
    # Where a point groups digits, the easy way would take 1.234 for a little over one.
    easy = list(columns) if given == "decimal" else [_easy(column) for column in columns]
    cells = [_cells(column) if column.dtype == pl.String else None for column in easy]
    prices = [c for c, cell in zip(columns, cells, strict=True) if cell is None and c.name in OHLC]
    prices = [price for price in prices if price.dtype == pl.String]
    comma = given or comma_of(name, [cell.text for cell in cells if cell is not None], prices)
    if thousands is None:
        plain = {number: cell.text for number, cell in enumerate(cells) if cell is not None and cell.is_plain}
        require_groups(name, list(plain.values()))
        plain |= {n: column for n, column in enumerate(columns) if column.dtype == pl.String and cells[n] is None}
        if comma is None and points_group(name, list(plain.values())):
            comma = "decimal"
    if comma == "decimal" and given is None:
        easy = list(columns)
        cells = [_cells(column) if column.dtype == pl.String else None for column in easy]
    groups = _groups(thousands, comma)
    return [
        _of_cells(column, cell, groups, comma, indian=thousands == ",") if cell is not None else _typed(column)
        for column, cell in zip(easy, cells, strict=True)
    ]


@dataclass(frozen=True)
class _Cells:
    """Cells of text: what is left of each beside its unit, and powers of ten where there are units."""

    text: pl.Series
    powers: pl.Series | None = None
    percent: pl.Series | None = None

    @property
    def is_plain(self) -> bool:
        return self.powers is None and self.percent is None


def _given_comma(thousands: str | None, decimal: str | None) -> str | None:
    if thousands == "." or decimal == ",":
        return "decimal"
    return "group" if thousands == "," or decimal == "." else None


def _groups(thousands: str | None, comma: str | None) -> tuple[str, ...]:
    """The signs that may group digits; blanks and apostrophes were made one of each kind."""
    if thousands is not None:
        return (thousands,)
    return ("'", " ", *({"group": (",",), "decimal": (".",)}.get(comma or "", ())))


def _easy(column: pl.Series) -> pl.Series:
    """Float64 where every cell is a plain number; else the column as it is."""
    if column.dtype != pl.String:
        return column
    values = column.cast(pl.Float64, strict=False)
    return values if values.null_count() == column.null_count() else column


def _cells(column: pl.Series) -> _Cells:
    """Without blanks and quotes around, money signs and missing words; units apart."""
    text = column.str.strip_chars(" \t\r\"'\u00a0")
    if text.head(_SAMPLE).str.contains(_DRESSED).any():
        text = _bare(text)
    text = text.str.replace(r"^([+-]?)[$€£¥₩₹]\s?", "$1")
    text = text.set(text.str.to_lowercase().is_in(MISSING).fill_null(False), None)
    text = text.str.replace_all("[\u00a0\u2009\u202f]", " ").str.replace_all("[\u2019`]", "'")
    percent = text.str.ends_with("%").fill_null(False)
    if percent.any() and column.name not in OHLC:
        return _Cells(text.str.replace(r"\s*%$", ""), percent=percent)
    marks = text.str.extract(_UNIT)
    if not marks.count() or not _holds_units(column.name, text, marks):
        return _Cells(text)
    powers = marks.str.to_lowercase().replace_strict(_UNITS, default=None, return_dtype=pl.Int64).fill_null(0)
    return _Cells(text.str.replace(rf"\s?{_UNIT}", ""), powers=powers)


def _bare(text: pl.Series) -> pl.Series:
    """`(1.20)` and `1.20-` of accounts are below zero; `R$ 1.20`, `1.20 €` lose their money, if all have the same."""
    text = text.str.replace(r"^\(\s*([^()]*\d[^()]*)\)$", "-$1").str.replace(r"^(\d[\d.,' ]*)-$", "-$1")
    for sign, pattern in (
        (rf"^[+-]?({_MONEY})\s?[+-]?[\d.,]", rf"^([+-]?){_MONEY}\s?"),
        (rf"\d\s?({_MONEY})$", rf"\s?{_MONEY}$"),
    ):
        if text.str.extract(sign).drop_nulls().n_unique() == 1:
            text = text.str.replace(pattern, "$1" if pattern.startswith("^") else "")
    return text


def _holds_units(name: str, text: pl.Series, marks: pl.Series) -> bool:
    """Tells 2.59K of a volume from the 5M of a timeframe."""
    if is_amount(name):
        return True
    return not marks.is_in(["k", "m", "b", "t"]).any() and bool(text.str.contains(rf"\d[.,]\d+\s?{_UNIT}").any())


def _of_cells(column: pl.Series, cells: _Cells, groups: Sequence[str], comma: str | None, indian: bool) -> Numbers:
    written = _plain(cells.text, groups, "," if comma == "decimal" else ".", indian)
    if cells.powers is not None:  # 2.59K is 2.59e3, so that it is rounded once
        written = written + "e" + cells.powers.cast(pl.String)
    values = written.cast(pl.Float64, strict=False)
    if cells.percent is not None:  # beside percents only a plain 0 is one too
        values = values.set((~cells.percent & (values != 0)).fill_null(False), None)
    wrong = (values.is_null() & cells.text.is_not_null()).arg_true()
    return Numbers(values.fill_nan(None), wrong, _note(column, values, cells))


def _plain(text: pl.Series, groups: Sequence[str], point: str, indian: bool) -> pl.Series:
    """Numbers with a decimal point and no signs between digits; what is not grouped in threes stays as it is."""
    p = re.escape(point)
    for sign in groups:
        s = re.escape(sign)
        lakhs = rf"|^[+-]?\d{{1,2}}({s}\d{{2}})*{s}\d{{3}}({p}\d*)?$" if indian else ""
        grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({s}\d{{3}})+({p}\d*)?$" + lakhs).fill_null(False)
        text = text.zip_with(~grouped, text.str.replace_all(sign, "", literal=True)) if grouped.any() else text
    if point == ".":
        return text
    # A point groups thousands here, so one that doesn't is wrong rather than a decimal point.
    right = text.str.contains(r"^[+-]?\d*(,\d*)?([eE][+-]?\d+)?$").fill_null(True)
    return text.set(~right, None).str.replace(",", ".", literal=True)


def _note(column: pl.Series, values: pl.Series, cells: _Cells) -> str | None:
    marked = cells.percent if cells.percent is not None else None if cells.powers is None else cells.powers > 0
    if marked is None or (value := values[(first := int(marked.arg_max() or 0))]) is None:
        return None
    kind = "units behind its numbers" if cells.percent is None else "percents"
    return f"column {column.name!r} holds {kind}: {column[first]!r} is read as {value:,.10g}"


def _typed(column: pl.Series) -> Numbers:
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64)
    else:
        values = pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    return Numbers(values.fill_nan(None), (values.is_null() & column.is_not_null()).arg_true())
