"""Dates as files' names write them, and the time that they span."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_Y, MONTH, _D = r"(?:19|20)\d{2}", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3])[-_:.]?[0-5]\d(?:[-_:.]?[0-5]\d(?:\.?\d{3})?)?Z?"
# Names of months and their usual abbreviations; MARA, DECK and MARUTI are tickers.
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATES = (
    rf"{_Y}(?P<s>[-_.]){MONTH}(?P=s){_D}(?:[T ]{_CLOCK})?",
    rf"{_Y}{MONTH}{_D}(?:T?{_CLOCK})?",
    r"\d{1,2}(?P<t>[-_.])\d{1,2}(?P=t)" + _Y,
    rf"{_D}{MONTH}{_Y}",
    rf"(?:\d{{1,2}}[-_. ]?)?{_MONTHS}[-_. ]?(?:\d{{1,2}},?[-_. ])?{_Y}",
    rf"{_Y}[-_. ]?{_MONTHS}(?:[-_. ]?\d{{1,2}})?",
    rf"{_Y}(?:H[12]|[-_. ]?[QW]\d{{1,2}})|Q[1-4][-_. ]?{_Y}",
    rf"{_Y}[-_.]?{MONTH}|{_Y}",
    r"1\d{9}(?:\d{3})?",  # an epoch
)
DATE = rf"(?:{'|'.join(_DATES)})"
_ABBREVIATED = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def names_month(text: str) -> bool:
    """Whether a date names its month in letters, as a ticker might (MAR, DEC)."""
    return re.search(_MONTHS, text, re.IGNORECASE) is not None


def span_of(text: str) -> tuple[datetime, datetime] | None:
    """First moment and end of the time that a date names, in UTC; None where it is not told: of weeks, or 3-4-2024."""
    if re.fullmatch(r"1\d{9}(?:\d{3})?", text):
        moment = datetime.fromtimestamp(int(text[:10]), UTC)
        return moment, moment
    if match := re.match(rf"({_Y})[-_.]?({MONTH})[-_.]?({_D})(?!\d$)", text):
        return _days(int(match[1]), int(match[2]), int(match[3]))
    if match := re.fullmatch(rf"({_Y})[-_.]?({MONTH})", text):
        return _months(int(match[1]), int(match[2]))
    if match := re.fullmatch(_Y, text):
        return _months(int(text), 1, 12)
    year = re.search(_Y, text)
    part = re.search(r"([HQ])([1-4])", text, re.IGNORECASE)
    month = re.search(_MONTHS, text, re.IGNORECASE)
    if year and month:
        return _months(int(year[0]), _ABBREVIATED.index(month[0][:3].lower()) + 1)
    if year and part:
        count = 6 if part[1] in "Hh" else 3
        return _months(int(year[0]), (int(part[2]) - 1) * count + 1, count)
    return None


def _days(year: int, month: int, day: int) -> tuple[datetime, datetime] | None:
    try:
        first = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return first, first + timedelta(days=1)


def _months(year: int, month: int, count: int = 1) -> tuple[datetime, datetime] | None:
    if month + count > 13:
        return None
    after = month - 1 + count
    return datetime(year, month, 1, tzinfo=UTC), datetime(year + after // 12, after % 12 + 1, 1, tzinfo=UTC)
