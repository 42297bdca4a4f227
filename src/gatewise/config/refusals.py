"""From pydantic's account of what is wrong to one line that names the field, and a hint with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from gatewise.config.fields import Path, chosen_fields, chosen_leaves, chosen_name, options_at
from gatewise.config.names import OTHERS, SAME_WORD, SHORT
from gatewise.errors import ConfigError, UnknownNameError

_TYPES = ("function-", "constrained-", "literal[", "tuple[")  # steps of pydantic's paths that are types, not names
_WORDS = {
    "Value error, ": "",
    "Input should be": "must be",
    "a valid tuple": "a list",
    "a valid dictionary": "a mapping",
}
_LONGEST = 80


def config_error(error: ValidationError, values: Mapping[str, Any], also: Mapping[str, str]) -> ConfigError:
    """The first thing wrong.

    Args:
        error: of an experiment's config.
        values: that it was to be made of.
        also: {dotted field: what the user called it}.
    """
    problem = _telling(cast(list[Mapping[str, Any]], error.errors()))
    path, value, message = _path(problem), problem["input"], problem["msg"]
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    dotted = ".".join(path)
    called = also.get(dotted)
    if problem["type"] == "extra_forbidden":
        return _unknown_field(path, values)
    if problem["type"] == "literal_error":
        names = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        if isinstance(value, str):
            return UnknownNameError(dotted, value, names)
        message = f"must be one of {', '.join(names)}"
    is_whole = problem["type"] == "value_error" and isinstance(value, dict | BaseModel)  # a whole section says too much
    field = f"{called} ({dotted})" if called else dotted
    prefix = "" if not dotted or f"{dotted}." in message else f"{field}: "
    return ConfigError(
        f"{prefix}{message}{'' if is_whole else f'; got {_cut(value)}'}", "gatewise config show prints every field"
    )


def _unknown_field(path: Path, values: Mapping[str, Any]) -> ConfigError:
    """A key that its section does not have; of a section that is chosen by name, maybe another option's."""
    *section, key = path
    options = options_at(section)
    owners = [name for name, kind in options.items() if key in kind.model_fields]
    if owners:
        dotted = ".".join(path)
        chooser = ".".join((*section, options[owners[0]].chosen_by))
        same_word = SAME_WORD.get(dotted)
        return ConfigError(
            f"{dotted} belongs to {' and '.join(owners)}; {chooser} is {chosen_name(chooser, values)}",
            f'{chooser}="{owners[0]}", or leave it out' + (f"; {same_word}" if same_word else ""),
        )
    if section:
        return UnknownNameError(f"key in {'.'.join(section)}", key, chosen_fields(section, values))
    fields = {".".join(inner): inner[-1] for inner in chosen_leaves(values)}
    short = [name for name, field in SHORT.items() if field in fields]
    meant = {word: field for field, word in reversed(fields.items())}
    return UnknownNameError("key", key, {*chosen_fields((), values), *short, *OTHERS}, meant=meant)


def _telling(problems: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of a field that takes a name or a list, pydantic tells both stories: for a list given, the list's."""
    first = problems[0]
    if first["type"] == "literal_error" and isinstance(first["input"], list | tuple):
        inner = [problem for problem in problems[1:] if _path(problem)[: len(_path(first))] == _path(first)]
        return inner[0] if inner else first
    return first


def _path(problem: Mapping[str, Any]) -> Path:
    return tuple(str(part) for part in problem["loc"] if not str(part).startswith(_TYPES))


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
