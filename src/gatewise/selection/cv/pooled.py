"""Out-of-fold rows of each line, a model at a horizon: its seeds, and the backtest paths of combinatorial folds, are
averaged row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.frames import Prediction

_PRIME = 1_000_003


@dataclass(frozen=True)
class Pooled:
    """Means over seeds and paths by row of the table.

    Attributes:
        loss: float64 [rows]; values: float64 [rows, num_outputs]. Zero where nothing was predicted.
        seen: int64 [rows], how many predictions were made of each.
        source: int64 [rows], the same number where the same fitted models predicted.
    """

    loss: Floats
    values: Floats
    seen: Ints
    source: Ints


def pool(predictions: Sequence[Prediction], shared: SharedData) -> dict[tuple[int, str], Pooled]:
    """By horizon and model, in the order in which they come; the prior is one of them."""
    lines: dict[tuple[int, str], list[Prediction]] = {}
    for one in predictions:
        lines.setdefault((one.horizon, one.model), []).append(one)
    return {line: _average(of_line, shared) for line, of_line in lines.items()}


def _average(seeds: Sequence[Prediction], shared: SharedData) -> Pooled:
    table, labels = shared.table, shared.horizons[seeds[0].horizon].labels
    seen = np.zeros(table.num_rows, np.int64)
    loss = np.zeros(table.num_rows)
    sums = np.zeros((table.num_rows, seeds[0].values.shape[1]))
    source = np.zeros(table.num_rows, np.int64)
    for one in seeds:
        seen[one.rows] += 1
        loss[one.rows] += judge_of(labels).scorer(Ground(table, labels, one.fold.train), one.rows)(one.values).loss
        sums[one.rows] += one.values
        source[one.rows] = source[one.rows] * _PRIME + one.fold.number  # overflows, and tells folds apart all the same
    times = np.maximum(seen, 1)
    return Pooled(loss / times, sums / times[:, None], seen, source)
