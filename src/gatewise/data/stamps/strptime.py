"""A column of stamps by one strptime format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from gatewise.errors import ReadError

DIRECTIVE = r"%(?:[-_.:0-9^#]*[A-Za-z]|[+%])"  # of strptime
FORMAT_HINT = (
    'data.time_format="%Y-%m-%d %H:%M:%S" or epoch_ms says how stamps are written; data.time_column names another'
)
_OLDEST_YEAR = 1800


@dataclass(frozen=True)
class Moments:
    """Parsed stamps.

    Attributes:
        values: Datetime[us], in UTC where `aware`, else wall-clock time.
        aware: whether the stamps told UTC or offsets from it.
        words: of each stamp the zone or offset at its end, where names of zones are among them; then not `aware`.
        notes: what was assumed.
    """

    values: pl.Series
    aware: bool
    words: pl.Series | None = None
    notes: tuple[str, ...] = ()


def apply_format(text: pl.Series, fmt: str) -> Moments:
    """strptime on the whole column; a stamp that the format doesn't fit is null.

    Raises:
        ReadError: no format, or one that passes over the zone.
    """
    if re.search(r"(?<!%)(?:%%)*%Z", fmt):
        raise ReadError(f"data.time_format {fmt!r} must have %Z at its end, after the time", "or leave %Z out")
    aware = re.search(rf"(?:{DIRECTIVE}|[^A-Za-z%])(Z|UTC|GMT)$|%s", fmt) is not None  # literally so, or an epoch
    if fmt.endswith("%z"):
        text = text.str.replace(r"([+-]\d{2})$", "${1}00").str.replace(r"[zZ]$", "+0000")
    if re.search(r"%[HI]", fmt) and "%M" not in fmt:  # polars wants both hour and minute
        text, fmt = "00 " + text, "%M " + fmt
    try:
        if re.search(r"%[HIMSTRcsf+]", fmt):
            values = text.str.to_datetime(fmt, time_unit="us", strict=False)
        else:
            values = text.str.to_date(fmt, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        raise ReadError(f"data.time_format {fmt!r} is no format: {str(error).splitlines()[0]}", FORMAT_HINT) from error
    if getattr(values.dtype, "time_zone", None):
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        aware = True
    notes: tuple[str, ...] = ()
    if re.search(r"(?<!%)(?:%%)*%y", fmt):
        late = (values > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)).fill_null(False)
        if late.any():  # a year is not one that is yet to come
            values = values.zip_with(~late, values.dt.offset_by("-100y"))
            notes = (
                f"years of two digits that would be yet to come are read as a century before: {late.sum():,} rows",
            )
    # %Y takes two digits for the first century.
    return Moments(values.set((values.dt.year() < _OLDEST_YEAR).fill_null(False), None), aware, notes=notes)
