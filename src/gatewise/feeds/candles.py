"""Candles as they came, judged one by one: what can't be a candle of the series is left out, and why is kept.

An exchange answers with stamps in another unit, a candle between two others, the same minute twice with different
prices, a high below the low. The lake keeps what it takes for ever, so what is in doubt is not taken: the fetch counts
it, and its minute, where it is known, is absent as left out, as `data check` of the lake shows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = Sequence[float | None]

# Why a candle is left out, as `left_out` of `gatewise data fetch --json` says it.
SHAPE, STAMP, GRID, TWICE, PRICES, VOLUME = "shape", "stamp", "off_grid", "two_values", "prices", "volume"
WORDS = {
    SHAPE: "no candle at all",
    STAMP: "with an invalid stamp",
    GRID: "off the grid of the timeframe",
    TWICE: "with two values for one moment",
    PRICES: "with prices that are missing, not positive, or out of order",
    VOLUME: "with a volume below 0 or not finite",
}
_OF_BARS = (TWICE, PRICES, VOLUME)  # on the grid, with the moment of a bar
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_MS = timedelta(milliseconds=1)
_VALUES = 5

LeftOut = frozenset[tuple[str, datetime | str]]  # why, and which: its moment, or what stood in its place


@dataclass(frozen=True)
class Candles:
    """Rows of one answer.

    Attributes:
        rows: those that can be kept, by the moment that they are knowable: their close.
        left_out: all others.
    """

    rows: dict[datetime, Row]
    left_out: LeftOut

    @property
    def tells_nothing(self) -> bool:
        """Rows came, and none that tells of the time asked for: nobody knows what there was."""
        return not self.rows and any(why in (SHAPE, STAMP, GRID) for why, _ in self.left_out)


def moment(milliseconds: float) -> datetime:
    """UTC, exactly.

    Raises:
        OverflowError: no moment that a datetime can hold.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)


def judge_candles(answer: Iterable[Any], step: timedelta, latest: datetime) -> Candles:
    """Sorts the rows of an answer; equal rows for one moment are one.

    Args:
        answer: what should be rows of milliseconds (the open), open, high, low, close and volume, in any order.
        step: of the series. Candles of an hour and less open at whole ones since 1970; of longer ones, which some
            exchanges count from another hour, the most frequent place among the answered ones is the grid.
        latest: no candle opens later.
    """
    stamped: list[tuple[int, Row]] = []
    left_out: set[tuple[str, datetime | str]] = set()
    for row in answer:
        if not isinstance(row, Sequence) or isinstance(row, str) or not 2 <= len(row) <= _VALUES + 1:
            left_out.add((SHAPE, _which(row)))
        elif not _is_stamp(row[0], latest):
            left_out.add((STAMP, _which(row[0])))
        else:
            stamped.append((round(row[0]), row))
    step_ms = step // _MS
    place = 0 if step <= _HOUR else _most_frequent(stamp % step_ms for stamp, _ in stamped)
    rows: dict[datetime, Row] = {}
    twice: set[datetime] = set()
    for stamp, row in stamped:
        when = moment(stamp) + step
        why = GRID if stamp % step_ms != place else _wrong(row)
        if why is not None:
            left_out.add((why, when))
        elif when in rows and _values(rows[when]) != _values(row):
            twice.add(when)
        else:
            rows.setdefault(when, row)
    for when in twice:
        del rows[when]
        left_out.add((TWICE, when))
    return Candles(rows, frozenset(left_out))


def counted(left_out: LeftOut) -> dict[str, int]:
    """How many candles were left out, by why, in the order of `WORDS`."""
    counts = Counter(why for why, _ in left_out)
    return {why: counts[why] for why in WORDS if counts[why]}


def bars_left_out(left_out: LeftOut) -> set[datetime]:
    """When the bars are knowable of which a candle came and none can be kept."""
    return {which for why, which in left_out if why in _OF_BARS and isinstance(which, datetime)}


def in_words(counts: dict[str, int]) -> str:
    """`candles left out: 1 with two values for one moment`."""
    return "candles left out: " + ", ".join(f"{count:,} {WORDS[why]}" for why, count in counts.items())


def _is_stamp(value: Any, latest: datetime) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return False
    return bool(value <= (latest - _EPOCH) / _MS)


def _most_frequent(places: Iterable[int]) -> int:
    counts = Counter(places)
    return max(counts, key=lambda place: (counts[place], place == 0), default=0)


def _wrong(row: Row) -> str | None:
    values = _values(row)
    prices, volume = values[:4], values[4]
    if not all(_is_number(price) and price > 0 for price in prices):
        return PRICES
    opened, high, low, close = prices
    if not low <= min(opened, close) <= max(opened, close) <= high:
        return PRICES
    if volume is not None and not (_is_number(volume) and volume >= 0):
        return VOLUME
    return None


def _values(row: Row) -> list[Any]:
    """Open, high, low, close and volume; `None` where the row ends before."""
    return [*row[1 : _VALUES + 1], *[None] * (_VALUES + 1 - len(row))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _which(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
