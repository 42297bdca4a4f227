"""Days that begin at a time of a zone's clock, where no exchange's calendar says when a market is open: 17:00 New York.

Currencies and futures have such days. As a calendar they are sessions of a day each, one after the other, that never
rest: what is closed time is not known, and a gap as ever. Its code is `17:00 America/New_York`. A session is named for
the day that most of it lies on, so one that begins at 17:00 on a Sunday is Monday's.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.stamps.zones import require_zone
from gatewise.errors import ConfigError

Ints = npt.NDArray[np.int64]

_CODE = re.compile(r"(\d{1,2}):([0-5]\d)(?: (\S+))?")
_NOON, _DAY, _HOUR = time(12), timedelta(days=1), timedelta(hours=1)
_THURSDAY, _FRIDAY, _SUNDAY = 3, 4, 6  # the epoch's, from Monday on


def day_session_code(session: str, timezone: str | None) -> str:
    """The code of a calendar of days, from `17:00` and a zone, or from both in one: `17:00 America/New_York`.

    Raises:
        ConfigError: no time of day, or no zone or an unknown one.
    """
    match = _CODE.fullmatch(session.strip())
    if match is None or int(match[1]) > 23:
        raise ConfigError(
            f"data.session must be when a day begins, like 17:00; got {session!r}",
            'data.session="17:00" with data.timezone="America/New_York"',
        )
    zone = match[3] or timezone
    if zone is None:
        raise ConfigError(
            f"data.session {session!r} is a time of some zone's clock; none is named",
            'data.timezone="America/New_York"',
        )
    require_zone(zone)
    return f"{int(match[1]):02}:{match[2]} {zone}"


def is_day_session(calendar: str | None) -> bool:
    """Whether a calendar's code is one of days that begin at a time."""
    return calendar is not None and _CODE.fullmatch(calendar) is not None


def day_sessions(calendar: str, first: date, last: date) -> tuple[Ints, Ints, Ints]:
    """The sessions that begin on these days: the day that names each (since 1970), its start and end (µs, UTC)."""
    start, zone = _parts(calendar)
    wall = pl.datetime_range(
        datetime.combine(first, start), datetime.combine(last + _DAY, start), "1d", time_unit="us", eager=True
    )
    moved = [
        moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null") for moment in (wall, wall + _HOUR)
    ]
    bounds = moved[0].fill_null(moved[1]).dt.epoch("us").to_numpy()  # clocks skip an hour
    day = wall.dt.date().to_physical().to_numpy().astype(np.int64)[:-1] + (start >= _NOON)
    return day, bounds[:-1], bounds[1:]


def named_days(first_day: Ints, is_date: npt.NDArray[np.bool_], calendar: str) -> Ints:
    """The days that name the first sessions of bars that are stamped with a date.

    Where days begin after noon, a date may be that of the start or that of the day which most of the session lies on.
    Fridays without Sundays tell the second, as the last session of a week of trade ends on one; anything else is taken
    for the first, which is a day later and so the safe reading.

    Args:
        first_day: days since 1970.
        is_date: which of them stamp a bar.
    """
    start, _ = _parts(calendar)
    weekdays = set(((first_day[is_date] + _THURSDAY) % 7).tolist())
    return first_day if start < _NOON or (_FRIDAY in weekdays and _SUNDAY not in weekdays) else first_day + 1


def _parts(calendar: str) -> tuple[time, str]:
    clock, _, zone = calendar.partition(" ")
    return time.fromisoformat(clock), zone
