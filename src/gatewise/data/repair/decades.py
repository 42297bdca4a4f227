"""Log prices that are powers of ten off, beyond doubt, from what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LN10 = float(np.log(10.0))
AROUND, LEVEL_ROWS = 50, 5  # rows on either side that tell what is usual; rows that make a level
_MOST_DECADES = 9
# How far a power of ten may be missed: in moves, and in log price, from 100 on more; how far levels may be apart.
_DECADE_MOVES, _LEAST_OFF, _LEAST_OFF_FAR, _MOST_OFF, _MOST_APART = 10.0, 0.1, 0.25, 0.35, 0.7
_CLEAR_MOVES = 20.0  # a decade must be so many moves, else the series does such things by itself


def stands_off(x: Floats, suspected: Flags, rows: slice, jumps: Ints, power: int) -> bool:
    """Whether each of some rows is off by a power of ten from what many rows on either side stand at.

    Args:
        x: log prices of one symbol, float64 [rows].
        suspected: bool [rows], those that tell of no level.
        rows: the ones that are asked.
        jumps: rows with which another level may begin, in order.
        power: of ten, by which they are off.
    """
    first = jumps[jumps <= rows.start - LEVEL_ROWS][-1:].sum()
    stop = min([*jumps[jumps >= rows.stop + LEVEL_ROWS][:1].tolist(), x.size])
    sides = slice(first, rows.start), slice(rows.stop, stop)
    before, after = (x[side][~suspected[side]] for side in sides)
    levels = [np.median(near) for near in (before[-AROUND:], after[:AROUND]) if near.size]
    return bool(levels) and all((nearest_decade(x[rows] - level) == power).all() for level in levels)


def nearest_decade(logs: Floats) -> Ints:
    """The power of ten that is nearest; 0 where a price is missing."""
    return np.nan_to_num(np.rint(logs / LN10)).astype(np.int64)


def decade_of(devs: Sequence[Floats], usual: Floats) -> tuple[Ints, Flags]:
    """The nearest power of ten, and whether the deviation is one beyond doubt.

    Args:
        devs: from several levels that should be alike; the price may have been at any between them.
    """
    least, most = reduce(np.minimum, devs), reduce(np.maximum, devs)
    power = np.nan_to_num(np.rint((least + most) / (2 * LN10))).astype(np.int64)
    # A market's own steps end within a tenth of ten times now and then, but never near a hundred.
    miss = np.clip(_DECADE_MOVES * usual, np.where(np.abs(power) > 1, _LEAST_OFF_FAR, _LEAST_OFF), _MOST_OFF)
    with np.errstate(invalid="ignore"):
        fits = (most >= power * LN10 - miss) & (least <= power * LN10 + miss) & (most - least <= _MOST_APART)
        fits &= np.abs(power) * LN10 > _CLEAR_MOVES * usual
    return power, fits & (power != 0) & (np.abs(power) <= _MOST_DECADES)


def middle(values: Floats, lower: bool = False) -> Floats:
    """[rows], the median of each row's values that are there, `lower`: of two in the middle the lower; NaN: none is."""
    if not values.size:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN comes last
    count = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    low = ordered[rows, np.maximum(count - 1, 0) // 2]
    upper = ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    return np.asarray(low if lower else (low + upper) / 2, np.float64)
