"""The flags of config/flags.py as options of commands.

A command takes them as one `overrides` mapping, so no command function carries twenty parameters. What the core says
of fields and arguments, `translate` says in flags.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.completion import completer, model_ids, preset_names
from gatewise.cli.presets import print_presets
from gatewise.config.flags import ARGUMENT_FLAGS, FIELD_FLAGS, MODEL, SETTINGS, TRAINING, Flag

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig

LIST = "list"  # of --preset: says what there is
_SECTIONS = "data|features|target|windows|split|cv|model|training|online|calibration|decision|evaluation|broker"
_SETTING = re.compile(
    rf"""(?<![\w.$/'"`=-])(?<!--set\ )                 # words of their own, not a part of a command or path
    (?P<name>(?:{_SECTIONS})\.[a-z_]+(?:\.\w+)*|{"|".join(ARGUMENT_FLAGS)})
    (?:=(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^]]*\]|\([^)]*\)|{{[^}}]*}}|[^\s,;:)]+))?
    (?![\w=(]|\.\w)""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"[A-Za-z]\w*|[1-9]\d*[A-Za-z]+", re.ASCII)  # words and lengths of time
_NOT_TEXT = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))


def translate(hint: str) -> str:
    """A text of the core, which names config fields and arguments as Python writes them, with flags in their place.

    `training.batch_size=512` becomes `--batch-size 512`, and of a field that has no flag of its own
    `--set section.field=value`. Values are quoted for a shell; words around stay as they are, and so does a list of
    valid names, as they are to be written where the unknown one stands.
    """
    advice, valid, names = hint.partition("valid: ")
    return _SETTING.sub(lambda match: _in_flags(match["name"], match["value"]) or match[0], advice) + valid + names


def _in_flags(name: str, written: str | None) -> str | None:
    """`None` where no flag says it."""
    flag = FIELD_FLAGS.get(name) or ARGUMENT_FLAGS.get(name)
    if written is None:
        return FIELD_FLAGS[name].split("/")[0] if name in FIELD_FLAGS else None
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):  # a word that stands for a value
        return f"{flag} {written}" if flag else f"--set {shlex.quote(f'{name}={written}')}"
    if flag and (text := _as_flag(flag, name, value)):
        return text
    if name in ARGUMENT_FLAGS:
        return None
    if isinstance(value, dict) and all(_PLAIN.fullmatch(str(key)) for key in value):
        return " ".join(_as_set(f"{name}.{key}", inner) for key, inner in value.items())
    return _as_set(name, value)


def _as_flag(flag: str, name: str, value: Any) -> str | None:
    """`None` where the flag can't say the value."""
    yes, _, no = flag.partition("/")
    if isinstance(value, bool):
        return (yes if value else no) or None
    if name == "data.paths" and isinstance(value, list):
        return " ".join(f"{flag} {shlex.quote(str(item))}" for item in value) or None
    if isinstance(value, list | tuple):
        items = [str(item) for item in value]
        return f"{flag} {shlex.quote(','.join(items))}" if items and not any("," in item for item in items) else None
    return None if value is None else f"{flag} {_quoted(str(value))}"


def _quoted(text: str) -> str:
    """For a shell; an apostrophe in double quotes, where shlex would write ''"'"''."""
    return f'"{text}"' if "'" in text and not re.search(r'["$`\\!]', text) else shlex.quote(text)


def _as_set(field: str, value: Any) -> str:
    return f"--set {shlex.quote(f'{field}={_as_yaml(value)}')}"


