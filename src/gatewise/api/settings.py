"""Keywords of Python to a config: the names of flat files, the flags' spellings, and fields' own names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gatewise.config.fields import leaves
from gatewise.config.flags import ALL_FLAGS
from gatewise.config.load import load_config
from gatewise.config.names import FORMER, OTHERS, SHORT, long_name
from gatewise.config.parsing import ONE_OF_THEM
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ArgumentError, ConfigError, UnknownKeywordError

Settings = Mapping[str, Any]


@cache
def keywords() -> Mapping[str, str]:
    """{keyword: dotted field}: of one word that several take, the flag's meaning before a flat file's."""
    fields: dict[str, list[str]] = {}
    for path, _ in leaves():
        fields.setdefault(path[-1], []).append(".".join(path))
    alone = {word: named[0] for word, named in fields.items() if not named[1:]}
    flags = {keyword: flag.field for flag in ALL_FLAGS for keyword in flag.keywords}
    return alone | dict(SHORT) | flags


_OF_ONE_TRAINING = ("max_time", "stop_after_epoch")


def resolve(
    config: str | Path | Settings | ExperimentConfig | None,
    overrides: Settings,
    compared: Iterable[str] = (),
    preset: str | Path | None = None,
    below: Mapping[str, Any] | None = None,
) -> ExperimentConfig:
    """The config that a call asks for.

    Args:
        config: a file, what a file would hold, or a whole config; the lowest layer above the model's preset.
        overrides: what `read_settings` gives.
        compared, preset, below: see `load_config`; a whole config lies on none.

    Raises:
        ArgumentError: a config that is neither; a preset beside a whole config, or one that is no name or file.
        ConfigError, ReadError: see `load_config`.
    """
    if preset is not None and (isinstance(config, ExperimentConfig) or not isinstance(preset, str | Path)):
        raise ArgumentError(
            f"preset is a name or a file, and lies below a config that says a part; got {preset!r}",
            "leave out one of preset and config",
        )
    if isinstance(config, ExperimentConfig):
        made = load_config(base=config.to_dict(), overrides=overrides, compared=compared)
        if "data.url" not in overrides:  # whose password no dump holds
            made = made.model_copy(update={"data": made.data.model_copy(update={"url": config.data.url})})
        return made
    if config is not None and not isinstance(config, str | Path | Mapping):
        raise ArgumentError(
            f"config is a file, a mapping of settings or an ExperimentConfig; got {type(config).__name__}",
            'config="mine.yaml"',
        )
    file = Path(config).expanduser() if isinstance(config, str | Path) else config
    return load_config(file, overrides=overrides, compared=compared, typed=True, preset=preset, below=below)


def read_settings(*given: Settings, fixed: Settings | None = None, arguments: Iterable[str] = ()) -> dict[str, Any]:
    """{dotted field: value} of settings by any of their names; those that are `None` say nothing.

    Args:
        given: settings by their names; all together are one layer, in which no setting has two values.
        fixed: dotted fields that the call itself settles, as the source of rows that it was handed.
        arguments: other keywords of the call, to be listed beside settings where one is not known.

    Raises:
        UnknownKeywordError: no such setting; the nearest is named.
        ArgumentError: settings that are no mapping of names.
        ConfigError: two values of one setting.
    """
    fields: dict[str, Any] = dict(fixed or {})
    names = dict.fromkeys(fields, "the rows given")
    for settings in given:
        if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
            raise ArgumentError(f"settings are a mapping of names to values; got {settings!r}", "settings={...}")
        for name, value in settings.items():
            if value is None:
                continue
            field = _field(name, value, arguments)
            if field in fields and fields[field] != value:
                raise ConfigError(
                    f"{names[field]} and {name} say two values of {field}: {fields[field]!r} and {value!r}", ONE_OF_THEM
                )
            fields[field], names[field] = value, name
    return fields


def _field(name: str, value: Any, arguments: Iterable[str]) -> str:
    sections = ExperimentConfig.model_fields
    if name in sections and (isinstance(value, Mapping) or name not in keywords()):
        return name
    if "." in name or name in FORMER or name in OTHERS:
        return long_name(name)
    if name in keywords():
        return keywords()[name]
    if name in _OF_ONE_TRAINING:
        raise ArgumentError(
            f"{name} ends one training, that of gatewise.fit; this call makes several",
            "max_epochs=20 or quick=True makes each shorter; gatewise.cv takes max_time, gatewise.tune a timeout",
        )
    raise UnknownKeywordError(name, {*keywords(), *sections, *OTHERS, *arguments})
