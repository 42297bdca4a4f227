"""Random walks and small experiments for the audit's tests, and parts that leak on purpose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig, FeatureConfig
from gatewise.data.table import Table
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.proofs.base import Case, Parts
from gatewise.proofs.run import prepare_case

MINUTE = timedelta(minutes=1)


def random_walk(
    num_rows: int = 3_000, seed: int = 0, symbols: str = "A", gaps: int = 0, missing: int = 0, stale: float = 0.0
) -> Table:
    """Bars whose future is no function of their past: any skill on them is a leak.

    Args:
        gaps: absent stretches a symbol. missing: rows without values a symbol. stale: share of bars that don't move.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for symbol in symbols:
        step = rng.normal(0, 1e-3, (num_rows, 4)) * np.exp(rng.normal(0, 0.5, num_rows))[:, None]
        path = np.where(rng.random(num_rows)[:, None] < stale, 0, step)
        close = 100 * np.exp(np.cumsum(path[:, 0]))
        opened = close * np.exp(path[:, 1])
        high = np.maximum(opened, close) * np.exp(np.abs(path[:, 2]))
        low = np.minimum(opened, close) * np.exp(-np.abs(path[:, 3]))
        minutes = np.ones(num_rows, dtype=np.int64)
        minutes[rng.choice(np.arange(1, num_rows), gaps, replace=False)] = 300
        start = datetime(2024, 1, 1, tzinfo=UTC)
        times = [start + int(minute) * MINUTE for minute in np.cumsum(minutes)]
        columns = {"open": opened, "high": high, "low": low, "close": close, "volume": rng.lognormal(3, 1, num_rows)}
        holes = rng.choice(num_rows, missing, replace=False)
        for values in columns.values():
            values[holes] = np.nan
        frames.append(pl.DataFrame({"symbol": [symbol] * num_rows, "time": times, **columns}))
    frame = pl.concat(frames).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    return Table(frame.with_columns(pl.selectors.float().fill_nan(None)), MINUTE, MINUTE)


def small_experiment(**overrides: Any) -> ExperimentConfig:
    """Short windows over all features; dotted fields as keywords with __ for the dot."""
    said = {"windows.sequence_length": 8, "target.horizon": 5, "target.volatility_rows": 20, "split.embargo_rows": 10}
    return load_config(overrides=said | {name.replace("__", "."): value for name, value in overrides.items()})


def case_of(
    table: Table | None = None, parts: Parts | None = None, config: ExperimentConfig | None = None, seed: int = 0
) -> Case:
    """What the checks take, of a random walk unless told otherwise."""
    return prepare_case(config or small_experiment(), table or random_walk(), parts or Parts(), seed)


def with_feature(name: str, expression: pl.Expr) -> Parts:
    """The honest features and one more: an expression over each symbol's whole series."""

    def build(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        matrix = build_features(table, spec)
        column = table.frame.select(expression.over("symbol")).to_series().cast(pl.Float32).to_numpy()
        valid = matrix.valid & np.isfinite(column)
        values = np.column_stack([matrix.values, np.where(valid, column, 0)]).astype(np.float32)
        values[~valid] = 0
        return replace(matrix, values=values, valid=valid, names=(*matrix.names, name))

    return Parts(build_features=build)
