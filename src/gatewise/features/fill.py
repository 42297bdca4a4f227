"""Features over runs of rows: the values of each row and whether all that it needs is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import TIME
from gatewise.errors import QualityError
from gatewise.features.base import Feature, Values
from gatewise.features.evaluate import evaluate_blocks

LARGEST = float(np.finfo(np.float32).max)


def fill(
    values: Values,
    valid: npt.NDArray[np.bool_],
    frame: pl.DataFrame,
    run_start: npt.NDArray[np.int64],
    features: Sequence[Feature],
) -> None:
    """Writes every row's features, and takes rows that lack something out of `valid`.

    A row that lacks a value which some computed feature reads breaks the run for all computed ones, as a gap does; a
    raw column's missing value costs its row alone. Values of rows that are not valid mean nothing.

    Args:
        values: [rows, features], written; of `matrix_dtype`.
        valid: bool [rows], narrowed.
        frame: the rows, with the columns that the features require.
        run_start: int64 [rows]; the first row of each row's run, which no computed feature may reach beyond.

    Raises:
        QualityError: a raw column holds a value beyond float32.
    """
    computed = [(place, feature) for place, feature in enumerate(features) if not is_raw(feature)]
    for place, feature in enumerate(features):
        if is_raw(feature):
            _fill_raw(values[:, place], valid, frame[feature.name])
    if computed:
        _fill_computed(values, valid, frame, run_start, computed)


def is_raw(feature: Feature) -> bool:
    """Whether a feature is a column as it is."""
    return feature.expression.meta.eq(pl.col(feature.name))


def _fill_raw(into: Values, valid: npt.NDArray[np.bool_], column: pl.Series) -> None:
    numbers = column.cast(pl.Float64).to_numpy()  # nulls become NaN
    finite = np.abs(numbers) <= LARGEST
    beyond = np.flatnonzero(~finite & column.is_not_null().to_numpy())
    if beyond.size:
        raise QualityError(
            f"column {column.name} must be finite and within float32; row {beyond[0]} holds {column[int(beyond[0])]:g}",
            "mend or drop the row",
        )
    valid &= finite
    into[:] = numbers


def _fill_computed(
    values: Values,
    valid: npt.NDArray[np.bool_],
    table: pl.DataFrame,
    run_start: npt.NDArray[np.int64],
    computed: list[tuple[int, Feature]],
) -> None:
    features = [feature for _, feature in computed]
    required = sorted({name for feature in features for name in feature.requires} - {TIME})
    present = np.ones(table.height, dtype=bool)
    for name in required:
        if table[name].null_count():
            present &= table[name].is_not_null().to_numpy()
    rows = np.flatnonzero(present)
    whole = rows.size == table.height
    frame = table if whole else table.filter(pl.Series(present))
    warm = _position_in_run(rows, run_start) >= max(feature.lookback for feature in features) - 1
    for first, block in evaluate_blocks(features, frame):
        here = slice(first, first + block.height)
        at = here if whole else rows[here]
        for (place, feature), column in zip(computed, block.iter_columns(), strict=True):
            numbers = column.cast(pl.Float64 if feature.at_level else pl.Float32).to_numpy()
            warm[here] &= np.abs(numbers) <= LARGEST
            values[at, place] = numbers
    valid[~present] = False
    valid[rows] &= warm


def _position_in_run(rows: npt.NDArray[np.int64], run_start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # Rows that lack a value are cut out of `rows`; what follows such a hole starts a new run, as after a gap.
    index = np.arange(rows.size)
    starts = np.ones(rows.size, dtype=bool)
    starts[1:] = (np.diff(rows) != 1) | (np.diff(run_start[rows]) != 0)
    return index - np.maximum.accumulate(np.where(starts, index, 0))
