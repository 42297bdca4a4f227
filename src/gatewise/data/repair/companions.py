"""Columns beside open, high, low, close, volume that are in their units: a vwap, quotes, the close of the day before.

Where prices are mended these must be, too, or a feature made of both is wrong from there on. Names are many, and some
say too little (an adjusted close may hold a split or not, the close of the day before may on the day itself be of the
old shares), so the values decide. A column goes with a price where their ratio is steady, and each row then stands
either where it should or a whole step away, never between: an average over rows of both scales can't be mended row
by row, and is left, and so is what `windowed` finds. What is left is told to the caller, who names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.columns.spellings import normalise
from gatewise.data.repair.decades import LN10
from gatewise.data.repair.windowed import picks_of_window
from gatewise.data.table import OHLC, STAMP

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Paid too seldom to be held against prices; a source pays them on the shares that its prices are of.
_A_SHARE = frozenset({"dividends", "dividend", "dividend_amount", "div_cash", "divcash", "cash_dividend"})
_SIDES, _VOLUMES = (
    {"buy", "sell", "taker", "maker", "bid", "ask", "short", "odd", "block", "dark", "up", "down", "adj", "adjusted"},
    {"volume", "vol", "qty", "quantity", "shares"},
)
_SIDE_ROWS, _SIDE, _LEAST_ROWS = 10, timedelta(days=14), 5
_MOST_OFF, _MOST_BESIDE = 0.25, 0.15  # of a whole step; of a log price
_DAY_MOVES, _LEAST_DAY = 5.0, 0.03  # usual moves, and log price, that the first day after a split may make
_TIGHT, _EXACT = 0.5, 1e-6  # how a ratio may vary: in usual moves of what it is to; at all
_SHARES_SPREAD, _EXACT_SHARES = 0.2, 0.005  # one to the volume: of a part of it; of all of it in another unit
_NEAR, _NEAR_SHARE = 0.25, 0.9  # of a log price; of the rows
_NEAR_MOVES, _NEAR_SPREAD = 2.5, 0.05  # in usual moves; of a log price
_AROUND, _MOST_LATE = 20, 2_000  # rows beside an error, and after it, as a day of minutes
_CLEAR_SPREAD, _MOST_SPREAD, _MOST_MISS = 0.01, 0.1, 0.35  # of a log price


@dataclass(frozen=True)
class AtSplit:
    """What columns do at one split.

    Attributes:
        prices: columns in units of prices, each with the stamp of its first row that is of the new shares.
        shares: likewise columns that count shares.
        left: columns with values before it that do neither, or of which it can't be told.
    """

    prices: dict[str, datetime]
    shares: dict[str, datetime]
    left: tuple[str, ...]


def others(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that may be companions of prices."""
    return tuple(name for name in columns if name not in (*OHLC, "volume"))


def at_split(rows: pl.DataFrame, names: Sequence[str], time: datetime, ratio: float) -> AtSplit:
    """Asks columns what they do at a split.

    Args:
        rows: of one symbol in order of `__stamp`, with close and volume, and open, high, low where there are any.
        names: the columns to ask.
        time: the first stamp after the split.
        ratio: new shares for an old one.
    """
    stamp, count = rows[STAMP], rows.height
    at, near, far = (int(stamp.search_sorted(moment)) for moment in (time, time - _SIDE, time + _SIDE))
    window = slice(max(0, min(near, at - _SIDE_ROWS)), min(count, max(far, at + _SIDE_ROWS)))
    prices = [rows[name].to_numpy() for name in OHLC if name in rows.columns]
    split = AtSplit({}, {}, ())
    for name in names:
        values = rows[name].to_numpy()
        spelling = set(normalise(name).split("_"))
        of_shares = bool(spelling & _SIDES and spelling & _VOLUMES)
        power, first = power_at_split(values, prices, rows["volume"].to_numpy(), at, window, ratio, of_shares)
        if power is None and normalise(name) in _A_SHARE:
            power = -1
        elif power == -1 and picks_of_window(values, prices):
            power = None
        moved_at = {-1: split.prices, 1: split.shares}.get(power or 0)
        if moved_at is not None:
            moved_at[name] = stamp[first]
    known = split.prices | split.shares
    left = tuple(name for name in names if name not in known and np.isfinite(rows[name].to_numpy()[:at]).any())
    return AtSplit(split.prices, split.shares, left)


