"""What a name or abbreviation of a time zone is taken for, and how to say it where it is none.

IANA names are zones. `UTC-5` in a stamp is an offset. An abbreviation such as EST or IST is neither: several places use
it, for a part of the year. What is suggested instead comes from the tz database itself: the places of markets whose
clocks show it.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache

from gatewise.errors import ConfigError

# Other words for one clock: CLDR's list of Windows' zones has some, the rest are places that share another's clock.
_CALLED = {
    word: zone
    for zone, words in {
        "America/New_York": "et|eastern|ny|nyc|boston|washington dc|philadelphia|miami|atlanta",
        "America/Chicago": "ct|central|dallas|houston",
        "America/Denver": "mt|mountain",
        "America/Los_Angeles": "pt|pacific|san francisco|seattle",
        "America/Toronto": "ottawa",
        "America/Sao_Paulo": "rio de janeiro|brasilia",
        "Europe/London": "uk|england|edinburgh",
        "Europe/Berlin": "w. europe|mez|mesz|germany|frankfurt|munich|hamburg",
        "Europe/Zurich": "switzerland|geneva|basel",
        "Europe/Paris": "romance|france",
        "Europe/Rome": "italy|milan",
        "Europe/Madrid": "barcelona",
        "Europe/Athens": "gtb",
        "Europe/Helsinki": "fle",
        "Europe/Istanbul": "ankara",
        "Asia/Shanghai": "china|beijing|peking|shenzhen|guangzhou",
        "Asia/Hong_Kong": "hk",
        "Asia/Kolkata": "india|bombay|mumbai|delhi|new delhi|bangalore|bengaluru|chennai|madras",
        "Asia/Karachi": "islamabad|lahore",
        "Asia/Dubai": "abu dhabi",
        "Asia/Tokyo": "osaka",
        "Asia/Seoul": "korea|south korea",
        "Asia/Ho_Chi_Minh": "vietnam|hanoi",
        "Africa/Johannesburg": "south africa|cape town|pretoria",
        "Pacific/Auckland": "wellington",
    }.items()
    for word in words.split("|")
}
_MARKETS = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles"),
    *("America/Toronto", "America/Halifax", "America/St_Johns", "America/Mexico_City", "America/Panama"),
    *("America/Sao_Paulo", "America/Havana", "America/Anchorage", "Pacific/Honolulu"),
    *("Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Berlin", "Europe/Paris", "Europe/Athens"),
    *("Europe/Helsinki", "Europe/Istanbul", "Europe/Moscow", "Africa/Johannesburg", "Africa/Tunis", "Africa/Cairo"),
    *("Asia/Kolkata", "Asia/Jerusalem", "Asia/Dubai", "Asia/Tehran", "Asia/Karachi", "Asia/Kathmandu", "Asia/Jakarta"),
    *("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Manila", "Asia/Tokyo", "Asia/Seoul"),
    *("Australia/Sydney", "Australia/Brisbane", "Australia/Darwin", "Australia/Adelaide", "Australia/Perth"),
    "Pacific/Auckland",
)
# In the tz database, and yet abbreviations: EST is -05:00 in summer too there.
_OLD = ("EST", "MST", "HST", "CET", "EET", "MET", "WET")
_UTC = ("Z", "UTC", "GMT", "UT", "UCT", "ZULU")
_TIME = r"\s+(standard |daylight |summer )?time$"
_OFFSET = re.compile(r"(?:UTC|GMT|UT)? ?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


@cache
def zone_names() -> dict[str, str]:
    """IANA's names by themselves in lower case; without those that mean this machine."""
    return {name.lower(): name for name in zoneinfo.available_timezones() - {"Factory", "localtime"}}


def require_zone(given: str) -> tuple[str, ...]:
    """Checks what `data.timezone` says.

    Returns:
        A note where the name is known to mean something else than it seems to.

    Raises:
        ConfigError: no zone; the hint names those that may be meant.
    """
    if given not in zone_names().values():
        raise ConfigError(f"unknown time zone {given!r}", explain(given))
    fixed = _at(given, 1)[0] == _at(given, 7)[0]
    if given in _OLD:
        change = f"is {_written(_at(given, 1)[0])} all year" if fixed else "has summer time"
        return (f"warning: the zone {given} {change}; the name of a place is safer: {_listed(_places(given))}",)
    if re.fullmatch(r"(Etc/)?GMT[+-][1-9]\d?", given):
        return (f"{given} is {_written(_at(given, 1)[0])} all year: such names turn the sign round",)
    return ()


