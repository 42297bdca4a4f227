"""Training windows a second, beside a plain PyTorch loop: `python benchmarks/bench_training.py [--quick] [--json]`.

Same model, data and batch, each side in a process of its own, turns taken alternately in the same run, so that whatever
else the machine does meets both. The ratio is taken turn by turn; its median and range are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from statistics import median
from typing import Any

from sides import Case, sides

# The case, and how many times the plain loop it must be at least.
CASES = (
    (Case(64, 2, 1, 31, 60, 32), 1.25),
    (Case(64, 2, 1, 31, 60, 512), 1.9),
    (Case(64, 2, 2, 31, 60, 32), 1.25),
    (Case(64, 2, 2, 31, 60, 512), 2.2),
    (Case(256, 2, 1, 25, 60, 512), 1.4),
    (Case(64, 2, 1, 6, 10, 64), 1.5),
)
HEAD = ("hidden", "layers", "dirs", "features", "T", "batch")


def measure(case: Case, kinds: list[str], rounds: int, seconds: float) -> dict[str, Any]:
    """Rounds of one turn a side; windows a second by side, and ratios to the first."""
    turns: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    with sides(*((kind, case, {}) for kind in kinds)) as running:
        for _ in range(rounds):
            for side in running:
                turns[side.kind].append(side.run(seconds))
    speeds = {kind: [turn["windows_per_second"] for turn in turns[kind]] for kind in kinds}
    plain = speeds[kinds[0]]
    return {
        "windows_per_second": {kind: median(values) for kind, values in speeds.items()},
        "peak_mb": {kind: max(turn["peak_mb"] for turn in values) for kind, values in turns.items()},
        "cpu_us_per_window": {
            kind: 1e6 * median(turn["cpu_seconds_per_window"] for turn in values) for kind, values in turns.items()
        },
        "ratio": {
            kind: [ours / theirs for ours, theirs in zip(speeds[kind], plain, strict=True)] for kind in kinds[1:]
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds a case: a look, not a measurement")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--cases", type=int, nargs="*", help="numbers of cases, from 1; all by default")
    said = parser.parse_args()
    rounds, seconds = (2, 0.7) if said.quick else (said.rounds, said.seconds)

    from gatewise.training.device import cpu_trains_bf16

    kinds = ["plain", "gatewise", *(["gatewise bf16"] if cpu_trains_bf16() else [])]
    say = sys.stderr if said.json else sys.stdout
    load = os.getloadavg()[0]
    print(f"load average {load:.2f} before; {rounds} rounds of {seconds:g} s a side", file=say)
    if load > 0.5:
        print("the machine is busy: speeds are low and ratios wide", file=say)
    columns = "  plain w/s | gatewise w/s | times plain (range)    | wanted | MB plain -> gatewise | bf16 w/s | times"
    print(f"{' '.join(HEAD)} |{columns}", file=say)
    results = []
    for number, (case, wanted) in enumerate(CASES, 1):
        if said.cases and number not in said.cases:
            continue
        result = measure(case, kinds, rounds, seconds)
        results.append({"case": str(case), "wanted": wanted, **result})
        print(_line(case, wanted, result), file=say, flush=True)
    if said.json:
        print(json.dumps({"load_before": load, "rounds": rounds, "seconds": seconds, "cases": results}))


def _line(case: Case, wanted: float, result: dict[str, Any]) -> str:
    speed, peak = result["windows_per_second"], result["peak_mb"]
    cells = [
        " ".join(f"{value:>{len(name)}}" for name, value in zip(HEAD, str(case).split(), strict=True)),
        f"{speed['plain']:11,.0f}",
        f"{speed['gatewise']:12,.0f}",
        f"{_ratio(result['ratio']['gatewise']):22}",
        f"{wanted:6.2f}",
        f"{peak['plain']:8.0f} -> {peak['gatewise']:8.0f}",
    ]
    if "gatewise bf16" in speed:
        cells += [f"{speed['gatewise bf16']:8,.0f}", _ratio(result["ratio"]["gatewise bf16"])]
    return " | ".join(cells)


def _ratio(values: list[float]) -> str:
    return f"{median(values):5.2f} ({min(values):.2f}–{max(values):.2f})"


if __name__ == "__main__":
    main()
