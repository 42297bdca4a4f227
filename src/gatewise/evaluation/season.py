"""What a path is expected to be by those that know the series alone: its last value again, or its last season again.

The second is the seasonal naive method (Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", ch. 5.2).
Both are known with the row itself.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints
from gatewise.targets.base import Labels

_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(weeks=1), timedelta(days=365.2425)
_MONDAY_US = 4 * _DAY // timedelta(microseconds=1)  # the epoch was a Thursday


def season_rows(table: Table, rows: Ints) -> int:
    """How many rows a season has: the median count of `rows` in a day (intraday rows), a week (days), or a year.

    So a day of an exchange is as long as its sessions are. 1 where a row is a year or longer.
    """
    longer = [period for period in (_DAY, _WEEK, _YEAR) if table.timeframe < period]
    if not longer or not len(rows):
        return 1
    period_us = longer[0] // timedelta(microseconds=1)
    moments = np.unique(table.time_us[rows])
    counts = np.unique((moments - 1 - _MONDAY_US) // period_us, return_counts=True)[1]
    return max(1, round(float(np.median(counts))))


def random_walk(labels: Labels, rows: Ints) -> Floats:
    """Each column's value at the row, at every step: [n, steps · columns]."""
    return np.tile(labels.y[rows], (1, labels.steps)).astype(np.float64)


def seasonal_naive(labels: Labels, segment_start: Ints, rows: Ints, season: int) -> Floats:
    """Each column's value at the same place of the last `season` rows, [n, steps · columns].

    Where that lies beyond a gap or a missing value, the value at the row.
    """
    place = np.arange(labels.steps) % season
    at = rows[:, None] - season + 1 + place
    there = at >= segment_start[rows][:, None]
    values = labels.y[np.where(there, at, rows[:, None])]
    return np.where(np.isfinite(values), values, labels.y[rows][:, None]).reshape(len(rows), labels.spec.num_outputs)
