"""What the documents say is there: links, commands, flags, Python that runs, and an example in every help page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import typer

import gatewise
from gatewise.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        assert name in COMMANDS or name in {n.split()[0] for n in COMMANDS}, line
        if name in COMMANDS:
            flags = {opt for param in COMMANDS[name].params for opt in (*param.opts, *param.secondary_opts)}
            shown = {re.split(r"[=|]", word)[0] for word in words if word.startswith("--")}
            assert shown <= flags | {"--help"}, line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_page_holds_an_example(name: str) -> None:
    assert f"Example: gatewise {name}" in (COMMANDS[name].help or "")


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5, 3)).astype(np.float32), rng.integers(0, 2, 60)
    names = {"X_train": x, "y_train": y, "X_val": x[:20], "y_val": y[:20], "X_test": x[:5]}
    # Smaller and shorter, or the page's defaults would train for minutes.
    code = code.replace("hidden_size=128", "hidden_size=4, batch_size=32, max_epochs=1")
    code = code.replace('"training.batch_size": 128', '"training.batch_size": 128, "training.max_epochs": 1')
    code = code.replace('"target.horizon": 5', '"target.horizon": 5, "model.hidden_size": 4')
    exec(compile(code, "README.md", "exec"), names)
    assert names["run_id"]


def test_the_readmes_tree_names_what_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.split("## The tree")[1]
    for name in re.findall(r"(?<=[ ])([a-z_]+/|[a-z_]+\.py)(?= )", tree):
        assert (ROOT / "src" / "gatewise" / name).exists() or (ROOT / name).exists(), name


def test_everything_that_the_package_hands_on_is_there() -> None:
    for name in gatewise.__all__:
        assert getattr(gatewise, name)
    with pytest.raises(AttributeError, match="it has"):
        gatewise.nothing  # noqa: B018  # the lookup is the test
