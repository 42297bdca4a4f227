"""Where gates come from: a file, a list of mappings, words of a call, or the list that is asked where none is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from gatewise.config.parsing import MISREAD, parse_json, parse_yaml
from gatewise.errors import ConfigError, ReadError
from gatewise.gates.gate import AGES, Gate
from gatewise.gates.table import WORDS

_EXAMPLE = "- {metric: accuracy, at_least: 0.55, of: low}"


def default_gates() -> tuple[Gate, ...]:
    """Those that a run is held to where none are named, by `gatewise evaluate` and by a promotion."""
    return parse_gates(parse_yaml((files("gatewise.config") / "gates" / "default.yaml").read_text(encoding="utf-8")))


def read_gates(path: Path) -> tuple[Gate, ...]:
    """Those of a YAML or JSON file: a list, or a mapping whose key `gates` is one.

    Raises:
        ReadError: it can't be read or is not valid.
        ConfigError: it holds something else than gates.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ReadError(f"can't read gates {path}: {reason}", f"a file of lines like {_EXAMPLE}") from error
    try:
        return parse_gates(parse_json(text) if path.suffix == ".json" else parse_yaml(text))
    except ConfigError as error:
        raise ConfigError(f"gates {path}: {error.message}", error.hint) from error
    except MISREAD as error:
        first = " ".join(str(error).split())
        raise ReadError(f"gates {path} is not valid YAML or JSON: {first}", f"lines like {_EXAMPLE}") from error


def parse_gates(values: Any) -> tuple[Gate, ...]:
    """Gates as YAML and JSON write them; see `read_gates`.

    Raises:
        ConfigError: something else than gates, or none.
    """
    if isinstance(values, dict) and [*values] == ["gates"]:
        values = values["gates"]
    if not isinstance(values, list | tuple) or not values:
        raise ConfigError("gates must be a list with one gate or more", f"lines like {_EXAMPLE}")
    return tuple(value if isinstance(value, Gate) else Gate.from_dict(value) for value in values)


def gates_in_words(words: Mapping[str, Any], whole_interval: bool = False) -> tuple[Gate, ...]:
    """Gates of `WORDS`, those whose bound is `None` left out.

    Args:
        whole_interval: the whole interval must keep the bound and not only the value, for what is measured.

    Raises:
        ConfigError: a bound that is none.
    """
    gates = []
    for name, bound in words.items():
        if bound is None:
            continue
        word = WORDS[name]
        gate = Gate.from_dict({"metric": word.metric, word.bound: bound})
        measured = word.metric not in ("rows", *AGES)
        gates.append(replace(gate, of=gate.strict_end) if whole_interval and measured else gate)
    return tuple(gates)


def chosen_gates(
    given: str | Path | Sequence[Any] | None, words: Mapping[str, Any], whole_interval: bool = False
) -> tuple[Gate, ...]:
    """What is asked of a run: the gates of a file or list, then those in words; the default ones where there are none.

    Raises:
        ReadError, ConfigError: see `read_gates`.
    """
    listed: Iterable[Gate] = ()
    if given is not None:
        listed = read_gates(Path(given).expanduser()) if isinstance(given, str | Path) else parse_gates(given)
    return (*listed, *gates_in_words(words, whole_interval)) or default_gates()
