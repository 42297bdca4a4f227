"""A config as layers: preset < file < assignments < flags.

A layer may use short names and those of 0.1; `read_layer` puts every value where it lives. Where a layer names another
option of a section (`training.optimizer: sgd`) than one below it, the lower one's options are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from gatewise.config.fields import Options, Path, chosen_sections, options_at, value_at
from gatewise.config.names import ALIASES, IDLE_VALUES, MIXED_PRECISION, TRAIN_SPLIT
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError

Values = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """Nested values. What is `idle` counts only with the option that it is of, and is no error beside another."""

    values: Values
    idle: bool = False


def read_layer(items: Iterable[tuple[str, Any]]) -> list[Layer]:
    """A layer of values by any of their names, dotted or nested; below it what is idle beside another option.

    Raises:
        ConfigError: a value where a section is.
    """
    layer, idle = Layer({}), Layer({}, idle=True)
    for key, value in items:
        written = isinstance(value, dict) and value.keys() >= IDLE_VALUES.keys()  # by 0.1, with options of all names
        for name, path, inner in _placed((*key.split("."),), value):
            if name in IDLE_VALUES and inner is None:
                continue
            is_idle = name in IDLE_VALUES and (written or inner == IDLE_VALUES[name])
            place, other = (idle, layer) if is_idle else (layer, idle)
            _at(other.values, path[:-1]).pop(path[-1], None)  # of a name given twice the later value counts
            _put(place.values, path, inner)
    return [idle, layer]


def merge_layers(layers: Sequence[Layer]) -> Values:
    """One set of values, the highest layer last."""
    for path, options in chosen_sections().items():
        _settle([_at(layer.values, path) for layer in layers], [layer.idle for layer in layers], path, options)
    return reduce(_merge, (layer.values for layer in layers), {})


def _settle(sections: list[Values], idle: list[bool], path: Path, options: Options) -> None:
    """Takes out of a section's layers, in place, what is of an option that a later layer chose another for."""
    named = [number for number, section in enumerate(sections) if "name" in section]
    last = named[-1] if named else -1
    name = sections[last]["name"] if named else value_at(ExperimentConfig(), ".".join((*path, "name")))
    if not isinstance(name, str) or name not in options:
        return
    fields = options[name].model_fields
    for number, section in enumerate(sections):
        before = options.get(str(section.get("name")), options[name]).model_fields
        for field in [*section] if idle[number] or number < last else []:
            # gamma of steps is none of an exponential schedule, though both are called so: their defaults differ.
            other = field in before and field in fields and before[field].default != fields[field].default
            if field != "name" and (field not in fields or other):
                del section[field]


def _at(values: Any, path: Path) -> Values:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _placed(path: Path, value: Any) -> Iterator[tuple[str, Path, Any]]:
    """Of each value within: its short or former name, if it came by one; the path where it lives; the value."""
    dotted = ".".join(path)
    written = path[-1] if dotted in ALIASES else ""
    if dotted == TRAIN_SPLIT:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        parts = {"train": value, "val": round(1 - value, 12), "test": 0.0} if is_number else {"train": value}
        yield from ((written, ("split", part), share) for part, share in parts.items())
        return
    if dotted == MIXED_PRECISION:
        if not isinstance(value, bool):
            raise ConfigError(f"mixed_precision must be true or false; got {value!r}", 'training.precision="auto"')
        yield written, ("training", "precision"), "auto" if value else "fp32"
        return
    if dotted in ALIASES:
        path = (*ALIASES[dotted].split("."),)
        path = path[:-1] if isinstance(value, dict) and path[-1] == "name" else path
    if isinstance(value, dict) and value and options_at(path):
        for key, inner in value.items():
            yield from _placed((*path, *key.split(".")), inner)
    else:
        yield written, path, value


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> Values:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _put(values: Values, path: Path, value: Any) -> None:
    *sections, last = path
    for part in sections:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(
                f"{'.'.join(path)}: {part} is a value, not a section", "gatewise config show prints every field"
            )
    inner = values.get(last)
    values[last] = _merge(inner if isinstance(inner, dict) else {}, value) if isinstance(value, dict) else value
