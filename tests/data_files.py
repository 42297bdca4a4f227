"""Bars for tests of the data edge, and ways to write them as files do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table

FIRST = datetime(2020, 1, 11, 22, 30, tzinfo=UTC)  # the 11th to the 13th: days that tell 13 from a month
VALUES = ("open", "high", "low", "close", "volume")


def bars(rows: int = 40, step: timedelta = timedelta(hours=1), first: datetime = FIRST, seed: int = 7) -> pl.DataFrame:
    """Bars on a plain grid: time (UTC, the bar's open) and OHLCV with few digits; each opens near the last close."""
    random = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(random.normal(0, 1, rows)), 2)
    opened = np.round(np.append(100.0, close[:-1]) + random.normal(0, 0.1, rows), 2)
    spread = np.round(random.uniform(0, 1, rows), 2)
    return pl.DataFrame(
        {
            "time": [first + step * row for row in range(rows)],
            "open": opened,
            "high": np.round(np.maximum(opened, close) + spread, 2),
            "low": np.round(np.minimum(opened, close) - spread, 2),
            "close": close,
            "volume": np.round(random.uniform(1, 5000, rows), 1),
        },
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )


def as_csv(
    frame: pl.DataFrame, stamp: Callable[[datetime], object] = str, separator: str = ",", line_end: str = "\n"
) -> str:
    """The frame as text; `stamp` writes the column `time`."""
    written = frame.with_columns(
        pl.Series(name, [str(stamp(moment)) for moment in frame[name]])
        for name, dtype in frame.schema.items()
        if dtype.is_temporal()
    )
    return written.write_csv(separator=separator).replace("\n", line_end)


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def packed(data: bytes, codec: str) -> bytes:
    """Two frames of zstd or lz4, as tools that pack in parallel write them."""

    def frame(part: bytes) -> bytes:
        buffer = pa.BufferOutputStream()
        with pa.CompressedOutputStream(buffer, codec) as stream:
            stream.write(part)
        return bytes(buffer.getvalue())

    return frame(data[: len(data) // 2]) + frame(data[len(data) // 2 :])


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(*paths: Path | str, **said: Any) -> Table:
    return load_table(DataConfig(paths=tuple(map(str, paths)), **said))


def expected(frame: pl.DataFrame, step: timedelta = timedelta(hours=1), symbol: str = "X") -> Table:
    """The Table of `bars`, built without the edge: stamps are opens."""
    ready = frame.select(pl.lit(symbol).alias("symbol"), pl.col("time") + step, pl.exclude("time").cast(pl.Float64))
    return Table(ready, step, step)
