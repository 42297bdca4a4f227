"""When a market is open: the sessions of an exchange's calendar, and a clock that runs only while it trades.

On that clock a night, a weekend, a holiday and the afternoon of a half day last no time, so that none of them is a gap,
while a bar that is absent from a session, or a whole session, is one. Sessions are those of the package
exchange_calendars; a million rows take about 0.1 s once it is imported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.market.day_session import day_session_code, day_sessions, is_day_session, named_days
from gatewise.errors import AmbiguousError, ConfigError, MissingExtraError, UnknownNameError, one_line
from gatewise.foreign import unraised
from gatewise.loading import traceless

NO_CALENDAR = "none"  # said where a source would else bring one of its own

Ints = npt.NDArray[np.int64]
_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
# CME Globex pauses from 16:00 to 17:00 in Chicago, the last hour of a whole session, as minutes of ES and euro futures
# show; the package has its sessions last from 17:00 to 17:00. Daily bars keep the later, safe moment.
_LONGEST_US = {"CMES": 23 * 3_600_000_000}
_MARGIN = timedelta(days=30)  # longer than any exchange has been closed for since 1914, but for 9/11 and wars


@dataclass(frozen=True)
class Sessions:
    """The sessions of a calendar, in order.

    Attributes:
        calendar: its code.
        day: the date that names each session, days since 1970; a futures session may open on the evening before.
        open_us, close_us: its bounds, microseconds since the epoch, UTC; half days close early.
        start_us, end_us: the stretches of trading: the sessions, parted by a lunch break where there is one.
    """

    calendar: str
    day: Ints
    open_us: Ints
    close_us: Ints
    start_us: Ints
    end_us: Ints

    def is_open(self, time_us: Ints) -> npt.NDArray[np.bool_]:
        """Whether moments lie in (start, end] of a stretch: where a bar's end lies that holds any trading."""
        at = np.searchsorted(self.start_us, time_us, side="left") - 1
        return (at >= 0) & (time_us <= self.end_us[at])

    def open_time(self, time_us: Ints) -> Ints:
        """Microseconds of trading before each moment, from the first session on."""
        past = np.concatenate([[0], np.cumsum(self.end_us - self.start_us)])
        at = np.searchsorted(self.start_us, time_us, side="right") - 1
        within = np.minimum(time_us, self.end_us[at]) - self.start_us[at]
        return np.where(at < 0, 0, past[at] + within).astype(np.int64)

    def closed(self, time_us: Ints) -> Ints:
        """How many sessions have closed at or before each moment."""
        return np.searchsorted(self.close_us, time_us, side="right").astype(np.int64)


def find_calendar(name: str | None) -> str | None:
    """The code of a calendar, from its code or an alias in any case; `None` for no name and for "none".

    Days that begin at a time, such as `17:00 America/New_York`, are a calendar too; see `day_session`.

    Raises:
        UnknownNameError: no such calendar; the nearest are listed.
        MissingExtraError: exchange_calendars is not installed.
    """
    if name is None or name.lower() == NO_CALENDAR:
        return None
    if is_day_session(name):
        return day_session_code(name, None)
    try:
        with traceless():
            import exchange_calendars
    except ModuleNotFoundError as error:
        raise MissingExtraError("exchange_calendars", "stocks") from error
    names = exchange_calendars.get_calendar_names(include_aliases=True)
    codes = {known.lower(): known for known in names}
    if name.lower() not in codes:
        near = difflib.get_close_matches(name.lower(), codes, n=8, cutoff=0.4)
        raise UnknownNameError("calendar", name, [codes[known] for known in near] or ["XNYS", "CMES", "XLON", "24/7"])
    return str(exchange_calendars.resolve_alias(codes[name.lower()]))


def said_calendar(calendar: str | None, session: str | None, timezone: str | None) -> str | None:
    """The calendar that a data config says: an exchange's, or one of days that begin at a time of a zone.

    Raises:
        ConfigError: both are said, or an invalid session.
    """
    if session is None:
        return calendar
    code = day_session_code(session, timezone)
    if calendar is not None and calendar.lower() not in (NO_CALENDAR, code.lower()):
        raise ConfigError(
            f"one of data.calendar and data.session says when days begin; got {calendar} and {session}", "leave one out"
        )
    return code


