"""`gatewise cv` against the same trainings one after another: `python benchmarks/bench_cv.py [ROWS [EPOCHS]]`.

Five expanding folds x three seeds of an LSTM with 64 units and one layer, 20 features, windows of 30, batches of 128, a
fixed number of epochs, on the CPU. All sides train the very same 15 jobs (same rows, seeds, code; the bench checks that
they find the same) and are timed from a command's start to its end, imports and reading of the data included:

- cv: `gatewise cv`, with its worker processes, tables and report.
- processes: each training is a command of its own, one after another, with as many threads as gatewise takes by itself.
- one process: all trainings one after another in one Python, with as many threads as gatewise takes by itself.
- one thread: the same with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROWS, EPOCHS = 12_000, 6
SEEDS, FOLDS = 3, 5
FEATURES = 20

CHILD = """
import json, sys
from gatewise import host
host.prepare()
from gatewise.config.load import build_config
from gatewise.data.load import load_table
from gatewise.jobs.run import run_job
from gatewise.selection.cv.plan import Plan
from gatewise.jobs.shared import make_shared
from gatewise.training.listeners import Listeners
plan = Plan.from_dict(json.loads(open(sys.argv[1]).read()))
shared = make_shared(plan.configs(), load_table(plan.base.data))
jobs = list(plan.jobs(shared))
chosen = jobs if sys.argv[2] == "all" else [jobs[int(sys.argv[2])]]
print(json.dumps([run_job(job, shared, Listeners(())).metrics["log_loss"] for job in chosen]))
"""


def main(rows: int, epochs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_bars(home / "bars.parquet", rows)
        environment = os.environ | {"GATEWISE_HOME": str(home)}
        started = time.perf_counter()
        out = run([sys.executable, "-c", "from gatewise.cli.main import run; run()", *words(home, epochs)], environment)
        took = {"cv": time.perf_counter() - started}
        said = json.loads(out)
        (plan,) = (home / "cv").glob("*/plan.json")
        found = {"cv": [f["metrics"]["log_loss"] for f in said["folds"] if f["model"] != "prior"]}
        alone = [sys.executable, "-c", CHILD, str(plan)]
        one_thread = environment | {"OMP_NUM_THREADS": "1"}
        sides = {
            "processes": (environment, [str(number) for number in range(FOLDS * SEEDS)]),
            "one process": (environment, ["all"]),
            "one thread": (one_thread, ["all"]),
        }
        for side, (own, chosen) in sides.items():
            started = time.perf_counter()
            found[side] = [loss for which in chosen for loss in json.loads(run([*alone, which], own))]
            took[side] = time.perf_counter() - started
        assert all(losses == found["cv"] for losses in found.values()), "the sides do not train the same"
        print(
            f"{FOLDS} folds x {SEEDS} seeds, {rows:,} rows, {epochs} epochs, {os.cpu_count()} CPUs; {said['compute']}"
        )
        for side, seconds in took.items():
            ratio = "" if side == "cv" else f"   cv takes {took['cv'] / seconds:.2f} of it"
            print(f"{side:12} {seconds:7.1f} s{ratio}")


def words(home: Path, epochs: int) -> list[str]:
    columns = [f"x{number}" for number in range(FEATURES)]
    fields = {
        "features.sets": [], "features.columns": columns, "training.early_stopping_patience": epochs + 1,
        "model.dropout": 0.0, "evaluation.bootstrap_samples": 200,
    }  # fmt: skip
    return [
        *("cv", "--data", str(home / "bars.parquet"), "--models", "lstm", "--horizons", "5", "--target", "direction"),
        *("--n-splits", str(FOLDS), "--seeds", str(SEEDS), "--seq-len", "30", "--hidden-size", "64"),
        *("--num-layers", "1", "--batch-size", "128", "--max-epochs", str(epochs), "--device", "cpu", "--json"),
        *(word for name, value in fields.items() for word in ("--set", f"{name}={json.dumps(value)}")),
    ]


def write_bars(path: Path, rows: int) -> None:
    """Minute bars of a random walk, and 20 columns of noise as features."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(size=rows) * 1e-3))
    times = pl.Series(np.arange(rows) * 60_000_000 + 1_700_000_000_000_000).cast(pl.Datetime("us", "UTC"))
    noise = {f"x{number}": rng.normal(size=rows) for number in range(FEATURES)}
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    pl.DataFrame({"symbol": ["WALK"] * rows, "time": times, **prices, "volume": np.ones(rows), **noise}).write_parquet(
        path
    )


def run(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3] or (ROWS, EPOCHS)))
