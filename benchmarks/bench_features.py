"""Time and memory of features, scaling and labels on 1,000,000 bars: `python benchmarks/bench_features.py [ROWS]`.

Each part runs in a process of its own, so that a peak is its alone: the table and the imports are there before it is
measured, and what is printed is the growth beyond them. Times are the best and the median of the runs.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gatewise.config.schema import FeatureConfig, TargetConfig
from gatewise.data.table import Table
from gatewise.features.build import build_features
from gatewise.features.scaling import fit_scaler
from gatewise.targets.make import make_labels

RUNS = 5


def walk(rows: int) -> Table:
    """Minute bars of a random walk, with a gap about every 2,000 rows."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(size=rows) * 1e-3))
    opened = np.concatenate([[100.0], close[:-1]])
    minutes = np.cumsum(np.where(rng.random(rows) < 1 / 2000, 60, 1))
    frame = pl.DataFrame(
        {
            "symbol": pl.repeat("WALK", rows, eager=True),
            "time": pl.Series(minutes * 60_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + rng.exponential(1e-3, rows)),
            "low": np.minimum(opened, close) * (1 - rng.exponential(1e-3, rows)),
            "close": close,
            "volume": rng.lognormal(size=rows),
        }
    )
    table = Table(frame, timedelta(minutes=1), timedelta(minutes=1))
    _ = table.segment_start
    return table


def features(table: Table) -> Callable[[], object]:
    return lambda: build_features(table, FeatureConfig())


def scaler(kind: str) -> Callable[[Table], Callable[[], object]]:
    def prepare(table: Table) -> Callable[[], object]:
        values = np.random.default_rng(0).standard_normal((table.num_rows, 39), dtype=np.float32)
        rows = np.arange(int(0.7 * table.num_rows))
        return lambda: fit_scaler(kind, values, rows, [str(column) for column in range(39)])

    return prepare


def labels(**fields: Any) -> Callable[[Table], Callable[[], object]]:
    def prepare(table: Table) -> Callable[[], object]:
        spec = TargetConfig(**fields)
        make_labels(walk(2000), spec)  # compiles
        return lambda: make_labels(table, spec)

    return prepare


PARTS: dict[str, Callable[[Table], Callable[[], object]]] = {
    "market39": features,
    "scaler standard, 70 % of the rows": scaler("standard"),
    "scaler robust, 70 % of the rows": scaler("robust"),
    "triple_barrier, horizon 20": labels(horizon=20),
    "triple_barrier, horizon 240": labels(horizon=240),
    "triple_barrier, horizon 240, never touched": labels(horizon=240, upper=50, lower=50),
    "direction": labels(kind="direction"),
    "forward_return": labels(kind="forward_return"),
    "next_row, 5 columns": labels(kind="next_row"),
}


def peak_mb() -> float:
    """The process's peak of resident memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(name: str, rows: int) -> tuple[list[float], float]:
    """Seconds of each run, and by how many MB the first run raised the peak."""
    call = PARTS[name](walk(rows))
    # Forgets the peak that making the table left behind (Linux).
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_mb()
    seconds, grown = [], 0.0
    for run in range(RUNS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
        if run == 0:
            grown = peak_mb() - before
    return seconds, grown


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{rows:,} rows, {RUNS} runs each, polars on {pl.thread_pool_size()} threads")
    print(f"{'part':44}{'best s':>9}{'median s':>10}{'peak +MB':>10}")
    for name in PARTS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, grown = pool.apply(measure, (name, rows))
        print(f"{name:44}{min(seconds):9.3f}{statistics.median(seconds):10.3f}{grown:10.0f}")


if __name__ == "__main__":
    main()
