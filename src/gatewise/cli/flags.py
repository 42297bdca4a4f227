"""Named flags as data: one table says which config field each flag sets, and what it is for.

A command takes them as one `overrides` mapping, so no command function carries twenty parameters. What the core says
of fields and arguments, `translate` says in flags.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Flag:
    """`name` as typed, the dotted config `field` that it sets, its type and help, and other names for it."""

    name: str
    field: str
    type: Any
    help: str
    also: tuple[str, ...] = ()


DATA_FLAGS = (
    Flag("--data", "data.paths", list[str], "File, folder or glob; repeat for several."),
    Flag("--source", "data.source", str, "files, lake, sql, or sp500 / nasdaq: daily bars that come with gatewise."),
    Flag("--lake", "data.lake", str, "Folder of the lake, if not $GATEWISE_LAKE."),
    Flag("--feed", "data.feed", str, "Whose rows of the lake, where several feeds hold a symbol."),
    Flag("--url", "data.url", str, "Database, like sqlite:///bars.db; a password rather in $GATEWISE_SQL_PASSWORD."),
    Flag("--table", "data.table", str, "Table or view, if not vw_ticker_timeseries."),
    Flag("--query", "data.query", str, "A SELECT to read instead of a table."),
    Flag("--symbols", "data.symbols", str, "Keep these, with commas between: BTC-USD,ETH-USD."),
    Flag("--format", "data.format", str, "auto, csv, json, parquet, feather, kline, lean."),
    Flag("--encoding", "data.encoding", str, "Of text that isn't UTF-8, like cp949, gbk, shift_jis, cp1252."),
    Flag("--columns-are", "data.columns_are", str, "The columns' names, in order, where a file has no header."),
    Flag("--thousands", "data.thousands", str, "Sign that groups digits: , . ' or a blank."),
    Flag("--decimal", "data.decimal", str, "Decimal sign: . or ,."),
    Flag("--stamp", "data.stamp", str, "Whether stamps are the bar's open or close."),
    Flag("--time-column", "data.time_column", str, "Column that holds the time."),
    Flag("--time-format", "data.time_format", str, "strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns."),
    Flag("--timezone", "data.timezone", str, "Zone of stamps that carry none, like America/Chicago."),
    Flag(
        "--epochs-are", "data.epochs", str, "utc, or wall: epochs of the clock of --timezone, as MetaTrader gives them."
    ),
    Flag("--day-first/--month-first", "data.day_first", bool, "Settles dates like 03.04.2020."),
    Flag("--symbol-column", "data.symbol_column", str, "Column that holds the symbol."),
    Flag("--symbol", "data.symbol", str, "The one symbol to read of a lake or database; names a file that names none."),
    Flag("--timeframe", "data.timeframe", str, "Length of a bar, like 1m, 1h, 1d."),
    Flag("--resample", "data.resample", str, "Make longer bars, like 5m or 1h; only complete ones."),
    Flag("--calendar", "data.calendar", str, "Exchange calendar like XNYS: closed time is no gap, none: no calendar."),
    Flag(
        "--session",
        "data.session",
        str,
        "When a day begins on --timezone's clock, like 17:00: days and hours count from it.",
    ),
    Flag("--gap-tolerance", "data.gap_tolerance", str, "A longer step is a gap, like 5m or 7d."),
    Flag("--start", "data.start", str, "Rows knowable at or after, UTC, like 2023-11-10."),
    Flag("--end", "data.end", str, "Rows knowable before, UTC."),
    Flag("--off-grid", "data.off_grid", str, "keep, or drop: rows off the grid, like a bar that was still running."),
    Flag("--on-duplicate", "data.on_duplicate", str, "error, first or last."),
    Flag("--prices", "data.prices", str, "positive, or any: back-adjusted ones below 0; returns are differences."),
    Flag("--repair", "data.repair", str, "Mend what is certain, and say it: splits,hundredfold or one of them."),
)
MODEL_FLAGS = (
    Flag("--model", "model.name", str, "Model name; see gatewise models list.", ("--model-type",)),
    Flag("--hidden-size", "model.hidden_size", int, "Units in the recurrent state."),
    Flag("--num-layers", "model.num_layers", int, "Stacked recurrent layers."),
    Flag("--dropout", "model.dropout", float, "Between layers and before the head."),
    Flag("--seq-len", "windows.sequence_length", int, "Rows in a window."),
    Flag("--batch-size", "training.batch_size", int, "Windows in a step."),
)
TRAIN_FLAGS = (
    Flag("--horizon", "target.horizon", int, "Rows ahead that the target looks."),
    Flag("--target", "target.kind", str, "triple_barrier, direction, forward_return, next_row, or mypkg.targets:Mine."),
    Flag("--learning-rate", "training.learning_rate", float, "Peak learning rate."),
    Flag("--max-epochs", "training.max_epochs", int, "Upper bound; early stopping may end sooner.", ("--epochs",)),
    Flag("--auto-batch-size", "training.auto_batch_size", bool, "Measure the batch size instead of taking it."),
    Flag("--device", "training.device", str, "auto, cpu, cuda, cuda:1."),
    Flag("--precision", "training.precision", str, "auto, fp32, bf16, fp16."),
    Flag("--seed", "training.seed", int, "Same seed, same weights."),
)
CV_FLAGS = (
    Flag("--splitter", "cv.splitter", str, "expanding, sliding, kfold, combinatorial, or mypkg.splits:Mine."),
    Flag("--n-splits", "cv.n_splits", int, "Folds; combinatorial: groups that folds are chosen from."),
    Flag("--test-groups", "cv.test_groups", int, "Groups tested together; combinatorial only."),
)
FIELD_FLAGS = {flag.field: flag.name for flag in (*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *CV_FLAGS)}
# Arguments of functions that commands take as flags.
ARGUMENT_FLAGS = {
    "adjusted": "--adjusted/--raw",
    "base_url": "--base-url",
    "end": "--end",
    "fleet": "--fleet",
    "horizons": "--horizons",
    "n_trials": "--n-trials",
    "num_seeds": "--seeds",
    "port": "--port",
    "space": "--space",
    "start": "--start",
    "storage": "--storage",
    "study_name": "--study-name",
    "timeframe": "--timeframe",
    "workers": "--workers",
}
_SECTIONS = "data|features|target|windows|split|cv|model|training|evaluation"
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


def config_flags(*flags: Flag) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds --config, --set and `flags` to a command whose first parameter is `flags: ConfigFlags`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        kept = [parameter for name, parameter in signature.parameters.items() if name != "flags"]
        extra = [
            _parameter("config", Path | None, typer.Option("--config", help="YAML or JSON file."), None),
            _parameter("set_", list[str], typer.Option("--set", help="Any field: --set model.hidden_size=64."), []),
            *(
                _parameter(_identifier(f), f.type | None, typer.Option(f.name, *f.also, help=f.help), None)
                for f in flags
            ),
        ]

        def wrapper(**given: Any) -> None:
            file, assignments = given.pop("config"), tuple(given.pop("set_"))
            overrides = {f.field: value for f in flags if (value := given.pop(_identifier(f))) not in (None, [])}
            command(flags=ConfigFlags(file, assignments, overrides), **given)

        parameters = [*kept, *extra]
        wrapper.__name__ = command.__name__
        wrapper.__doc__ = command.__doc__
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it; typeshed has none
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


@dataclass(frozen=True)
class ConfigFlags:
    """What the command line says about the config: a file, --set assignments, and flags as dotted overrides."""

    file: Path | None
    assignments: tuple[str, ...]
    overrides: dict[str, Any]

    @property
    def fields(self) -> frozenset[str]:
        """Dotted names of what --set and flags say."""
        from gatewise.config.load import assigned_fields

        return frozenset((*assigned_fields(self.assignments), *self.overrides))


def _parameter(name: str, annotation: Any, option: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[annotation, option])


def _identifier(flag: Flag) -> str:
    return flag.name.split("/")[0].lstrip("-").replace("-", "_")
