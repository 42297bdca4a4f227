"""The flat file of ticker forecasting: its own names for a config that lies on top of the preset ticker.

    {"ticker": "AAPL", "f_cols": ["open", "high", "low", "close", "volume"], "epochs": 100, "patience": 15}

The model reads the columns `f_cols` and predicts the same ones in the next row, or `target_col` alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gatewise.errors import ConfigError, UnknownNameError

_log = logging.getLogger("gatewise.config")

FIELDS: dict[str, str] = {
    "epochs": "training.max_epochs",
    "hidden_size": "model.hidden_size",
    "num_layers": "model.num_layers",
    "dropout": "model.dropout",
    "bidirectional": "model.bidirectional",
    "seq_len": "windows.sequence_length",
    "sequence_length": "windows.sequence_length",
    "batch_size": "training.batch_size",
    "learning_rate": "training.learning_rate",
    "weight_decay": "training.optimizer.weight_decay",
    "grad_clip": "training.gradient_clip",
    "patience": "training.early_stopping_patience",
    "random_seed": "training.seed",
    "checkpoint_frequency": "training.checkpoint_every_epochs",
    "tensorboard": "training.tensorboard",
    "train_split": "train_split",
    "learn": "target.learn",
}
# Values in words, whatever their case; PyTorch's own class names are understood too.
CHOICES: dict[str, tuple[str, dict[str, str]]] = {
    "loss_function": ("training.loss", {"MSE": "mse", "MAE": "mae", "Huber": "huber"}),
    "optimizer": ("training.optimizer.name", {"Adam": "adam", "AdamW": "adamw", "SGD": "sgd"}),
    "scheduler_type": (
        "training.schedule.name",
        {
            "plateau": "plateau",
            "ReduceLROnPlateau": "plateau",
            "cosine": "cosine",
            "CosineAnnealingLR": "cosine",
            "step": "step",
            "StepLR": "step",
            "exponential": "exponential",
            "ExponentialLR": "exponential",
            "constant": "constant",
            "ConstantLR": "constant",
        },
    ),
    "validation_split_method": (
        "split.method",
        {"fixed": "fixed", "walk_forward": "walk_forward", "walk-forward": "walk_forward"},
    ),
}
PRESET = "ticker"  # that such a file lies on
# What `attention: true` stands for: of the other fields of the model the preset's and the file's sizes hold.
ATTENTION: dict[str, Any] = {"model.name": "attentive_lstm", "model.bidirectional": False}
_OWN = ("ticker", "f_cols", "target_col", "attention")
NAMES = frozenset((*FIELDS, *CHOICES, *_OWN))
_EXAMPLE = '{"ticker": "AAPL", "f_cols": ["open", "high", "low", "close", "volume"]} is the shortest such file'


def is_ticker(values: Mapping[str, Any]) -> bool:
    """Whether a config file speaks these names: `f_cols` or `ticker` at its top, which no other config knows."""
    return "f_cols" in values or "ticker" in values


def translate(values: Mapping[str, Any]) -> dict[str, Any]:
    """The file's values under the names of a config: dotted ones, and `train_split`.

    A column that `f_cols` repeats is used once, and that is said.

    Raises:
        UnknownNameError: a key, or a word for a value, that is none of the known ones.
        ConfigError: no ticker or no columns, a value of the wrong kind, or one setting under both of its names.
    """
    for key in values:
        if key not in NAMES:
            raise UnknownNameError("key in a ticker config", key, NAMES)
    if "seq_len" in values and "sequence_length" in values:
        raise ConfigError("seq_len and sequence_length are one setting; the file holds both", "leave one of them out")
    if not isinstance(attention := values.get("attention") or False, bool):
        raise ConfigError(f"attention must be true or false; got {attention!r}", '"attention": true, or leave it out')
    columns = _columns(values.get("f_cols"))
    target = values.get("target_col")
    if target is not None:
        _require_text("target_col", target)
    fields: dict[str, Any] = {
        "data.symbols": [_require_text("ticker", values.get("ticker"))],
        "features.columns": columns,
        "target.columns": columns if target is None else [target],
    }
    if attention:
        fields |= ATTENTION
    fields |= {FIELDS[key]: value for key, value in values.items() if key in FIELDS}
    for key, (field, choices) in CHOICES.items():
        if key in values:
            fields[field] = _choice(key, values[key], choices)
    return fields


def fields_of(values: Mapping[str, Any]) -> dict[str, str]:
    """{dotted field: the file's own name for it} of what a file says, so that an error can name both."""
    names = {field: key for key, field in FIELDS.items() if key in values}
    names |= {field: key for key, (field, _) in CHOICES.items() if key in values}
    return names | ({"split.train": "train_split"} if "train_split" in values else {})


def follow_symbol(values: dict[str, Any]) -> None:
    """`--symbol MSFT` beside a ticker config takes MSFT instead of the file's ticker, from whatever source."""
    data = values.get("data")
    if isinstance(data, dict) and (symbol := data.pop("symbol", None)) is not None:
        data["symbols"] = [symbol]


def _columns(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        got = "none" if value is None else repr(value)
        raise ConfigError(f"f_cols must be a list of column names, one or more; got {got}", _EXAMPLE)
    names = [_require_text("f_cols", name) for name in value]
    again = [f"{name} {count} times" for name, count in Counter(names).items() if count > 1]
    if again:
        _log.info("f_cols names %s: a column is used once", ", ".join(again))
    return list(dict.fromkeys(names))


def _choice(key: str, choice: object, choices: Mapping[str, str]) -> str:
    by_case = {word.lower(): value for word, value in choices.items()}
    if _require_text(key, choice).lower() not in by_case:
        raise UnknownNameError(key, str(choice), choices)
    return by_case[str(choice).lower()]


def _require_text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        got = "none" if value is None else repr(value)
        hint = f'in quotes: "{value}"' if isinstance(value, int) and not isinstance(value, bool) else _EXAMPLE
        raise ConfigError(f"{key} must be text; got {got}", hint)
    return value
