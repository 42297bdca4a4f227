"""From a Table to one matrix of numbers and the rows of it that may be read."""

from __future__ import annotations

import fnmatch
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import FeatureConfig, format_duration
from gatewise.data.steps.grid import Grid
from gatewise.data.steps.resample import require_multiple
from gatewise.data.table import OHLCV, Table, require_bars
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError
from gatewise.features.base import Feature, FeatureMatrix, matrix_dtype
from gatewise.features.fill import fill
from gatewise.features.sets import OF_COLUMN, SETS, SMA_VALUE, FeatureSet
from gatewise.features.timeframes import Longer, fill_longer
from gatewise.parts import find_part, whose_code

log = logging.getLogger("gatewise.features")


def resolve_features(
    spec: FeatureConfig, table_columns: Sequence[str], timeframe: timedelta | None = None, calendar: str | None = None
) -> tuple[Feature, ...]:
    """The features that `spec` names, in the matrix's order: the sets, then raw columns, then the sets on longer bars.

    Args:
        spec: names of sets and of raw columns, and lengths of longer bars.
        table_columns: the table's numeric columns.
        timeframe: the table's; `None` stands for an intraday one where there are no longer bars.
        calendar: the table's; days of sessions hold fewer rows, so it shortens the lookback of bars of days.

    Raises:
        UnknownNameError: no such set, or no such column in the table.
        SchemaError: a set needs columns that the table lacks.
        ConfigError: a name comes twice, or longer bars are no whole multiples of the timeframe.
    """
    of_rows, on_longer = _resolve(spec, table_columns, timeframe, calendar)
    return (*of_rows, *(feature for longer in on_longer for feature in longer.features))


def _resolve(
    spec: FeatureConfig, table_columns: Sequence[str], timeframe: timedelta | None, calendar: str | None
) -> tuple[tuple[Feature, ...], tuple[Longer, ...]]:
    sets = [find_part("feature set", name, SETS) for name in spec.sets]
    missing = [name for name in OHLCV if name not in table_columns] if spec.sets else []
    if missing:
        raise SchemaError(
            f"feature set {spec.sets[0]} needs columns {', '.join(OHLCV)}; missing: {', '.join(missing)} "
            f"(have: {', '.join(table_columns)})",
            "name raw columns instead: features.sets=[] with features.columns=[…]; of realized_volatility "
            "features.history=true will do",
        )
    for name in spec.columns:
        if name == SMA_VALUE.name and name not in table_columns:
            raise SchemaError(
                f"the rows have no column {name} (have: {', '.join(table_columns)})",
                "gatewise data init-db makes a view of your bars that has it; or leave it out of the columns",
            )
        if name not in table_columns:
            raise UnknownNameError("feature column", name, table_columns)
    chosen = _of_sets(spec, sets, table_columns, timeframe)
    of_rows = (*chosen, *(OF_COLUMN[spec.columns_as](name) for name in spec.columns))
    on_longer = tuple(
        _longer(step, timeframe, calendar, _of_sets(spec, sets, table_columns, step)) for step in spec.timeframes
    )
    names = [feature.name for feature in (*of_rows, *(f for longer in on_longer for f in longer.features))]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"feature names must differ; twice: {', '.join(twice)}",
            "drop one of the sets, columns or timeframes that bring it",
        )
    if not spec.only and not spec.drop:
        return of_rows, on_longer
    kept = chosen_names(spec, names)
    left = (longer.only(kept) for longer in on_longer)
    return tuple(f for f in of_rows if f.name in kept), tuple(longer for longer in left if longer.of_bars)


def chosen_names(spec: FeatureConfig, names: Sequence[str]) -> frozenset[str]:
    """The names that `features.only` and `features.drop` leave.

    Raises:
        UnknownNameError: no feature is so called, nor like it.
        ConfigError: none is left.
    """
    for pattern in (*spec.only, *spec.drop):
        if not fnmatch.filter(names, pattern):
            raise UnknownNameError("feature", pattern, names)
    only = [name for pattern in spec.only for name in fnmatch.filter(names, pattern)] if spec.only else names
    kept = frozenset(only) - {name for pattern in spec.drop for name in fnmatch.filter(names, pattern)}
    if not kept:
        raise ConfigError(
            f"features.only and features.drop must leave a feature; they leave none of {len(names)}",
            "name fewer in features.drop",
        )
    return kept


