"""What the core advises, in fields and arguments as Python has them, and what the command line makes of it."""

import ast
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

import gatewise
from conftest import Cli
from gatewise.cli.app import app
from gatewise.cli.flags import ConfigFlags, config_flags, translate
from gatewise.config.flags import ALL_FLAGS, ARGUMENT_FLAGS, FIELD_FLAGS, Flag
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.data.load import load_table
from gatewise.errors import GatewiseError
from gatewise.feeds.base import FeedOptions, base_url

SOURCE = Path(gatewise.__file__).parent

# A value for each type of flag that is nobody's default; some fields take few.
VALUES: dict[Any, Any] = {str: "a b's", int: 7, float: 0.25, bool: True, list[str]: ["a b.csv", "c,d.csv"]}
CHOICES: dict[str, Any] = {
    "model.base_models": "lstm,last_row:xgboost",
    "data.source": "lake",
    "data.format": "kline",
    "data.encoding": "cp949",
    "data.columns_are": ["time", "last price"],
    "data.thousands": "'",
    "data.decimal": ",",
    "data.stamp": "close",
    "data.time_format": "%d.%m.%Y %H:%M",
    "data.timezone": "America/Chicago",
    "data.epochs": "wall",
    "data.timeframe": "5m",
    "data.resample": "1h",
    "data.calendar": "XNYS",
    "data.gap_tolerance": "7d",
    "data.session": "17:00",
    "data.start": "2023-11-10T14:30Z",
    "data.end": "2023-11-11",
    "data.on_duplicate": "first",
    "data.off_grid": "drop",
    "data.prices": "any",
    "data.repair": ["splits", "hundredfold"],
    "data.symbols": ["BTC-USD", "^GSPC"],
    "data.url": "sqlite:///bars of 2023.db",
    "model.name": "gru",
    "target.kind": "next_row",
    "target.measure": "range",
    "target.learn": "relative",
    "training.schedule.name": "step",
    "training.optimizer.name": "adam",
    "training.loss.name": "cross_entropy",
    "training.class_weights": "balanced",
    "training.sample_weights": "uniqueness",
    "training.device": "cuda:1",
    "training.precision": "bf16",
    "cv.splitter": "kfold",
    "calibration.method": "isotonic",
    "decision.rule": "probability",
    "cv.test_groups": 3,
    "online.every": "day",
    "online.how": "refit",
}
NEEDED = {
    "model.base_models": {"model.name": "voting"},
    "training.schedule.patience": {"training.schedule.name": "plateau"},
    "target.steps": {"target.kind": "next_row"},
    "target.measure": {"target.kind": "realized_volatility"},
}


def settings() -> Iterator[tuple[str, Any]]:
    """Fields and values: one of each flag, and of fields that have none."""
    for flag in ALL_FLAGS:
        yield flag.field, CHOICES.get(flag.field, VALUES[flag.type])
    yield "data.day_first", False
    yield "training.auto_batch_size", False
    yield "data.symbols", ["one, Inc.", "two"]
    yield "data.resample", None
    yield "data.columns", ["open", "null", "vol (USD)"]
    yield "data.rename", {"close": "closing price", "volume": "Umsatz"}
    yield "data.rename", {"a b": "it's"}
    yield "data.filter", {"interval": "1m", "code": "000001"}
    yield "data.filter", {"<PER>": ["60", "D"]}
    yield "features.sets", ["ohlcv"]
    yield "features.columns", []
    yield "features.clip", 2.5
    yield "split.method", "walk_forward"
    yield "training.class_weights", "none"


def parsed(line: str) -> ConfigFlags:
    """What a command with every flag of the table makes of these words."""
    heard: list[ConfigFlags] = []
    once = {flag.name: flag for flag in ALL_FLAGS}.values()
    small = typer.Typer()

    @small.command()
    @config_flags(*once)
    def command(flags: ConfigFlags) -> None:
        heard.append(flags)

    small(shlex.split(line), standalone_mode=False)
    return heard[0]


@pytest.mark.parametrize(("field", "value"), [pytest.param(f, v, id=f"{f}={v}") for f, v in settings()])
def test_a_setting_in_flags_is_the_same_setting(field: str, value: Any) -> None:
    said = parsed(translate(f"{field}={value!r}"))
    assert said.overrides or said.assignments
    needed = NEEDED.get(field, {})
    by_flags = load_config(None, said.assignments, said.overrides | needed)
    assert by_flags == load_config(None, (), needed | ({field: value} if value is not None else {}))


@pytest.mark.parametrize("flag", [pytest.param(flag, id=flag.name) for flag in ALL_FLAGS])
def test_a_setting_that_has_a_flag_is_said_by_it(flag: Flag) -> None:
    value = CHOICES.get(flag.field, VALUES[flag.type])
    assert translate(f"give {flag.field}={value!r}, or less").startswith(f"give {flag.name.split('/')[0]}")
    assert translate(f"lower {flag.field}, or not") == f"lower {flag.name.split('/')[0]}, or not"


