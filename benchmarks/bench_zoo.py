"""Each network of the zoo beside the plainest torch module of the same layers: `python benchmarks/bench_zoo.py`.

Same layers, data, batch, optimizer and clipping, each side in a process of its own, turns taken alternately. The plain
loop has its batches by one indexing of all windows and no loader. Speeds are windows a second of processor time, on one
core each, which a busy machine disturbs least; `--threads 2` gives each side so many and counts by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from statistics import median
from typing import Any

from sides import Case, sides

KINDS = ("plain zoo", "gatewise")


def cases(batch: int | None) -> list[Case]:
    """A case for each network, as its preset has it but for the batch where one is given."""
    from gatewise.config.load import load_config
    from gatewise.config.model_base import NetworkConfig
    from gatewise.models.base import NeuralSpec
    from gatewise.models.registry import MODELS

    wanted = []
    for name, spec in MODELS.items():
        if isinstance(spec, NeuralSpec):
            config = load_config(None, (), {"model.name": name})
            assert isinstance(config.model, NetworkConfig)
            fields = {"name": name, **config.model.architecture}
            size = batch or config.training.batch_size
            wanted.append(Case(0, 0, 0, 31, config.windows.sequence_length, size, 20_000, fields))
    return wanted


def measure(case: Case, rounds: int, seconds: float, threads: int) -> dict[str, Any]:
    """Rounds of one turn a side."""
    speeds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    peaks = dict.fromkeys(KINDS, 0.0)
    with sides(*((kind, case, {"OMP_NUM_THREADS": str(threads)}) for kind in KINDS)) as running:
        for _ in range(rounds):
            for side in running:
                turn = side.run(seconds)
                speed = turn["windows_per_second"] if threads > 1 else 1 / turn["cpu_seconds_per_window"]
                speeds[side.kind].append(speed)
                peaks[side.kind] = max(peaks[side.kind], turn["peak_mb"])
    plain, ours = speeds.values()
    return {
        "windows_per_second": {kind: median(values) for kind, values in speeds.items()},
        "ratio": [each / other for each, other in zip(ours, plain, strict=True)],
        "peak_mb": peaks,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds a model: a look, not a measurement")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--batch", type=int, help="windows in a step; as the preset has it if left out")
    parser.add_argument("--threads", type=int, default=1, help="of each side")
    parser.add_argument("--models", help="with commas between; all by default")
    given = parser.parse_args()
    rounds, seconds = (2, 1.0) if given.quick else (given.rounds, given.seconds)
    out = sys.stderr if given.json else sys.stdout
    print(f"load average {os.getloadavg()[0]:.2f} before; {rounds} rounds of {seconds:g} s a side", file=out)
    print("| model | plain w/s | gatewise w/s | times plain (range) | peak MB, plain -> gatewise |", file=out)
    print("|---|---|---|---|---|", file=out)
    results = {}
    for case in cases(given.batch):
        name = (case.model or {})["name"]
        if given.models and name not in given.models.split(","):
            continue
        result = results[name] = measure(case, rounds, seconds, given.threads)
        plain, ours = result["windows_per_second"].values()
        ratio, peak = result["ratio"], result["peak_mb"].values()
        print(
            f"| {name} | {plain:,.0f} | {ours:,.0f} | {median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f}) | "
            f"{' -> '.join(f'{each:,.0f}' for each in peak)} |",
            file=out,
            flush=True,
        )
    if given.json:
        print(json.dumps({"rounds": rounds, "seconds": seconds, "threads": given.threads, "models": results}))


if __name__ == "__main__":
    main()
