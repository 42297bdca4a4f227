"""From preset, file, `--set` and flags to one ExperimentConfig: preset < file < --set < flags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from gatewise.config.refusals import config_error
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, require_model
from gatewise.config.ticker import fields_of, follow_symbol, is_ticker, ticker_preset, translate
from gatewise.errors import ConfigError, ReadError

# The short names that presets and flags use, and where each lives.
FLAT_FIELDS: dict[str, str] = {
    "model": "model.name",
    "hidden_size": "model.hidden_size",
    "num_layers": "model.num_layers",
    "dropout": "model.dropout",
    "bidirectional": "model.bidirectional",
    "input_features": "model.input_features",
    "sequence_length": "windows.sequence_length",
    "learning_rate": "training.learning_rate",
    "weight_decay": "training.weight_decay",
    "gradient_clip": "training.gradient_clip",
    "optimizer": "training.optimizer",
    "scheduler": "training.scheduler",
    "warmup_epochs": "training.warmup_epochs",
    "step_size": "training.step_size",
    "gamma": "training.gamma",
    "batch_size": "training.batch_size",
    "max_epochs": "training.max_epochs",
    "early_stopping_patience": "training.early_stopping_patience",
    "min_delta": "training.min_delta",
}
TRAIN_SPLIT = "train_split"  # short for a plain train/val split: train x, val 1 - x, no test
_OF_WORDS = ("data.filter", "data.symbol")  # what begins so holds texts of cells, whatever YAML takes them for
_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", re.ASCII)
_A_CONFIG = "gatewise config show > mine.yaml writes one to start from"
# Beside YAMLError: what PyYAML's and json's own constructors let through, as for the date 2020-13-45 or `!!bool x`.
_MISREAD = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)


def load_config(
    file: Path | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    compared: Iterable[str] = (),
) -> ExperimentConfig:
    """Resolves a config.

    Args:
        file: YAML or JSON, nested as `gatewise config show` prints it, flat as the shipped presets are, or a ticker
            config (config/ticker.py), whose preset is then the lowest layer.
        assignments: `a.b=value` strings, the value read as YAML.
        overrides: dotted names to values; `None` values are skipped, so that flags not given say nothing.
        base: nested values below all of these, such as a saved config's; `None`: the model's preset.
        compared: models for which the same settings are resolved: what is said of the model and is a field of another
            of these alone, is left to that one.

    Raises:
        ReadError: the file can't be read or isn't a mapping.
        ConfigError: a key that is no text or not known, a wrong type or a value out of range; the nearest valid name
            is in the hint.
    """
    said: dict[str, Any] = {}
    written = _read(file) if file else {}
    ticker = is_ticker(written)
    for key, value in (translate(written) if ticker else written).items():
        _say(said, key, value)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(
                f"an assignment reads a.b=value; got {assignment!r}", "for example model.bidirectional=true"
            )
        _say(said, key.strip(), _parse_value(key, text))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(said, key, value)
    if ticker and isinstance(said["data"], dict):
        follow_symbol(said["data"])
    also = fields_of(written) if ticker else {}
    if base is not None:
        return build_config(_merge(base, said), also)
    model = said.get("model", {})
    name = require_model(model.get("name", "lstm") if isinstance(model, dict) else "lstm")
    if isinstance(model, dict):
        of_others = {field for other in compared for field in MODEL_CONFIGS[require_model(other)].model_fields}
        of_others -= MODEL_CONFIGS[name].model_fields.keys()
        said["model"] = {field: value for field, value in model.items() if field not in of_others}
    low: dict[str, Any] = {}
    for key, value in (ticker_preset() if ticker else preset(name)).items():
        _say(low, key, value)
    return build_config(_merge(low, said), also)


def build_config(values: Mapping[str, Any], also: Mapping[str, str] | None = None) -> ExperimentConfig:
    """Validates nested values; see `load_config` for the errors.

    Args:
        also: {dotted field: what the user called it}, for the words of an error.
    """
    try:
        return ExperimentConfig.model_validate(dict(values))
    except ValidationError as error:
        raise config_error(error, [*FLAT_FIELDS, TRAIN_SPLIT], also or {}) from error


def preset(model: str) -> dict[str, Any]:
    """The flat values of config/models/<model>.yaml."""
    text = resources.files("gatewise.config").joinpath("models", f"{model}.yaml").read_text(encoding="utf-8")
    return cast(dict[str, Any], yaml.safe_load(text))


def to_yaml(config: ExperimentConfig) -> str:
    """What `gatewise config show` prints; `load_config` reads it back to an equal config."""
    return yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ReadError(f"can't read config {file}: {reason}", _A_CONFIG) from error
    try:
        value = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except _MISREAD as error:
        kind, first = "JSON" if file.suffix == ".json" else "YAML", " ".join(str(error).split())
        raise ReadError(f"config {file} is not valid {kind}: {first}", _A_CONFIG) from error
    if not isinstance(value, dict):
        raise ReadError(f"config {file} must hold a mapping of sections; got {type(value).__name__}", _A_CONFIG)
    _require_text_keys(f"config {file}", value)
    return value


def _require_text_keys(where: str, value: object) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{where}: keys must be text; got {key!r}", "gatewise config show prints every field")
            _require_text_keys(where, inner)


def _say(values: dict[str, Any], key: str, value: Any) -> None:
    """Puts a value at its key, short, dotted or a section's; `model` is a section where it holds a mapping."""
    if key == TRAIN_SPLIT:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        share = {"train": value, "val": round(1 - value, 12), "test": 0.0} if is_number else {"train": value}
        _put(values, "split", share)
    elif isinstance(value, dict) and key in ExperimentConfig.model_fields:
        _put(values, key, value)
    else:
        _put(values, FLAT_FIELDS.get(key, key), value)


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{dotted}: {part} is a value, not a section", "gatewise config show prints every field")
    both = isinstance(value, dict) and isinstance(values.get(last), dict)
    values[last] = _merge(values[last], value) if both else value


def _parse_value(key: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
        if key.strip().startswith(_OF_WORDS) and text.strip() not in ("", "~", "null"):  # 000001, NO, NULL are words
            return yaml.load(text, Loader=yaml.BaseLoader)
    except _MISREAD as error:
        said = text if len(text) <= 80 else f"{text[:79]}…"
        why = f": {error}" if type(error) is ValueError else ""  # of a date that there is not
        raise ConfigError(
            f"{key}: {said!r} is not a YAML value{why}", f'for text, quote it: {FLAT_FIELDS.get(key, key)}="…"'
        ) from error
    _require_text_keys(key, value)
    # YAML reads 1e-3 as a string, as its 1.1 grammar wants a dot; people mean the number, unless they quote it.
    return float(text) if isinstance(value, str) and _EXPONENT.fullmatch(text.strip()) else value
