"""Where the time of a run goes once its model is trained: `python benchmarks/bench_judging.py [--data FILE]`.

A year of minutes, an LSTM with 64 units and windows of 60, one epoch of 5,120 windows; 150,000 windows are judged.
Each round is a fresh process. With --against SRC, the src folder of another checkout, both are run in turn, and medians
and ratios stand side by side. "judging" is all from the trained weights to the written report; the parts below it are
its own, indented ones are parts of the line above. Seconds on the clock, and of the processor.

    git worktree add ../before COMMIT
    python benchmarks/bench_judging.py --data BTCUSDT-1m-2022.parquet --against ../before/src --rounds 3

--busy N runs beside N processes that do nothing but compute. Without --data, a random walk's minutes are judged.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sides import ENVIRONMENT, busy_processes

MINUTES_A_YEAR = 525_600
OWN = Path(__file__).resolve().parent.parent / "src"

# Label, module, attribute. What a side does not have is left out of its figures.
PARTS = (
    ("training, validation", "experiment", "train_model"),
    ("judging", "outcome", "conclude"),
    ("  predicting", "bundle", "Bundle.predict_rows"),
    ("  fitting baselines", "evaluation.kinds.classes", "fit_class_baselines"),
    ("    trees", "tabular.xgboost", "Xgboost._train"),
    ("  resampling", "evaluation.evaluate", "judge_part"),
    ("  the backtest", "evaluation.evaluate", "backtest"),
    ("  report", "outcome", "write_report"),
    ("  files", "outcome", "write_frame"),
)

CHILD = """
import gatewise.host
gatewise.host.prepare()
import importlib, json, sys, time
from pathlib import Path
from gatewise.config.load import load_config
from gatewise import experiment
parts, settings, folder = json.loads(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
took = {}
def timed(label, function):
    def run(*args, **named):
        clock, cpu = time.perf_counter(), time.process_time()
        try:
            return function(*args, **named)
        finally:
            before = took.get(label, (0.0, 0.0))
            took[label] = (before[0] + time.perf_counter() - clock, before[1] + time.process_time() - cpu)
    return run
for label, module, path in parts:
    place = importlib.import_module("gatewise." + module)
    *outer, name = path.split(".")
    for step in outer:
        place = getattr(place, step)
    if hasattr(place, name):
        setattr(place, name, timed(label, getattr(place, name)))
outcome = experiment.run_experiment(experiment.prepare(load_config(None, settings, {})), folder)
losses = {name: figures["test"]["log_loss"]["value"] for name, figures in outcome.evaluation.baselines().items()}
print(json.dumps({"took": took, "losses": losses}))
"""


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        home = Path(name)
        data = asked.data or write_minutes(home / "minutes.parquet", asked.rows)
        sides = {"here": OWN} | ({"against": asked.against} if asked.against else {})
        answers: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        stack.enter_context(busy_processes(asked.busy))
        for number in range(asked.rounds):
            for side in sorted(sides, reverse=number % 2 == 0):
                answers[side].append(one_round(sides[side].resolve(), data.resolve(), home / f"{side}{number}"))
    print_table(answers)


def one_round(source: Path, data: Path, folder: Path) -> dict[str, Any]:
    """A run of its own process; the folder holds its home too, so that no side finds what another kept."""
    folder.mkdir()
    settings = [
        f"data.paths=[{data}]", "data.stamp=open", "model.hidden_size=64", "windows.sequence_length=60",
        "target.horizon=20", "training.max_epochs=1", "training.windows_per_epoch=5120", "training.device=cpu",
    ]  # fmt: skip
    said = [json.dumps(PARTS), json.dumps(settings), str(folder)]
    environment = ENVIRONMENT | {"PYTHONPATH": str(source), "GATEWISE_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *said], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def print_table(answers: dict[str, list[dict[str, Any]]]) -> None:
    """Medians of each part by side, and how many times as long the other side took."""
    print(f"{'':34}" + "".join(f"{side + ' s':>12}{'cpu s':>9}" for side in answers), end="")
    print(f"{'times':>8}{'cpu':>7}" if len(answers) > 1 else "")
    for label, _, _ in PARTS:
        rows = [[[run["took"].get(label, (0.0, 0.0))[i] for run in runs] for i in (0, 1)] for runs in answers.values()]
        middle = [[median(values) for values in row] for row in rows]
        line = f"{label:34}" + "".join(f"{clock:12.2f}{cpu:9.2f}" for clock, cpu in middle)
        if len(middle) > 1 and min(middle[0]) > 0:
            line += f"{middle[1][0] / middle[0][0]:8.1f}{middle[1][1] / middle[0][1]:7.1f}"
        print(line)
    for side, runs in answers.items():
        print(f"{side}: log loss of baselines on test rows:", {k: round(v, 6) for k, v in runs[0]["losses"].items()})


def write_minutes(path: Path, rows: int) -> Path:
    """A market that never closes: a random walk in cents whose hours are quiet or wild."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    wild = np.exp(np.repeat(rng.normal(size=rows // 60 + 1), 60)[:rows] / 2)
    close = 20_000 * np.exp(np.cumsum(rng.normal(size=rows) * wild * 5e-4))
    start = np.concatenate([[20_000.0], close[:-1]])
    reach = np.abs(rng.normal(size=(2, rows))) * wild * 3e-4
    columns = {
        "open": start,
        "high": np.maximum(start, close) * (1 + reach[0]),
        "low": np.minimum(start, close) * (1 - reach[1]),
        "close": close,
        "volume": rng.gamma(2.0, wild),
    }
    first = datetime(2022, 1, 1, tzinfo=UTC)
    time = pl.datetime_range(first, first + timedelta(minutes=rows - 1), "1m", eager=True)
    frame = pl.DataFrame({"time": time, **{name: np.round(values, 2) for name, values in columns.items()}})
    frame.write_parquet(path)
    return path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="minutes, stamped at their open")
    parser.add_argument("--rows", type=int, default=MINUTES_A_YEAR, help="of the random walk, without --data")
    parser.add_argument("--against", type=Path, help="src folder of another checkout")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--busy", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