@pytest.mark.parametrize(
    ("text", "in_flags"),
    [
        ("training.batch_size=512, or the size", "--batch-size 512, or the size"),
        ('load them apart: data.timeframe="1m"', "load them apart: --timeframe 1m"),
        ("another data.timezone?", "another --timezone?"),
        ("(data.columns=[…] chooses)", "(--set 'data.columns=[…]' chooses)"),
        ("data.start=…, or less", "--start …, or less"),
        ('fleet="off" or workers=1', "--fleet off or --workers 1"),
        ("horizons=(5, 20); adjusted=False", "--horizons 5,20; --raw"),
        ('write it to "data.url" or /data.url or my.data.url', 'write it to "data.url" or /data.url or my.data.url'),
        ("gatewise train --set data.symbols=[A] goes on", "gatewise train --set data.symbols=[A] goes on"),
        ("--set model.hidden_size=64", "--set model.hidden_size=64"),
        ("fewer workers from the start to the end", "fewer workers from the start to the end"),
        ("features.sets names nothing", "features.sets names nothing"),
    ],
)
def test_words_around_a_setting_stay(text: str, in_flags: str) -> None:
    assert translate(text) == in_flags
    assert translate(in_flags) == in_flags


def test_a_setting_of_every_section_is_said_in_flags() -> None:
    sections = [name for name, field in ExperimentConfig.model_fields.items() if field.annotation is not str]
    for section in sections:
        assert translate(f"{section}.no_such=1").split() == ["--set", f"{section}.no_such=1"]


def test_every_argument_is_a_flag_of_some_command() -> None:
    commands = [info.callback for info in app.registered_commands]
    commands += [info.callback for group in app.registered_groups for info in group.typer_instance.registered_commands]  # type: ignore[union-attr]
    known = set(FIELD_FLAGS.values())
    for command in filter(None, commands):
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
            annotation = parameter.annotation
            options = annotation.__metadata__[0] if isinstance(annotation, type(Annotated[int, 0])) else None
            known |= set(getattr(options, "param_decls", None) or (f"--{name.replace('_', '-')}",))
            known |= {str(getattr(options, "default", ""))}
    assert set(ARGUMENT_FLAGS.values()) <= known


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and texts, with {} where an f-string puts a value; not what documents code, nor the words of a command."""
    passed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Expr):
            passed |= {id(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.Constant)}
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            passed |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def test_no_text_of_the_core_names_a_flag() -> None:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        inner = path.relative_to(SOURCE).as_posix()
        if inner.startswith("cli/") or inner == "config/flags.py":
            continue
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            if re.search(r"(?<![\w-])--[a-z{]", re.sub(r"gatewise [a-z][^;,:()]*", "", text)):
                found.append(f"{inner}:{line}: {text}")
    assert not found


ROWS = "time,close\n" + "".join(f"2023-11-10 00:0{minute}:00,{minute}\n" for minute in (0, 1, 1, 2))
FAULTS = {
    "a time twice": (ROWS, 'data.on_duplicate="first" or', "--on-duplicate first or"),
    "one row": ("time,close\n2023-11-10,1\n", 'data.timeframe="1m" (', "--timeframe 1m ("),
    "two readings of a date": ("time,close\n03.04.2020,1\n04.05.2020,2\n", "data.day_first=True or", "--day-first or"),
    "no time": ("a,b\n1,2\n3,4\n", 'data.time_column="NAME" (', "--time-column NAME ("),
    "no number": (ROWS.replace(",2\n", ",many\n"), "data.columns=[…]", "--set 'data.columns=[…]'"),
}


@pytest.mark.parametrize(("rows", "in_python", "in_flags"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_is_mended_by_fields_in_python_and_by_flags_at_the_command_line(
    tmp_path: Path, cli: Cli, rows: str, in_python: str, in_flags: str
) -> None:
    file = tmp_path / "X.csv"
    file.write_text(rows, encoding="utf-8")
    with pytest.raises(GatewiseError) as caught:
        load_table(DataConfig(paths=(str(file),)))
    assert in_python in str(caught.value.hint)
    words = ("train", "--data", file, "--set", "features.columns=[close]", "--set", "features.sets=[]")
    said = cli(*words)
    assert in_flags in said.err
    assert f"hint: {translate(str(caught.value.hint))}\n" in said.err
    assert cli(*words, "--json").json["error"]["hint"] == translate(str(caught.value.hint))


def test_what_is_wrong_with_files_is_mended_by_flags_in_check_and_its_json(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "X.csv"
    file.write_text(ROWS, encoding="utf-8")
    people = cli("data", "check", file)
    assert "--on-duplicate first or --on-duplicate last" in " ".join(people.out.replace("│", " ").split())
    assert "(--timezone says otherwise)" in people.err
    told = json.dumps(cli("data", "check", file, "--json").json)
    assert "data.on_duplicate" not in told
    assert "data.timezone" not in told


def test_an_argument_is_a_flag_at_the_command_line(tmp_path: Path, cli: Cli) -> None:
    with pytest.raises(GatewiseError) as caught:
        base_url(FeedOptions("bars"))
    assert caught.value.hint == 'for example base_url="http://127.0.0.1:8080"'
    said = cli("data", "fetch", "coinbase", "BTC-USD", "--lake", tmp_path, "--base-url", "bars")
    assert "hint: for example --base-url http://127.0.0.1:8080" in said.err
