"""Where longer bars begin and end: on the clock of UTC, or with the sessions of an exchange's calendar.

A bar covers (start, end]. Bounds are counted in steps of its length from a Monday midnight UTC: minutes and hours that
divide a day restart at midnight, days end at midnight, and weeks on Monday, all in UTC, so no change of clocks moves or
stretches one. With a calendar, bars of days and longer are made of sessions instead: a day ends with its session's
close, early on half days, and several days with the last close among them; what is traded after hours belongs to the
next session. Shorter bars stay on UTC's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gatewise.data.sessions import sessions

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_US = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_FIRST_MONDAY = timedelta(days=4)  # after the epoch


@dataclass(frozen=True)
class Grid:
    """Bounds of bars of one length.

    Attributes:
        step: the length; with a calendar whole days are days of the sessions' dates.
        calendar: an exchange calendar's code, or `None` for a market that never closes.
    """

    step: timedelta
    calendar: str | None = None

    def bounds(self, time_us: Ints) -> tuple[Ints, Ints]:
        """Start and end of the bar in which a row closes that is knowable at each moment.

        Args:
            time_us: int64 [rows], microseconds since the epoch. POSIX epochs count no leap seconds, and neither does
                this: 23:59:60 is the midnight that follows it.
        """
        if self.calendar is not None and not self.step % _DAY:
            return self._session_bounds(time_us, self.calendar)
        step_us = self.step // _US
        end = time_us + (_FIRST_MONDAY // _US - time_us) % step_us
        return end - step_us, end

    def nothing_between(self, earlier_us: Ints, later_us: Ints) -> Flags:
        """True where no time passes from the one moment to the other, on a clock that runs while the market is open."""
        if self.calendar is None or not earlier_us.size:
            return later_us <= earlier_us
        first, last = (int(pick([pick(earlier_us), pick(later_us)])) for pick in (np.min, np.max))
        found = sessions(self.calendar, first, last)
        return np.asarray(found.open_time(later_us) <= found.open_time(earlier_us))

    def _session_bounds(self, time_us: Ints, calendar: str) -> tuple[Ints, Ints]:
        if not time_us.size:
            return time_us, time_us
        found = sessions(calendar, int(time_us.min()), int(time_us.max()))
        bar = (found.day - _FIRST_MONDAY // _DAY) // (self.step // _DAY)
        closes = found.close_us[np.append(np.flatnonzero(np.diff(bar)), bar.size - 1)]
        at = np.clip(np.searchsorted(closes, time_us, side="left"), 1, closes.size - 1)
        return closes[at - 1], closes[at]
