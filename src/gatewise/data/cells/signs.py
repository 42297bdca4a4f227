"""What commas, points and apostrophes between digits mean: proved by cells, or refused where two readings fit.

A comma and a point mean one thing in all of a file. A point is decimal unless cells prove otherwise; whole numbers
below a thousand beside `9.009` are what grouped thousands leave, and what decimals of three digits hardly do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from gatewise.data.columns.spellings import normalise
from gatewise.data.table import OHLC
from gatewise.errors import AmbiguousError

_DIGITS = r"^[+-]?[\d.,' ]*\d[\d.,' ]*$"
# What only grouped thousands look like (1,234.5 and 1,234,567), and what only a decimal comma does (12,5 and 1.234,5).
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+\.\d*$|^[+-]?[1-9]\d{0,2}(,\d{3}){2,}$"
_DECIMAL = (
    r"^[+-]?\d*,(\d{1,2}|\d{4,})$|^[+-]?(0|\d{4,}),\d+$|^[+-]?\d{1,3}(\.\d{3})+,\d+$|^[+-]?\d{1,3}([' ]\d{3})+,\d+$"
)
# Whole numbers as points would group them, one that they certainly do, and one that may be a decimal of three digits.
_WHOLE = r"^[+-]?(0|[1-9]\d{0,2}(\.\d{3})*)$"
_POINTS = r"^[+-]?[1-9]\d{0,2}(\.\d{3}){2,}$"
_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
INDIAN = r"^[+-]?\d{1,2}(,\d{2})+,\d{3}(\.\d*)?$"
_SURELY_POINT = r"^[+-]?\d*\.(\d{1,2}|\d{4,})$"
_WITH_POINT = r"^[+-]?\d*\.\d*([eE][+-]?\d+)?$"
_SAMPLE = 100  # cells that settle nearly every column
_FEW = 10  # so few decimals of three digits may all end in another one than 0 by chance
# Quotes of bonds and their futures: points, 32nds, and the first digit behind the point of what is left of a 32nd, in
# eighths (2 is 0.25). What only grouped thousands look like has more groups, a fraction, or other digits.
_QUOTE = r"^[+-]?(\d{1,3})'([0-2]\d|3[01])([0-35-8])$"
_APOSTROPHES = (
    r"^[+-]?[1-9]\d{0,2}('\d{3}){2,}([.,]\d*)?$|^[+-]?[1-9]\d{0,2}'(\d{3}[.,]\d*|3[2-9]\d|[4-9]\d\d|\d\d[49])$"
)
_AMOUNTS = re.compile(r"vol|amount|turnover|market_?cap|shares|open_?int|trades")


def is_amount(column: str) -> bool:
    """Whether a column's name says that it counts what is traded or held."""
    return _AMOUNTS.search(normalise(column)) is not None


def comma_of(name: str, texts: Sequence[pl.Series], prices: Sequence[pl.Series] = ()) -> str | None:
    """`group` or `decimal` by what the cells prove; None where no number holds a comma.

    Args:
        name: how errors call the file.
        texts: cells of columns that are no plain numbers, without blanks around and units.
        prices: cells of prices that are: where a point is surely decimal in them, a comma in amounts is not.

    Raises:
        AmbiguousError: nothing tells which, or cells prove either.
    """
    if not any(text.str.contains(",", literal=True).any() for text in texts):
        return None
    cells = pl.concat([column.unique(maintain_order=True) for column in texts]).drop_nulls()
    cells = cells.filter(cells.str.contains(",", literal=True) & cells.str.contains(_DIGITS))
    if cells.is_empty():
        return None
    group, decimal = bool(cells.str.contains(_THOUSANDS).any()), bool(cells.str.contains(_DECIMAL).any())
    counted = all(is_amount(text.name) for text in texts if text.str.contains(",", literal=True).any())
    if not (group or decimal) and counted and any(price.str.contains(_SURELY_POINT).any() for price in prices):
        return "group"
    if group == decimal:
        reason = "some cells prove either reading" if group else "no cell tells thousands from a decimal comma"
        indian = cells.str.contains(INDIAN).any() and not decimal
        raise AmbiguousError(
            f"{name}: numbers hold commas, such as {cells[0]!r}, and {reason}",
            'data.thousands="," takes the grouping of India, as in 53,21,715'
            if indian
            else 'data.thousands="," where they group digits, data.decimal="," where they are decimal',
        )
    return "group" if group else "decimal"


def points_group(name: str, texts: Sequence[pl.Series]) -> bool:
    """Whether points group digits in a file without commas, as `1.234.567` proves where no point is surely decimal.

    Args:
        name: how errors call the file.
        texts: cells of all columns of text, called as the table calls them.

    Raises:
        AmbiguousError: a column of `9.009` and of whole numbers below a thousand, which may be either.
    """
    doubtful = [text for text in texts if _may_be_grouped(text)]
    if not doubtful:
        return False
    decimal = any((text.str.contains(_WITH_POINT) & ~text.str.contains(_POINT)).any() for text in texts)
    for text in doubtful:
        if text.str.contains(_POINTS).any():
            if decimal:
                continue  # its cells are no numbers then, and judged as such
            return True
        pointed = text.filter(text.str.contains(_POINT))
        by_chance = decimal and pointed.n_unique() < _FEW and text.name not in OHLC and not is_amount(text.name)
        if not by_chance:
            bare = text.filter(~text.str.contains(".", literal=True))
            raise AmbiguousError(
                f"{name} column {text.name!r} holds {pointed[0]!r} beside {bare[0]!r}: points may group digits or be "
                "decimal",
                'data.thousands="." where they group digits, data.decimal="." where they are decimal',
            )
    return False


def _may_be_grouped(text: pl.Series) -> bool:
    """Whether all cells are whole numbers as points would group them, of which some have none or several."""
    if not text.head(_SAMPLE).str.contains(_WHOLE).all():
        return False
    length = text.str.len_bytes()  # of whole numbers: up to 4 with a sign, 5 to 8 with a point, more with several
    if not ((length > 8).any() or ((length > 4).any() and (length <= 4).any())):
        return False
    return bool(text.str.contains(_WHOLE).all())


def require_groups(name: str, texts: Sequence[pl.Series]) -> None:
    """Holds that apostrophes group digits: `110'165` may as well be a quote of 110 and 16.5 of 32 parts of one.

    Args:
        name: how errors call the file.
        texts: cells of columns that are no plain numbers, called as the table calls them.

    Raises:
        AmbiguousError: a column, of no amounts, in which every cell with an apostrophe may be such a quote.
    """
    for text in texts:
        quotes = text.filter(text.str.contains("'", literal=True))
        quotes = quotes.filter(quotes.str.contains(_QUOTE))
        if quotes.is_empty() or is_amount(text.name) or text.str.contains(_APOSTROPHES).any():
            continue
        whole = text.str.extract(r"^(\d+)$").drop_nulls().cast(pl.Float64).sort()
        points, parts, left = (quotes.str.extract(_QUOTE, group).cast(pl.Int64) for group in (1, 2, 3))
        if len(whole) and (points * 10 <= whole[-1]).all():
            continue  # 987 goes on as 1'012, never as 1 and 1.25 of 32 parts
        eighths = 8 * parts[0] + left[0] - (left[0] > 3)
        raise AmbiguousError(
            f"{name} column {text.name!r}: {quotes[0]!r} may be {points[0]:,}{quotes[0][-3:]} or a quote in 32nds, "
            f"{points[0] + eighths / 256}, and no cell tells which",
            """data.thousands="'" where apostrophes group digits, as in Switzerland; 32nds are to be decimals first""",
        )
