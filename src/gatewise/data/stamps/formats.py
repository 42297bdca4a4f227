"""Text stamps to moments: the format is derived from the first stamp and must fit every other one.

Where the order of day and month is open, both orders are tried on the whole column; the column proves one when the
other fits not every row. When both fit, the column is refused: 03.04.2020 is not guessed. Names of zones at the stamps'
ends are taken off and handed on with the clock's time; what they mean is not this module's to know.
"""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from gatewise.data.stamps.period_stamps import read_period
from gatewise.data.stamps.strptime import FORMAT_HINT, Moments, apply_format
from gatewise.errors import AmbiguousError, ReadError

_SEP = r"[-/.]"
_DATES = (
    (rf"\d{{4}}({_SEP})\d{{1,2}}\1\d{{1,2}}", ("%Y{0}%m{0}%d",)),
    (r"\d{4}-\d{3}(?!\d)", ("%Y-%j",)),
    (r"\d{4}-W\d{2}-\d", ("%G-W%V-%u",)),
    (r"\d{4}年\d{1,2}月\d{1,2}日", ("%Y年%m月%d日",)),
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
# What may stand at a stamp's end: an offset, a name such as US/Eastern, Etc/GMT+5 or EST5EDT, or several words.
_ZONE = (
    r"(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?"
    r"|[A-Za-z]+(?:[/_-][A-Za-z]+)*(?:[+-]?\d{1,2}[A-Za-z]*)?"
    r"|[A-Za-z.]+(?: [A-Za-z]+){1,3}"
)
_ENDS_IN_ZONE = rf"^(.*?\d(?:\s*[AaPp][Mm]\b)?)\s*\(?({_ZONE})\)?$"
_AFTER = r"(\d|[AaPp][Mm])\s*"  # the time of day; Etc/GMT+5 is the name of a zone
_SPAN = r"(\d{1,2}):(\d{2})\s*[-\u2013]\s*(\d{1,2}):(\d{2})$"
_HALVES = ("AM", "PM")
# Where the first stamp shows the former, the latter is replaced.
_SPELLINGS = (
    (r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[.,]?\s+", ""),
    (r":\d{2},\d", r"(:\d{2}),(\d{1,9})", "$1.$2"),
    (r"[AaPp]\.[Mm]\.", r"([AaPp])\.([Mm])\.", "$1$2"),
    (r"\[.*\]$", r"([+-]\d{2}:?\d{2})\[[^]]*\]$", "$1"),  # Java: an offset and the place beside it
    (r"[+-]\d{4} ?\(.*\)$", r"([+-]\d{4}) ?\([^)]*\)$", "$1"),  # JavaScript
    (r"[A-Za-z]{3}", r"\b[Ss]ept\b", "Sep"),
)


def parse_text(name: str, column: str, text: pl.Series, rows: pl.Series, day_first: bool | None) -> Moments:
    """Reads a column of stamps without being told their format.

    Args:
        name, column: how errors call the file and the column.
        text: String, not empty, stripped.
        rows: row numbers, aligned with `text`.
        day_first: settles 03.04.2020.

    Raises:
        AmbiguousError: two orders of day and month fit every row; formats or zones mixed.
        ReadError: a stamp that no known format fits, or that names a time and its end.
    """
    raw, zones = text, None
    _refuse_spans(name, column, text, rows)
    text, in_utc = _plain_text(text)
    if (period := read_period(name, column, text, rows)) is not None:
        return period
    candidates = _candidates(text[0])
    fits = _fits(text, candidates)
    if not fits and (ends := split_zones(text)) is not None:
        text, zones = ends
        candidates = _candidates(text[0])
        fits = _fits(text, candidates)
    if not candidates:
        raise _unknown(name, column, raw, rows)
    if zones is not None and zones.null_count():
        row = int(zones.is_null().arg_max() or 0)
        raise AmbiguousError(
            f"{name} column {column!r} row {rows[row]}: {raw[row]!r} names no zone while others do", _ZONE_HINT
        )
    order = {True: "%d", False: "%m"}
    if day_first is not None and any(fmt[:2] in order.values() and "%B" not in fmt for fmt in candidates):
        candidates = [fmt for fmt in candidates if fmt.startswith(order[day_first])]
        fits = {fmt: moments for fmt, moments in fits.items() if fmt in candidates}
    if len(fits) == 1:
        (moments,) = fits.values()
        return replace(moments, words=zones, aware=moments.aware or in_utc)
    if not fits:
        raise _misfit(name, column, raw, text, rows, candidates, day_first)
    one, other, *_ = (moments.values for moments in fits.values())
    row = int((one != other).arg_max() or 0)
    readings = " or ".join(_plain(moments.values[row]) for moments in fits.values())
    ways = ["data.day_first=True or data.day_first=False"]
    ways += [f'data.time_format="{fmt}"' for fmt in fits if fmt[:2] not in order.values() and not _misses(raw, fmt)]
    raise AmbiguousError(
        f"{name} column {column!r}: {raw[row]!r} may be {readings}, and no row of {len(text)} proves which",
        " or ".join(ways),
    )


def read_format(name: str, column: str, text: pl.Series, rows: pl.Series, fmt: str) -> Moments:
    """Reads a column of stamps by a strptime format; `%Z` at its end stands for any zone, and is never passed over.

    Raises:
        ReadError: no format, or a stamp that it doesn't fit.
    """
    body, zones, of_body = text, None, fmt
    if fmt.endswith("%Z") and not fmt.endswith("%%Z"):
        body, zones, of_body = *_ends(text), fmt.removesuffix("%Z").rstrip()
    moments = apply_format(body, of_body)
    wrong = moments.values.is_null() if zones is None else moments.values.is_null() | zones.is_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise ReadError(
            f"{name} column {column!r} row {rows[row]}: {text[row]!r} is not written as {fmt}",
            "mend data.time_format, or leave it out to have it found",
        )
    return replace(moments, words=zones)


def date_format(stamp: str) -> str | None:
    """The first format of a date without a time of day that a stamp looks like; None where it looks like none."""
    for pattern, formats in _DATES:
        if match := re.fullmatch(pattern, stamp):
            return formats[0].format(match[1] if match.groups() else "")
    return None


def split_zones(text: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Stamps without the zones at their ends, and these, null where a stamp has none; None where none has a name."""
    first = re.fullmatch(_ENDS_IN_ZONE, text[0])
    if first and _named(first[2]) and text.str.ends_with(text[0][first.end(1) :]).all():
        zones = pl.repeat(first[2], len(text), dtype=pl.String, eager=True)
        return text.str.strip_suffix(text[0][first.end(1) :]), zones
    if not text.str.contains(r"[A-Za-z]{2}\d*\)?$").any():
        return None
    body, zones = _ends(text)
    return (body, zones) if zones.drop_nulls().str.contains("[A-Za-z]").any() else None


def _refuse_spans(name: str, column: str, text: pl.Series, rows: pl.Series) -> None:
    """Tells 09:00-10:00 from a time and its offset, which does not go on with the time as an end does."""
    if not re.search(_SPAN, text[0]):
        return
    ends = [
        text.str.extract(_SPAN, n).cast(pl.Int64) * 60 + text.str.extract(_SPAN, n + 1).cast(pl.Int64) for n in (1, 3)
    ]
    if ends[0].n_unique() > 1 and ((ends[1] - ends[0]) % 1440).n_unique() == 1:
        raise ReadError(
            f"{name} column {column!r} row {rows[0]}: {text[0]!r} names a time and its end", "write the time alone"
        )


def _plain_text(text: pl.Series) -> tuple[pl.Series, bool]:
    """Without spellings that no format takes: a weekday, a comma before a fraction, a.m.; and whether UTC ended all."""
    ends = re.search(r"(?<=[\dMm])\s*(?:[zZ]|UTC|GMT)$", text[0])
    in_utc = ends is not None and bool(text.str.ends_with(ends[0]).all())
    if ends and in_utc:
        text = text.str.strip_suffix(ends[0])
    elif text.str.contains(r"[zZ]$|UTC|GMT").any():
        text = text.str.replace(_AFTER + r"(?:UTC|GMT)([+-])(\d)(:|$)", "$1${2}0$3$4")  # UTC-5
        text = text.str.replace(_AFTER + r"(?:UTC|GMT)([+-]\d)", "$1$2")
        text = text.str.replace(_AFTER + r"(?:[zZ]|UTC|GMT)$", "$1+0000")
    for shown, pattern, instead in _SPELLINGS:
        if re.search(shown, text[0]):
            text = text.str.replace(pattern, instead)
    return text, in_utc


def _fits(text: pl.Series, candidates: list[str]) -> dict[str, Moments]:
    return {fmt: moments for fmt in candidates if (moments := apply_format(text, fmt)).values.null_count() == 0}


def _misses(text: pl.Series, fmt: str) -> bool:
    """Whether a format that fits stamps in plain spelling does not fit them as they are written."""
    return apply_format(text, fmt).values.null_count() > 0


def _ends(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Stamps without the zones or offsets at their ends, and these; a stamp that has none is left whole."""
    parts = text.str.extract_groups(_ENDS_IN_ZONE).struct
    zones = parts[1].set(parts[1].str.to_uppercase().is_in(_HALVES).fill_null(False), None)
    return parts[0].zip_with(zones.is_not_null(), text), zones


def _named(word: str) -> bool:
    return word.upper() not in _HALVES and word[:1].isalpha()


def _candidates(stamp: str) -> list[str]:
    for pattern, formats in _DATES:
        if not (match := re.match(pattern, stamp)):
            continue
        clock = stamp[match.end() :]
        tail = _time_format(clock)
        if tail is not None:
            separator = match[1] if match.groups() else ""
            return [fmt.format(separator) + tail for fmt in formats]
    return []


def _time_format(clock: str) -> str | None:
    """`T10:00:00Z` -> `T%H:%M:%S%.fZ`; None where the rest of the stamp is no time."""
    if not clock:
        return ""
    for pattern, fmt in _TIMES:
        match = re.fullmatch(rf"(T|[ ,;_-]| {{2}}|, |)({pattern})(?:([ -]?)([AaPp][Mm]))?(?:( ?)(.+))?", clock)
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


def _unknown(name: str, column: str, raw: pl.Series, rows: pl.Series) -> ReadError:
    address = f"{name} column {column!r} row {rows[0]}: {raw[0]!r}"
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+", raw[0]):
        return ReadError(
            f"{address} is no known time: a number with an exponent, as spreadsheets write after rounding",
            "write the numbers out in full; " + FORMAT_HINT,
        )
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?", raw[0]):
        return ReadError(f"{address} is no known time: it has no date", 'data.time_column="DATE,TIME" names both')
    return ReadError(f"{address} is no known time", FORMAT_HINT)


def _misfit(
    name: str,
    column: str,
    raw: pl.Series,
    text: pl.Series,
    rows: pl.Series,
    candidates: list[str],
    day_first: bool | None,
) -> AmbiguousError | ReadError:
    order = "" if day_first is None else f", read {'day' if day_first else 'month'} first"
    tried = [apply_format(text, fmt).values.is_null() for fmt in candidates]
    # The reading that fits the longest stretch from the top tells where the column turns.
    row = max(int(mask.arg_max() or 0) for mask in tried)
    address = f"{name} column {column!r} row {rows[row]}: {raw[row]!r}"
    if re.search(r"[T ]24:?00", raw[row]):
        return ReadError(
            f"{address} is no time of day: 24:00 is the next day's 00:00",
            "write the next day's 00:00, or take that row out",
        )
    if row == 0:
        return ReadError(f"{address} is no date and time{order}", FORMAT_HINT)
    offsets = [bool(re.search(r":\d{2}.*" + _OFFSET, text[position])) for position in (0, row)]
    if offsets == [True, False]:
        fault, hint = "carries no offset from UTC while others do", _ZONE_HINT
    elif offsets == [False, True]:
        fault, hint = "carries an offset from UTC while others do not", _ZONE_HINT
    else:
        fault, hint = f"is written otherwise than row {rows[0]}: {raw[0]!r}{order}", FORMAT_HINT
    return AmbiguousError(f"{address} {fault}", hint)


_ZONE_HINT = "give every stamp an offset, or none and data.timezone"


def _plain(moment: object) -> str:
    return str(moment).removesuffix(" 00:00:00")