def _of_sets(
    spec: FeatureConfig, sets: Sequence[FeatureSet], columns: Sequence[str], timeframe: timedelta | None
) -> tuple[Feature, ...]:
    made: list[tuple[str, tuple[Feature, ...]]] = []
    for name, make in zip(spec.sets, sets, strict=True):
        with whose_code(f"feature set {name}", "give features of (columns, timeframe)"):
            made.append((name, tuple(make(columns, timeframe))))
    for name, features in made:
        if not features:
            raise ConfigError(f"feature set {name} must give features; it gives none", "leave it out of features.sets")
        if other := [one for one in features if not isinstance(one, Feature)]:
            raise ConfigError(
                f"feature set {name} must give features; got {type(other[0]).__name__}",
                "it returns gatewise.features.base.Feature objects",
            )
    return tuple(feature for _, features in made for feature in features)


def _longer(step: timedelta, timeframe: timedelta | None, calendar: str | None, of_bars: tuple[Feature, ...]) -> Longer:
    if timeframe is None:
        raise ConfigError("features.timeframes need the rows' timeframe; it is unknown", 'data.timeframe="1m"')
    if require_multiple("features.timeframes", step, timeframe) == 1:
        raise ConfigError(
            f"features.timeframes must be longer than the rows' timeframe, {format_duration(timeframe)}",
            "the rows' own features are there already: leave it out",
        )
    grid = Grid(step, calendar)
    return Longer(step, grid.most_rows(timeframe), int(grid.of_sessions), of_bars)


def build_features(table: Table, spec: FeatureConfig) -> FeatureMatrix:
    """Computes the features of every row; row t reads rows up to t of its own segment alone and is knowable with it.

    A row is valid where the whole longest lookback lies in its segment and every value that it needs is present; a row
    that lacks a value some computed feature reads breaks the run for all computed ones, as a gap does. Features on
    longer bars are those of the last bar that has closed.

    Raises:
        UnknownNameError, SchemaError, ConfigError: see `resolve_features`; ConfigError also for features that need a
            positive price, of prices that may be any.
        QualityError: bars that break their rules, a column without any value or beyond float32.
        NotEnoughRowsError: no row has its whole lookback.
    """
    of_rows, on_longer = _resolve(spec, table.columns, table.timeframe, table.calendar)
    features = (*of_rows, *(feature for longer in on_longer for feature in longer.features))
    if spec.sets:
        if table.any_prices:
            _refuse_positive(spec, of_rows)
        require_bars(table)
    _require_values(table, features)
    values = np.zeros((table.num_rows, len(features)), matrix_dtype(features))
    valid = np.ones(table.num_rows, dtype=bool)
    fill(values[:, : len(of_rows)], valid, table.frame, table.segment_start, of_rows)
    place = len(of_rows)
    for longer in on_longer:
        here = slice(place, place + len(longer.of_bars))
        fill_longer(values[:, here], valid, table, longer)
        place = here.stop
    values[~valid] = 0
    lookback = max((feature.lookback for feature in features), default=1)
    if not valid.any():
        raise NotEnoughRowsError(
            f"features need {lookback} rows in a row without gap or missing value; "
            f"the longest stretch of {table.num_rows} rows without a gap is {_longest(table.segment_start)}",
            "give more rows, raise data.gap_tolerance, or choose features with a shorter lookback",
        )
    log.info(
        "%d features, lookback %d rows: %s of %s rows are complete",
        len(features),
        lookback,
        f"{valid.sum():,}",
        f"{valid.size:,}",
    )
    return FeatureMatrix(values, valid, tuple(feature.name for feature in features), lookback)


def _refuse_positive(spec: FeatureConfig, features: Sequence[Feature]) -> None:
    """Names the features that a price of 0 or below has not, and those that it has."""
    without = [feature.name for feature in features if feature.of_positive]
    if without:
        others = ", ".join(feature.name for feature in features if not feature.of_positive)
        raise ConfigError(
            f"data.prices any takes no features that need a positive price (logs and fractions of it), which "
            f"{', '.join(spec.sets)} holds: {', '.join(without)}",
            f"features.sets=['differences'] takes differences in their place, and these as they are: {others}",
        )


def _require_values(table: Table, features: Sequence[Feature]) -> None:
    for name in dict.fromkeys(column for feature in features for column in feature.requires):
        if table.frame[name].null_count() == table.num_rows:
            raise QualityError(
                f"column {name} must hold values; all {table.num_rows} are missing", "leave it out, or mend the file"
            )


def _longest(segment_start: npt.NDArray[np.int64]) -> int:
    return int((np.arange(segment_start.size) - segment_start).max()) + 1
