"""YAML and JSON as the standard parsers read them, but that a key given twice is no key that silently counts once."""

from __future__ import annotations

import json
from typing import Any

import yaml

from gatewise.errors import ConfigError

ONE_OF_THEM = "leave one of them out"


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
