"""Short and former names of settings, and where each lives: one table for files, assignments, flags and spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatewise.errors import ConfigError

# What the presets that ship write for short, and studies keep.
PRESET: dict[str, str] = {
    "model": "model.name",
    "hidden_size": "model.hidden_size",
    "num_layers": "model.num_layers",
    "dropout": "model.dropout",
    "bidirectional": "model.bidirectional",
    "channels": "model.channels",
    "kernel_size": "model.kernel_size",
    "expansion": "model.expansion",
    "segment_length": "model.segment_length",
    "input_features": "model.input_features",
    "sequence_length": "windows.sequence_length",
    "learning_rate": "training.learning_rate",
    "gradient_clip": "training.gradient_clip",
    "optimizer": "training.optimizer.name",
    "weight_decay": "training.optimizer.weight_decay",
    "scheduler": "training.schedule.name",
    "warmup_epochs": "training.schedule.warmup_epochs",
    "step_size": "training.schedule.step_size",
    "gamma": "training.schedule.gamma",
    "batch_size": "training.batch_size",
    "max_epochs": "training.max_epochs",
    "early_stopping_patience": "training.early_stopping_patience",
    "min_delta": "training.min_delta",
}
# What people write for short besides.
COMMON: dict[str, str] = {
    "epochs": "training.max_epochs",
    "loss": "training.loss.name",
    "schedule": "training.schedule.name",
    "momentum": "training.optimizer.momentum",
    "patience": "training.schedule.patience",
    "factor": "training.schedule.factor",
    "purge_bars": "split.purge_rows",
    "embargo_bars": "split.embargo_rows",
}
SHORT: Mapping[str, str] = PRESET | COMMON
# Where gatewise 0.1 had them.
FORMER: dict[str, str] = {
    "training.optimizer": "training.optimizer.name",
    "training.weight_decay": "training.optimizer.weight_decay",
    "training.momentum": "training.optimizer.momentum",
    "training.scheduler": "training.schedule.name",
    "training.warmup_epochs": "training.schedule.warmup_epochs",
    "training.step_size": "training.schedule.step_size",
    "training.gamma": "training.schedule.gamma",
    "training.plateau_patience": "training.schedule.patience",
    "training.plateau_factor": "training.schedule.factor",
    "training.loss": "training.loss.name",
}
ALIASES: Mapping[str, str] = PRESET | COMMON | FORMER | {"training.schedule": "training.schedule.name"}
# 0.1 took these beside any optimizer and schedule, and a config that it wrote holds all; at these values they are idle.
IDLE_VALUES: dict[str, Any] = {
    "momentum": 0.9,
    "warmup_epochs": 5,
    "step_size": 30,
    "gamma": None,
    "plateau_patience": 10,
    "plateau_factor": 0.5,
}
TRAIN_SPLIT = "train_split"  # short for a plain train/val split: train x, val 1 - x, no test
MIXED_PRECISION = "mixed_precision"  # true: what the device is good at; false: fp32
OTHERS = (TRAIN_SPLIT, MIXED_PRECISION)
_PRECISIONS = {"true": "auto", "yes": "auto", "on": "auto", "false": "fp32", "no": "fp32", "off": "fp32"}
# What a word may have been meant for where its field is invalid.
SAME_WORD: dict[str, str] = {
    "training.schedule.patience": "of early stopping it is training.early_stopping_patience",
}


def long_name(name: str) -> str:
    """The dotted name of a field by whichever of its names."""
    return ALIASES.get(name, name)


def precision_of(mixed: object) -> str:
    """`training.precision` as `mixed_precision` says it.

    Raises:
        ConfigError: it says neither yes nor no.
    """
    word = str(mixed).lower() if isinstance(mixed, bool | str) else ""
    if word not in _PRECISIONS:
        named = word if word in ("fp32", "bf16", "fp16") else ""
        hint = f'training.precision="{named}"' if named else "mixed_precision=true or mixed_precision=false"
        raise ConfigError(f"mixed_precision must be true or false; got {mixed!r}", hint)
    return _PRECISIONS[word]
