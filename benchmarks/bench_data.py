"""How long a million rows take to load and to check: `python benchmarks/bench_data.py [--against SRC]`.

Minutes of a random walk, with epochs or with text for stamps, as CSV and as Parquet; of one symbol, or of twenty in one
file. Each round is a fresh process a side, which loads and checks every file once to be warm and then twice; the
quicker of the two counts. With --against SRC, the src folder of another checkout, both are run in turn, and medians and
ratios stand side by side. Seconds of the processor, which other load disturbs least, and on the clock.

    git worktree add ../before COMMIT
    python benchmarks/bench_data.py --against ../before/src --rounds 5
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench_judging import write_minutes
from sides import ENVIRONMENT

OWN = Path(__file__).resolve().parent.parent / "src"

CHILD = """
import json, sys, time
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
try:
    from gatewise.data.check.rows import check_data
except ModuleNotFoundError:  # of checkouts before the data edge had rooms
    from gatewise.data.quality import check_data
tasks = {"load": load_table, "check": check_data}
took = {}
for name, path in json.loads(sys.argv[1]).items():
    for task, run in tasks.items():
        tries = []
        for _ in range(3):
            clock, cpu = time.perf_counter(), time.process_time()
            run(DataConfig(paths=(path,), stamp="open"))
            tries.append((time.perf_counter() - clock, time.process_time() - cpu))
        took[f"{name}, {task}"] = min(tries[1:], key=lambda pair: pair[1])
print(json.dumps(took))
"""


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory() as name:
        files = write_files(Path(name), asked.rows)
        sides = {"here": OWN} | ({"against": asked.against} if asked.against else {})
        answers: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for number in range(asked.rounds):
            for side in sorted(sides, reverse=number % 2 == 0):
                answers[side].append(one_round(sides[side].resolve(), files))
    print_table(answers, asked.rows)


def write_files(folder: Path, rows: int) -> dict[str, str]:
    import polars as pl

    bars = pl.read_parquet(write_minutes(folder / "minutes.parquet", rows))
    epochs = bars.with_columns(pl.col("time").dt.epoch("ms"))
    text = bars.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    each = rows // 20
    symbols = pl.concat([text.head(each).with_columns(pl.lit(f"S{number:02}").alias("symbol")) for number in range(20)])
    epochs.write_csv(folder / "epochs.csv")
    text.write_csv(folder / "text.csv")
    symbols.write_csv(folder / "symbols.csv")
    kinds = {"Parquet": "minutes.parquet", "CSV, epochs": "epochs.csv", "CSV, text": "text.csv"}
    return {kind: str(folder / file) for kind, file in (kinds | {"CSV, 20 symbols": "symbols.csv"}).items()}


def one_round(source: Path, files: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(files)],
        env=ENVIRONMENT | {"PYTHONPATH": str(source)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def print_table(answers: dict[str, list[dict[str, Any]]], rows: int) -> None:
    print(f"{f'{rows:,} rows':26}" + "".join(f"{side + ' s':>12}{'cpu s':>8}" for side in answers), end="")
    print(f"{'times':>8}{'cpu':>6}" if len(answers) > 1 else "")
    for label in answers["here"][0]:
        middle = [[median(run[label][i] for run in runs) for i in (0, 1)] for runs in answers.values()]
        line = f"{label:26}" + "".join(f"{clock:12.2f}{cpu:8.2f}" for clock, cpu in middle)
        if len(middle) > 1:
            line += f"{middle[1][0] / middle[0][0]:8.2f}{middle[1][1] / middle[0][1]:6.2f}"
        print(line)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--against", type=Path, help="src folder of another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
