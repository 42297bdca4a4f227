"""Tables for the tests of features and targets: plausible bars, and bars made to hurt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import Table

MINUTE = timedelta(minutes=1)
Numbers = npt.NDArray[np.float64]


def table_of(
    columns: dict[str, Numbers],
    gaps_after: Sequence[int] = (),
    timeframe: timedelta = MINUTE,
    start: datetime = datetime(2022, 1, 3, tzinfo=UTC),
    symbol: str = "X",
) -> Table:
    """A table of one symbol; NaN stands for a missing value, and a gap of 50 steps follows each row of `gaps_after`."""
    rows = len(next(iter(columns.values())))
    steps = np.ones(rows, dtype=np.int64)
    steps[0] = 0
    steps[[row + 1 for row in gaps_after if row + 1 < rows]] = 50
    step_us = timeframe // timedelta(microseconds=1)
    time = pl.Series(int(start.timestamp()) * 1_000_000 + np.cumsum(steps) * step_us)
    time = time.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    frame = pl.DataFrame({"symbol": [symbol] * rows, "time": time, **columns})
    return Table(frame.with_columns(pl.col(list(columns)).fill_nan(None)), timeframe, timeframe)


def bars_around(close: Numbers, rng: np.random.Generator, volume: Numbers | None = None) -> dict[str, Numbers]:
    """OHLCV with these closes: opens near the close before, shadows of random length."""
    noise = np.abs(rng.normal(size=(3, close.size))) * np.std(np.diff(np.log(close), prepend=np.log(close[0])))
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(noise[2] - noise[2].mean())
    return {
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(noise[0]),
        "low": np.minimum(opened, close) * np.exp(-noise[1]),
        "close": close,
        "volume": rng.lognormal(3, 1, close.size) if volume is None else volume,
    }


def random_walk(rows: int, seed: int = 0, price: float = 100.0, volatility: float = 1e-3) -> dict[str, Numbers]:
    """OHLCV of a geometric random walk with log-normal volume."""
    rng = np.random.default_rng(seed)
    return bars_around(price * np.exp(np.cumsum(rng.normal(size=rows) * volatility)), rng)


def _still(rows: int, price: float) -> dict[str, Numbers]:
    return {name: np.full(rows, price) for name in ("open", "high", "low", "close")} | {"volume": np.full(rows, 7.0)}


def _mixed(rows: int) -> dict[str, Numbers]:
    """Movement, standstill, movement again, with volume spikes of 1e6-fold and stretches without any volume."""
    columns = random_walk(rows, seed=4)
    third = rows // 3
    price = columns["close"][third]
    for name in ("open", "high", "low", "close"):
        columns[name][third : 2 * third] = price
    columns["volume"][::97] *= 1e6
    columns["volume"][third + 50 : third + 200] = 0
    return columns


def _ticks(rows: int) -> dict[str, Numbers]:
    """Moves of one tick of 0.01 at a price of a million: the spread is a hundred-millionth of the level."""
    rng = np.random.default_rng(5)
    close = np.round(1e6 + 0.01 * np.cumsum(rng.integers(-1, 2, rows)), 2)
    wick = 0.01 * rng.integers(0, 3, rows)
    volume = rng.integers(0, 3, rows) * 1.0
    return {"open": close, "high": close + wick, "low": close - wick, "close": close, "volume": volume}


def _level_volume(rows: int) -> dict[str, Numbers]:
    columns = random_walk(rows, seed=6)
    columns["volume"] = 1e12 + np.random.default_rng(6).integers(0, 5, rows)
    return columns


def hostile(rows: int) -> dict[str, dict[str, Numbers]]:
    """Named sets of bars at which careless arithmetic loses digits or divides by zero."""
    no_volume = random_walk(rows, seed=1)
    no_volume["volume"][:] = 0
    return {
        "walk": random_walk(rows),
        "tiny prices": random_walk(rows, seed=2, price=1e-8, volatility=0.02),
        "large prices": random_walk(rows, seed=3, price=1e6, volatility=1e-6),
        "ticks at a million": _ticks(rows),
        "no volume": no_volume,
        "level volume": _level_volume(rows),
        "standstill": _still(rows, 0.1),
        "mixed": _mixed(rows),
    }
