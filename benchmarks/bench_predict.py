"""One live row through a bundle: milliseconds and processor time of a call.

    python benchmarks/bench_predict.py

The model has its initial weights and 39 features; a call gets the `rows_needed` rows of a live buffer. Of a busy
machine the least time of many calls tells more than the middle one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.data.table import Table
from gatewise.fold import fit_fold
from gatewise.learners.table import learner_of
from gatewise.samples import make_samples

MINUTE = timedelta(minutes=1)
CALLS = 200


def walk(rows: int) -> Table:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, rows)))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = pl.datetime_range(start, start + (rows - 1) * MINUTE, MINUTE, time_unit="us", eager=True)
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": rng.random(rows)}
    return Table(pl.DataFrame({"symbol": ["A"] * rows, "time": times, **columns}), MINUTE, MINUTE)


def timed(call: Callable[[], object]) -> str:
    for _ in range(20):
        call()
    least, started = float("inf"), time.process_time()
    for _ in range(CALLS):
        before = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - before)
    processor = (time.process_time() - started) / CALLS
    return f"{1e3 * least:6.2f} ms at least, {1e3 * processor:6.2f} ms of processor"


def predictions(hidden_size: int) -> None:
    table = walk(1000)
    config = load_config(
        overrides={"model.hidden_size": hidden_size, "windows.sequence_length": 60, "target.kind": "direction"}
    )
    samples = make_samples(config, table)
    fold = fit_fold(config, samples, samples.rows)
    sketch = learner_of(config.model).sketch(config, samples, fold, samples.rows)
    bundle = Bundle.of(config, samples, fold, sketch)
    live = table.with_frame(table.frame[-bundle.rows_needed :])
    matrix, rows = bundle.features(live), np.array([bundle.rows_needed - 1])
    print(f"hidden {hidden_size}, one row of {bundle.rows_needed}:")
    print("  predict      ", timed(lambda: bundle.predict(live, rows, "cpu")))
    print("  predict_rows ", timed(lambda: bundle.predict_rows(live, matrix, rows, "cpu")))


if __name__ == "__main__":
    for size in (64, 256):
        predictions(size)
