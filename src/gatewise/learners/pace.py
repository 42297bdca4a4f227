"""How long a model's epochs will take on this machine, measured by a few of its own steps before it is trained."""

from __future__ import annotations

import torch

from gatewise.config.schema import ExperimentConfig
from gatewise.fold import FittedFold, make_windows
from gatewise.learners.neural import build
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.step import within_memory
from gatewise.training.timed_steps import Pace, measure_pace

__all__ = ["Pace", "pace_of"]


@within_memory()
def pace_of(config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows) -> Pace:
    """What a window of a network takes. About two seconds a network.

    Raises:
        ConfigError: an invalid device or precision.
        MemoryExhaustedError: not even one window fits.
    """
    device, _ = choose_device(config.training.device)
    precision = choose_precision(config.training.precision, device)
    windows = make_windows(config, samples, fold, device)
    rows = torch.from_numpy(train_rows[:: config.windows.stride]).to(device)
    model = build(config, samples).to(device)
    return measure_pace(model, windows, rows, config.training, precision, samples.labels.spec)
