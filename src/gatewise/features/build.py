"""From a Table to one float32 matrix and the rows of it that may be read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.schema import FeatureConfig
from gatewise.data.table import OHLCV, TIME, Table, require_bars
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError
from gatewise.features.base import Feature, FeatureMatrix
from gatewise.features.evaluate import evaluate_blocks
from gatewise.features.sets import SETS, raw

log = logging.getLogger("gatewise.features")


def resolve_features(
    spec: FeatureConfig, table_columns: Sequence[str], timeframe: timedelta | None = None
) -> tuple[Feature, ...]:
    """The features that `spec` names, in the matrix's order: the sets, then raw columns.

    Args:
        spec: names of sets and of raw columns.
        table_columns: the table's numeric columns.
        timeframe: the table's; `None` stands for an intraday one. It changes no name and no lookback.

    Raises:
        UnknownNameError: no such set, or no such column in the table.
        SchemaError: a set needs columns that the table lacks.
        ConfigError: a name comes twice.
    """
    for name in spec.sets:
        if name not in SETS:
            raise UnknownNameError("feature set", name, SETS)
    missing = [name for name in OHLCV if name not in table_columns] if spec.sets else []
    if missing:
        raise SchemaError(
            f"feature set {spec.sets[0]} needs columns {', '.join(OHLCV)}; missing: {', '.join(missing)} "
            f"(have: {', '.join(table_columns)})",
            "name raw columns instead: --set features.sets=[] --set features.columns=[...]",
        )
    for name in spec.columns:
        if name not in table_columns:
            raise UnknownNameError("feature column", name, table_columns)
    chosen = [feature for name in spec.sets for feature in SETS[name](table_columns, timeframe)]
    features = (*chosen, *(raw(name) for name in spec.columns))
    twice = [name for name, count in Counter(feature.name for feature in features).items() if count > 1]
    if twice:
        raise ConfigError(
            f"feature names must differ; twice: {', '.join(twice)}", "drop one of the sets or columns that bring it"
        )
    return features


def build_features(table: Table, spec: FeatureConfig) -> FeatureMatrix:
    """Computes the features of every row; row t reads rows up to t of its own segment alone and is knowable with it.

    A row is valid where the whole longest lookback lies in its segment and every value that it needs is present; a row
    that lacks a value some computed feature reads breaks the run for all computed ones, as a gap does.

    Raises:
        UnknownNameError, SchemaError, ConfigError: see `resolve_features`.
        QualityError: bars that break their rules, a column without any value or beyond float32.
        NotEnoughRowsError: no row has its whole lookback.
    """
    features = resolve_features(spec, table.columns, table.timeframe)
    if spec.sets:
        require_bars(table)
    _require_values(table, features)
    values = np.zeros((table.num_rows, len(features)), dtype=np.float32)
    valid = np.ones(table.num_rows, dtype=bool)
    computed = [(place, f) for place, f in enumerate(features) if not _is_raw(f)]
    for place, feature in enumerate(features):
        if _is_raw(feature):
            _fill_raw(values[:, place], valid, table.frame[feature.name])
    if computed:
        _fill_computed(values, valid, table, computed)
    values[~valid] = 0
    lookback = max(feature.lookback for feature in features)
    if not valid.any():
        raise NotEnoughRowsError(
            f"features need {lookback} rows in a row without gap or missing value; "
            f"the longest stretch of {table.num_rows} rows without a gap is {_longest(table.segment_start)}",
            "give more rows, raise --gap-tolerance, or choose features with a shorter lookback",
        )
    log.info(
        "%d features, lookback %d rows: %d of %d rows are complete", len(features), lookback, valid.sum(), valid.size
    )
    return FeatureMatrix(values, valid, tuple(feature.name for feature in features), lookback)


def _is_raw(feature: Feature) -> bool:
    return feature.expression.meta.eq(pl.col(feature.name))


def _require_values(table: Table, features: Sequence[Feature]) -> None:
    for name in dict.fromkeys(column for feature in features for column in feature.requires):
        if table.frame[name].null_count() == table.num_rows:
            raise QualityError(
                f"column {name} must hold values; all {table.num_rows} are missing", "leave it out, or mend the file"
            )


def _fill_raw(into: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], column: pl.Series) -> None:
    numbers = column.cast(pl.Float32).to_numpy()  # nulls become NaN
    finite = np.isfinite(numbers)
    beyond = np.flatnonzero(~finite & column.is_not_null().to_numpy())
    if beyond.size:
        raise QualityError(
            f"column {column.name} must be finite and within float32; row {beyond[0]} holds {column[int(beyond[0])]:g}",
            "mend or drop the row",
        )
    valid &= finite
    into[:] = numbers


def _fill_computed(
    values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], table: Table, computed: list[tuple[int, Feature]]
) -> None:
    features = [feature for _, feature in computed]
    required = sorted({name for feature in features for name in feature.requires} - {TIME})
    present = np.ones(table.num_rows, dtype=bool)
    for name in required:
        if table.frame[name].null_count():
            present &= table.frame[name].is_not_null().to_numpy()
    rows = np.flatnonzero(present)
    frame = table.frame if rows.size == table.num_rows else table.frame.filter(pl.Series(present))
    warm = _position_in_run(rows, table.segment_start) >= max(feature.lookback for feature in features) - 1
    for first, block in evaluate_blocks(features, frame):
        here = slice(first, first + block.height)
        at = slice(here.start, here.stop) if rows.size == table.num_rows else rows[here]
        for (place, _), column in zip(computed, block.iter_columns(), strict=True):
            numbers = column.cast(pl.Float32).to_numpy()
            warm[here] &= np.isfinite(numbers)
            values[at, place] = numbers
    valid[~present] = False
    valid[rows] &= warm


def _position_in_run(rows: npt.NDArray[np.int64], segment_start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # Rows that lack a value are cut out of `rows`; what follows such a hole starts a new run, as after a gap.
    index = np.arange(rows.size)
    starts = np.ones(rows.size, dtype=bool)
    starts[1:] = (np.diff(rows) != 1) | (np.diff(segment_start[rows]) != 0)
    return index - np.maximum.accumulate(np.where(starts, index, 0))


def _longest(segment_start: npt.NDArray[np.int64]) -> int:
    return int((np.arange(segment_start.size) - segment_start).max()) + 1
