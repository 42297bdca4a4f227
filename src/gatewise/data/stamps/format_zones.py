"""Words that a format holds as they stand: those that name a clock, as in `%d/%m/%Y %H:%M New York`, say whose it is.

A format is said for all stamps, so EST there may stand for New York's clock in summer too, where the zone is said.
"""

from __future__ import annotations

import re

from gatewise.data.stamps.strptime import DIRECTIVE
from gatewise.data.stamps.zones import explain, known, names_clock, offset_of, zone_of
from gatewise.errors import AmbiguousError

_OFFSET = r"[+-]\d{2}:?\d{2}"
# Words of times of day that tell no clock.
_NO_ZONE = frozenset(("uhr", "h", "hr", "hrs", "hour", "hours", "o'clock", "am", "pm", "a.m.", "p.m.", "uur", "hs"))


def zone_word(fmt: str) -> str | None:
    """The word in a format that names a zone, an offset or a place, or stands behind the time and may."""
    *between, behind = re.split(DIRECTIVE, fmt)
    behind = " ".join(word for word in behind.strip(" ()[],").split() if word.lower() not in _NO_ZONE)
    if re.fullmatch(_OFFSET, behind) and re.search("%[HIRT]", fmt):
        return behind
    if named := re.search(r"[^\W\d_]{2}.*", behind):
        return named[0]
    return next((w for text in between if (w := text.strip(" ()[],"))[:1].isupper() and _is_zone(w)), None)


def zone_beside(address: str, word: str | None, given: str | None, place: str) -> str | None:
    """The word for all stamps by which they are to be read; None where there is none, or the said zone reads them.

    Args:
        address: how errors call the file and the column.
        word: of a format, or in the name of a column.
        given: the zone that `data.timezone` names.
        place: how errors call what holds the word.

    Raises:
        AmbiguousError: the word names another clock than was said.
    """
    if word is None or given is None or offset_of(word) is not None:
        return word
    if _is_zone(word) and not names_clock(word, given):
        raise AmbiguousError(
            f"{address}: stamps show {word!r} by {place}, which is not the clock of data.timezone {given!r}",
            explain(word),
        )
    return None


def _is_zone(word: str) -> bool:
    return offset_of(word) is not None or zone_of(word) is not None or known(word)
