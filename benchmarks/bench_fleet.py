"""Windows a second of a fleet, beside its members one after another and one alone: `python benchmarks/bench_fleet.py`.

Whole trainings, epochs and validation included, on whatever device there is. A first short training of each kind warms
libraries up and is not counted; turns alternate, medians and ranges are printed. On a CPU no gain is expected: the
figures say what `--fleet auto` decides from. On a GPU the step is measured both eager and as a CUDA graph.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from gatewise.config.schema import RecurrentConfig, TrainingConfig
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.targets.outputs.classes import Classes
from gatewise.training.device import Precision, choose_device, choose_precision
from gatewise.training.fit import fit
from gatewise.training.fleet.fit import Member, fit_fleet
from gatewise.training.listeners import Listeners
from gatewise.windows import Windows

QUIET = Listeners(())
SPEC = Classes(("down", "up"))


def make_members(said: argparse.Namespace, device: torch.device) -> list[Member]:
    """Members that differ in their seed, on one random series."""
    rng = np.random.default_rng(0)
    matrix = torch.from_numpy(rng.normal(size=(said.rows, said.features)).astype(np.float32)).to(device)
    zeros, ones = torch.zeros(said.features, device=device), torch.ones(said.features, device=device)
    windows = Windows(matrix, zeros, ones, said.steps).supervised(
        rng.integers(0, 2, said.rows), np.ones(said.rows, np.float32)
    )
    rows = np.arange(said.steps, said.rows)
    cut = int(len(rows) * 0.9)
    shape = RecurrentConfig(name="lstm", hidden_size=said.hidden, num_layers=said.layers, dropout=0.2)
    members = []
    for seed in range(said.members):
        settings = TrainingConfig(
            seed=seed, batch_size=said.batch, max_epochs=said.epochs, early_stopping_patience=said.epochs
        )
        model = build_model(shape, said.features, 2, generator=seeded(seed)).to(device)
        members.append(Member(model, windows, rows[:cut], rows[cut:], settings))
    return members


def alone(members: list[Member], precision: Precision) -> None:
    """One after another."""
    for m in members:
        fit(m.model, m.windows, m.train_rows, m.val_rows, m.settings, precision, SPEC, QUIET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--members", type=int, help="32 on a GPU, 4 on a CPU")
    for name, value in {"hidden": 64, "layers": 1, "features": 20, "steps": 30, "batch": 128, "epochs": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rows", type=int, help="of the series; 20,000 on a GPU, 4,000 on a CPU")
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    device, words = choose_device(said.device)
    precision = choose_precision(said.precision, device)
    on_gpu = device.type == "cuda"
    said.members, said.rows = said.members or (32 if on_gpu else 4), said.rows or (20_000 if on_gpu else 4_000)
    say = sys.stderr if said.json else sys.stdout
    print(f"{words}, {precision.name}, load {os.getloadavg()[0]:.2f}; {said.members} members, hidden {said.hidden}, "
          f"{said.layers} layers, {said.features} features, T {said.steps}, batch {said.batch}", file=say)  # fmt: skip

    def fleet(members: list[Member], graph: bool = False) -> None:
        fit_fleet(members, precision, SPEC, [QUIET] * len(members), graph=graph)

    kinds: dict[str, Callable[[list[Member]], None]] = {
        "one alone": lambda members: alone(members[:1], precision),
        "one after another": lambda members: alone(members, precision),
        "fleet": fleet,
    }
    if on_gpu:
        kinds["fleet, CUDA graph"] = lambda members: fleet(members, graph=True)
    speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(said.rounds + 1):
        for kind, train in kinds.items():
            members = make_members(said, device)
            started = time.perf_counter()
            train(members)
            seconds = time.perf_counter() - started
            trained = (1 if kind == "one alone" else len(members)) * said.epochs * len(members[0].train_rows)
            if number:
                speeds[kind].append(trained / seconds)
    lone = median(speeds["one alone"])
    for kind, values in speeds.items():
        print(f"{kind:20} {median(values):12,.0f} windows/s ({min(values):,.0f}–{max(values):,.0f}), "
              f"{median(values) / lone:5.2f} x one alone", file=say)  # fmt: skip
    if said.json:
        print(json.dumps({"device": words, "precision": precision.name, **vars(said), "windows_per_second": speeds}))


if __name__ == "__main__":
    main()
