"""From YAML to a search space that is known to fit the config it tunes, before any trial.

{field: list | {low, high, log?, step?}}, a field flat as presets name it or dotted. Every value is put into the config,
so that what a field takes is said in one place alone: config/schema.py.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Container, Iterator, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from gatewise.config.fields import chosen_sections, leaves, value_at
from gatewise.config.load import change_config
from gatewise.config.names import PRESET, long_name
from gatewise.config.parsing import parse_yaml
from gatewise.config.schema import ExperimentConfig
from gatewise.config.training_section import READ_BY_ALL
from gatewise.errors import ConfigError, ReadError, UnknownNameError
from gatewise.selection.tuning.space import Choice, Range, SearchSpace

NumberKind = type[int] | type[float] | None
Options = Mapping[str, list[Any]]  # values of the space's choices by their dotted names

_SHORT = {dotted: flat for flat, dotted in PRESET.items()}
_RANGE_KEYS = ("low", "high", "log", "step")
_BARRED = {
    "model.name": "models are compared by gatewise cv --models",
    "model.input_features": "the features decide it",
    "features.sets": "each feature set has other samples; tune each by itself",
    "features.columns": "each feature set has other samples; tune each by itself",
    "training.seed": "the luckiest seed is no setting",
    "training.device": "it is where trials run, not what they find",
    "training.auto_batch_size": "tune training.batch_size",
    "training.checkpoint_every_epochs": "it changes no result",
    "training.tensorboard": "it changes no result",
    "training.per_symbol": "it decides which models there are",
}
_TUNED_FEATURES = ("features.scaler", "features.clip")


def load_space(name: str | None, config: ExperimentConfig, settled: Container[str] = ()) -> SearchSpace:
    """A space that ships (`lstm`, `wide`), or one's own YAML file; `None`: the one that ships for the model.

    Args:
        settled: dotted fields that a space that ships leaves alone, since the user has said what they are to be.

    Raises:
        UnknownNameError: no such space ships, or a field that is none.
        ReadError: the file can't be read or isn't YAML.
        ConfigError: see `parse_space`.
    """
    shipped = shipped_spaces()
    wanted = name or config.model.name
    if Path(wanted).suffix in (".yaml", ".yml", ".json") or "/" in wanted:
        return parse_space(_read(Path(wanted)), config)
    if wanted not in shipped:
        if name is None:
            raise ConfigError(f"no search space ships for {wanted}", f'space="FILE", or one of: {", ".join(shipped)}')
        raise UnknownNameError("search space", wanted, [*shipped, "a YAML file"])
    text = resources.files("gatewise.config").joinpath("spaces", f"{wanted}.yaml").read_text(encoding="utf-8")
    parameters = yaml.safe_load(text)
    left = {field: values for field, values in parameters.items() if long_name(field) not in settled}
    if not left:
        raise ConfigError(
            f"search space {wanted} must leave something to search; every field of it was set",
            'name a file of your own: space="FILE"',
        )
    return parse_space(left, config)


def shipped_spaces() -> tuple[str, ...]:
    """Names of the spaces that ship."""
    folder = resources.files("gatewise.config").joinpath("spaces")
    return tuple(sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")))


def parse_space(entries: object, config: ExperimentConfig) -> SearchSpace:
    """Checks a space against the config that it is to tune.

    Raises:
        UnknownNameError: a field that is none.
        ConfigError: no field, a field that can't be tuned, one said twice, an empty list or range, a value of the wrong
            type or out of the field's bounds. All in one line.
    """
    if not isinstance(entries, dict) or not entries:
        raise ConfigError(
            f"a search space must be a mapping of fields; got {'nothing' if not entries else type(entries).__name__}",
            "for example: learning_rate: {low: 0.0001, high: 0.01, log: true}",
        )
    names = [long_name(str(key)) for key in entries]
    for key, name in zip(entries, names, strict=True):
        if names.count(name) > 1:
            raise ConfigError(f"a search space lists each field once; {key} is there {names.count(name)} times")
    options = {long_name(str(key)): value for key, value in entries.items() if isinstance(value, list)}
    parameters = [_parse(str(key), value, config, options) for key, value in entries.items()]
    return SearchSpace(tuple(parameters))


def tunable_fields(config: ExperimentConfig) -> dict[str, NumberKind]:
    """Dotted names of the fields that can be tuned, and what kind of number each takes, if any."""
    return {name: kind for name, kind in _all_fields(config) if _why_not(name, config) is None}


def _parse(key: str, entry: object, config: ExperimentConfig, options: Options) -> Choice | Range:
    dotted = long_name(key)
    fields = tunable_fields(config)
    if dotted not in fields:
        if dotted in dict(_all_fields(config)):
            raise ConfigError(f"a search space can't hold {dotted}: {_why_not(dotted, config)}", "set it in the config")
        # Fields of optimizers and the like that nothing here chooses would be refused.
        read = [name for name in fields if not _owners(name) or any(_options(name, config, options))]
        meant = {name.rpartition(".")[2]: _SHORT.get(name, name) for name in read if not name.endswith(".name")}
        raise UnknownNameError("field of a search space", key, [_SHORT.get(name, name) for name in read], meant=meant)
    name, kind = _SHORT.get(dotted, key), fields[dotted]
    if isinstance(entry, dict):
        return _parse_range(name, entry, kind, config, options)
    if not isinstance(entry, list):
        raise ConfigError(f"{name} takes a list or {{low, high}} in a search space; got {entry!r}")
    if not entry:
        raise ConfigError(f"{name} must have a value to choose from; got an empty list")
    values = [_checked(name, value, kind, config, options) for value in entry]
    if len({json.dumps(value) for value in values}) < len(values):
        raise ConfigError(f"{name} must list each value once; got {entry}")
    return Choice(name, tuple(values))


def _parse_range(
    name: str, bounds: Mapping[str, Any], kind: NumberKind, config: ExperimentConfig, options: Options
) -> Range:
    if unknown := [str(key) for key in bounds if key not in _RANGE_KEYS]:
        raise UnknownNameError(f"key in the range of {name}", unknown[0], _RANGE_KEYS)
    if kind is None:
        raise ConfigError(f"{name} is no number, so it has no range; got {dict(bounds)}", "give a list of values")
    if missing := [key for key in ("low", "high") if bounds.get(key) is None]:
        raise ConfigError(f"the range of {name} must have low and high; {' and '.join(missing)} is missing")
    log = bounds.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"log in the range of {name} must be true or false; got {log!r}")
    low, high = (_checked(name, bounds[key], kind, config, options) for key in ("low", "high"))
    step = None if bounds.get("step") is None else _number(name, bounds["step"], kind)
    if low > high:
        raise ConfigError(f"the range of {name} is empty: low {low:g} is above high {high:g}")
    if log and low <= 0:
        raise ConfigError(f"a range in log must be above 0; got low {low:g} for {name}", "raise low, or log: false")
    if step is not None and (log or step <= 0):
        what = "no step beside log: true" if log else "a step above 0"
        raise ConfigError(f"the range of {name} takes {what}; got step {step:g}")
    if step is not None:  # the last value that steps reach; in decimals, as 0.1 + 0.1 + 0.1 is not 0.3
        count = (Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step))
        high = kind(Decimal(str(low)) + count * Decimal(str(step)))
    return Range(name, low, high, log, step, kind is int)


def _checked(name: str, value: object, kind: NumberKind, config: ExperimentConfig, options: Options) -> Any:
    """The value as the config holds it."""
    if kind is not None and value is not None:
        value = _number(name, value, kind)
    held: Any = None
    try:
        for option in _options(long_name(name), config, options):
            held = value_at(change_config(config, option, {name: value}).to_dict(), long_name(name))
    except ConfigError as error:
        raise ConfigError(f"search space: {error.message}", "every value must be one that the config takes") from error
    return held


def _options(dotted: str, config: ExperimentConfig, options: Options) -> list[dict[str, Any]]:
    """What the space may put beside a value: where its field is of some optimizers or schedules, each of these."""
    chosen = f"{dotted.rpartition('.')[0]}.name"
    names = options.get(chosen, [value_at(config, chosen)])
    return [{chosen: name} for name in _owners(dotted) if name in names] or [{}]


def _owners(dotted: str) -> list[str]:
    """The options that a field is of, of a section that is chosen by name."""
    *section, field = dotted.split(".")
    kinds = chosen_sections().get((*section,), {})
    return [name for name, kind in kinds.items() if field in kind.model_fields and field != "name"]


def _number(name: str, value: object, kind: type[int] | type[float]) -> int | float:
    try:
        # YAML reads 1e-5 as text, as its 1.1 grammar wants a dot; people mean the number.
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not math.isfinite(number) or (kind is int and not number.is_integer()):
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name} takes {what} in a search space; got {value!r}")
    return kind(number)


def _all_fields(config: ExperimentConfig) -> Iterator[tuple[str, NumberKind]]:
    for path, info in leaves():
        if path[0] != "model" or path[1] in type(config.model).model_fields:
            yield ".".join(path), _number_kind(info.annotation)


def _why_not(dotted: str, config: ExperimentConfig) -> str | None:
    """Why a field can't be tuned; `None`: it can."""
    section = dotted.split(".")[0]
    if dotted in _BARRED:
        return _BARRED[dotted]
    if section in ("name", "data", "target", "split", "cv", "evaluation", "broker"):
        return "it decides what trials are scored on, or how"
    if section in ("calibration", "decision", "online"):
        return "what is trained is the same whatever it says"
    if section == "features" and dotted not in _TUNED_FEATURES:
        return f"of features, {' and '.join(_TUNED_FEATURES)} can be tuned"
    if section == "training" and config.model.consumes == "rows" and dotted.split(".")[1] not in READ_BY_ALL:
        return f"{config.model.name} reads nothing of training but {', '.join(READ_BY_ALL)}"
    return None


def _number_kind(annotation: object) -> NumberKind:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = typing.get_args(annotation) if union else (annotation,)
    return int if int in kinds else float if float in kinds else None


def _read(file: Path) -> object:
    try:
        return parse_yaml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"can't read {file}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    except yaml.YAMLError as error:
        raise ReadError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from error
