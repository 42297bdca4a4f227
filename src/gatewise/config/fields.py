"""Every field that a config may hold, by its path at any depth: of a section chosen by name, those of all options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args

from pydantic.fields import FieldInfo

from gatewise.config.schema import ExperimentConfig
from gatewise.config.section import Section, sections_of

Path = tuple[str, ...]
Options = Mapping[str, type[Section]]


def options_at(path: Sequence[str]) -> Options:
    """{name: class} of what a section may be; a section without a choice has the one name ""; a field is none: {}."""
    options: dict[str, type[Section]] = {"": ExperimentConfig}
    for part in path:
        infos = [kind.model_fields[part] for kind in options.values() if part in kind.model_fields]
        options = dict(sections_of(infos[0].annotation)) if infos else {}
    return options


def fields_at(path: Sequence[str]) -> dict[str, FieldInfo]:
    """The fields of a section by their names, of all its options."""
    return {name: info for kind in options_at(path).values() for name, info in kind.model_fields.items()}


def chosen_fields(path: Sequence[str], values: Mapping[str, Any]) -> dict[str, FieldInfo]:
    """The fields of a section, of the option alone that the values choose."""
    kind: type[Section] = ExperimentConfig
    for depth, part in enumerate(path, 1):
        options = sections_of(kind.model_fields[part].annotation)
        chooser = f"{'.'.join(path[:depth])}.{next(iter(options.values())).chosen_by}"
        kind = options["" if "" in options else chosen_name(chooser, values)]
    return dict(kind.model_fields)


def chosen_name(chooser: str, values: Mapping[str, Any]) -> Any:
    """What the values say of a field that chooses an option, `target.kind`, or its default."""
    return value_at(values, chooser) or value_at(ExperimentConfig(), chooser)


def chosen_leaves(values: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Every field that is no section, below a path, of the options alone that the values choose."""
    for name, info in chosen_fields(path, values).items():
        if sections_of(info.annotation):
            yield from chosen_leaves(values, (*path, name))
        else:
            yield (*path, name)


def leaves(path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every field that is no section, below a path."""
    for name, info in fields_at(path).items():
        inner = (*path, name)
        if sections_of(info.annotation):
            yield from leaves(inner)
        else:
            yield inner, info


@cache
def chosen_sections() -> Mapping[Path, Options]:
    """The sections whose options have fields of their own, by their paths; not the model, whose kind a run keeps."""
    paths = dict.fromkeys(path[:-1] for path, _ in leaves() if path[-1] == "name" and path[1:])
    return {path: options_at(path) for path in paths if path != ("model",)}


def value_at(values: Any, dotted: str) -> Any:
    """A value of a config, or of its plain values, by its dotted name; `None` where an option has none such."""
    for part in dotted.split("."):
        values = values.get(part) if isinstance(values, Mapping) else getattr(values, part, None)
    return values


def flatten(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Plain values by their dotted names."""
    for key, value in values.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from flatten(value, name)
        else:
            yield name, value


def default_at(dotted: str) -> Any:
    """The default of a field; of one that another option than the default's has, that option's."""
    *section, name = dotted.split(".")
    value = value_at(ExperimentConfig(), dotted)
    return fields_at(section)[name].get_default(call_default_factory=True) if value is None else value


def choices_at(dotted: str) -> list[str]:
    """The words that a field takes, those of the section's options where it chooses one; none where it takes others."""
    *section, name = dotted.split(".")
    options = options_at(section)
    if len(options) > 1 and next(iter(options.values())).chosen_by == name:
        return [*options]
    return [*dict.fromkeys(_words_in(fields_at(section)[name].annotation))]


def _words_in(annotation: Any) -> Iterator[str]:
    for arg in get_args(annotation):
        if isinstance(arg, str):
            yield arg
        else:
            yield from _words_in(arg)
