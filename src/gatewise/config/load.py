"""From preset, file, `--set` and flags to one ExperimentConfig: preset < file < --set < flags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig
from gatewise.errors import ConfigError, ReadError, UnknownNameError

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


def load_config(
    file: Path | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> ExperimentConfig:
    """Resolves a config.

    Args:
        file: YAML or JSON, nested as `gatewise config show` prints it or flat as the shipped presets are.
        assignments: `a.b=value` strings, the value read as YAML.
        overrides: dotted names to values; `None` values are skipped, so that flags not given say nothing.
        base: nested values below all of these, such as a saved config's; `None`: the model's preset.

    Raises:
        ReadError: the file can't be read or isn't a mapping.
        ConfigError: an unknown key, a wrong type or a value out of range; the nearest valid name is in the hint.
    """
    said = _nest(_read(file)) if file else {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set takes a.b=value; got {assignment!r}", "for example --set model.hidden_size=64")
        _put(said, FLAT_FIELDS.get(key.strip(), key.strip()), _parse_value(key, text))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(said, key, value)
    if base is not None:
        return build_config(_merge(base, said))
    name = said.get("model", {}).get("name", "lstm") if isinstance(said.get("model", {}), dict) else "lstm"
    if name not in MODEL_CONFIGS:
        raise UnknownNameError("model", str(name), MODEL_CONFIGS)
    return build_config(_merge(_nest(preset(name)), said))


def build_config(values: Mapping[str, Any]) -> ExperimentConfig:
    """Validates nested values; see `load_config` for the errors."""
    try:
        return ExperimentConfig(**values)
    except ValidationError as error:
        raise _config_error(error) from error


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
        value = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"can't read config {file}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise ReadError(f"config {file} is not valid {file.suffix.lstrip('.') or 'YAML'}: {first}") from error
    if not isinstance(value, dict):
        raise ReadError(f"config {file} must hold a mapping of sections; got {type(value).__name__}")
    return value


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            nested[key] = _merge(nested.get(key, {}), value)
        else:
            _put(nested, FLAT_FIELDS.get(key, key), value)
    return nested


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
            raise ConfigError(f"{dotted}: {part} is a value, not a section", "gatewise config show")
    values[last] = value


def _parse_value(key: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not a YAML value") from error
    # YAML reads 1e-3 as a string, as its 1.1 grammar wants a dot; people mean the number.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _config_error(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-"))]
    dotted = ".".join(path)
    if isinstance(cause := first.get("ctx", {}).get("error"), UnknownNameError):
        return cause
    if first["type"] == "extra_forbidden":
        return UnknownNameError(f"key in {'.'.join(path[:-1])}" if path[1:] else "key", path[-1], _fields_at(path[:-1]))
    message = first["msg"].removeprefix("Value error, ")
    got = "" if first["type"] == "value_error" and not isinstance(first["input"], str) else f"; got {first['input']!r}"
    return ConfigError(f"{dotted}: {message}{got}" if dotted else message, "gatewise config show prints every field")


def _fields_at(path: list[str]) -> list[str]:
    section: type[BaseModel] = ExperimentConfig
    for part in path:
        if part == "model":
            return sorted({name for cls in MODEL_CONFIGS.values() for name in cls.model_fields})
        annotation = section.model_fields[part].annotation
        section = cast(type[BaseModel], annotation)
    return [*section.model_fields, *(FLAT_FIELDS if not path else ())]
