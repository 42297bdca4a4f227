"""Names of columns that hold a zone, as in `Time (EST)`, `time_cet`, `Datetime (Asia/Shanghai)`, `New York Time`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from gatewise.data.columns.spellings import ALL_TIMES, CLOCKS, DATES, normalise
from gatewise.data.stamps.zones import known, offset_of, zone_of
from gatewise.errors import AmbiguousError

_SPELLINGS = {*ALL_TIMES, *CLOCKS, *DATES}


@dataclass(frozen=True)
class ZonedName:
    """The name of a column of times.

    Attributes:
        spelling: without the zone.
        zone: the word for it, as `zones` knows it.
    """

    spelling: str
    zone: str


@cache
def read_zoned(column: str) -> ZonedName | None:
    """The zone in the name of a column of times; None where there is none, or where the whole name is a usual one."""
    if normalise(column) in _SPELLINGS:
        return None
    for time, zone in _splits(column.strip()):
        if (spelling := normalise(time)) not in _SPELLINGS:
            continue
        for word in (zone, zone.replace("_", " ")):
            if offset_of(word) is not None or zone_of(word) is not None or known(word):
                return ZonedName(spelling, word)
    return None


def _splits(column: str) -> Iterator[tuple[str, str]]:
    """Ways to cut a name into that of a time and that of a zone: by brackets, or between two words."""
    if match := re.fullmatch(r"(.*?)[\s_]*[(\[]\s*([^()\[\]]+?)\s*[)\]]", column):
        yield match[1], match[2]
    for edge in re.finditer(r"[\s_]+", column):
        left, right = column[: edge.start()], column[edge.end() :]
        yield left, right
        yield right, left


def plain_spelling(column: str) -> str:
    """`Open Time (UTC+8)` -> open_time; see `normalise`."""
    zoned = read_zoned(column)
    return zoned.spelling if zoned else normalise(column)


def zone_in_names(address: str, columns: Sequence[str]) -> str | None:
    """The word for the zone in the names of the columns of a time, if one is there.

    Raises:
        AmbiguousError: they name several.
    """
    zones = list(dict.fromkeys(word for column in columns if (word := _zone_in_name(column))))
    if zones[1:]:
        raise AmbiguousError(f"{address}: {' and '.join(zones)} in the columns' names", "data.time_column names one")
    return zones[0] if zones else None


def _zone_in_name(column: str) -> str | None:
    if zoned := read_zoned(column):
        return zoned.zone
    spelling = normalise(column)
    return "UTC" if spelling.startswith(("utc", "gmt")) or spelling.endswith("utc") else None