def rests(calendar: str | None) -> bool:
    """Whether a calendar knows closed time: an exchange's does."""
    return calendar is not None and not is_day_session(calendar)


def common_calendar(given: str | None, brought: Iterable[str | None]) -> str | None:
    """The calendar that rows of several series are read by: the one said, else the one that all of them bring.

    Args:
        given: a code, an alias, "none" for no calendar, or `None` where the user says nothing.
        brought: by each series, codes or `None`.

    Raises:
        AmbiguousError: nothing is said and the series bring several.
        UnknownNameError, MissingExtraError: see `find_calendar`.
    """
    if given is not None:
        return find_calendar(given)
    calendars = {find_calendar(name) for name in brought}
    if len(calendars) > 1:
        names = ", ".join(sorted(name or NO_CALENDAR for name in calendars))
        raise AmbiguousError(
            f"series read together must keep one calendar; these keep {names}",
            'data.calendar says which, and data.calendar="none" that closed time is a gap',
        )
    return calendars.pop() if calendars else None


def sessions(calendar: str, first_us: int, last_us: int) -> Sessions:
    """The sessions from before `first_us` to after `last_us`, by whole years, so that calls share them.

    Args:
        calendar: a code that `find_calendar` gave.

    Raises:
        ConfigError: the calendar is not known that far back or ahead.
    """
    epoch = date(1970, 1, 1)
    first, last = (epoch + timedelta(microseconds=moment) for moment in (first_us, last_us))
    cached, since, until = _sessions(calendar, date((first - _MARGIN).year, 1, 1), date((last + _MARGIN).year, 12, 31))
    if first < since or last > until:
        raise ConfigError(
            f"calendar {calendar} is known from {since} to {until}; the rows run from {first} to {last}",
            'data.start=… or data.end=… takes fewer rows, data.calendar="none" takes no calendar',
        )
    return cached


def trading_time(time_us: Ints, calendar: str, timeframe: timedelta) -> Ints:
    """A clock that stands still while the market is closed.

    Two bars of a session follow each other by one timeframe on it, and so do the last bar of a session and the first of
    the next. Rows outside the sessions, such as those of pre-market trading, take no time. Only differences between
    moments of one call have a meaning.

    Args:
        time_us: microseconds since the epoch, in any order. POSIX epochs count no leap seconds, and neither does this.
        calendar: a code that `find_calendar` gave.
        timeframe: of the rows; from a day on the clock counts sessions that have closed, one day each.

    Returns:
        int64 microseconds, never falling where time rises.

    Raises:
        ConfigError: the calendar is not known that far back or ahead.
    """
    if not time_us.size:
        return time_us
    market = sessions(calendar, int(time_us.min()), int(time_us.max()))
    return market.open_time(time_us) if timeframe < _DAY else market.closed(time_us) * _DAY_US


def session_close(stamp: pl.Series, plain: pl.Series, zone: str, calendar: str) -> pl.Series:
    """When bars of a day or longer, stamped with their session's date or open, are complete: at a session's close.

    A bar is complete at the last close within it, daylight saving time and half days included. Where no session
    closes within it (a row dated on a holiday), or one is under way at its end, the plain end stands, which is later.
    A bar stamped with a date is that of the sessions named for its days, so one under way at its end that is named for
    a later day is none of its own; unless the market never rests, as its days are then the zone's. Where days begin at
    a time, a bar stamped with a date ends with the last of the sessions that its dates name; see `named_days`.

    Args:
        stamp: Datetime[us, UTC] of the bars' starts.
        plain: the moments one timeframe later, by the zone's days.
        zone: whose midnights make a stamp a date.
        calendar: a code that `find_calendar` gave.

    Returns:
        Datetime[us, UTC].
    """
    starts, ends = (moments.dt.epoch("us").to_numpy() for moments in (stamp, plain))
    market = sessions(calendar, int(starts.min()), int(ends.max()))
    last = market.closed(ends) - 1
    close = market.close_us[last]
    following = np.minimum(last + 1, market.open_us.size - 1)
    under_way = (market.open_us[following] < ends) & (ends < market.close_us[following])
    walls = [moments.dt.convert_time_zone(zone) for moments in (stamp, plain)]
    is_date = (walls[0].dt.time() == time(0)).to_numpy()
    first_day, end_day = (wall.dt.date().to_physical().to_numpy() for wall in walls)
    if is_day_session(calendar):
        return _at(_close_of_days(market, starts, ends, first_day, end_day, is_date), stamp.name)
    within = (market.day[last] >= first_day) & (market.day[last] < end_day)
    pauses = market.end_us[np.searchsorted(market.end_us, close, side="right") - 1] < market.open_us[following]
    ended = ~under_way | (is_date & pauses & (market.day[following] >= end_day))
    complete = (close > starts) & (within | ~is_date) & ended
    return _at(np.where(complete, close, ends), stamp.name)


