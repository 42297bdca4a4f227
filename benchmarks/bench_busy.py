"""Training beside busy processes: `python benchmarks/bench_busy.py [--quick] [--json]`.

For each way to train, windows a second on the machine as it is, and with one and two processes beside that do nothing
but compute. "as torch leaves it" is a plain loop without loader workers, so that nothing but its OpenMP threads can
suffer; "spinning bounded" is the same loop with the one environment variable that importing gatewise sets; the others
are gatewise's fit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from statistics import median

from sides import Case, busy_processes, sides

from gatewise.host import SPIN_COUNT

CASES = (Case(64, 2, 1, 31, 60, 32), Case(64, 2, 1, 31, 60, 512), Case(64, 2, 1, 6, 10, 64))
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
WAYS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("as torch leaves it", "plain without loader", {}),
    ("spinning bounded", "plain without loader", {"GOMP_SPINCOUNT": str(SPIN_COUNT)}),
    ("one thread", "plain without loader", ONE_THREAD),
    ("gatewise", "gatewise", {}),
    ("gatewise, one thread", "gatewise", ONE_THREAD),
)


def measure(case: Case, rounds: int, seconds: float, busy: tuple[int, ...]) -> dict[str, list[float]]:
    """For each way the median windows a second with 0, 1, 2 … busy processes beside it."""
    speeds: dict[str, list[list[float]]] = {name: [[] for _ in busy] for name, _, _ in WAYS}
    with sides(*((kind, case, environment) for _, kind, environment in WAYS)) as running:
        for _ in range(rounds):
            for place, count in enumerate(busy):
                with busy_processes(count):
                    for (name, _, _), side in zip(WAYS, running, strict=True):
                        speeds[name][place].append(side.run(seconds)["windows_per_second"])
    return {name: [median(turns) for turns in places] for name, places in speeds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round a case: a look, not a measurement")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    said = parser.parse_args()
    rounds, seconds = (1, 0.7) if said.quick else (said.rounds, said.seconds)
    busy = (0, 1, 2)
    say = sys.stderr if said.json else sys.stdout
    load = os.getloadavg()[0]
    print(f"load average {load:.2f} before; median of {rounds} turns of {seconds:g} s", file=say)
    results = []
    for case in CASES:
        print(f"\nhidden layers dirs features T batch = {case}", file=say)
        print("way                  |   quiet w/s |  1 busy (of quiet) |  2 busy (of quiet)", file=say)
        speeds = measure(case, rounds, seconds, busy)
        results.append({"case": str(case), "busy": busy, "windows_per_second": speeds})
        for name, (quiet, *beside) in speeds.items():
            cells = "".join(f" | {speed:9,.0f} ({speed / quiet:6.1%})" for speed in beside)
            print(f"{name:20} | {quiet:11,.0f}{cells}", file=say, flush=True)
    if said.json:
        print(json.dumps({"load_before": load, "rounds": rounds, "seconds": seconds, "cases": results}))


if __name__ == "__main__":
    main()
