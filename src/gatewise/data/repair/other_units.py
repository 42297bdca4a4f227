"""Runs of whole rows in another unit: pence among pounds, a point that slipped for a week, and back again.

A run is certain where it comes from the usual level and goes back to it by the same power of ten, fifty rows on either
side say so of each of its rows, and the volume does not say that shares were split and joined again.
"""

from __future__ import annotations

import numpy as np

from gatewise.data.repair.decades import LEVEL_ROWS, LN10, Flags, Floats, Ints, decade_of, middle, stands_off
from gatewise.data.repair.levels import Levels

LEAST_JUMP = float(np.log(2.5))
_VOLUME_ROWS = 20
_MOST_SHARE = 1 / 3  # of a symbol's rows may stand at another decade; beyond that nobody knows which is right
_FEW_OTHERS = 3  # steps as large, beside those by powers of ten; more, and the series does such things by itself
_MOST_ROUNDS = 4


def decades_of_rows(levels: Levels) -> Ints:
    """By how many powers of ten each whole row is off: what is found with all that was found before put right."""
    decades = _decades_of(levels, levels.x)
    for _ in range(_MOST_ROUNDS):
        if not decades.any() or not (more := _decades_of(levels, levels.x - decades * LN10)).any():
            break
        decades += more
    if decades.any():
        share = np.bincount(levels.symbol, decades != 0) / np.maximum(np.bincount(levels.symbol), 1)
        decades[share[levels.symbol] > _MOST_SHARE] = 0
    return decades


def _decades_of(levels: Levels, x: Floats) -> Ints:
    """Rows that come from the usual level and go back to it, each by the same power of ten."""
    decades = np.zeros(x.size, dtype=np.int64)
    steps = levels.steps(x)
    large = np.flatnonzero(np.abs(steps) > LEAST_JUMP)
    power, fits = decade_of((steps[large],), levels.usual(large, x))
    at, power = large[fits], power[fits]
    for symbol in np.unique(levels.symbol[at]):
        begin, end = np.searchsorted(levels.symbol, (symbol, symbol + 1))
        in_symbol = levels.symbol[at] == symbol
        bounds = np.concatenate([[begin], at[in_symbol], [end]])
        splits = _are_splits(levels, bounds, power[in_symbol])
        errors = np.where(splits, 0, power[in_symbol])
        level, length = np.concatenate([[0], np.cumsum(errors)]), np.diff(bounds)
        base = max(np.unique(level).tolist(), key=lambda k: (length[level == k].sum(), -abs(k)))
        inside = np.flatnonzero(level == base)
        runs = [run for run in range(int(inside[0]), int(inside[-1])) if level[run] != base]
        unexplained = large[~fits & (levels.symbol[large] == symbol)]
        if length[runs].sum() > _MOST_SHARE * (end - begin) or unexplained.size > max(_FEW_OTHERS, in_symbol.sum()):
            continue
        for run in runs:
            decades[bounds[run] : bounds[run + 1]] = level[run] - base
        suspected = decades[begin:end] != 0
        shares = np.repeat(np.cumsum(np.append(0, np.where(splits, power[in_symbol], 0))), length)
        own_shares = x[begin:end] - shares * LN10
        for run in runs:
            rows = slice(int(bounds[run]) - begin, int(bounds[run + 1]) - begin)
            if not stands_off(own_shares, suspected, rows, unexplained - begin, level[run] - base):
                decades[bounds[run] : bounds[run + 1]] = 0
    return decades


def _are_splits(levels: Levels, bounds: Ints, power: Ints) -> Flags:
    """At which steps between runs volume moved against the price, as it does where shares are split or joined."""
    splits = np.zeros(power.size, np.bool_)
    if levels.volume is None:
        return splits
    for step in range(power.size):
        begin, at, end = bounds[step : step + 3].tolist()
        begin, end = min(begin, at - LEVEL_ROWS), max(end, at + LEVEL_ROWS)  # runs shorter than that tell nothing
        begin, end = max(bounds[0], begin, at - _VOLUME_ROWS), min(bounds[-1], end, at + _VOLUME_ROWS)
        before, after = (middle(levels.volume[None, a:b])[0] for a, b in ((begin, at), (at, end)))
        if min(at - begin, end - at) >= LEVEL_ROWS and before > 0 and after > 0:
            moved = float(np.log(after / before))
            splits[step] = abs(moved + power[step] * LN10) < abs(moved)
    return splits
