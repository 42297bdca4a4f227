"""Predictions some rows at a time, and beside what came true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.rows import parts_of
from gatewise.targets.base import Labels

if TYPE_CHECKING:
    from gatewise.bundle.bundle import Bundle


def predicted_parts(
    bundle: Bundle, table: Table, device: str = "auto", warn: Callable[[str], None] | None = None
) -> Iterator[pl.DataFrame]:
    """What `Bundle.predict` gives of all rows, part by part, in order; the arguments and errors are its own."""
    matrix = bundle.features(table)
    rows = bundle.scorable_rows(table, matrix)
    for here in parts_of(len(rows), bundle.spec.num_outputs):
        yield bundle.frame(table, rows[here], bundle.predict_rows(table, matrix, rows[here], device))
    bundle.warn_of_far(table, matrix, rows, warn)


def frames_with_targets(
    bundle: Bundle,
    table: Table,
    labels: Labels,
    parts: Mapping[str, npt.NDArray[np.int64]],
    predicted: Mapping[str, npt.NDArray[np.float64]],
) -> Iterator[pl.DataFrame]:
    """What was predicted on the rows of some parts beside what came true: one frame, or more where these are many rows.

    Args:
        parts: rows by the part's name. predicted: what `Bundle.predict_rows` gave of them.
    """
    num_outputs = bundle.spec.num_outputs
    frames = (
        with_targets(bundle.frame(table, rows[here], predicted[part][here]), part, labels, rows[here])
        for part, rows in parts.items()
        for here in [*parts_of(len(rows), num_outputs)] or [slice(0)]
    )
    few = len([*parts_of(sum(map(len, parts.values())), num_outputs)]) <= 1
    return iter([pl.concat(frames)]) if few else frames


def with_targets(predictions: pl.DataFrame, part: str, labels: Labels, rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The frame of `Bundle.predict` for `rows`, with the part's name and the known targets.

    Returns:
        symbol, time, part, the predictions, then target (class name) or one target_<output> column an output; null
        where the label is not known.
    """
    targets = labels.spec.target_columns(labels.at(rows), labels.valid[rows])
    return predictions.select(SYMBOL, TIME, pl.lit(part).alias("part"), pl.exclude(SYMBOL, TIME)).with_columns(targets)
