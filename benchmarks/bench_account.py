"""The memory account beside measured peaks: `python benchmarks/bench_account.py`.

Each shape trains two steps in a fresh process; the peak of its resident memory above what it had with torch and
gatewise imported is what the account must foretell. "whole" runs each batch at once, "pieces" as fit does here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# Model and fields that differ from its preset, batch, steps, features; a third of dtype or of resident rows.
SHAPES: tuple[dict[str, Any], ...] = (
    {"model": "lstm", "fields": {"hidden_size": 1, "num_layers": 1}, "batch": 4, "steps": 2, "features": 1},
    {"model": "lstm", "fields": {"hidden_size": 64}, "batch": 512, "steps": 60, "features": 31},
    {"model": "lstm", "fields": {"hidden_size": 64, "bidirectional": True}, "batch": 512, "steps": 60, "features": 31},
    {"model": "lstm", "fields": {}, "batch": 512, "steps": 60, "features": 25},
    {"model": "lstm", "fields": {}, "batch": 512, "steps": 60, "features": 25, "precision": "bf16"},
    {"model": "lstm", "fields": {"num_layers": 3}, "batch": 256, "steps": 120, "features": 80},
    {"model": "lstm", "fields": {"hidden_size": 64}, "batch": 512, "steps": 60, "features": 39, "rows": 1_000_000},
    {"model": "gru", "fields": {"hidden_size": 64}, "batch": 256, "steps": 60, "features": 31},
)
# Each other network of the zoo as its preset has it.
PRESET = {"fields": {}, "batch": 512, "steps": 96, "features": 31}


def measure(shape: dict[str, Any], whole: bool) -> dict[str, float]:
    """Peak MB above the imports, the account's MB, and how many windows ran at once."""
    said = json.dumps({"shape": shape, "whole": whole})
    done = subprocess.run([sys.executable, __file__, said], capture_output=True, text=True, check=True, timeout=300)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def child(shape: dict[str, Any], whole: bool) -> dict[str, float]:
    """One run in this process."""
    import gatewise.host

    gatewise.host.prepare()

    import numpy as np
    import torch

    from gatewise.config.load import load_config
    from gatewise.config.schema import TrainingConfig
    from gatewise.features.scaling import fit_scaler
    from gatewise.models.registry import build_model
    from gatewise.targets.outputs.classes import Classes
    from gatewise.training import fit as fitting
    from gatewise.training.device import Precision
    from gatewise.training.listeners import Listeners
    from gatewise.training.memory import memory_of
    from gatewise.training.step import piece_of
    from gatewise.windows import Windows

    cpu = torch.device("cpu")
    said = {f"model.{name}": value for name, value in {"name": shape["model"], **shape["fields"]}.items()}
    config = load_config(None, (), said).model
    before = _memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # starts the peak anew
    steps, features, batch, num_rows = shape["steps"], shape["features"], shape["batch"], shape.get("rows", 0)
    rows = num_rows or 2 * batch + steps
    values = np.random.default_rng(0).random((rows, features), np.float32)
    ends = np.arange(steps - 1, steps - 1 + 2 * batch)
    scaler = fit_scaler("standard", values[: 2 * batch + steps], ends, tuple(f"f{i}" for i in range(features)))
    windows = Windows.over(values, scaler, steps, cpu)
    windows = windows.supervised(np.arange(rows) % 3, np.ones(rows, np.float32))
    model = build_model(config, features, 3)
    threads, _ = gatewise.host.choose_threads()
    piece = batch if whole else piece_of(model, batch, steps, cpu)
    at_once = min(batch, piece * threads)
    if whole:
        vars(fitting)["piece_of"] = lambda *shape: batch
    precision = shape.get("precision", "fp32")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    spec, settings = Classes(("0", "1", "2")), TrainingConfig(batch_size=batch, max_epochs=1)
    fitting.fit(model, windows, ends, ends[:piece], settings, Precision(dtype, False, ""), spec, Listeners([]))
    peak = _memory_mb("VmHWM")  # before the account is made, which may run steps of its own
    account = memory_of(config, steps, features, num_rows, precision=precision, threads=threads)(batch, at_once)
    return {"measured": peak - before, "account": account.total / 2**20, "at_once": at_once}


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field))


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(child(**json.loads(sys.argv[1]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", help="with commas between; all shapes and models if left out")
    wanted = parser.parse_args().models
    print("| model | batch | windows at once | measured MB | account MB | error |")
    print("|---|---|---|---|---|---|")
    for shape in shapes():
        for whole in (True, False):
            if wanted and shape["model"] not in wanted.split(","):
                continue
            got = measure(shape, whole)
            words = [f"{name}={value}" for name, value in shape["fields"].items()]
            size = f"{shape['batch']} x {shape['steps']} x {shape['features']}"
            numbers = f"{got['at_once']:.0f} | {got['measured']:.0f} | {got['account']:.0f}"
            error = got["account"] / got["measured"] - 1
            print(" | ".join(("| " + " ".join((shape["model"], *words)), size, numbers, f"{error:+.0%} |")), flush=True)


def shapes() -> list[dict[str, Any]]:
    """Those above, and one of each other network."""
    from gatewise.models.base import NeuralSpec
    from gatewise.models.registry import MODELS

    listed = {shape["model"] for shape in SHAPES}
    others = [name for name, spec in MODELS.items() if isinstance(spec, NeuralSpec) and name not in listed]
    return [*SHAPES, *({"model": name, **PRESET} for name in others)]


if __name__ == "__main__":
    main()
