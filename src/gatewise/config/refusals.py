"""From pydantic's account of what is wrong to one line that names the field, and a hint with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from gatewise.config.loss_section import LOSS_CONFIGS
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig
from gatewise.errors import ConfigError, UnknownNameError

_TYPES = ("function-", "constrained-", "literal[", "tuple[")  # steps of pydantic's paths that are types, not names
_WORDS = {
    "Value error, ": "",
    "Input should be": "must be",
    "a valid tuple": "a list",
    "a valid dictionary": "a mapping",
}
_LONGEST = 80
# Sections that are chosen by name, and their tables.
_CHOSEN: dict[str, Mapping[str, type[BaseModel]]] = {"model": MODEL_CONFIGS, "loss": LOSS_CONFIGS}


def config_error(error: ValidationError, short: Iterable[str], also: Mapping[str, str] | None = None) -> ConfigError:
    """The first thing wrong.

    Args:
        error: of ExperimentConfig.
        short: names beside the sections that are valid at the top, such as `hidden_size`.
        also: {dotted field: what the user called it}.
    """
    problem = _telling(cast(list[Mapping[str, Any]], error.errors()))
    path, value, words = _path(problem), problem["input"], problem["msg"]
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    dotted = ".".join(path)
    called = (also or {}).get(dotted)
    if problem["type"] == "extra_forbidden":
        known = _fields_at(path[:-1]) | (set() if path[1:] else set(short))
        return UnknownNameError(f"key in {'.'.join(path[:-1])}" if path[1:] else "key", path[-1], known)
    if problem["type"] == "literal_error":
        names = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        if isinstance(value, str):
            return UnknownNameError(dotted, value, names)
        words = f"must be one of {', '.join(names)}"
    said = problem["type"] == "value_error" and isinstance(value, dict | BaseModel)  # a whole section says too much
    field = f"{called} ({dotted})" if called else dotted
    where = "" if not dotted or f"{dotted}." in words else f"{field}: "
    return ConfigError(
        f"{where}{words}{'' if said else f'; got {_cut(value)}'}", "gatewise config show prints every field"
    )


def _telling(problems: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of a field that takes a name or a list, pydantic tells both stories: for a list given, the list's."""
    first = problems[0]
    if first["type"] == "literal_error" and isinstance(first["input"], list | tuple):
        others = [problem for problem in problems[1:] if _path(problem)[: len(_path(first))] == _path(first)]
        return others[0] if others else first
    return first


def _path(problem: Mapping[str, Any]) -> list[str]:
    return [str(part) for part in problem["loc"] if not str(part).startswith(_TYPES)]


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _fields_at(path: list[str]) -> set[str]:
    section: type[BaseModel] = ExperimentConfig
    for part in path:
        if part in _CHOSEN:
            return {name for option in _CHOSEN[part].values() for name in option.model_fields}
        section = cast(type[BaseModel], section.model_fields[part].annotation)
    return set(section.model_fields)
