"""Dates within which the clock goes back, in the rows' own order, day after day: such stamps are not what they seem.

Either the clock counts 12 hours and nothing says which half of the day it shows (12:59, then 1:00), or the date is a
day of trade, which begins on the evening before (21:00, then 9:00). Sorted by stamps, such rows stand hours from where
they belong, and nothing shows it any more. Files that are newest first, shuffled, or of several series look otherwise:
here a date's rows go back once, and all that follow lie before all that came ahead of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.errors import AmbiguousError

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TO_HOURS = "write hours of 0 to 23, or AM and PM behind the time or in a column beside it"
_DAY_US, _HOUR_US = 86_400_000_000, 3_600_000_000
_LEAST_STEPS = 6  # in all dates that go back: seven rows do by chance once in 840 times
_LONG = 5  # rows of a date that hardly go back just once by chance
_SHARE, _LEAST_DATES = 0.2, 3  # of long dates: evenings may have been traded in a part of the years alone
_MOST, _NEARLY_ALL = 0.5, 0.75  # of long dates where they are few; of short ones
_BLOCKS = 1.5  # blocks of one date for each date: more are rows in no order
_WRAP = 8  # hours from the last of a clock's twelve to the first


@dataclass(frozen=True)
class Turns:
    """Dates within which the clock goes back.

    Attributes:
        before, after: places of the first two rows between which it does, in the order of time.
        dates, of: how many dates do, and how many have rows enough to.
        twelve: no hour is above 12.
        last: the second row is the last of its date.
    """

    before: int
    after: int
    dates: int
    of: int
    twelve: bool
    last: bool


def find_turns(wall: pl.Series, symbols: pl.Series, text: pl.Series | None = None) -> Turns | None:
    """Looks for a clock that goes back within its dates.

    Args:
        wall: Datetime[us], as the clock shows it, in the rows' order.
        symbols: of each row; order is looked at within one.
        text: how stamps are written, where they are text.
    """
    if wall.is_sorted() or wall.is_sorted(descending=True):
        return None
    clock: Ints = wall.dt.epoch("us").to_numpy()
    day = clock // _DAY_US
    if not ((np.diff(clock) < 0) & (np.diff(day) == 0)).any():
        return None
    frame = pl.DataFrame([symbols.alias("symbol"), pl.Series("day", day)]).with_row_index("place")
    if symbols.n_unique() > 1:
        frame = frame.sort("symbol", maintain_order=True)
    starts = frame.select((pl.col("symbol") != pl.col("symbol").shift()) | (pl.col("day") != pl.col("day").shift()))
    first: Flags = starts.to_series().fill_null(True).to_numpy()
    if first.sum() > _BLOCKS * frame.select("symbol", "day").n_unique():
        return None
    place: Ints = frame["place"].to_numpy().astype(np.int64)
    written = None if text is None else text.rank("dense").to_numpy().astype(np.int64)
    # Two rows of a date that stand in turned order may be newest first by themselves, but not where dates are not.
    least = 3 if day[0] > day[-1] else 2
    newest_first = np.append(first[1:], True)[::-1]
    return _turns(clock, written, place, first, least) or _turns(clock, written, place[::-1], newest_first, 3)


def turned_back(address: str, wall: pl.Series, rows: pl.Series, turns: Turns, calendar: str | None) -> AmbiguousError:
    """What to say of it.

    Args:
        address: how errors call the file and the column.
        rows: row numbers.
        calendar: what reads the dates of the calendar from another column, if one holds them.
    """
    shown = [f"{wall[place]:%Y-%m-%d %H:%M:%S} (row {rows[place]})" for place in (turns.before, turns.after)]
    many = f"the clock goes back so within {turns.dates} of {turns.of} dates"
    message = f"{address}: {shown[0]} comes before {shown[1]}; {many}"
    if turns.twelve:
        return AmbiguousError(
            f"{message}; no hour is above 12, so the clock counts 12 hours, and nothing says AM or PM",
            TO_HOURS,
        )
    if turns.last and wall[turns.after].time() == time():
        return AmbiguousError(
            f"{message}: 0:00 stands for the midnight that ends its date, so times may be those at which hours end",
            'write 0:00 under the date that it begins; data.stamp="close" if times are those at which rows end',
        )
    write = "write the calendar's date of each row's trade; only where dates are that already: sort the rows by time"
    return AmbiguousError(
        f"{message}: the date is the day of trade, whose evening belongs to the day before", calendar or write
    )


def _turns(clock: Ints, written: Ints | None, place: Ints, first: Flags, least: int) -> Turns | None:
    """Looks at rows in one direction.

    Args:
        clock: by row, what it shows.
        written: by row, its rank as text.
        place: of the rows, in the direction, symbol by symbol.
        first: which of these begins a date.
        least: rows that a date must have.
    """
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(place)) - 1
    rows = ends - starts + 1
    shown, hour = clock[place], clock[place] % _DAY_US // _HOUR_US
    back = np.append(False, np.diff(shown) < 0) & ~first
    count = np.add.reduceat(back.astype(np.int64), starts)
    rotated = (count == 1) & (shown[ends] < shown[starts]) & (rows >= least)
    twelve = bool(hour.max() <= 12)
    if twelve:  # around the clock it goes back twice a date
        begun = np.repeat(starts, rows)
        again = (shown >= shown[begun]) & (hour[begun] != 12)  # rows of another series begin where the first did
        turns_other = back & ((np.append(0, -np.diff(hour)) < _WRAP) | again)
        wraps = (count > 0) & (count <= 2) & (np.add.reduceat(turns_other.astype(np.int64), starts) == 0)
        rotated |= wraps & (rows >= least)
    elif written is not None:  # 9:30 comes after 15:30 where rows are sorted as text
        falls = np.append(False, np.diff(written[place]) < 0) & ~first
        as_text = np.add.reduceat(falls.astype(np.int64), starts) == 0
        rotated &= ~(as_text & (hour[starts] <= 12))
    if (rows[rotated] - 1).sum() < _LEAST_STEPS:
        return None
    long = bool((rows >= _LONG).any())
    long_enough = rows >= (_LONG if long else least)
    dates = int((rotated & long_enough).sum())
    share = dates / int(long_enough.sum())
    if share <= (_MOST if long else _NEARLY_ALL) and not (long and share >= _SHARE and dates >= _LEAST_DATES):
        return None
    date = int((rotated & long_enough).argmax())
    begins = starts[date]
    turn = begins + int(back[begins:].argmax())
    return Turns(int(place[turn - 1]), int(place[turn]), dates, int(long_enough.sum()), twelve, turn == int(ends[date]))
