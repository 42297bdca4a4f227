"""Bars for the lake, and a lake's bytes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.series import Series

MINUTE = timedelta(minutes=1)
BTC = SeriesKey("coinbase", "BTC-USD", MINUTE)
FACTS = {"exchange": "coinbase"}
ORDER = ["time", "open", "high", "low", "close", "volume", "trades"]
START = datetime(2023, 11, 12, 22, 1, tzinfo=UTC)  # two hours before a page ends


def bars(num: int, start: datetime = START, step: timedelta = MINUTE, seed: int = 0) -> pl.DataFrame:
    """Random bars without a hole; the columns in an order that the lake does not keep."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 1e-3, num))), 2)
    open_ = np.concatenate([[100.0], close[:-1]])
    time = pl.datetime_range(start, start + (num - 1) * step, step, eager=True, time_unit="us").alias("time")
    return pl.DataFrame(
        {
            "volume": rng.exponential(1, num),
            "time": time,
            "trades": rng.integers(0, 9, num).astype(float),
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
        }
    )


def span(frame: pl.DataFrame, step: timedelta = MINUTE) -> tuple[datetime, datetime]:
    """The span [start, end) of a frame's times."""
    return frame["time"][0], frame["time"][-1] + step


def filled(root: Path, frame: pl.DataFrame, key: SeriesKey = BTC) -> Series:
    """A series that holds a frame, appended at once."""
    series = Lake(root).series(key)
    with series.writer() as writer:
        writer.append(frame, span(frame, key.timeframe), FACTS)
    return series


def content(root: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by name."""
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def stamps(root: Path) -> dict[str, int]:
    """When every file below a folder was last written, in nanoseconds."""
    return {str(file.relative_to(root)): file.stat().st_mtime_ns for file in root.rglob("*") if file.is_file()}
