"""Where a predicted number starts from, so that it can be said whether it rises or falls."""

from __future__ import annotations

import numpy as np

from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints
from gatewise.targets.base import Labels


def start_values(table: Table, labels: Labels, kind: str, rows: Ints) -> Floats:
    """The columns' present values (NaN: missing) for next_row, else zero: float64 [rows, outputs]."""
    outputs = labels.outputs
    if kind != "next_row":
        return np.zeros((len(rows), len(outputs)))
    present = table.frame.select(outputs).to_numpy()[rows]
    return present.astype(np.float32).astype(np.float64)  # as the labels are: rounding must not look like a move


def usual_moves(table: Table, labels: Labels, kind: str, rows: Ints) -> Floats:
    """How far each output usually moves on `rows`: float64 [outputs], root mean square; 1 where it never moves."""
    moved = labels.y[rows].astype(np.float64) - start_values(table, labels, kind, rows)
    spread = np.sqrt(np.nanmean(np.square(moved), axis=0))
    return np.where(spread > 0, spread, 1.0)
