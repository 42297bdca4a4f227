"""What a label is: a value, and the row from which on it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.targets.outputs.base import OutputSpec


@dataclass(frozen=True)
class Labels:
    """Labels of every row of a Table.

    Attributes:
        y: int64 [rows] class numbers, or float64 [rows, outputs]. Where not valid, 0.
        known_at: int64 [rows]; the row of the table at whose time the label is settled, always > the row itself;
            -1 where not valid.
        valid: bool [rows]; false where the path to the label leaves the row's segment or meets a missing value.
        spec: what a model of them predicts.
        known_by_output: int64 [rows, outputs], as known_at, which is the latest, of each column of y; `None`: they are
            settled together.
        start: float64 [rows, outputs], values at the row itself that y is learned as a change from, see
            `targets/learned.py`; `None`: it is learned as it is.
        lookback: rows up to and with the row itself that the label reads too; 1 where it reads the row alone.
    """

    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    known_at: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]
    spec: OutputSpec
    lookback: int = 1
    known_by_output: npt.NDArray[np.int64] | None = None
    start: npt.NDArray[np.float64] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in order of their numbers; empty where y are numbers."""
        return self.spec.classes

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of y; empty for classes."""
        return self.spec.outputs

    @property
    def settled_by_output(self) -> npt.NDArray[np.int64]:
        """int64 [rows, outputs], the row at which each column of y is known; one column for classes."""
        return self.known_at[:, None] if self.known_by_output is None else self.known_by_output

    def counts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many of `rows` hold each class, int64 [classes]; empty for numbers."""
        return self.spec.counts(self.y[rows])

    def unseen(self, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """Classes that none of `rows` holds, such as those of a training part; none for numbers."""
        return tuple(name for name, count in zip(self.classes, self.counts(rows), strict=True) if not count)

    def hold_one_class(self, rows: npt.NDArray[np.int64]) -> bool:
        """Whether `rows` hold a single class, so that there is nothing to tell apart; false for numbers."""
        return bool(np.count_nonzero(self.counts(rows)) == 1)
