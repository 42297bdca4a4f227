"""Stamps that name a month, a quarter or a week, and no day of it."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from gatewise.data.stamps.strptime import FORMAT_HINT, Moments, apply_format
from gatewise.errors import AmbiguousError

_TWO_DAYS = r"(\d{4}-\d{2}-\d{2})/(\d{4}-\d{2}-\d{2})"  # the first and the last of a week, as pandas writes it
_SHORT_YEAR = r"([A-Za-z]{3})[- ](\d{2})"  # Jan 20, as Investing.com writes months
# Stamps that name a period: what they look like, what is put in its place, the format then, and what they name.
_PERIODS = (
    (r"(\d{4})[-/.](\d{1,2})", "$1-$2", "%Y-%m", "months"),
    (r"(\d{4})[mM](\d{1,2})", "$1-$2", "%Y-%m", "months"),
    (r"(\d{1,2})[-/.](\d{4})", "$2-$1", "%Y-%m", "months"),
    (r"([A-Za-z]{3,9})[-/ ,]{1,2}(\d{4})", "$2-$1", "%Y-%B", "months"),
    (r"(\d{4})[- ]?([A-Za-z]{3,9})", "$1-$2", "%Y-%B", "months"),
    (r"(\d{4})[-/. ]?[qQ]([1-4])", "$1-q$2", "%Y-%m", "quarters"),
    (r"[qQ]([1-4])[-/. ]?(\d{4})", "$2-q$1", "%Y-%m", "quarters"),
    (r"(\d{4})-?W(\d{2})", "$1-W$2-1", "%G-W%V-%u", "weeks"),
    (_TWO_DAYS, "$1", "%Y-%m-%d", "weeks"),
    (_SHORT_YEAR, "$2-$1", "%y-%b", "months"),
)
_QUARTERS = (["q1", "q2", "q3", "q4"], ["01", "04", "07", "10"])


def read_period(name: str, column: str, text: pl.Series, rows: pl.Series) -> Moments | None:
    """The first moments of months, quarters or weeks; None where the first stamp names none."""
    for pattern, instead, fmt, period in _PERIODS:
        if not re.fullmatch(pattern, text[0]):
            continue
        written = text.str.replace(rf"^{pattern}$", instead)
        if period == "quarters":
            written = written.str.replace_many(*_QUARTERS)
        moments = apply_format(written, fmt)
        wrong = moments.values.is_null() | ~text.str.contains(rf"^{pattern}$")
        if wrong.all() or not _proven(pattern, text, moments.values):
            continue
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise AmbiguousError(
                f"{name} column {column!r} row {rows[row]}: {text[row]!r} is written otherwise than row "
                f"{rows[0]}: {text[0]!r}, one of the {period}",
                FORMAT_HINT,
            )
        return replace(
            moments, notes=(f"stamps name {period}, such as {text[0]}: read as their first moments", *moments.notes)
        )
    return None


def _proven(pattern: str, text: pl.Series, moments: pl.Series) -> bool:
    """Whether stamps that may name something else are periods: days a week apart; months, and not days of one year."""
    if pattern == _TWO_DAYS:
        end = text.str.extract(pattern, 2).str.to_date(strict=False).cast(pl.Datetime("us"))
        return bool(((end - moments).dt.total_days() == 6).fill_null(False).all())
    if pattern == _SHORT_YEAR:
        steps = (moments.dt.year().cast(pl.Int32) * 12 + moments.dt.month()).diff().drop_nulls().abs()
        return len(steps) > 0 and int(steps.is_between(1, 3).sum()) * 10 >= len(steps) * 9
    return True
