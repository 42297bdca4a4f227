"""What learners eat, made of plain arrays: samples of a table whose rows are the windows' steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.as_numpy import Array
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.features.base import FeatureMatrix
from gatewise.features.base import Values as FeatureValues
from gatewise.features.scaling import Scaler
from gatewise.fold import FittedFold
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.targets.base import Labels
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.values import Values


@dataclass(frozen=True)
class Targets:
    """y of the training and the validation part, one after the other.

    Attributes:
        classes: sorted labels; empty for regression.
        scaler: of the outputs, fitted on the training part; `None` for classes.
        y: int64 [samples] class numbers, or float64 [samples, outputs] in their own units.
        class_weights: float32 [classes], 0 for a class that the training part lacks; empty for regression.
        floor: float64 [classes], what predictions give to such a class; empty for regression.
        columns: whether values came as [samples, outputs], and so go out.
    """

    classes: Array
    scaler: Scaler | None
    y: Array
    class_weights: npt.NDArray[np.float32]
    floor: npt.NDArray[np.float64]
    columns: bool


def window_ends(num_samples: int, length: int) -> Rows:
    """Row numbers of the windows' last steps, int64 [samples]."""
    return np.arange(num_samples) * length + length - 1


def make_array_samples(
    rows: FeatureValues, length: int, targets: Targets, weight: npt.NDArray[np.float32] | None = None
) -> tuple[Samples, FittedFold]:
    """What learners eat, and what is fitted; labels stand at the rows that end windows.

    Args:
        rows: [samples · length, features]; the scaler that is handed back leaves them as they are.
        weight: float32 [samples], how much each counts in training; `None`: all alike.

    Nothing says when a label of an array is known: it counts as known at its window's end.
    """
    count, ends = len(rows), window_ends(len(targets.y), length)
    row_number = np.arange(count)
    time = pl.Series(TIME, row_number).cast(pl.Datetime("us", "UTC"))
    step = timedelta(microseconds=1)
    table = Table(pl.DataFrame({SYMBOL: pl.repeat("array", count, eager=True), TIME: time}), step, step)
    y = np.zeros((count, *targets.y.shape[1:]), targets.y.dtype)
    valid = np.zeros(count, bool)
    y[ends], valid[ends] = targets.y, True
    spec = output_spec(targets.classes, targets.scaler.names if targets.scaler else ())
    labels = Labels(y, np.where(valid, row_number, -1), valid, spec)
    names = tuple(f"x{number}" for number in range(rows.shape[1]))
    matrix = FeatureMatrix(rows, np.ones(count, bool), names, 1)
    spans = Spans(ends, ends - length + 1, ends, ends)
    fold = FittedFold(unscaled(rows.shape[1]), targets.scaler, targets.class_weights, targets.floor)
    row_weight = None
    if weight is not None:
        row_weight = np.zeros(count, np.float32)
        row_weight[ends] = weight
    return Samples(table, matrix, labels, ends, spans, length - 1, 1, row_weight), fold


def output_spec(classes: Array, outputs: tuple[str, ...]) -> OutputSpec:
    """Of labels, or of numbers where there are none."""
    return Classes(tuple(map(str, classes))) if len(classes) else Values(outputs)


def unscaled(width: int) -> Scaler:
    """Leaves values as they are."""
    return Scaler("none", ("",) * width, np.zeros(width), np.ones(width))
