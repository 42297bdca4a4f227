"""Columns that pick a price of the last rows: highest of twenty, low of 52 weeks, rolling median.

While such a window holds rows from before a split and after it, what it picks is of either scale and so looks like a
price; but a lowest row of new shares hides old rows that were lower in the same units. No factor mends that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gatewise.data.repair.decades import Floats

_LANDS, _BOUNDS, _OTHERWISE = 0.95, 0.99, 0.8  # shares of the moves one way, of the rows, of the moves the other way
_FEWEST = 3  # moves one way
_OF_MOVE, _MOST_OF_MOVE = 0.1, 0.7  # of a usual move, by which a price may be missed, and more where values are coarse
_LEAST_UNIT = 1e-7  # a smaller difference is none
_MEDIANS = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 25, 31, 41, 51)


def picks_of_window(values: Floats, prices: Sequence[Floats]) -> bool:
    """Whether a column picks from several rows' prices, those of one symbol in order of time.

    Args:
        values, prices: float64 [rows] each, as they were written, in whatever scale each row is.
    """
    for price in prices:
        for shown in (price, np.append(np.nan, price[:-1])):  # a window may end with the row before
            if _is_highest(values, shown) or _is_highest(-values, -shown) or _is_median(values, shown):
                return True
    return False


def _is_highest(values: Floats, price: Floats) -> bool:
    """A highest price is never below the row's own and rises only to that, but falls to one of another row."""
    known = np.isfinite(values) & np.isfinite(price)
    values, price = values[known], price[known]
    near = np.abs(values - price) <= _miss(values, price)
    if values.size <= _FEWEST or (near | (values > price)).mean() < _BOUNDS:
        return False
    moved = np.diff(values)
    rises, falls, lands = moved > 0, moved < 0, near[1:]
    if rises.sum() < _FEWEST or lands[rises].mean() < _LANDS:
        return False
    return not falls.any() or bool(lands[falls].mean() <= _OTHERWISE)


def _is_median(values: Floats, price: Floats) -> bool:
    series, miss = pl.Series(price).fill_nan(None), _miss(values, price)
    for rows in _MEDIANS:
        middle = series.rolling_median(rows).to_numpy()
        known = np.isfinite(values) & np.isfinite(middle)
        if known.sum() > rows and (np.abs(values - middle)[known] <= miss).mean() >= _LANDS:
            return True
    return False


def _miss(values: Floats, price: Floats) -> float:
    """How far a price may be missed: by a part of its usual move, or by what the values are rounded to."""
    moves, units = (np.abs(np.diff(column[np.isfinite(column)])) for column in (price, values))
    moves, units = moves[moves > 0], units[units > _LEAST_UNIT]
    usual, half = (float(np.median(moves)), 0.501 * float(units.min())) if moves.size and units.size else (0.0, 0.0)
    return max(_OF_MOVE * usual, min(half, _MOST_OF_MOVE * usual))