def power_at_split(
    values: Floats,
    prices: Sequence[Floats],
    volume: Floats,
    at: int,
    window: slice,
    ratio: float,
    of_shares: bool = False,
) -> tuple[int | None, int]:
    """By which power of a split's ratio a column is multiplied there.

    Args:
        values, prices, volume: float64 [rows] each, of one symbol in order of time.
        at: the first row after the split.
        window: the rows around it that tell.
        ratio: new shares for an old one.
        of_shares: whether its name says that it counts shares; else it must be the volume in another unit, as an
            average of volumes and a ratio to one go with the volume for a while, too.

    Returns:
        -1 of prices, 1 of shares, 0 of what goes with prices and holds the split already, None of what can't be told;
        and the first row that is of the new shares: another than `at` where rows tell of rows before or after them.
    """
    step, power = float(np.log(ratio)), None
    for price in prices:
        before, after = (
            _log_ratio(values[side], price[side]) for side in (slice(window.start, at), slice(at, window.stop))
        )
        if not _enough(before, after):
            continue
        if not (_steady(before, after, price[window]) or _near(values, price, before, after, price[window])):
            continue
        level, moved = _middle(before), _middle(after)
        if abs(moved - level - step) <= _MOST_OFF * abs(step):
            power = 0
        day = max(_DAY_MOVES * _move(price[window]), _LEAST_DAY)
        old, new = _a_step_off(after - level, step, day), _a_step_off((before - level)[::-1], -step, day)
        if abs(moved - level) > _MOST_OFF * abs(step) or old is None or new is None:
            continue
        late, early = _run(old), _run(new)
        if late == old.sum() and early == new.sum() and not (late and early):
            return -1, at + late - early
    return (1, at) if _counts_shares(values, volume, at, window, step, of_shares) else (power, at)


def _counts_shares(values: Floats, volume: Floats, at: int, window: slice, step: float, is_named: bool) -> bool:
    """Whether a column goes with the volume across a split, and is it in another unit or, as its name says, a part."""
    before, after = (
        _log_ratio(values[side], volume[side]) for side in (slice(window.start, at), slice(at, window.stop))
    )
    if not _enough(before, after) or abs(_middle(after) - _middle(before)) > _MOST_OFF * abs(step):
        return False
    is_part = is_named and _steady(before, after, volume[window], _SHARES_SPREAD)
    return is_part or _spread(_log_ratio(values, volume)) <= _EXACT_SHARES


def at_errors(
    values: Floats, beside: Sequence[Floats], rows: slice, power: int, mended: Flags, within: slice
) -> Ints | None:
    """Which rows of a column are off by the power of ten by which prices were.

    Args:
        values: the column, float64 [rows].
        beside: what it may go with: mended prices, and what a volume is worth at one.
        rows: those whose prices were off by `power`.
        mended: bool [rows], all whose prices were off.
        within: the rows of their symbol that no split or jump of prices lies between.

    Returns:
        Their numbers; a close of the day before is off in the row below. None where the column is off there by
        something else, or it can't be told by what.
    """
    window = slice(max(within.start, rows.start - _AROUND), min(within.stop, rows.stop + _AROUND))
    calm, step = ~mended[window], power * LN10
    best, level, reference = np.inf, 0.0, beside[0]
    for candidate in beside:
        ratio = _log_ratio(values[window], candidate[window])[calm]
        if np.isfinite(ratio).sum() >= _LEAST_ROWS and (spread := _spread(ratio)) < best:
            best, level, reference = spread, _middle(ratio), candidate
        if best <= _CLEAR_SPREAD:
            break
    if best > _MOST_SPREAD:
        # Rows after may hold the error still, so they are asked only where too few come before.
        sides = slice(window.start, rows.start), slice(rows.stop, window.stop)
        around = max(
            (values[side][~mended[side]] for side in sides), key=lambda side: np.isfinite(side).sum() >= _LEAST_ROWS
        )
        return None if _may_be_off(values[rows], around) else np.empty(0, np.int64)

    def off(span: slice) -> Floats:
        return _log_ratio(values[span], reference[span]) - level

    y = off(window)
    with np.errstate(invalid="ignore"):
        # Rows of other errors near by may be off by other powers, but none stands between, and the first rows after a
        # split may tell of rows before it, which is no error.
        fresh = np.arange(y.size) < (_run(np.abs(y) > _MOST_MISS) if window.start == within.start else 0)
        fresh[rows.start - window.start :] = False
        between = (np.abs(y) > _MOST_OFF * LN10) & (np.abs(y - np.rint(y / LN10) * LN10) > _MOST_MISS)
        back = (np.abs(y + step) <= _MOST_MISS) & ~fresh  # a ratio of rows goes there and back
        wrong = np.flatnonzero((np.abs(y - step) <= _MOST_MISS) & ~fresh) + window.start
        if between[rows.start - window.start : rows.stop - window.start].any():
            return None
        if wrong.size and (between | back).any():
            return None
        if wrong.size and wrong[-1] == window.stop - 1:  # a row may tell of the day before as long as its day lasts
            after = np.abs(off(slice(window.stop, within.stop)) - step) <= _MOST_MISS
            wrong = np.append(wrong, window.stop + np.arange(_run(after)))
    outside = (wrong < rows.start) | (wrong >= rows.stop)
    return None if outside.sum() > _MOST_LATE else np.asarray(wrong, np.int64)


