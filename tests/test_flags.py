"""Every flag sets a field that there is, stands in a group, and shows the default that the config itself has.

A default that help pages write a second time is wrong from the day on which the first is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from conftest import Cli
from gatewise.cli.app import app
from gatewise.cli.flags import translate
from gatewise.config.fields import choices_at, fields_at, flatten, leaves
from gatewise.config.flags import ALL_FLAGS, FIELD_FLAGS, GROUPS, NOT_TYPED, Flag
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig

FIELDS = {".".join(path) for path, _ in leaves()}


def pages() -> dict[str, tuple[Any, str]]:
    """Every command and its help page, by the words that call it, as a terminal of 80 columns shows it."""
    top = typer.main.get_command(app)
    found: dict[str, tuple[Any, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        for name, command in top.commands.items():
            for sub, inner in getattr(command, "commands", {"": command}).items():
                words = f"{name} {sub}".strip()
                found[words] = inner, inner.get_help(typer.Context(inner, info_name=f"gatewise {words}"))
    return found


PAGES = pages()
WITH_FLAGS = [name for name, (command, _) in PAGES.items() if hasattr(command.callback, "flags")]


def paragraph(page: str, flag: Flag) -> str:
    """What a page says of one flag, in one line."""
    said = re.split(r"\n(?=  -|\n)", page)
    start = re.compile(rf"  (-\w, )?{re.escape(flag.name.split('/')[0])}\b(?!-)")
    return " ".join(next(part for part in said if start.match(part)).split())


@pytest.mark.parametrize("flag", ALL_FLAGS, ids=lambda flag: flag.name)
def test_the_field_of_a_flag_exists_and_no_other_flag_sets_it(flag: Flag) -> None:
    assert flag.field in FIELDS
    assert [other.name for other in ALL_FLAGS if other.field == flag.field] == [flag.name]
    assert flag.group in GROUPS


def test_no_two_flags_share_a_word() -> None:
    words = [word for flag in ALL_FLAGS for word in (*flag.name.split("/"), *flag.also)]
    assert len(words) == len(set(words))
    keywords = [flag.keyword for flag in ALL_FLAGS]
    assert len(keywords) == len(set(keywords))
    assert all(word.isidentifier() for word in keywords)


@pytest.mark.parametrize("name", WITH_FLAGS)
def test_every_option_of_a_command_that_takes_settings_belongs_to_a_group(name: str) -> None:
    headings = re.findall(r"^(\w[\w ]*):$", PAGES[name][1], re.MULTILINE)
    assert [heading for heading in headings if heading != "Arguments"] == [g for g in GROUPS if g in headings]


@pytest.mark.parametrize("name", [name for name in WITH_FLAGS if not PAGES[name][0].callback.as_trained])
def test_every_flag_shows_its_default_and_its_choices(name: str) -> None:
    command, page = PAGES[name]
    config = dict(flatten(load_config().to_dict()))
    for flag in command.callback.flags.values():
        text = paragraph(page, flag)
        *section, field = flag.field.split(".")
        value = config.get(flag.field, fields_at(section)[field].default)
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = flag.unset if value in (None, []) else f"{value:g}" if isinstance(value, float) else value
            shown = ",".join(shown) if isinstance(shown, tuple | list) else shown
        assert text.endswith(f"default: {shown}]"), text
        for choice in set(choices_at(flag.field)) - set(NOT_TYPED):
            assert choice in text.rsplit("[", 1)[1], text


def test_the_default_config_is_the_preset_of_the_default_model() -> None:
    """So that what help pages show is what a run without flags takes."""
    assert load_config() == ExperimentConfig()


@pytest.mark.parametrize("name", PAGES)
def test_no_line_of_a_help_page_is_longer_than_80_columns(name: str) -> None:
    page = PAGES[name][1]
    assert max(map(len, page.splitlines())) <= 80
    assert f"Example: gatewise {name}" in page


def test_an_example_is_broken_where_a_shell_may_break_it(cli: Cli) -> None:
    page = cli("train", "-h").out
    example = page.split("Example: ")[1].split("\n\n")[0]
    assert example.count("\\\n") == 1
    assert "gatewise train --data BTCUSDT-1m.parquet" in example


def test_a_short_help_flag_and_a_version(cli: Cli) -> None:
    for words in ((), ("cv",), ("data", "check")):
        assert cli(*words, "-h").out == cli(*words, "--help").out
    assert re.fullmatch(r"gatewise \d+\.\d+\.\d+\n", cli("--version").out)


def test_the_flag_patience_is_early_stoppings_whatever_the_schedule() -> None:
    assert FIELD_FLAGS["training.early_stopping_patience"] == "--patience"
    assert translate("training.early_stopping_patience=5") == "--patience 5"
    assert translate("training.schedule.patience=5") == "--plateau-patience 5"


def test_the_patience_of_a_plateau_without_one_is_refused_by_flags(cli: Cli) -> None:
    said = cli("config", "show", "--plateau-patience", 3)
    assert said.code == 2
    assert "hint: --scheduler plateau, or leave it out; of early stopping it is --patience" in said.err


def complete(line: str, shell: str, home: Path) -> list[str]:
    """What a shell is told to offer for a line whose cursor stands at its end."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_ARGS": line}
    words |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_WORD_TO_COMPLETE": line.split(" ")[-1]}
    code = "import sys; sys.argv = ['gatewise']; from gatewise.cli.main import run; run()"
    environment = {**os.environ, **words, "_GATEWISE_COMPLETE": f"complete_{shell}", "GATEWISE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return re.findall(r"[\w-]+", re.sub(r":::.*", "", done.stdout))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_values_complete_in_every_shell(shell: str, tmp_path: Path) -> None:
    offered = complete("gatewise train --scheduler c", shell, tmp_path)
    assert {"cosine", "constant"} <= set(offered)
    assert "plateau" not in offered


def test_options_and_runs_complete(tmp_path: Path) -> None:
    (tmp_path / "runs" / "3f2a").mkdir(parents=True)
    (tmp_path / "runs" / "7b11").mkdir()
    assert complete("gatewise train --hid", "bash", tmp_path) == ["--hidden-size"]
    assert complete("gatewise runs show 3", "bash", tmp_path) == ["3f2a"]
    assert set(complete("gatewise predict --model ", "bash", tmp_path)) == {"3f2a", "7b11"}


def test_no_command_of_a_list_is_told_of_in_half_a_sentence(cli: Cli) -> None:
    for words in ((), ("runs",), ("models",), ("config",)):
        assert "..." not in cli(*words, "-h").out.split("Commands:")[1]
