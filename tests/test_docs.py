"""What the documents say is there: links, commands, flags, Python that runs, and an example in every help page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

import gatewise
from gatewise.cli.app import app
from page_examples import PAGES, ROOT


def commands() -> dict[str, typer.core.TyperCommand]:
    """Every command by the words that call it."""
    found = {}
    top = typer.main.get_command(app)
    for name, command in top.commands.items():
        for sub, inner in getattr(command, "commands", {"": command}).items():
            found[f"{name} {sub}".strip()] = inner
    return found


COMMANDS = commands()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_and_flag_that_is_shown_exists(page: Path) -> None:
    for line in re.findall(r"^(?:    |\$ )?gatewise .*$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = line.split("#")[0].split()[1:]
        if words[0].startswith("-"):  # asked of gatewise itself; tests/test_docs_shell.py runs it
            continue
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        assert name in COMMANDS or name in {n.split()[0] for n in COMMANDS}, line
        if name in COMMANDS:
            flags = {opt for param in COMMANDS[name].params for opt in (*param.opts, *param.secondary_opts)}
            shown = {re.split(r"[=|]", word)[0] for word in words if word.startswith("--")}
            assert shown <= flags | {"--help"}, line


def test_every_extra_that_is_named_is_one_and_the_readme_names_all() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for page in PAGES:
        for named in re.findall(r"install[^\n]*?'(?:gatewise|\.)\[([a-z,]+)\]'", page.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= extras.keys(), (page.name, named)
    table = set(re.findall(r"^\| `([a-z]+)` \|", PAGES[0].read_text(encoding="utf-8"), re.MULTILINE))
    assert table == extras.keys() - {"dev"}
    (every,) = extras["all"]
    assert set(every.removeprefix("gatewise[").removesuffix("]").split(",")) == table - {"all"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_make_target_and_script_that_is_shown_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for script in re.findall(r"python ((?:benchmarks|examples)/\S+?\.py)", text):
        assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_page_holds_an_example(name: str) -> None:
    assert f"Example: gatewise {name}" in (COMMANDS[name].help or "")


def test_the_readmes_tree_names_what_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.split("## The tree")[1]
    for name in re.findall(r"(?<=[ ])([a-z_]+/|[a-z_]+\.py)(?= )", tree):
        assert (ROOT / "src" / "gatewise" / name).exists() or (ROOT / name).exists(), name


def test_the_readme_leads_to_every_page_and_its_tree_to_every_package() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {f"docs/{page.name}" for page in PAGES[1:]}
    assert not pages - set(re.findall(r"\]\(([^)#]+)\)", readme.split("## Where to read on")[1]))
    packages = {f"{path.parent.name}/" for path in (ROOT / "src" / "gatewise").glob("*/__init__.py")}
    assert not packages - set(re.findall(r"[a-z_]+/", readme.split("## The tree")[1]))


def test_everything_that_the_package_hands_on_is_there() -> None:
    for name in gatewise.__all__:
        assert getattr(gatewise, name)
    with pytest.raises(AttributeError, match="it has"):
        gatewise.nothing  # noqa: B018  # the lookup is the test
