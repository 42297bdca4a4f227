"""The names most like one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 8


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names most like one that is not known: exchanges list thousands of symbols, and nobody reads them all."""
    names = sorted(known)
    low = name.lower()
    of_low = {known_name.lower(): known_name for known_name in names}
    alike = [of_low[key] for key in difflib.get_close_matches(low, of_low, n=_MOST, cutoff=0.6)]
    holding = sorted((known_name for key, known_name in of_low.items() if low and low in key), key=len)
    farther = [of_low[key] for key in difflib.get_close_matches(low, of_low, n=_MOST, cutoff=0.3)]
    return list(dict.fromkeys([*alike, *holding, *farther]))[:_MOST] or names[:_MOST]
