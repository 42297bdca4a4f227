"""YAML and JSON as the standard parsers read them, but that a key given twice is no key that silently counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gatewise.errors import ConfigError, ReadError

ONE_OF_THEM = "leave one of them out"
_A_CONFIG = "gatewise config show > mine.yaml writes one to start from"
# Beside YAMLError: what PyYAML's and json's own constructors let through, as for the date 2020-13-45 or `!!bool x`.
MISREAD = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)


def read_mapping(file: Path, kind: str) -> dict[str, Any]:
    """What a YAML or JSON file holds.

    Args:
        kind: of the file, for the words: `config`.

    Raises:
        ReadError: it can't be read, is not valid, or holds no mapping.
        ConfigError: a key that is no text, or one with two values.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ReadError(f"can't read {kind} {file}: {reason}", _A_CONFIG) from error
    try:
        value = parse_json(text) if file.suffix == ".json" else parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"{kind} {file}: {error.message}", error.hint) from error
    except MISREAD as error:
        form, first = "JSON" if file.suffix == ".json" else "YAML", " ".join(str(error).split())
        raise ReadError(f"{kind} {file} is not valid {form}: {first}", _A_CONFIG) from error
    if not isinstance(value, dict):
        raise ReadError(f"{kind} {file} must hold a mapping of sections; got {type(value).__name__}", _A_CONFIG)
    require_text_keys(f"{kind} {file}", value)
    return value


def require_text_keys(place: str, value: object) -> None:
    """Raises ConfigError where a key of a mapping, at any depth, is no text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{place}: keys must be text; got {key!r}", "gatewise config show prints every field")
            require_text_keys(place, inner)


def parse_yaml(text: str) -> Any:
    """What a YAML text holds.

    Raises:
        ConfigError: one key of a mapping with two values.
        yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError: it is not valid.
    """
    return yaml.load(text, Loader=_Loader)


def parse_json(text: str) -> Any:
    """What a JSON text holds; see `parse_yaml`.

    Raises:
        ConfigError: one key of an object with two values.
        ValueError, RecursionError: it is not valid.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        first = values.setdefault(key, value)
        if first is not value and first != value:  # NaN is no other value than itself
            raise ConfigError(f"{key} is given twice, with two values", ONE_OF_THEM)
    return values


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here and not where mappings are made: what `<<` brings in may be given again.
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        values: dict[tuple[str, str], yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            first = values.setdefault((key.tag, key.value), value)
            if first is not value and _content(first) != _content(value):
                line = key.start_mark.line + 1
                raise ConfigError(f"{key.value} is given twice, with two values, again in line {line}", ONE_OF_THEM)
        return node


def _content(node: yaml.Node) -> object:
    """What two nodes that mean the same have alike."""
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value
    return node.tag, [tuple(map(_content, item)) if isinstance(item, tuple) else _content(item) for item in node.value]
