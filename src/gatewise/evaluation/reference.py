"""Where a predicted number starts from, so that it can be said whether it rises or falls."""

from __future__ import annotations

from collections.abc import Sequence

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
    return np.asarray(present, np.float64)


def mean_or_present(table: Table, labels: Labels, train_rows: Ints, rows: Ints) -> Floats:
    """What can be said of columns of the next row without foresight: float64 [rows, outputs].

    A column's present value or its mean over training, whichever came nearer in training: the mean of a price over
    years is a guess that everything beats, and so is the last value of what returns to its mean. It is chosen, and the
    mean taken, symbol by symbol; of all symbols together for one without training rows.
    """
    seen, truth = start_values(table, labels, "next_row", train_rows), np.asarray(labels.y[train_rows], np.float64)
    said = start_values(table, labels, "next_row", rows)
    trained, tested = (np.searchsorted(table.symbol_starts, at, side="right") for at in (train_rows, rows))
    for symbol in np.unique(tested):
        own = trained == symbol if symbol in trained else np.ones(trained.size, dtype=bool)
        mean = truth[own].mean(axis=0)
        returns = np.square(truth[own] - mean).mean(axis=0) < np.nanmean(np.square(truth[own] - seen[own]), axis=0)
        at = np.flatnonzero(tested == symbol)
        said[at] = np.where(returns | ~np.isfinite(said[at]), mean, said[at])
    return said


def usual_moves(table: Table, labels: Labels, kind: str, rows: Ints) -> Floats:
    """How far each output usually moves on `rows`: float64 [outputs], root mean square; 1 where it never moves."""
    moved = labels.y[rows] - start_values(table, labels, kind, rows)
    spread = np.sqrt(np.nanmean(np.square(moved), axis=0))
    return np.where(spread > 0, spread, 1.0)


def value_positions(kind: str, outputs: Sequence[str], value: Floats, start: Floats) -> Floats | None:
    """The naive rule's side at each row, -1, 0 or 1: up or down as predicted; `None` where no output is a price's move.

    Args:
        value, start: [rows, outputs], predicted, and where each number starts from.
    """
    if kind == "forward_return":
        return np.sign(value[:, 0])
    if "close" in outputs:
        number = list(outputs).index("close")
        return np.sign(value[:, number] - start[:, number])
    return None
