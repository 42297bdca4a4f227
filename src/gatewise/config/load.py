"""From presets, file, `--set` and flags to one ExperimentConfig.

Layers, the lowest first: the model's preset, the experiment's, quick, file, --set, flags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gatewise.config.fields import flatten, value_at
from gatewise.config.layers import Layer, merge_layers, read_layer
from gatewise.config.member_layers import hand_to_members
from gatewise.config.model_presets import model_preset as model_preset
from gatewise.config.names import long_name
from gatewise.config.parsing import MISREAD, parse_yaml, read_mapping, require_text_keys
from gatewise.config.preset_layer import fit_to_model, preset_layers
from gatewise.config.quick import quick_values
from gatewise.config.refusals import config_error
from gatewise.config.schema import ExperimentConfig, model_config
from gatewise.config.ticker import PRESET, fields_of, follow_symbol, is_ticker, translate
from gatewise.errors import ConfigError

_OF_WORDS = ("data.filter", "data.symbol")  # what begins so holds texts of cells, whatever YAML takes them for
_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", re.ASCII)


def load_config(
    file: Path | Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    compared: Iterable[str] = (),
    typed: bool = False,
    preset: str | Path | None = None,
    below: Mapping[str, Any] | None = None,
) -> ExperimentConfig:
    """Resolves a config.

    Of a setting that `assignments` say twice the later value counts. Two values in the file or in `overrides`, by
    whichever of its names, are an error.

    Args:
        file: YAML or JSON, nested as `gatewise config show` prints it, flat as the shipped presets are, or a ticker
            config (config/ticker.py), which takes the preset ticker if no other is named; or what such a file holds.
        assignments: `a.b=value` strings, the value read as YAML.
        overrides: dotted names to values; `None` values are skipped, so that flags not given say nothing.
        base: nested values below all of these, such as a saved config's; `None`: the model's preset.
        compared: models for which the same settings are resolved: what is said of the model and is a field of another
            of these alone, is left to that one.
        typed: whether a person says all this of the model, so that what it does not read is an error.
        preset: the name of a preset of whole experiments, or a file; it lies on the model's own. What only the model
            that it was written for reads is left out where another is named. With `base` none is read.
        below: dotted names to values that lie below the preset and above the model's own; what a command stands for.

    Raises:
        ReadError: the file can't be read or isn't a mapping.
        ConfigError: a key that is no text or not known, two values of one setting, a wrong type or a value out of
            range; the nearest valid name is in the hint.
    """
    require_text_keys("overrides", overrides)
    written = dict(file) if isinstance(file, Mapping) else read_mapping(file, "config") if file else {}
    require_text_keys("config", written)
    ticker = is_ticker(written)
    layers = read_layer((translate(written) if ticker else written).items())
    layers += read_layer(map(_read_assignment, assignments), in_order=True)
    layers += read_layer((key, value) for key, value in (overrides or {}).items() if value is not None)
    if ticker:
        for layer in layers:
            follow_symbol(layer.values)
    if base is not None:
        low = read_layer(base.items())
    else:
        chosen = PRESET if preset is None and ticker else preset
        lower = [*read_layer((below or {}).items()), *([] if chosen is None else preset_layers(chosen))]
        model = value_at(merge_layers([*lower, *layers]), "model.name")
        name = "lstm" if model is None else model
        model_config(name)
        hand_to_members([*lower, *layers], name)
        _leave_to_others(layers, name, compared)
        fit_to_model(lower, name)
        low = [*read_layer(model_preset(name).items()), *lower]
        if value_at(merge_layers([*low, *layers]), "training.quick") is True:
            low += read_layer(quick_values(name).items())
    config = _build([*low, *layers], fields_of(written) if ticker else {})
    if typed and not any(model_config(other).consumes == "sequences" for other in compared):
        config.model.refuse_unread(config.training)
    return config


def build_config(values: Mapping[str, Any]) -> ExperimentConfig:
    """Validates the values of a config, as any version wrote them; see `load_config` for the errors."""
    return _build(read_layer(values.items()))


def assigned_fields(assignments: Iterable[str]) -> set[str]:
    """Dotted names of the fields that `a.b=value` strings set."""
    layers = read_layer(map(_read_assignment, assignments), in_order=True)
    return {name for layer in layers for name, _ in flatten(layer.values)}


def change_config(config: ExperimentConfig, *values: Mapping[str, Any]) -> ExperimentConfig:
    """A config with some fields, by their dotted names, set to other values; the later of two mappings wins.

    Raises:
        ConfigError: see `load_config`.
    """
    # Over a mapping a mapping would be laid; here it takes its place.
    cleared = [(name, None) for changes in values for name, value in changes.items() if isinstance(value, Mapping)]
    return _build(
        [
            Layer(config.to_dict()),
            *read_layer(cleared),
            *(layer for changes in values for layer in read_layer(changes.items())),
        ]
    )


def _build(layers: Sequence[Layer], also: Mapping[str, str] | None = None) -> ExperimentConfig:
    """Validates layers; `also` is {dotted field: what the user called it}, for the words of an error."""
    values = merge_layers(layers)
    try:
        return ExperimentConfig.model_validate(values)
    except ValidationError as error:
        raise config_error(error, values, also or {}) from error


def _leave_to_others(layers: Sequence[Layer], name: str, compared: Iterable[str]) -> None:
    """Takes out of the layers, in place, what is said of the model and is a field of others that are compared."""
    fields = {field for model in compared for field in model_config(model).model_fields}
    for layer in layers:
        for field in fields - model_config(name).model_fields.keys():
            layer.values.get("model", {}).pop(field, None)


def _read_assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"an assignment reads a.b=value; got {text!r}", "for example model.bidirectional=true")
    return key.strip(), _parse_value(key, value)


def to_yaml(config: ExperimentConfig) -> str:
    """What `gatewise config show` prints; `load_config` reads it back to an equal config."""
    return yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)


def _parse_value(key: str, text: str) -> Any:
    try:
        value = parse_yaml(text)
        if key.strip().startswith(_OF_WORDS) and text.strip() not in ("", "~", "null"):  # 000001, NO, NULL are words
            return yaml.load(text, Loader=yaml.BaseLoader)
    except MISREAD as error:
        shown = text if len(text) <= 80 else f"{text[:79]}…"
        reason = f": {error}" if type(error) is ValueError else ""  # of a date that there is not
        raise ConfigError(
            f"{key}: {shown!r} is not a YAML value{reason}", f'for text, quote it: {long_name(key)}="…"'
        ) from error
    require_text_keys(key, value)
    # YAML reads 1e-3 as a string, as its 1.1 grammar wants a dot; people mean the number, unless they quote it.
    return float(text) if isinstance(value, str) and _EXPONENT.fullmatch(text.strip()) else value