def _close_of_days(
    market: Sessions, starts: Ints, ends: Ints, first_day: Ints, end_day: Ints, is_date: npt.NDArray[np.bool_]
) -> Ints:
    """Bars stamped with dates end with the last session that these name, others with the last one that they begin."""
    length = end_day - first_day
    named = np.where(is_date, named_days(first_day, is_date, market.calendar), 0) - market.day[0]
    begun = np.searchsorted(market.open_us, starts, side="right") - 1
    last = np.where(is_date, named, begun) + length - 1
    close = market.close_us[np.clip(last, 0, market.day.size - 1)]
    return np.asarray(np.where(is_date, close, np.maximum(close, ends)))


def _at(time_us: Ints, name: str) -> pl.Series:
    return pl.Series(name, time_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


@lru_cache(maxsize=64)
def _sessions(calendar: str, start: date, end: date) -> tuple[Sessions, date, date]:
    """The sessions of a span, and since and until when the calendar is known."""
    since, until = date.min, date.max
    if is_day_session(calendar):
        named, began, ended = day_sessions(calendar, start, end)
        return Sessions(calendar, named, began, ended, began, ended), since, until
    import exchange_calendars

    with unraised():
        try:
            made = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=end.isoformat())
        except ValueError:  # the span reaches beyond what the calendar knows
            known = _whole_calendar(calendar)
            low, high = known.bound_min(), known.bound_max()
            since, until = low.date() if low is not None else since, high.date() if high is not None else until
            span = np.clip(
                [start.toordinal(), end.toordinal()],
                [since.toordinal(), since.toordinal() + 366],
                [until.toordinal() - 366, until.toordinal()],
            )
            bounds = [date.fromordinal(int(day)).isoformat() for day in span]
            made = exchange_calendars.get_calendar(calendar, start=bounds[0], end=bounds[1])
        except NotImplementedError as error:  # calendars that the package lists and has no rules for
            raise _unusable(calendar, error) from error
    table = made.schedule
    day = table.index.to_numpy("datetime64[D]").astype(np.int64)
    opened, paused, resumed, closed = (
        table[name].dt.tz_convert(None).to_numpy("datetime64[us]").astype(np.int64)
        for name in ("open", "break_start", "break_end", "close")
    )
    breaks = ~table["break_start"].isna().to_numpy()
    starts = np.sort(np.concatenate([opened, resumed[breaks]]))
    ends = np.sort(np.concatenate([closed, paused[breaks]]))
    if calendar in _LONGEST_US:
        ends = np.minimum(ends, starts + _LONGEST_US[calendar])
    return Sessions(calendar, day, opened, closed, starts, ends), since, until


def _whole_calendar(calendar: str) -> Any:
    import exchange_calendars

    try:
        return exchange_calendars.get_calendar(calendar)
    except ValueError as error:
        raise _unusable(calendar, error) from error


def _unusable(calendar: str, error: Exception) -> ConfigError:
    """The package lists a few calendars that it can't make, such as XTAE and ASEX in its version 4.13.2."""
    return ConfigError(
        f"calendar {calendar} can't be made by the package exchange_calendars: {one_line(str(error))[:80]}",
        'data.calendar="none" takes no calendar; another version of the package may have it',
    )
