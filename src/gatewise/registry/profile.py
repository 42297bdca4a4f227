"""Where the time of a recorded run went, kept as profile.json in its folder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gatewise.clocks import BESIDE, Clocks
from gatewise.files import write_json

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.outcome import Outcome


def write_profile(clocks: Clocks, config: ExperimentConfig, outcome: Outcome, before: float = 0.0) -> dict[str, Any]:
    """What `gatewise train --profile --json` says under `profile`.

    Args:
        clocks: that counted the run, and stop now.
        before: seconds of the process before they began, which were spent on imports.
    """
    total = time.perf_counter() - clocks.began + before
    clocks.add("imports", before)
    profile: dict[str, Any] = {
        "total_seconds": total,
        "stages": clocks.stages(total),
        "beside": {BESIDE: clocks.seconds.get(BESIDE, 0.0)},
    }
    if parts := clocks.parts():
        if outcome.trained.device == "cpu":  # a GPU works on while its next steps are issued
            profile["training"] = parts
        profile["arithmetic"] = _arithmetic(clocks, config, outcome)
    write_json(outcome.folder / "profile.json", profile)
    return profile


def _arithmetic(clocks: Clocks, config: ExperimentConfig, outcome: Outcome) -> dict[str, float]:
    from gatewise.host import choose_threads
    from gatewise.training.device import choose_device
    from gatewise.training.utilization import matrix_peak, training_operations

    trained = outcome.trained
    device, _ = choose_device(config.training.device)
    weights = sum(tensor.numel() for tensor in trained.predictor.tensors().values())
    operations = training_operations(weights, config.windows.sequence_length, clocks.windows)
    reached = operations / max(clocks.seconds["training"], 1e-9)
    peak = matrix_peak(device, trained.precision.dtype, choose_threads()[0] if device.type == "cpu" else 1)
    return {"reached_gflops": reached / 1e9, "peak_gflops": peak / 1e9, "share": reached / peak}
