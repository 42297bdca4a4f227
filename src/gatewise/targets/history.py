"""What a realised measure has been up to each row: its means over the last 1, 5 and 22 horizons.

Corsi (2009), "A Simple Approximate Long-Memory Model of Realized Volatility", Journal of Financial Econometrics 7(2),
has these spans of days. What is predicted is the first of them, a horizon later.

Sums are made of sums of half as many, so a horizon of a thousand rows costs eleven additions a row, and each number
depends on the rows that it reads alone, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from gatewise.config.model_base import Reads
from gatewise.config.target_section import RealizedVolatilityConfig, TargetSection
from gatewise.data.table import Table
from gatewise.features.base import FeatureMatrix
from gatewise.targets.paths import Flags, Rows
from gatewise.targets.realized import Floats, Periods, measure_periods, measured_columns, rows_read

SPANS = (1, 5, 22)  # horizons
NAMES = tuple(f"log_vol_{span}" for span in SPANS)


@dataclass(frozen=True)
class History:
    """Realised variances that are known at each row of a Table; not to be confused with labels, which come later.

    Attributes:
        means: float64 [rows, 3], the mean of the measure over the last 1, 5 and 22 horizons, the row's own among them;
            NaN, all three, where fewer than 22 lie before it without a gap.
        lookback: rows up to and with the row itself that they are a function of.
        quarticity: float64 [rows], the column of the root of realised quarticity as it stands; `None`: there is none.
        returns: float64 [rows], log returns of the close from row to row, NaN where there is none; `None`: no close.
    """

    means: Floats
    lookback: int
    quarticity: Floats | None = None
    returns: Floats | None = None

    @property
    def columns(self) -> Floats:
        """float64 [rows, 3 to 5], all of it side by side."""
        return np.column_stack([self.means, *(one for one in (self.quarticity, self.returns) if one is not None)])

    @property
    def known(self) -> Flags:
        """bool [rows]: whether all that there is of it is there."""
        there: Flags = np.asarray(np.isfinite(self.means).all(axis=1))
        return there if self.quarticity is None else there & np.isfinite(self.quarticity)

    @property
    def moves(self) -> Flags:
        """bool [rows]: whether all means are there and have a log."""
        return np.asarray(self.known & np.all(self.means > 0, axis=1))

    def read(self, reads: Reads, rows: Rows, length: int) -> Floats:
        """What models of one row that read no features see of rows, float64 [n, `history_width`]: the means, with the
        quarticity behind them, or the returns of the window of `length` rows, the row's own last.
        """
        if reads == "returns":
            assert self.returns is not None
            return _windows(self.returns, rows, length)
        if reads == "history":
            return self.means[rows]
        assert self.quarticity is not None
        return np.column_stack([self.means[rows], self.quarticity[rows]])


def history_width(reads: Reads, length: int) -> int:
    """Columns of what `History.read` gives."""
    return {"history": len(SPANS), "quarticity": len(SPANS) + 1, "returns": length}[reads]


def _windows(values: Floats, rows: Rows, length: int) -> Floats:
    """float64 [n, length], each row's newest values; where rows follow one another nothing is copied.

    What lies before the first row is NaN.
    """
    if not len(rows):
        return np.empty((0, length))
    first, last = int(rows.min()), int(rows.max())
    before = max(0, length - 1 - first)
    padded = np.concatenate([np.full(before, np.nan), values[max(0, first - length + 1) : last + 1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)
    return windows if bool((np.diff(rows) == 1).all()) else windows[rows - first]


def make_history(table: Table, target: TargetSection) -> History:
    """The history of a table's rows; see `measure_periods` for what is raised."""
    assert isinstance(target, RealizedVolatilityConfig)
    return history_of(table, target, measure_periods(table, target))


def history_lookback(target: TargetSection, timeframe: timedelta, calendar: str | None) -> int:
    """Rows up to and with the row itself that its history is a function of."""
    assert isinstance(target, RealizedVolatilityConfig)
    most_rows, beside = rows_read(target, timeframe, calendar)
    return max(SPANS) * target.horizon * most_rows + beside


def history_columns(target: TargetSection, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of a table's columns that its history is made of."""
    assert isinstance(target, RealizedVolatilityConfig)
    return measured_columns(target, columns)


def history_of(table: Table, target: RealizedVolatilityConfig, periods: Periods) -> History:
    """The same of periods that are measured already."""
    over_horizon = horizon_variance(target, periods)
    count = max(SPANS) * target.horizon
    totals = [_sum_of_last(over_horizon, span, target.horizon) / span for span in SPANS]
    means = np.where((periods.place >= count - 1)[:, None], np.column_stack(totals), np.nan)
    means[np.isnan(means).any(axis=1)] = np.nan
    lookback = history_lookback(target, table.timeframe, table.calendar)
    last, rows = periods.last, np.arange(table.num_rows)
    within = rows - periods.first_row[np.maximum(last - count + 1, 0)] < lookback
    of_rows = np.where(((last >= 0) & within)[:, None], means[last], np.nan)
    quarticity = None if target.quarticity is None else table.frame[target.quarticity].to_numpy()
    return History(of_rows, lookback, quarticity, periods.returns)


def horizon_variance(target: RealizedVolatilityConfig, periods: Periods) -> Floats:
    """float64 [periods], of the horizon that ends with each: the sum of squared returns, or the mean of other measures;
    NaN where it is not whole.
    """
    total = _sum_of_last(periods.variance, target.horizon)
    whole = periods.place >= target.horizon - 1
    return np.where(whole, total if target.measure == "returns" else total / target.horizon, np.nan)


def with_history(matrix: FeatureMatrix, history: History | None) -> FeatureMatrix:
    """The matrix with `NAMES` behind its features, logs of volatility; one that has them already stays as it is."""
    if history is None or matrix.names[-len(NAMES) :] == NAMES:
        return matrix
    valid = matrix.valid & (history.means > 0).all(axis=1)
    logs = 0.5 * np.log(np.where(valid[:, None], history.means, 1.0))
    values = np.concatenate([matrix.values, logs.astype(matrix.values.dtype)], axis=1)
    values[~valid] = 0
    return FeatureMatrix(values, valid, (*matrix.names, *NAMES), max(matrix.lookback, history.lookback))


def _sum_of_last(values: Floats, count: int, step: int = 1) -> Floats:
    """float64 [n], the sum of the last `count` of values that lie `step` apart; NaN where so many are not there."""
    total, doubled, size, taken = np.zeros(len(values)), values, 1, 0
    while count:
        if count & 1:
            total = total + _later(doubled, taken * step)
            taken += size
        doubled = doubled + _later(doubled, size * step)
        size, count = 2 * size, count >> 1
    return total


def _later(values: Floats, rows: int) -> Floats:
    """Each value so many places further on; NaN before the first."""
    if not rows:
        return values
    return np.concatenate([np.full(min(rows, len(values)), np.nan), values[: max(0, len(values) - rows)]])
