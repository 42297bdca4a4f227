"""Other ways to read a file's name: `H1_2024` is hours or half a year, `DAX 30_minute` bars of 30 minutes or of one.

Each way is written as a name that `names.read_name` reads in no other; the rows tell which one is meant (`readings`).
"""

from __future__ import annotations

import re

WRITTEN = "written"
_YEAR = r"(?:19|20)\d{2}"
_EDGE, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_PART_OF_YEAR = re.compile(
    rf"{_EDGE}(?:(?P<part>[HMW]\d{{1,2}})[-_. ](?P<year>{_YEAR})"
    rf"|(?P<early>{_YEAR})[-_. ](?P<late>[HM]\d{{1,2}})){_END}",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"(?<=\w)(?P<ahead>[-_ ])(?P<number>\d{1,5})(?P<behind>[-_ ])"
    rf"(?P<unit>(?:sec|second|min|minute|hour|day|week|month)s?){_END}",
    re.IGNORECASE,
)
_LENGTHS = re.compile(r"M(?:[1-6]|1[025])|H(?:[1-46]|8|12)|W1", re.IGNORECASE)  # of MetaTrader
_LAST = {"H": 2, "M": 12, "W": 53}
_USUAL = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 720, 1440}


def variants(name: str) -> dict[str, str]:
    """What may be meant -> a name that says that alone; the likelier first. `WRITTEN` is the name itself."""
    readings = [(WRITTEN, name)]
    if (match := _PART_OF_YEAR.search(name)) and (date := _date(match)) is not None:
        is_length = _LENGTHS.fullmatch(match["part"] or match["late"])
        readings.insert(1 if is_length else 0, ("part of a year", name[: match.start()] + date + name[match.end() :]))
    if match := _COUNTED.search(name):  # the number is the symbol's, and the bar lasts one unit
        written = f"{name[: match.end('number')]}_1{match['unit']}{name[match.end() :]}"
        bound = match["ahead"] == " " != match["behind"]
        readings.insert(0 if bound or int(match["number"]) not in _USUAL else len(readings), ("one unit", written))
    return dict(readings)


def _date(match: re.Match[str]) -> str | None:
    part, year = (match["part"] or match["late"]).upper(), match["year"] or match["early"]
    number = int(part[1:])
    if not 1 <= number <= _LAST[part[0]]:
        return None
    return {"H": f"{year}H{number}", "M": f"{year}-{number:02}", "W": f"{year}-W{number:02}"}[part[0]]
