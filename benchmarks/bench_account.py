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

NAMES = ("cell", "batch_size", "sequence_length", "num_features", "hidden_size", "num_layers")
SHAPES: tuple[dict[str, Any], ...] = (
    dict(zip(NAMES, ("lstm", 4, 2, 1, 1, 1), strict=True)),  # what the libraries take with any model
    dict(zip(NAMES, ("lstm", 32, 60, 31, 64, 2), strict=True)),
    dict(zip(NAMES, ("lstm", 512, 60, 31, 64, 2), strict=True)),
    dict(zip(NAMES, ("lstm", 512, 60, 25, 256, 2), strict=True)),
    dict(zip(NAMES, ("lstm", 128, 30, 25, 128, 2), strict=True)),
    dict(zip(NAMES, ("lstm", 256, 120, 80, 256, 3), strict=True)),
    dict(zip(NAMES, ("lstm", 512, 60, 31, 64, 2), strict=True)) | {"bidirectional": True},
    dict(zip(NAMES, ("gru", 256, 60, 31, 64, 2), strict=True)),
    dict(zip(NAMES, ("lstm", 512, 60, 25, 256, 2), strict=True)) | {"element_bytes": 2},
    dict(zip(NAMES, ("lstm", 512, 60, 39, 64, 2), strict=True)) | {"num_rows": 1_000_000},
)


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

    from gatewise.config.schema import RecurrentConfig, TrainingConfig
    from gatewise.features.scaling import fit_scaler
    from gatewise.models.registry import build_model
    from gatewise.targets.outputs.classes import Classes
    from gatewise.training import fit as fitting
    from gatewise.training.device import Precision
    from gatewise.training.listeners import Listeners
    from gatewise.training.memory import estimate_memory
    from gatewise.training.step import piece_rows
    from gatewise.windows import Windows

    cpu = torch.device("cpu")
    before = _memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # starts the peak anew
    steps, features, batch = shape["sequence_length"], shape["num_features"], shape["batch_size"]
    rows = shape.get("num_rows", 0) or 2 * batch + steps
    values = np.random.default_rng(0).random((rows, features), np.float32)
    ends = np.arange(steps - 1, steps - 1 + 2 * batch)
    scaler = fit_scaler("standard", values[: 2 * batch + steps], ends, tuple(f"f{i}" for i in range(features)))
    windows = Windows.over(values, scaler, steps, cpu)
    windows = windows.supervised(np.arange(rows) % 3, np.ones(rows, np.float32))
    config = RecurrentConfig(
        name=shape["cell"],
        hidden_size=shape["hidden_size"],
        num_layers=shape["num_layers"],
        bidirectional=shape.get("bidirectional", False),
    )
    model = build_model(config, features, 3)
    weights = sum(p.numel() for p in model.parameters())
    threads, _ = gatewise.host.choose_threads()
    piece = batch if whole else piece_rows(batch, steps, weights, cpu)
    at_once = min(batch, piece * threads)
    if whole:
        vars(fitting)["piece_rows"] = lambda *shape: batch
    dtype = torch.bfloat16 if shape.get("element_bytes") == 2 else torch.float32
    spec, settings = Classes(("0", "1", "2")), TrainingConfig(batch_size=batch, max_epochs=1)
    fitting.fit(model, windows, ends, ends[:piece], settings, Precision(dtype, False, ""), spec, Listeners([]))
    precision, num_rows = "bf16" if dtype == torch.bfloat16 else "fp32", shape.get("num_rows", 0)
    account = estimate_memory(
        config, batch, steps, features, num_rows, precision=precision, threads=threads, windows_at_once=at_once
    )
    return {"measured": _memory_mb("VmHWM") - before, "account": account.total / 2**20, "at_once": at_once}


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field))


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(child(**json.loads(sys.argv[1]))))
        return
    argparse.ArgumentParser(description=__doc__).parse_args()
    print("shape | windows at once | measured MB | account MB | account / measured - 1")
    for shape in SHAPES:
        for whole in (True, False):
            got = measure(shape, whole)
            words = " ".join(f"{name}={value}" for name, value in shape.items())
            error = got["account"] / got["measured"] - 1
            numbers = f"{got['at_once']:.0f} | {got['measured']:.0f} | {got['account']:.0f} | {error:+.0%}"
            print(f"{words} {'whole' if whole else 'pieces'} | {numbers}", flush=True)


if __name__ == "__main__":
    main()
