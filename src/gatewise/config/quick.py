"""`training.quick`: small values for what decides how long a run takes; whatever else is said of a setting wins."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gatewise.config.fields import value_at
from gatewise.config.schema import ExperimentConfig, model_config

QUICK_TRIALS = 5  # of a search
_ANY = {"evaluation.baseline_rows": 20_000, "evaluation.bootstrap_samples": 200}
_NETWORK = {"training.windows_per_epoch": 20_000, "training.max_epochs": 5}
_ROWS = {"windows.stride": 4}


def quick_values(model: str) -> dict[str, Any]:
    """By dotted names, for a model by its name.

    Raises:
        UnknownNameError: no model of that name.
    """
    config = model_config(model)
    if config.consumes != "sequences":
        return _ANY | _ROWS
    return _ANY | _NETWORK | {f"model.{name}": size for name, size in config.sized(config.quick).items()}


def quick_remark(config: ExperimentConfig, searched: Collection[str] = ()) -> str | None:
    """What a first look was made with, in a sentence; `None` where the whole was asked for.

    Args:
        searched: dotted names of what a search decides.
    """
    if not config.training.quick:
        return None
    values = {name: value for name, value in quick_values(config.model.name).items() if name not in searched}
    taken = ", ".join(f"{name}={value}" for name, value in values.items() if value_at(config, name) == value)
    return f"A first look, and so is its verdict: training.quick stands for {taken or 'nothing that was left open'}"
