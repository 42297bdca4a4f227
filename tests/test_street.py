"""Imports point only up the street, and the help page loads none of the heavy packages.

One import the wrong way compiles, passes every other test, and is the first knot of the next ball of mud.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from gatewise.features.cache import CODE

SOURCE = Path(__file__).parents[1] / "src" / "gatewise"
STREET = (
    "errors clocks config files foreign host interrupts loading locks manifest parts quiet sqlite | lake | data | feeds"
    " | features | rows targets broker | splits | samples class_weights sample_weights levels"
    " | isolation resident windows sealed"
    " | fold nn tabular | models | training | as_numpy arrays | learners | estimator | evaluation | calibration looks"
    " | decisions"
    " | explain | report | bundle | outcome experiment | jobs | selection | registry | gates | champions | group"
    " | runtime | serving | export proofs | cli | api | __main__"
)
PLACE = {name: place for place, row in enumerate(STREET.split(" | ")) for name in row.split()}
BEFORE_TORCH = [name for name, place in PLACE.items() if place < PLACE["windows"]]


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in SOURCE.rglob("*.py")}


def imports(path: Path, for_types: bool = True) -> set[str]:
    """Modules that a file imports anywhere, inside functions too; `for_types`: in type-checking blocks as well."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names, blocks = set(), [tree]
    while blocks:
        for node in ast.iter_child_nodes(blocks.pop()):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                # `from gatewise import data` names a row of the street, `from gatewise.data import load` a part of one.
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= (parts & MODULES) or {node.module}
            elif for_types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                blocks.append(node)
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


def test_no_modules_import_each_other() -> None:
    """Not inside functions either: such a circle is only hidden there."""
    graph = {module_of(path): imports(path, for_types=False) & MODULES for path in SOURCE.rglob("*.py")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_has_three_hundred_lines_at_the_most(path: Path) -> None:
    """Beyond that it holds more than one idea: give the second a module of its own."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize(
    ("lower", "upper"), [("luck", "tuning"), ("tuning", "cv"), ("cv", "compare"), ("compare", "study")]
)
def test_rooms_of_selection_stand_in_one_line(lower: str, upper: str) -> None:
    for path in (SOURCE / "selection" / lower).glob("*.py"):
        assert not [name for name in imports(path) if name.startswith(f"gatewise.selection.{upper}")], path


@pytest.mark.parametrize("pattern", CODE)
def test_each_pattern_of_code_that_features_depend_on_matches_a_file(pattern: str) -> None:
    """A file that was moved would leave the key of kept matrices without a word."""
    assert list(SOURCE.glob(pattern))


def test_the_help_page_loads_none_of_the_heavy_packages() -> None:
    code = "import sys, gatewise.cli.app, gatewise.cli.main; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in loaded
    assert not {"torch", "mlflow", "polars", "numpy", "pandas", "sklearn", "pyarrow", "plotly"} & set(loaded)