def explain(word: str) -> str:
    """A hint for what is no IANA name: which ones may be meant, never just one of several."""
    plain = re.sub(_TIME, "", " ".join(word.lower().split()))
    if (offset := offset_of(word)) is not None:
        whole = offset % timedelta(hours=1) == timedelta(0)
        hours = -int(offset / timedelta(hours=1))
        fixed = ["UTC" if not hours else f"Etc/GMT{hours:+d}"] if whole else _places_at(offset)
        turned = " (such names turn the sign round)" if whole and hours else ""
        changing = "; where clocks change the place is named, like America/New_York"
        return f"{_written(offset)} all year: {_listed(fixed)}{turned}{changing}" if fixed else _IANA
    if places := _places(word):
        use = "an abbreviation that several places use" if places[1:] else "no place's name"
        return f"{word.upper()} is {use}: {_listed(places)}"
    near = _called(word)
    if not near and not _OFFSET.fullmatch(word):
        cities = {_city(name): name for name in zone_names().values()}
        near = [cities[city] for city in difflib.get_close_matches(_city(plain), cities, n=1, cutoff=0.8)]
    return f"did you mean {_listed(near)}? {_IANA}" if near else _IANA


def offset_of(word: str) -> timedelta | None:
    """`Z`, `UTC`, `+05:30`, `-0500`, `UTC-5`, `GMT+02:00` as what it is ahead of UTC; None for any other word."""
    if word.upper() in _UTC:
        return timedelta(0)
    match = _OFFSET.fullmatch(word)
    if match is None:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if ahead > timedelta(hours=14):
        return None
    return -ahead if match[1] == "-" else ahead


def zone_of(word: str) -> str | None:
    """The IANA zone that a word in a stamp names; None for abbreviations and whatever else."""
    return None if word.upper() in _OLD else zone_names().get(word.lower())


def fits(word: str, abbreviation: str) -> bool:
    """Whether words in a stamp are what a zone calls its time then.

    EST and Eastern Standard Time are for EST, ET is for EST and EDT.
    """
    word = "".join(part[0] for part in word.split()) if " " in word else word
    word = {"MEZ": "CET", "MESZ": "CEST"}.get(word.upper(), word.upper())
    return word == abbreviation or bool(re.fullmatch(rf"{re.escape(word[:1])}[SD]T", abbreviation) and word[1:] == "T")


def names_place(word: str, zone: str) -> bool:
    """Whether a word is a place's or a usual name for a zone's clock, and tells not summer from winter."""
    return not _in_season(word, zone) and any(_clock(name) == _clock(zone) for name in _called(word))


def names_clock(word: str, zone: str) -> bool:
    """Whether a word is any name for a zone's clock, IANA's or what it is called in summer or winter among them."""
    named = zone_of(word)
    return _in_season(word, zone) or names_place(word, zone) or (named is not None and _clock(named) == _clock(zone))


def all_year(word: str) -> str:
    """A hint for a time that a zone calls otherwise: the abbreviation's offset may hold in summer and winter alike."""
    fixed = [place for place in _places(word) if _at(place, 1) == _at(place, 7)]
    remedy = f"where {word} holds all year: {_listed(fixed)}" if fixed else "take another data.timezone"
    return f"{remedy}; where it stands beside any time of that clock, data.time_format says it as it stands"


def known(word: str) -> bool:
    """Whether a word is the abbreviation or usual name of some clock, or a city that has one."""
    return word.upper() in _OLD or bool(_places(word) or _called(word))


def _called(word: str) -> list[str]:
    """The zones that a word names in another way than IANA: by a city, a country or a usual word."""
    plain = re.sub(_TIME, "", " ".join(word.lower().split()))
    place = plain.replace("_", " ").split("/")[-1]
    if zone := zone_names().get(plain) or _CALLED.get(place):
        return [zone]
    return sorted(name for name in zone_names().values() if _city(place) and _city(name) == _city(place))


def _clock(zone: str) -> list[tuple[timedelta, str]]:
    """What a zone shows in winter and in summer."""
    return [_at(zone, month) for month in (1, 7)]


def _in_season(word: str, zone: str) -> bool:
    return any(fits(word, abbreviation) for _, abbreviation in _clock(zone))


def _places(word: str) -> list[str]:
    """Markets whose clocks show an abbreviation in winter or summer."""
    return [place for place in _MARKETS if word.upper() in {_at(place, month)[1] for month in (1, 7)}]


def _places_at(offset: timedelta) -> list[str]:
    return [place for place in _MARKETS if {_at(place, month)[0] for month in (1, 7)} == {offset}]


def _at(zone: str, month: int) -> tuple[timedelta, str]:
    """Offset and abbreviation in the middle of a month of 2024."""
    moment = datetime(2024, month, 15, tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(zone))
    return moment.utcoffset() or timedelta(0), moment.tzname() or ""


def _written(offset: timedelta) -> str:
    minutes = int(offset / timedelta(minutes=1))
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _listed(places: list[str]) -> str:
    return " or ".join(f'data.timezone="{place}"' for place in places[:4])


@cache
def _city(name: str) -> str:
    """The last part of a zone's name, letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower().split("/")[-1])


_IANA = "zones have IANA names, such as UTC, America/New_York, Europe/London"
