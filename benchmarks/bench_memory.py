"""Peak memory of training on 1,000,000 rows x 39 features x 60 steps, above an interpreter with torch loaded.

    python benchmarks/bench_memory.py [--rows 1000000] [--windows 20480]

Windows are an index, so the number of windows an epoch draws does not matter to the peak; fewer make the run short.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import torch

TORCH_LOADED_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

from gatewise.config.load import load_config  # noqa: E402  # after the baseline above
from gatewise.data.table import Table  # noqa: E402
from gatewise.experiment import prepare, run_experiment  # noqa: E402


def random_bars(rows: int) -> Table:
    """A random walk of minute bars."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 5e-4, rows)))
    open_ = np.concatenate([close[:1], close[:-1]])
    spread = np.abs(rng.normal(0, 3e-4, (2, rows))) * close
    frame = pl.DataFrame(
        {
            "symbol": ["WALK"] * rows,
            "time": pl.Series(np.arange(rows) * 60_000_000).cast(pl.Datetime("us", "UTC")),
            "open": open_,
            "high": np.maximum(open_, close) + spread[0],
            "low": np.minimum(open_, close) - spread[1],
            "close": close,
            "volume": rng.lognormal(3, 1, rows),
        }
    )
    return Table(frame, timedelta(minutes=1), timedelta(minutes=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--windows", type=int, default=20_480)
    said = parser.parse_args()
    config = load_config(
        overrides={
            "model.hidden_size": 64,
            "training.max_epochs": 1,
            "training.windows_per_epoch": said.windows,
            "evaluation.bootstrap_samples": 50,
        }
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_experiment(prepare(config, random_bars(said.rows)), Path(folder))
    above = outcome.peak_memory_mb - TORCH_LOADED_MB
    judged = len(outcome.split.val) + len(outcome.split.test)
    print(
        f"{said.rows:,} rows x 39 features x 60 steps, batch {outcome.trained.batch_size}, one epoch of "
        f"{said.windows:,} windows, judged on {judged:,}: peak {outcome.peak_memory_mb:,.0f} MB, {above:,.0f} MB above "
        f"the interpreter with torch ({TORCH_LOADED_MB:,.0f} MB); {time.perf_counter() - started:.0f} s; "
        f"torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
