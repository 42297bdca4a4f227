"""Bars as callers have them, and settings with which a whole experiment on them takes about a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

TINY: dict[str, Any] = {
    "horizon": 2,
    "seq_len": 4,
    "hidden_size": 3,
    "num_layers": 1,
    "batch_size": 64,
    "max_epochs": 2,
    "sets": ["ohlcv"],
    "bootstrap_samples": 50,
    "progress": False,
}


def bars(*symbols: str, rows: int = 1000) -> pl.DataFrame:
    """Hourly bars of one symbol or several, each below the one before: symbol, time (UTC), open, …, volume."""
    frames = []
    for seed, symbol in enumerate(symbols or ("AAA",)):
        rng = np.random.default_rng(seed)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
        start = np.datetime64("2024-01-01T00:00", "us")
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * rows,
                    "time": start + np.arange(rows) * np.timedelta64(1, "h"),
                    "open": close,
                    "high": close * 1.005,
                    "low": close * 0.995,
                    "close": close,
                    "volume": rng.uniform(1, 2, rows),
                }
            )
        )
    return pl.concat(frames)
