"""A million rows a symbol: from Parquet to ready windows, and from process start to the first optimizer step.

    python benchmarks/bench_size.py [--rows 1030512] [--symbols 3] [--folder DIR]

Makes a lake of random-walk minutes in a temporary folder (kept and used again where --folder names one), then starts
`gatewise`'s training in a fresh process twice, each stopped where its first optimizer step would start: the first run
computes the features and keeps them, the second maps what was kept. Imports are counted apart. Peak memory is the
kernel's figure for the process, imports and all. Times of a busy machine are longer; those of the CPU tell.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

MINUTE = timedelta(minutes=1)
START = datetime(2023, 11, 10, tzinfo=UTC)
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD")


def make_lake(folder: Path, symbols: int, rows: int) -> None:
    """Minutes of a market that never closes: quiet and wild hours, prices in cents, one minute in 20,000 absent."""
    import numpy as np
    import polars as pl

    from gatewise.lake.base import SeriesKey
    from gatewise.lake.lake import Lake

    for number, symbol in enumerate(SYMBOLS[:symbols]):
        rng = np.random.default_rng(number)
        span = rows + rows // 20_000
        present = np.ones(span, dtype=bool)
        present[rng.choice(np.arange(1, span - 1), span - rows, replace=False)] = False
        wild = 4e-4 * np.exp(0.8 * np.sin(np.arange(span) * (2 * np.pi / 1440)) + 0.5 * rng.normal(size=span))
        close = 30_000 / 10**number * np.exp(np.cumsum(rng.normal(size=span) * wild))
        opened = np.concatenate([close[:1], close[:-1]])
        above, below = np.abs(rng.normal(size=(2, span))) * wild
        frame = pl.DataFrame(
            {
                "time": pl.datetime_range(START + MINUTE, START + span * MINUTE, MINUTE, time_unit="us", eager=True),
                "open": np.round(opened, 2),
                "high": np.round(np.maximum(opened, close) * (1 + above), 2),
                "low": np.round(np.minimum(opened, close) * (1 - below), 2),
                "close": np.round(close, 2),
                "volume": np.round(rng.lognormal(1, 1.5, span), 8),
            }
        ).filter(pl.Series(present))
        with Lake(folder).series(SeriesKey("coinbase", symbol, MINUTE)).writer() as writer:
            writer.append(frame, (START + MINUTE, START + (span + 1) * MINUTE), {})


class FirstStep(BaseException):
    """Ends a run where its first optimizer step would start."""


class Clock:
    """A listener that notes when the windows are ready."""

    def __init__(self) -> None:
        self.ready = 0.0
        self.cpu = 0.0

    def on_message(self, text: str) -> None:
        """The trainer's first words come once the windows are on the device."""
        if not self.ready:
            self.ready, self.cpu = time.time(), time.process_time()

    def on_step(self, epoch: int, step: int, num_steps: int) -> None: ...

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None: ...


def run_once(lake: str, symbols: str) -> None:
    """In a process of its own: imports, then a run as `gatewise train` makes it; one line of JSON."""
    started = process_start()
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking
    import numba
    import torch.optim

    import gatewise.data.lake_source
    from gatewise.config.load import load_config
    from gatewise.registry.train import train
    from gatewise.training.step import Step

    assert mlflow.store.tracking.sqlalchemy_store
    assert mlflow.tracking
    assert numba
    assert torch.optim
    assert gatewise.data.lake_source

    def first_step(*_: object) -> None:
        raise FirstStep

    Step.train = first_step  # type: ignore[method-assign,assignment]  # its start is what is timed
    imported, imported_cpu = time.time(), time.process_time()
    config = load_config(
        overrides={"data.source": "lake", "data.lake": lake, "data.symbols": symbols.split(","), "data.timeframe": "1m"}
    )
    clock = Clock()
    with contextlib.suppress(FirstStep):
        train(config, listeners=(clock,))
    done, done_cpu = time.time(), time.process_time()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    figures = {
        "imports": imported - started,
        "windows": clock.ready - imported,
        "windows_cpu": clock.cpu - imported_cpu,
        "first_step": done - imported,
        "first_step_cpu": done_cpu - imported_cpu,
        "peak_mb": int(peak.split()[1]) / 1024,
    }
    print(json.dumps(figures))


def process_start() -> float:
    """When this process began, seconds since the epoch."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_030_512)
    parser.add_argument("--symbols", type=int, default=3, choices=range(1, 7))
    parser.add_argument("--folder", type=Path, help="keep the lake and what runs write here")
    parser.add_argument("--once", nargs=2, metavar=("LAKE", "SYMBOLS"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.once:
        run_once(*said.once)
        return
    with contextlib.ExitStack() as stack:
        folder = said.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lake = folder / f"lake-{said.symbols}x{said.rows}"
        if not lake.exists():
            make_lake(lake, said.symbols, said.rows)
        home = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
        symbols = ",".join(SYMBOLS[: said.symbols])
        for run in ("first run", "second run"):
            command = [sys.executable, __file__, "--once", str(lake), symbols]
            answer = subprocess.run(
                command, env={**os.environ, "GATEWISE_HOME": home}, stdout=subprocess.PIPE, check=True, text=True
            )
            figures = json.loads(answer.stdout.splitlines()[-1])
            print(
                f"{run}: {said.symbols} x {said.rows:,} rows x 39 features: ready windows after "
                f"{figures['windows']:.2f} s ({figures['windows_cpu']:.2f} s of CPU), first optimizer step starts "
                f"after {figures['first_step']:.2f} s ({figures['first_step_cpu']:.2f} s of CPU), both after imports of"
                f" {figures['imports']:.2f} s; peak {figures['peak_mb']:,.0f} MB; load {os.getloadavg()[0]:.1f}"
            )


if __name__ == "__main__":
    main()
