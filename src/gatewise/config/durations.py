"""Lengths of time as people write them, 5m or 7d, exact to the microsecond both ways.

A calendar month is written as the mean one, 365.2425 days / 12, and any whole multiple of that length means that many
months of the calendar: a quarter, a year. So one type holds every length; whoever counts days asks `months_of` first.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from gatewise.errors import ConfigError

MONTH = timedelta(seconds=2_629_746)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2_629_746, "q": 7_889_238, "y": 31_556_952}
_OF_CALENDAR = ("mo", "q", "y")


def months_of(length: timedelta) -> int | None:
    """How many months of the calendar a length means; `None`: it is so many days, hours or less."""
    return length // MONTH if length and not length % MONTH else None


def parse_duration(value: object) -> object:
    """`90s`, `5m`, `1h`, `1d`, `1w`, `1mo`, `1q`, `1y` -> timedelta, to the microsecond; months as `months_of` reads.

    Anything but text is handed on to pydantic.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(mo|[smhdwqy])", value.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"a duration is a number and a unit of {', '.join(_UNITS)}, like 5m, 7d or 1mo")
    try:
        length = timedelta(microseconds=round(Decimal(match[1]) * _UNITS[match[2]] * 1_000_000))
    except (ArithmeticError, ValueError) as error:  # ValueError: more digits than Python turns into an int
        raise ValueError(f"a duration lasts at most {timedelta.max.days}d") from error
    if match[2] in _OF_CALENDAR and length % MONTH:
        raise ValueError("months, quarters and years are counted whole, like 1mo, 1q or 1y")
    return length


def seconds_of(name: str, value: object) -> float:
    """Seconds of a length of time that is said outside of a config, as text or timedelta; `name` is the argument's.

    Raises:
        ConfigError: it is none, or no longer than 0 s.
    """
    try:
        length = parse_duration(value)
        if not isinstance(length, timedelta):
            raise ValueError("a duration is a number and a unit, as a text like 30m")
        _not_nothing(length)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}; got {value!r}", f'{name}="30m"') from error
    return length.total_seconds()


def format_duration(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back, exactly: 300 s -> `5m`, 60 µs -> `0.00006s`."""
    if (months := months_of(value)) is not None:
        return f"{months // 12}y" if not months % 12 else f"{months}mo"
    us = abs(value) // timedelta(microseconds=1)
    sign = "-" if value < timedelta(0) else ""
    for unit in ("d", "h", "m"):
        if us and us % (_UNITS[unit] * 1_000_000) == 0:
            return f"{sign}{us // (_UNITS[unit] * 1_000_000)}{unit}"
    whole, rest = divmod(us, 1_000_000)
    return f"{sign}{whole}{f'.{rest:06d}'.rstrip('0') if rest else ''}s"


def rough_duration(seconds: float) -> str:
    """About how long, for people: `1h 05m`, `3m 20s`, `12s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("a duration must not be negative")
    return value


def _not_nothing(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must last longer than 0s")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_not_negative),
    PlainSerializer(format_duration, return_type=str),
]
Step = Annotated[Duration, AfterValidator(_not_nothing)]
