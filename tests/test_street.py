"""Imports point only up the street, and the help page loads none of the heavy packages.

One import the wrong way compiles, passes every other test, and is the first knot of the next ball of mud.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "gatewise"
STREET = (
    "errors config files foreign host interrupts loading locks quiet sqlite | lake | data | feeds | features | targets"
    " | rows splits | samples class_weights levels | isolation windows sealed | fold nn | models | training"
    " | as_numpy arrays | estimator trainer | fleet_trainer | evaluation | bundle | experiment | selection | registry"
    " | runtime | serving | export audit | cli"
)
PLACE = {name: place for place, row in enumerate(STREET.split(" | ")) for name in row.split()}
BEFORE_TORCH = [name for name, place in PLACE.items() if place < PLACE["windows"]]


def imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere, inside functions and type-checking blocks too."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from gatewise import data` names a row of the street, `from gatewise.data import load` a part of one.
            names |= {f"gatewise.{a.name}" for a in node.names} if node.module == "gatewise" else {node.module}
    return names


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if part_of(path) != "__init__"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_its_own_row_and_the_rows_above(path: Path) -> None:
    used = {name.split(".")[1] for name in imports(path) if name.startswith("gatewise.")}
    assert not [name for name in used if PLACE[name] > PLACE[part_of(path)]]
    if part_of(path) in BEFORE_TORCH:
        assert "torch" not in {name.split(".")[0] for name in imports(path)}


def test_the_help_page_loads_none_of_the_heavy_packages() -> None:
    code = "import sys, gatewise.cli.app, gatewise.cli.main; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in loaded
    assert not {"torch", "mlflow", "polars", "numpy", "pandas", "sklearn", "pyarrow", "plotly"} & set(loaded)
