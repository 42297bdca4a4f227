"""Text stamps to moments: the format is derived from the first stamp and must fit every other one.

Where the order of day and month is open, both orders are tried on the whole column; the column proves one when the
other fits not every row. When both fit, the column is refused: 03.04.2020 is not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from gatewise.errors import AmbiguousError, ReadError

_SEP = r"[-/.]"
_DATES = (
    (rf"\d{{4}}({_SEP})\d{{1,2}}\1\d{{1,2}}", ("%Y{0}%m{0}%d",)),
    (rf"\d{{1,2}}({_SEP})\d{{1,2}}\1\d{{4}}", ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
    (rf"\d{{1,2}}({_SEP})\d{{1,2}}\1\d{{2}}", ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")),
    (r"\d{8}", ("%Y%m%d",)),
    (r"\d{1,2}([-/ ]?)[A-Za-z]{3,9}\1\d{4}", ("%d{0}%B{0}%Y",)),
    (r"\d{1,2}([-/ ]?)[A-Za-z]{3,9}\1\d{2}", ("%d{0}%B{0}%y",)),
    (r"[A-Za-z]{3,9}( )\d{1,2}, \d{4}", ("%B %d, %Y",)),
    (r"[A-Za-z]{3,9}( )\d{1,2} \d{4}", ("%B %d %Y",)),
)
_TIMES = (
    (r"\d{1,2}:\d{2}:\d{2}[.]\d{1,9}", "%H:%M:%S%.f"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S%.f"),
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
    (r"\d{1,2}", "%H"),
)
_OFFSET = r"[+-]\d{2}(:?\d{2})?$"
_OLDEST_YEAR = 1800


@dataclass(frozen=True)
class Moments:
    """Parsed stamps: Datetime[us], in UTC where `aware`, else wall-clock time of a zone not said."""

    values: pl.Series
    aware: bool


def parse_text(name: str, column: str, text: pl.Series, rows: pl.Series, day_first: bool | None) -> Moments:
    """Reads a column of stamps without being told their format.

    Args:
        name, column: how errors call the file and the column.
        text: String, not empty, stripped.
        rows: row numbers, aligned with `text`.
        day_first: settles 03.04.2020.

    Raises:
        AmbiguousError: two orders of day and month fit every row; formats or zones mixed.
        ReadError: a stamp that no known format fits.
    """
    if text.str.contains(r"[zZ]$|UTC|GMT").any():
        text = text.str.replace(r"\s*(?:UTC|GMT)([+-]\d)", "$1").str.replace(r"\s*(?:[zZ]|UTC|GMT)$", "+0000")
    candidates = _candidates(text[0])
    if not candidates:
        raise ReadError(f"{name} column {column!r} row {rows[0]}: {text[0]!r} is no known time", _FORMAT_HINT)
    fits = {fmt: moments for fmt in candidates if (moments := apply_format(text, fmt)).values.null_count() == 0}
    order = {True: "%d", False: "%m"}
    if day_first is not None and any(fmt[:2] in order.values() and "%B" not in fmt for fmt in candidates):
        candidates = [fmt for fmt in candidates if fmt.startswith(order[day_first])]
        fits = {fmt: moments for fmt, moments in fits.items() if fmt in candidates}
    if len(fits) == 1:
        return next(iter(fits.values()))
    if not fits:
        raise _misfit(name, column, text, rows, candidates, day_first)
    readings = " or ".join(_plain(moments.values[0]) for moments in fits.values())
    raise AmbiguousError(
        f"{name} column {column!r}: {text[0]!r} may be {readings}, and no row of {len(text)} proves which",
        'data.day_first=True or data.day_first=False, or data.time_format="%d.%m.%Y %H:%M"',
    )


def apply_format(text: pl.Series, fmt: str) -> Moments:
    """strptime on the whole column; a stamp that the format doesn't fit is null."""
    aware = fmt.endswith("Z") and not fmt.endswith("%Z")  # a literal Z says UTC
    if fmt.endswith("%z"):
        text = text.str.replace(r"([+-]\d{2})$", "${1}00")
    if re.search(r"%[HI]", fmt) and "%M" not in fmt:  # polars wants both hour and minute
        text, fmt = "00 " + text, "%M " + fmt
    try:
        if re.search(r"%[HIMSTRcsf+]", fmt):
            values = text.str.to_datetime(fmt, time_unit="us", strict=False)
        else:
            values = text.str.to_date(fmt, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        raise ReadError(f"data.time_format {fmt!r} is no format: {str(error).splitlines()[0]}", _FORMAT_HINT) from error
    if getattr(values.dtype, "time_zone", None):
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        aware = True
    # %Y takes two digits for the first century.
    return Moments(values.set((values.dt.year() < _OLDEST_YEAR).fill_null(False), None), aware)


def _candidates(stamp: str) -> list[str]:
    for pattern, formats in _DATES:
        if not (match := re.match(pattern, stamp)):
            continue
        rest = stamp[match.end() :]
        tail = _time_format(rest)
        if tail is not None:
            separator = match[1] if match.groups() else ""
            return [fmt.format(separator) + tail for fmt in formats]
    return []


def _time_format(rest: str) -> str | None:
    """`T10:00:00Z` -> `T%H:%M:%S%.fZ`; None where the rest of the stamp is no time."""
    if not rest:
        return ""
    for pattern, fmt in _TIMES:
        match = re.fullmatch(rf"(T|[ ,;-]| {{2}}|, |)({pattern})(?:([ -]?)([AaPp][Mm]))?(?:( ?)(.+))?", rest)
        if match is None:
            continue
        gap, _, before, half, between, zone = match.groups()
        if half:
            fmt = fmt.replace("%H", "%I") + before + "%p"
        if not zone:
            return gap + fmt
        if re.fullmatch(_OFFSET, zone):
            return gap + fmt + between + "%z"
    return None


def _misfit(
    name: str, column: str, text: pl.Series, rows: pl.Series, candidates: list[str], day_first: bool | None
) -> AmbiguousError | ReadError:
    said = "" if day_first is None else f", read {'day' if day_first else 'month'} first"
    tried = [apply_format(text, fmt).values.is_null() for fmt in candidates]
    # The reading that fits the longest stretch from the top tells where the column turns.
    where = max(int(mask.arg_max() or 0) for mask in tried)
    address = f"{name} column {column!r} row {rows[where]}: {text[where]!r}"
    if where == 0:
        return ReadError(f"{address} is no date and time{said}", _FORMAT_HINT)
    offsets = [bool(re.search(r":\d{2}.*" + _OFFSET, text[position])) for position in (0, where)]
    if offsets == [True, False]:
        what, hint = "carries no offset from UTC while others do", _ZONE_HINT
    elif offsets == [False, True]:
        what, hint = "carries an offset from UTC while others do not", _ZONE_HINT
    else:
        what, hint = f"is written otherwise than row {rows[0]}: {text[0]!r}{said}", _FORMAT_HINT
    return AmbiguousError(f"{address} {what}", hint)


_FORMAT_HINT = (
    'data.time_format="%Y-%m-%d %H:%M:%S" or epoch_ms says how stamps are written; data.time_column names another'
)


_ZONE_HINT = "give every stamp an offset, or none and data.timezone"


def _plain(moment: object) -> str:
    return str(moment).removesuffix(" 00:00:00")
