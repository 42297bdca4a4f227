"""Where longer bars begin and end: on the clock of UTC, or with the sessions of an exchange's calendar.

A bar covers (start, end]. Bounds are counted in steps of its length from a Monday midnight UTC: minutes and hours that
divide a day restart at midnight, days end at midnight, and weeks on Monday, all in UTC, so no change of clocks moves or
stretches one. Months, quarters and years are the calendar's. With an exchange's sessions, bars of days and longer are
made of these instead: a day ends with its session's close, early on half days, and several days or a month with the
last close among them; what is traded after hours belongs to the next session. Shorter bars stay on UTC's clock, but are
counted from the start of days that begin at a time (`data.day_session`), and cut where the next one starts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gatewise.config.durations import MONTH, months_of
from gatewise.data.market.day_session import is_day_session
from gatewise.data.market.sessions import sessions
from gatewise.data.steps.periods import bounds_of_months

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_US = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_LONGEST_MONTH = timedelta(days=31)
_FIRST_MONDAY = timedelta(days=4)  # after the epoch
_A_YEAR = (1_735_689_600_000_000, 1_767_225_600_000_000)  # 2025


@dataclass(frozen=True)
class Grid:
    """Bounds of bars of one length.

    Attributes:
        step: the length; with a calendar whole days and months are those of the sessions' dates.
        calendar: an exchange calendar's code, or `None` for a market that never closes.
    """

    step: timedelta
    calendar: str | None = None

    @property
    def of_sessions(self) -> bool:
        """Whether bars begin and end with sessions' closes; their first rows then need not begin where they do."""
        return self.calendar is not None and (self.months is not None or not self.step % _DAY)

    @property
    def months(self) -> int | None:
        """How many months of the calendar a bar covers, where it covers months."""
        return months_of(self.step)

    def bounds(self, time_us: Ints) -> tuple[Ints, Ints]:
        """Start and end of the bar in which a row closes that is knowable at each moment.

        Args:
            time_us: int64 [rows], microseconds since the epoch. POSIX epochs count no leap seconds, and neither does
                this: 23:59:60 is the midnight that follows it.
        """
        if self.calendar is not None and self.of_sessions:
            return self._session_bounds(time_us, self.calendar)
        if is_day_session(self.calendar) and self.step < _DAY:
            return self._bounds_in_days(time_us, str(self.calendar))
        if self.months is not None:
            return bounds_of_months(time_us, self.months)
        step_us = self.step // _US
        end = time_us + (_FIRST_MONDAY // _US - time_us) % step_us
        return end - step_us, end

    def most_rows(self, timeframe: timedelta) -> int:
        """How many rows of `timeframe` a bar may hold.

        Months hold what as many of their longest would. With a calendar, bars of days hold what the longest of the
        sessions of one year (2025) does, whatever the rows, so that a lookback counted in rows is the same for all
        tables of a calendar.
        """
        rows_months = months_of(timeframe)
        if self.months is not None and rows_months is not None:
            return self.months // rows_months
        if self.months is not None and self.months > 1:
            return self.months * Grid(MONTH, self.calendar).most_rows(timeframe)
        if self.calendar is None or not self.of_sessions:
            return (_LONGEST_MONTH if self.months else self.step) // timeframe
        market = sessions(self.calendar, *_A_YEAR)
        inside = (market.close_us > _A_YEAR[0]) & (market.close_us <= _A_YEAR[1])
        if timeframe >= _DAY:
            held = np.full(market.day.size, 1 / (timeframe // _DAY))
        else:
            lengths, unit = market.end_us - market.start_us, timeframe // _US
            # A stretch that is no multiple of the row may be cut on either side.
            of_stretch = -(-lengths // unit) + (lengths % unit != 0)
            held = np.zeros(market.day.size)
            np.add.at(held, np.searchsorted(market.close_us, market.end_us), of_stretch)
        bar = self._session_bar(market.day)
        most = np.bincount(bar - bar.min(), weights=np.where(inside, held, 0)).max()
        return math.ceil(float(most))

    def nothing_between(self, earlier_us: Ints, later_us: Ints) -> Flags:
        """True where no time passes from the one moment to the other, on a clock that runs while the market is open."""
        if self.calendar is None or not earlier_us.size:
            return later_us <= earlier_us
        first, last = (int(pick([pick(earlier_us), pick(later_us)])) for pick in (np.min, np.max))
        market = sessions(self.calendar, first, last)
        return np.asarray(market.open_time(later_us) <= market.open_time(earlier_us))

    def _bounds_in_days(self, time_us: Ints, calendar: str) -> tuple[Ints, Ints]:
        if not time_us.size:
            return time_us, time_us
        market = sessions(calendar, int(time_us.min()), int(time_us.max()))
        at = np.searchsorted(market.open_us, time_us, side="left") - 1
        step_us, opened = self.step // _US, market.open_us[at]
        start = opened + (time_us - opened - 1) // step_us * step_us
        return start, np.minimum(start + step_us, market.close_us[at])

    def _session_bounds(self, time_us: Ints, calendar: str) -> tuple[Ints, Ints]:
        if not time_us.size:
            return time_us, time_us
        market = sessions(calendar, int(time_us.min()), int(time_us.max()))
        bar = self._session_bar(market.day)
        closes = market.close_us[np.append(np.flatnonzero(np.diff(bar)), bar.size - 1)]
        at = np.clip(np.searchsorted(closes, time_us, side="left"), 1, closes.size - 1)
        return closes[at - 1], closes[at]

    def _session_bar(self, day: Ints) -> Ints:
        """The number of the bar that holds each session, by its date, days since the epoch."""
        if self.months is not None:
            return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // self.months
        return (day - _FIRST_MONDAY // _DAY) // (self.step // _DAY)