def _as_yaml(value: Any) -> str:
    """In one line, with quotes only where YAML would take the text for something else."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_as_yaml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def listed(flag: str, text: str) -> list[str]:
    """Names with commas between, each once, at least one.

    Raises:
        ConfigError: not so.
    """
    from gatewise.errors import ConfigError

    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        kept = ",".join(dict.fromkeys(filter(None, names)))
        hint = f"{flag} {kept}" if kept else f"leave {flag} out"
        raise ConfigError(f"{flag} takes names with commas between, each once; got {text!r}", hint)
    return names


SEEDS = typer.Option(
    "--seeds",
    help="A run for each: 3 takes three from --seed upwards, 42,123,456 these.",
    show_default="1",
    rich_help_panel=TRAINING,
)


def seeds_from(text: str, config: ExperimentConfig, is_seeded: bool) -> tuple[int, ...]:
    """The seeds that --seeds says.

    Args:
        is_seeded: whether the first was said too, which a count takes and a list has no use for.

    Raises:
        ConfigError: not seeds, or said twice.
    """
    from gatewise.config.seeds import names_seeds, read_seeds
    from gatewise.errors import ConfigError

    if is_seeded and names_seeds(text):
        raise ConfigError("--seeds names every seed, and so does --seed; got both", "leave out one of the two")
    return read_seeds(text, config.training.seed)


def config_flags(*flags: Flag, as_trained: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds --preset, --config, --set and `flags` to a command whose first parameter is `flags: ConfigFlags`.

    Args:
        as_trained: whether what is not given is as a model was trained, and not the config's default; then no preset.
    """
    preset = _option("--preset", "Settings of an experiment, or a YAML of one's own; list: which.", preset_names)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        kept = [parameter for name, parameter in signature.parameters.items() if name != "flags"]
        extra = [
            *([] if as_trained else [_parameter("preset", str | None, preset, None)]),
            _parameter("config", Path | None, _option("--config", "YAML or JSON file."), None),
            _parameter("set_", list[str], _option("--set", "Any field: --set model.hidden_size=64."), []),
            *(_parameter(flag.keyword, flag.type | None, _flag_option(flag), None) for flag in flags),
        ]

        def wrapper(**given: Any) -> None:
            file, assignments, preset = given.pop("config"), tuple(given.pop("set_")), given.pop("preset", None)
            overrides = {flag.field: value for flag in flags if (value := given.pop(flag.keyword)) not in (None, [])}
            if preset == LIST:
                print_presets(given.get("as_json", False))
            else:
                command(flags=ConfigFlags(file, assignments, overrides, preset), **given)

        parameters = [*kept, *extra]
        wrapper.__name__ = command.__name__
        wrapper.__doc__ = command.__doc__
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it; typeshed has none
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        # For the help page.
        wrapper.__dict__ |= {"flags": {flag.keyword: flag for flag in flags}, "as_trained": as_trained}
        return wrapper

    return decorate


def _flag_option(flag: Flag) -> Any:
    return typer.Option(
        flag.name, *flag.also, help=flag.help, rich_help_panel=flag.group, autocompletion=completer(flag)
    )


def _option(name: str, help: str, completed: Callable[[str], Iterator[str]] | None = None) -> Any:
    return typer.Option(name, help=help, rich_help_panel=SETTINGS, autocompletion=completed)


@dataclass(frozen=True)
class ConfigFlags:
    """What the command line says about the config: a preset, a file, --set assignments, flags as dotted overrides."""

    file: Path | None
    assignments: tuple[str, ...]
    overrides: dict[str, Any]
    preset: str | None = None

    @property
    def says_anything(self) -> bool:
        """Whether any of it is given."""
        return bool(self.preset or self.file or self.assignments or self.overrides)

    def config(self, more: Mapping[str, Any] | None = None, **how: Any) -> ExperimentConfig:
        """The config that it resolves to.

        Args:
            more: dotted overrides of the command's own.
            how: see `load_config`.
        """
        from gatewise.config.load import load_config

        return load_config(self.file, self.assignments, {**self.overrides, **(more or {})}, preset=self.preset, **how)

    @property
    def fields(self) -> frozenset[str]:
        """Dotted names of what --set and flags say."""
        from gatewise.config.load import assigned_fields

        return frozenset((*assigned_fields(self.assignments), *self.overrides))


def _parameter(name: str, annotation: Any, option: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[annotation, option])


A_MODEL = typer.Option(
    "--model",
    help="Run id (or enough of its start), NAME@champion, run or bundle folder.",
    rich_help_panel=MODEL,
    autocompletion=model_ids,
)
RUN_NAME = typer.Option(
    "--run-name", help="The run's name.", show_default="of data, model and target", rich_help_panel=SETTINGS
)


def refuse_name(run_name: str | None, resume: str | None) -> None:
    """What goes on has a name.

    Raises:
        ConfigError: both are given.
    """
    if run_name is not None and resume is not None:
        from gatewise.errors import ConfigError

        raise ConfigError("--resume goes on with a run, which has a name", f"gatewise runs rename {resume} NEW_NAME")
