"""Where things are read and written: names beyond ASCII in any locale, and places that can't be written.

A place that turns out not to be writable once a model is trained costs the training; a folder made where nobody meant
one, at the root of the disk or under a literal `~`, is found years later.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.errors import StorageError
from gatewise.files import home, make_folder, require_place, write_text

SOURCE = Path(__file__).parents[1] / "src" / "gatewise"
ROOT = Path(Path.cwd().anchor)
NOBODY_MADE = ROOT / "gatewise-nobody-made-this"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_text_files_are_opened_in_an_encoding_that_no_locale_decides(path: Path) -> None:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "formatter":
            continue  # Click's, which writes help pages
        named = {word.arg for word in call.keywords}
        if call.func.attr == "write_text" or (call.func.attr == "read_text" and not call.args):
            assert "encoding" in named, f"line {call.lineno}"


@pytest.mark.skipif(sys.platform == "win32", reason="there paths are Unicode whatever the locale")
def test_names_beyond_ascii_work_in_a_locale_that_knows_ascii_alone(tmp_path: Path) -> None:
    times = pl.datetime_range(pl.datetime(2022, 1, 1), pl.datetime(2022, 1, 2), "1m", eager=True)
    file = tmp_path / "dåtä" / "bär.csv"
    file.parent.mkdir()
    pl.DataFrame({"time": times, "close": range(len(times))}).write_csv(file)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    environment |= PLAIN | {"GATEWISE_HOME": str(tmp_path / "hömé")}
    for words in (("data", "check", "--data", str(file)), ("train", *TINY, "--quiet"), ("runs", "list")):
        command = [sys.executable, "-c", "from gatewise.cli.main import run; run()", *words]
        said = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert said.returncode in (0, 1), said.stderr.decode()
        assert b"Traceback" not in said.stderr
    assert (tmp_path / "hömé" / "mlflow.db").is_file()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/below"])
def test_a_home_that_can_not_be_written_is_told_before_rows_are_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("has no folder that root may not write")
    (tmp_path / "file").touch()
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / place))
    monkeypatch.setattr("gatewise.data.load.load_table", None)
    for verb in ("train", "tune"):
        said = cli(verb, *TINY, "--quiet")
        assert said.code == 2
        assert said.err.startswith("error: can't write ")
        assert said.err.splitlines()[1] == "hint: set GATEWISE_HOME to another place"


def test_no_folder_is_made_at_the_root_of_the_disk_unasked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for write in (make_folder, require_place, lambda path: write_text(path / "x", "")):
        with pytest.raises(StorageError, match="no folder is made at the root of the disk"):
            write(NOBODY_MADE / "below")
    monkeypatch.setenv("GATEWISE_HOME", str(NOBODY_MADE))
    said = cli("train", *TINY, "--quiet")
    assert (said.code, "no folder is made at the root" in said.err) == (2, True)
    assert not NOBODY_MADE.exists()


def test_a_home_of_the_users_own_is_expanded_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", "~/mine")
    assert home() == Path.home() / "mine"
    monkeypatch.setenv("GATEWISE_HOME", "")
    assert home() == Path.cwd() / "gatewise-runs"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("folder", "is a folder"),
        ("folder.csv", "is a folder"),
        ("/", "is a folder"),
        ("file/x.csv", "can't write"),
        (str(NOBODY_MADE / "x.csv"), "root of the disk"),
    ],
)
def test_predictions_that_can_not_be_written_are_refused_before_a_model_is_looked_for(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    said = cli("predict", "--model", "none", "--data", "none.csv", "-o", output)
    assert said.code == 2
    assert words in said.err.splitlines()[0]
    assert said.err.splitlines()[1].startswith("hint: ")


def test_what_was_asked_whether_it_can_be_made_is_not_made(tmp_path: Path) -> None:
    require_place(tmp_path / "new" / "below")
    assert list(tmp_path.iterdir()) == []
