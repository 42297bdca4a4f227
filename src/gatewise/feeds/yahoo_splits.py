"""Yahoo's listed splits held against the step in its prices.

Yahoo divides all prices before a split by it, so that none shows. Now and then it lists a split and has not divided:
the prices before are then as they were traded, and taking them for divided ones would move them by the split once more.
The step from the last close before to the first price after tells which of the two it is. Where it shows none, the
split may have been divided from another day on: then its step is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from gatewise.data.repair.companions import power_at_split
from gatewise.feeds.yahoo_bars import Answered

_LEAST = float(np.log(1.2))  # smaller splits drown in what a stock moves
_NEAR_MOVES, _LEAST_NEAR, _MOST_NEAR = 8.0, 0.1, 0.4  # a step is near: in usual moves, and in log price
_PRICES = ("open", "high", "low", "close", "dividends")
_ROWS, _BESIDE = 20, 3
_MOST_TURNOVER = 2.5  # times the usual: a step that comes with more tells of news


def with_splits_applied(rows: Answered, days: Answered, zone: str) -> tuple[Answered, tuple[str, ...]]:
    """Rows with every listed split in their prices, and what there is to say of those that Yahoo had not put in.

    Args:
        rows: of the span; `days` itself, or shorter bars, which Yahoo keeps as it keeps days.
        days: daily rows, which tell of splits and of the steps there.
        zone: of the exchange, for dates.
    """
    notes = []
    for place in np.flatnonzero(days.splits > 0).tolist():
        ratio = float(days.splits[place])
        if place == 0 or abs(np.log(ratio)) < _LEAST:
            continue
        step = _step(days, place)
        near = float(np.clip(_NEAR_MOVES * _usual(days, place), _LEAST_NEAR, _MOST_NEAR))
        split = f"a split of {_shares(ratio)} on {_day(days, place, zone)}"
        if abs(step) <= min(near, abs(np.log(ratio)) / 2) or not np.isfinite(step):
            notes += [
                f"warning: Yahoo lists {split}, where its prices show no step, but on {_day(days, other, zone)} they "
                f"step by {np.exp(moved):.4g}: divided from a wrong day? Nothing is changed, so look at those days"
                for other, moved in _elsewhere(days, place, ratio, near)
            ]
            continue
        if abs(step - np.log(ratio)) <= near:
            traded = abs(_volume_step(days, place) - np.log(ratio)) < abs(_volume_step(days, place))
            of_old = {"volume": traded, "adjusted_close": _adjusted_steps(days, place, ratio)}
            also = [name for name, is_old in of_old.items() if is_old]
            rows = _divided(rows, int(days.stamp_us[place]), ratio, also)
            notes.append(f"warning: Yahoo lists {split} and has not divided earlier prices by it: put right here")
        else:
            stepped = f"{split}, where its prices step by {np.exp(step):.4g}"
            notes.append(f"warning: Yahoo lists {stepped}: neither divided by it nor as traded, so look at those days")
    return rows, tuple(notes)


def _elsewhere(days: Answered, listed: int, ratio: float, near: float) -> list[tuple[int, float]]:
    """Of the days before a listed split, and three after, the nearest that steps as it would, if any; its log step."""
    most = min(near, abs(float(np.log(ratio))) / 4)
    last = min(listed + _BESIDE, days.close.size - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.log(days.close[:last] / np.where(np.isfinite(days.open), days.open, days.close)[1 : last + 1])
        alike = np.abs(np.abs(steps) - abs(np.log(ratio))) <= most
    steps_near = []
    for other in (np.flatnonzero(alike) + 1).tolist():
        turnover = days.close * days.volume
        usual = turnover[max(0, other - _ROWS) : other]
        usual = usual[usual > 0]
        news = usual.size > 0 and turnover[other] > _MOST_TURNOVER * float(np.median(usual))
        if other != listed and not days.splits[other] > 0 and (not news or abs(other - listed) <= _BESIDE):
            steps_near.append((other, float(steps[other - 1])))
    return sorted(steps_near, key=lambda one: abs(one[0] - listed))[:1]


def _day(days: Answered, place: int, zone: str) -> date:
    return datetime.fromtimestamp(int(days.stamp_us[place]) / 1e6, UTC).astimezone(ZoneInfo(zone)).date()


def _step(days: Answered, place: int) -> float:
    """Log of the last close before over the first price after; NaN where one is missing."""
    before = days.close[:place][np.isfinite(days.close[:place])]
    after = days.open[place] if np.isfinite(days.open[place]) else days.close[place]
    if not before.size or not after > 0:
        return float("nan")
    return float(np.log(before[-1] / after))


def _usual(days: Answered, place: int) -> float:
    """The median daily move around a day."""
    around = np.log(days.close[max(0, place - _ROWS) : place + _ROWS])
    moves = np.abs(np.diff(around[np.isfinite(around)]))
    return float(np.median(moves)) if moves.size else 0.0


def _volume_step(days: Answered, place: int) -> float:
    """Log of the median volume after over that before; 0 where there is none."""
    before, after = days.volume[max(0, place - _ROWS) : place], days.volume[place : place + _ROWS]
    medians = [float(np.nanmedian(part)) if np.isfinite(part).any() else 0.0 for part in (before, after)]
    return float(np.log(medians[1] / medians[0])) if min(medians) > 0 else 0.0


def _adjusted_steps(days: Answered, place: int, ratio: float) -> bool:
    """Whether the adjusted close, too, is of the old shares before a split; where that can't be told, it goes along."""
    window = slice(max(0, place - _ROWS), min(place + _ROWS, days.close.size))
    return power_at_split(days.adjusted_close, [days.close], days.volume, place, window, ratio)[0] != 0


def _divided(rows: Answered, split_us: int, ratio: float, also: Sequence[str]) -> Answered:
    """Rows with prices before a split divided by it; volume, which counts shares, is multiplied.

    Args:
        also: which of volume and adjusted_close are of the old shares there.
    """
    earlier = np.where(rows.stamp_us < split_us, ratio, 1.0)
    changed = {name: getattr(rows, name) / earlier for name in (*_PRICES, *also) if name != "volume"}
    return replace(rows, **changed, volume=rows.volume * earlier if "volume" in also else rows.volume)


def _shares(ratio: float) -> str:
    """`2:1`, `1:190`, `3:2`."""
    share = Fraction(ratio).limit_denominator(1000)
    return f"{share.numerator}:{share.denominator}"
