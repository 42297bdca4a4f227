"""A config as layers: preset < file < assignments < flags.

A layer may use short names and those of 0.1; `read_layer` puts every value where it lives. Where a layer names another
option of a section (`training.optimizer: sgd`) than one below it, the lower one's options are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

from gatewise.config.fields import Options, Path, chosen_sections, options_at, value_at
from gatewise.config.names import ALIASES, IDLE_VALUES, MIXED_PRECISION, TRAIN_SPLIT, precision_of
from gatewise.config.parsing import ONE_OF_THEM
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError

Values = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """Nested values. What is `idle` counts only with the option that it is of, and is no error beside another."""

    values: Values
    idle: bool = False


class _Said(NamedTuple):
    """A value where it lives, the name that it came by, and of a short or former one the last part."""

    name: str
    alias: str
    path: Path
    value: Any


def read_layer(items: Iterable[tuple[str, Any]], in_order: bool = False) -> list[Layer]:
    """A layer of values by any of their names, dotted or nested; below it what is idle beside another option.

    Args:
        in_order: of a setting given twice the later value counts; else two values of one setting are an error.

    Raises:
        ConfigError: a value where a section is, or two values of one setting.
    """
    layer, idle = Layer({}), Layer({}, idle=True)
    former: dict[Path, _Said] = {}
    for key, value in items:
        written = isinstance(value, dict) and value.keys() >= IDLE_VALUES.keys()  # by 0.1, with options of all names
        for said in _placed((*key.split("."),), value, key):
            if said.alias in IDLE_VALUES and said.value is None:
                continue
            if not in_order:
                _require_one_value(said, former)
            is_idle = said.alias in IDLE_VALUES and (written or said.value == IDLE_VALUES[said.alias])
            place, other = (idle, layer) if is_idle else (layer, idle)
            _at(other.values, said.path[:-1]).pop(said.path[-1], None)
            _put(place.values, said.path, said.value)
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


def _placed(path: Path, value: Any, name: str) -> Iterator[_Said]:
    """Each value within.

    Args:
        name: that the value at `path` came by.
    """
    dotted = ".".join(path)
    alias = path[-1] if dotted in ALIASES else ""
    if dotted == TRAIN_SPLIT:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        parts = {"train": value, "val": round(1 - value, 12), "test": 0.0} if is_number else {"train": value}
        yield from (_Said(name, alias, ("split", part), share) for part, share in parts.items())
        return
    if dotted == MIXED_PRECISION:
        yield _Said(name, alias, ("training", "precision"), precision_of(value))
        return
    if dotted in ALIASES:
        path = (*ALIASES[dotted].split("."),)
        path = path[:-1] if isinstance(value, dict) and path[-1] == "name" else path
    if isinstance(value, dict) and value and options_at(path):
        for key, inner in value.items():
            yield from _placed((*path, *key.split(".")), inner, f"{name}.{key}")
    else:
        yield _Said(name, alias, path, value)


def _require_one_value(said: _Said, former: dict[Path, _Said]) -> None:
    """Refuses another value than an earlier one of a layer, whose values by their paths are `former`."""
    for path, value in _inner(said.path, said.value):
        other = former.setdefault(path, said._replace(value=value))
        if other.value is not value and other.value != value:  # NaN is no other value than itself
            names = f"{other.name} and {said.name} say" if other.name != said.name else f"{said.name} says"
            raise ConfigError(f"{names} two values of {'.'.join(path)}: {other.value!r} and {value!r}", ONE_OF_THEM)


def _inner(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _inner((*path, str(key)), inner)
    else:
        yield path, value


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
