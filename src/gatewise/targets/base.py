"""What a label is: a value, and the row from which on it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Labels:
    """Labels of every row of a Table.

    Attributes:
        y: int64 [rows] class numbers, or float64 [rows, outputs] for regression. Where not valid, 0.
        known_at: int64 [rows]; the row of the table at whose time the label is settled, always > the row itself;
            -1 where not valid.
        valid: bool [rows]; false where the path to the label leaves the row's segment or meets a missing value.
        classes: class names in order of their numbers; empty for regression.
        outputs: names of the regression outputs; empty for classes.
        unit: of the regression outputs, for people.
        lookback: rows up to and with the row itself that the label reads too; 1 where it reads the row alone.
    """

    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    known_at: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    lookback: int = 1

    @property
    def is_classes(self) -> bool:
        return bool(self.classes)

    def unseen(self, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """Classes that none of `rows` holds, such as those of a training part; none for regression."""
        counts = np.bincount(self.y[rows].astype(np.int64), minlength=len(self.classes)) if self.classes else ()
        return tuple(name for name, count in zip(self.classes, counts, strict=True) if not count)
