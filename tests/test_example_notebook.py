"""The example notebook runs from its first cell to its last, and what its cells show can be shown."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import torch  # noqa: F401  # it trains

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_hour.ipynb"


def test_the_notebook_runs_and_shows_its_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    shown = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        assert not cell["outputs"], "committed without outputs"
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)._repr_html_())
    headlines = "".join(shown)
    assert "Fit to train on" in headlines
    assert "Nothing looks ahead" in headlines
    assert names["final"].headline in headlines
