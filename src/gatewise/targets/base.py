"""What a label is: a value, and the row from which on it is known.

A label is read off a series of numbers that is kept once: off the row itself, or, where a path is predicted, off the
rows after it. So the labels of 96 steps of 7 columns take the memory of 7 columns, here and on a device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.rows import rows_in_windows
from gatewise.targets.history import History
from gatewise.targets.outputs.base import OutputSpec


@dataclass(frozen=True)
class Labels:
    """Labels of every row of a Table.

    Attributes:
        y: int64 [rows] class numbers, or float64 [rows, outputs]; where not valid, 0. With `steps` the series that
            labels are read off, float64 [rows, columns], NaN where a value is missing. `at` gives the labels.
        known_at: int64 [rows]; the row of the table at whose time the label is settled, always > the row itself;
            -1 where not valid.
        valid: bool [rows]; false where the path to the label leaves the row's segment or meets a missing value.
        spec: what a model of them predicts.
        known_by_output: int64 [rows, outputs], as known_at, which is the latest, of each column of y; `None`: they are
            settled together.
        start: float64 [rows, outputs], values at the row itself that y is learned as a change from, see
            `targets/learned.py`; `None`: it is learned as it is.
        lookback: rows up to and with the row itself that the label reads too; 1 where it reads the row alone.
        steps: a label is what y holds in so many rows after its own, the next first; 0: in its own.
        history: what is known at each row of what is measured, where labels are a realised measure; `None` of others.
        after: int64 [rows], the row that each row's path begins after; `None`: itself, as all paths but those that a
            proof has exchanged.
    """

    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    known_at: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]
    spec: OutputSpec
    lookback: int = 1
    known_by_output: npt.NDArray[np.int64] | None = None
    start: npt.NDArray[np.float64] | None = None
    steps: int = 0
    after: npt.NDArray[np.int64] | None = None
    history: History | None = None

    def at(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The labels of some rows: int64 [n], or float64 [n, outputs]; 0 where not valid."""
        if not self.steps:
            return self.y[rows]
        paths = self.y[self._ahead(rows)].reshape(len(rows), self.steps * self.y.shape[1])
        return np.where(self.valid[rows][:, None], paths, 0.0)

    def read_by(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The rows of y that the labels of `rows`, ascending and valid, are read off, each once, ascending."""
        return rows_in_windows(rows + self.steps, self.steps, len(self.y)) if self.steps else rows

    def exchanged(self, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Labels:
        """The same, but the label of each of `rows` is that of one of `others`, where both have one."""
        if self.steps:
            after = np.arange(len(self.valid))
            after[rows] = others
            return replace(self, after=after)
        y = self.y.copy()
        y[rows] = y[others]
        return replace(self, y=y)

    def settled(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 [n, outputs], the row at which each output of some rows is known; one column for classes."""
        if not self.steps:
            return self.known_at[rows][:, None] if self.known_by_output is None else self.known_by_output[rows]
        ahead = np.where(self.valid[rows][:, None], self._ahead(rows), -1)
        return np.repeat(ahead, len(self.spec.columns), axis=1)

    def _ahead(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """[n, steps], none of them beyond the last row; labels that would be are not valid."""
        first = rows if self.after is None else self.after[rows]
        return np.asarray(np.minimum(first[:, None] + np.arange(1, self.steps + 1), len(self.y) - 1))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in order of their numbers; empty where y are numbers."""
        return self.spec.classes

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what a label holds; empty for classes."""
        return self.spec.outputs

    def counts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many of `rows` hold each class, int64 [classes]; empty for numbers."""
        return self.spec.counts(self.at(rows if self.classes else rows[:0]))

    def unseen(self, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """Classes that none of `rows` holds, such as those of a training part; none for numbers."""
        return tuple(name for name, count in zip(self.classes, self.counts(rows), strict=True) if not count)

    def hold_one_class(self, rows: npt.NDArray[np.int64]) -> bool:
        """Whether `rows` hold a single class, so that there is nothing to tell apart; false for numbers."""
        return bool(np.count_nonzero(self.counts(rows)) == 1)
