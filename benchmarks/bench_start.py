"""Seconds from typing to the first optimizer step of the README's command, on a year of minutes.

    python benchmarks/bench_start.py [--runs 5] [--data FILE]

Each start is a process of its own in a new home; the first makes the database of runs as well. Processor seconds, which
other processes disturb less, stand beside. Warm: the files of packages and rows lie in the system's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

ROWS = 525_600
FLAGS = "--stamp open --model lstm --horizon 20 --seq-len 60 --batch-size 512"

CHILD = """
import json, os, sys, time

def first_step(self, epoch, step, num_steps):
    took = {"at": time.time(), "cpu": time.process_time()}
    print(json.dumps(took), flush=True)
    os._exit(0)

class Patched:
    # The bar is loaded by the command itself, late; loading it here would change what is measured.
    def find_spec(self, name, path=None, target=None):
        if name == "gatewise.training.step" and "gatewise.cli.progress" in sys.modules:
            sys.modules["gatewise.cli.progress"].EpochProgress.on_step = first_step

sys.meta_path.insert(0, Patched())
from gatewise.cli.main import run
run()
"""


def write_minutes(path: Path) -> None:
    rng = np.random.default_rng(0)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, ROWS)))
    start, minute = datetime(2022, 1, 1, tzinfo=UTC), timedelta(minutes=1)
    times = pl.datetime_range(start, start + (ROWS - 1) * minute, minute, time_unit="us", eager=True)
    prices = {"open": close, "high": close * 1.0005, "low": close * 0.9995, "close": close}
    pl.DataFrame({"timestamp": times, **prices, "volume": rng.random(ROWS)}).write_parquet(path)


def started(data: Path, home: Path) -> tuple[float, float]:
    command = [sys.executable, "-c", CHILD, "train", "--data", str(data), *FLAGS.split(), "--quiet"]
    before = time.time()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"GATEWISE_HOME": str(home)}
    )
    took = json.loads(done.stdout)
    return took["at"] - before, took["cpu"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--data", type=Path, help="a year of minutes; without it one is simulated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, home = options.data or Path(folder) / "BTCUSDT-1m.parquet", Path(folder) / "home"
        if not options.data:
            write_minutes(data)
        for label, runs in (("first run of a home", 1), ("later ones", options.runs)):
            took = []
            for _ in range(runs):
                took.append(started(data, home))
                shutil.rmtree(home / "cache", ignore_errors=True)
            wall, cpu = zip(*took, strict=True)
            load = os.getloadavg()[0]
            print(
                f"{label}: first step after {min(wall):.2f} s (median {median(wall):.2f}), "
                f"{min(cpu):.2f} s of processor (median {median(cpu):.2f}); load {load:.1f} on {os.cpu_count()} cores"
            )


if __name__ == "__main__":
    main()