def beside_of(prices: Mapping[str, Floats], volume: Floats | None) -> list[Floats]:
    """What columns may go with where prices are off: each price, and what the volume is worth at the close."""
    return [*prices.values(), *([] if volume is None else [prices["close"] * volume])]


def _enough(before: Floats, after: Floats) -> bool:
    return bool(min(np.isfinite(before).sum(), np.isfinite(after).sum()) >= _LEAST_ROWS)


def _steady(before: Floats, after: Floats, reference: Floats, least: float = _EXACT) -> bool:
    """Whether log ratios to something, on both sides of a split, vary less than it does, or by `least` at most."""
    return max(_spread(before), _spread(after)) <= max(_TIGHT * _move(reference), least)


def _near(values: Floats, price: Floats, before: Floats, after: Floats, around: Floats) -> bool:
    """Whether a column is about as large as a price, in nearly all rows and so on both sides of a split."""
    if max(_spread(before), _spread(after)) > max(_NEAR_MOVES * _move(around), _NEAR_SPREAD):
        return False
    y = _log_ratio(values, price)
    return float(np.mean(np.abs(y[np.isfinite(y)]) <= _NEAR)) >= _NEAR_SHARE


def _a_step_off(y: Floats, step: float, day: float) -> Flags | None:
    """Which rows, from the split on, stand a whole step above 0; None where some stand between.

    Args:
        day: so far from either the row beside the split may be: an average of two rows is farther.
    """
    most = min(_MOST_OFF * abs(step), _MOST_BESIDE)
    with np.errstate(invalid="ignore"):
        along, miss = y / step, np.minimum(np.abs(y), np.abs(y - step))
        if ((along > 0) & (along < 1) & (miss > most)).any() or (miss[:1] > day).any():
            return None
        return np.asarray(np.abs(y - step) <= most)


def _run(flags: Flags) -> int:
    """How many are true from the first on."""
    return int(np.argmin(flags)) if flags.size and not flags.all() else flags.size


def _may_be_off(values: Floats, around: Floats) -> bool:
    """Whether a value is several times beyond all that stand around, or too few stand there to tell."""
    size, usual = np.abs(values[np.isfinite(values)]), np.abs(around[np.isfinite(around)])
    if not size.size or usual.size < _LEAST_ROWS:
        return bool(size.size)
    return bool(size.max() > 3 * usual.max() or size.min() < usual.min() / 3)


def _log_ratio(values: Floats, reference: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.log(np.where(values > 0, values, np.nan) / np.where(reference > 0, reference, np.nan))
    return np.asarray(np.where(np.isfinite(y), y, np.nan), np.float64)


def _spread(y: Floats) -> float:
    """The median distance from the median."""
    return _middle(np.abs(y - _middle(y)))


def _middle(y: Floats) -> float:
    """The median of what is there."""
    return float(np.median(y[np.isfinite(y)]))


def _move(values: Floats) -> float:
    """The usual log move from row to row, of those that move."""
    positive = values[values > 0]
    moves = np.abs(np.diff(np.log(positive)))
    moves = moves[moves > 0]
    return float(np.median(moves)) if moves.size else 0.0
