"""Permutation importance: how much worse predictions are where some features stand at other moments' rows.

The model stays as it was trained, scaling too; features are exchanged in the matrix, block by block of time, and
windows are read from it as ever. What predictions lose is a difference of two predictors on the same rows, and has the
interval that such differences have (`evaluation/intervals.py`), with a block as its least memory: a block that has come
to a wrong place is wrong as a whole. Breiman (2001), "Random Forests"; Fisher, Rudin & Dominici (2019), "All Models are
Wrong, but Many are Useful", for models of any kind.

A pass over the rows costs as much as predicting them; there are groups x repetitions of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gatewise.errors import NotEnoughRowsError
from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.intervals import LEAST_MOMENTS, Influence, Precision, student
from gatewise.evaluation.judge import Precise
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.moments import Moments, moments
from gatewise.explain.blocks import moved_rows
from gatewise.features.base import FeatureMatrix, Values
from gatewise.rows import rows_in_windows

LEAST_BLOCKS = 10  # of an interval
Groups = Mapping[str, Sequence[str]]
# From a matrix of features and rows of it to predictions, as the model gives them.
Predict = Callable[[Values, Ints], Floats]
# Hears how many passes over the rows are done, and how many there are.
OnPass = Callable[[int, int], None]


@dataclass(frozen=True)
class Importance:
    """Some features together.

    Attributes:
        increase: of the deciding metric without what they know; below zero where it is lower without.
    """

    name: str
    features: tuple[str, ...]
    increase: Interval


@dataclass(frozen=True)
class Importances:
    """What predictions owe to features.

    Attributes:
        metric: the deciding one; lower is better.
        value: of the predictions as they are.
        rows: that were predicted; first_us, last_us: their first and last moment.
        block_rows: rows of a block.
        repeats: repetitions, whose mean an increase is.
        confidence: of the intervals.
        groups: the largest increase first.
        part: of the split whose rows they are; `None`: rows that were given.
    """

    metric: str
    value: float
    rows: int
    first_us: int
    last_us: int
    block_rows: int
    repeats: int
    confidence: float
    groups: tuple[Importance, ...]
    part: str | None = None

    @property
    def frame(self) -> pl.DataFrame:
        """A row for each group: name, features (a list), increase, low, high (null: no interval)."""
        increases = [one.increase for one in self.groups]
        return pl.DataFrame({
            "name": [one.name for one in self.groups],
            "features": [list(one.features) for one in self.groups],
            "increase": [one.value for one in increases],
            "low": pl.Series([one.low for one in increases], dtype=pl.Float64),
            "high": pl.Series([one.high for one in increases], dtype=pl.Float64),
        })  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        shown = ("part", "metric", "value", "rows", "block_rows", "repeats", "confidence")
        groups = [{"name": one.name, "features": list(one.features), **one.increase.to_dict()} for one in self.groups]
        reasons = [one.increase.reason for one in self.groups if one.increase.reason]
        return {name: getattr(self, name) for name in shown} | {
            "reason": reasons[0] if reasons else None,
            "importances": groups,
        }


@dataclass(frozen=True)
class Passes:
    """How much is predicted.

    Attributes:
        repeats: of each group. most_rows: of a pass, evenly spaced in time. seed: of the blocks' order.
    """

    repeats: int = 5
    most_rows: int = 2000
    seed: int = 42


USUAL = Passes()


def permutation_importances(
    predict: Predict,
    matrix: FeatureMatrix,
    ground: Ground,
    rows: Ints,
    groups: Groups,
    *,
    sequence_length: int,
    horizon: int,
    confidence: float,
    memory_rows: int | None = None,
    passes: Passes = USUAL,
    on_pass: OnPass = lambda done, total: None,
) -> Importances:
    """How much the deciding metric grows on `rows` where each group's features are moved.

    Args:
        ground: the table with its labels, and the training rows, which say in which unit several outputs count.
        rows: int64, ascending, labelled, each with a full window; such as a run's validation rows.
        groups: {name: features that are moved together}.
        sequence_length, horizon: the longer is a block's length.
        confidence, memory_rows: see `judge_part`.

    Raises:
        NotEnoughRowsError: no symbol's rows hold two blocks.
    """
    block_rows = max(sequence_length, horizon)
    touched = rows_in_windows(rows, sequence_length, len(matrix.values))
    blocks = np.bincount(ground.symbol[touched]) // block_rows
    rows = rows[blocks[ground.symbol[rows]] > 1]
    if not len(rows):
        raise NotEnoughRowsError(
            f"features are moved block by block, so rows must hold two blocks of {block_rows} of a symbol; "
            f"they hold {len(touched):,} rows",
            "give more rows, or a model of shorter windows",
        )
    judged, stride = thinned(rows, ground.table.time_us, passes.most_rows)
    score = judge_of(ground.labels).scorer(ground, judged)
    when = moments(ground.table.time_us[judged], ground.symbol[judged])
    plain = Influence(score(predict(matrix.values, judged)), when)
    columns = {name: np.array([matrix.names.index(one) for one in features]) for name, features in groups.items()}
    others: dict[str, list[Influence]] = {name: [] for name in groups}
    total, done = len(groups) * passes.repeats, 0
    for taken in moved_rows(touched, ground.symbol, block_rows, passes.seed, passes.repeats):
        for name, at in columns.items():
            moved = _exchanged(matrix.values, touched, taken, at)
            others[name].append(plain if moved is None else Influence(score(predict(moved, judged)), when))
            done += 1
            on_pass(done, total)
    metric = judge_of(ground.labels).deciding_metric
    least = max(block_rows, memory_rows or 1) / stride
    reason = _too_few(when, block_rows, int(blocks.max()))
    each = [
        Importance(name, tuple(groups[name]), _increase(plain, some, metric, when, least, confidence, reason))
        for name, some in others.items()
    ]
    time_us = ground.table.time_us[judged]
    return Importances(
        metric=metric,
        value=plain.values[metric],
        rows=len(judged),
        first_us=int(time_us.min()),
        last_us=int(time_us.max()),
        block_rows=block_rows,
        repeats=passes.repeats,
        confidence=confidence,
        groups=tuple(sorted(each, key=lambda one: -one.increase.value)),
    )


def thinned(rows: Ints, time_us: Ints, most: int) -> tuple[Ints, int]:
    """At most so many of some rows, those of every so many moments back from the last; and of how many each is one."""
    if len(rows) <= most:
        return rows, 1
    unique, of_row = np.unique(time_us[rows], return_inverse=True)
    stride = math.ceil(len(rows) / most)
    return rows[(len(unique) - 1 - of_row) % stride == 0], stride


def _exchanged(values: Values, rows: Ints, taken: Ints, columns: Ints) -> Values | None:
    """A matrix in which `taken` stand in the places of `rows`, in these columns; `None` where that changes nothing."""
    here = np.ix_(rows, columns)
    others = values[np.ix_(taken, columns)]
    if np.array_equal(values[here], others):
        return None
    moved = values.copy()  # not written back into one: GPUs keep a matrix by its identity
    moved[here] = others
    return moved


def _increase(
    plain: Influence,
    moved: Sequence[Influence],
    metric: str,
    when: Moments,
    least: float,
    confidence: float,
    reason: str | None,
) -> Interval:
    """The mean over repetitions, paired with the predictions as they are, over the same moments; without an interval
    where there is a reason for none.
    """
    value = float(np.mean([one.values[metric] - plain.values[metric] for one in moved]))
    if reason:
        return Interval(value, reason=reason)
    scores = {"model": plain.scores} | {str(number): one.scores for number, one in enumerate(moved)}
    precise = Precise(when, math.ceil(least), None, scores)
    precision = min((precise.of_difference(str(n)) for n in range(len(moved))), key=lambda one: one.freedom)
    half = _quantile(precision, confidence) * _standard_error(plain, moved, metric, precision)
    return Interval(value, value - half, value + half)


def _standard_error(plain: Influence, moved: Sequence[Influence], metric: str, precision: Precision) -> float:
    here = plain.components(metric, precision.freedom)
    apart = np.mean([one.components(metric, precision.freedom) - here for one in moved], axis=0)
    return float(np.sqrt(np.square(apart).mean()))


def _quantile(precision: Precision, confidence: float) -> float:
    return student(confidence, precision.freedom)


def _too_few(when: Moments, block_rows: int, blocks: int) -> str | None:
    if blocks >= LEAST_BLOCKS and when.count >= LEAST_MOMENTS:
        return None
    return (
        f"it takes {LEAST_BLOCKS} blocks of {block_rows} rows and {LEAST_MOMENTS} moments; "
        f"got {blocks} and {when.count:,}"
    )
