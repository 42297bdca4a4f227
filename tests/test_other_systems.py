"""The main job on a system that has only what all systems have: no POSIX module and none of POSIX' own functions.

What imports or calls such a thing works on the machines that the tests run on, and nowhere on Windows.
`mypy --platform win32`, a part of `make lint`, finds the calls; here the modules are hidden and the commands run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import TINY
from gatewise import host

pytestmark = pytest.mark.trains

# Hidden before anything is imported, as on a system that never had them; but for psutil, which has its own way on each.
HIDE = """
import os, select, sys
import psutil
for name in ("resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "spwd", "crypt", "nis"):
    sys.modules[name] = None
for module, names in ((os, ("confstr", "sched_getaffinity")), (select, ("poll", "epoll"))):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
"""
# One process for all, which has to load everything but once.
RUN = """
import json
from gatewise.cli.main import run
for words in json.loads(sys.argv[1]):
    sys.argv = ["gatewise", *words, "--json"]
    try:
        run()
    except SystemExit as ended:
        if ended.code:
            raise
"""
TWO_FOLDS = ("--set", "cv.n_splits=2", "--max-epochs", "1")
TINY_CV = tuple("--horizons" if word == "--horizon" else word for word in (*TINY, *TWO_FOLDS))


def on_such_a_system(code: str, *words: str, home: Path) -> str:
    """What a fresh interpreter without the modules prints."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE + code, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GATEWISE_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_main_jobs_run_without_any_posix_module(gatewise_home: Path) -> None:
    commands = (
        ("train", *TINY),
        ("cv", *TINY_CV, "--workers", "1"),
        ("cv", *TINY_CV, "--workers", "2"),
        ("tune", *TINY, *TWO_FOLDS, "--n-trials", "2", "--workers", "0"),
    )
    lines = on_such_a_system(RUN, json.dumps(commands), home=gatewise_home).splitlines()
    said = [json.loads(line) for line in lines]
    assert ["run_id" in said[0], *("folds" in one for one in said[1:3]), "best" in said[3]] == [True] * 4
    assert not any("error" in one for one in said)


def test_the_peak_of_memory_stays_after_what_made_it_is_gone() -> None:
    code = (
        "from gatewise.host import peak_memory; before = peak_memory(); block = bytearray(b'x' * 50_000_000);"
        "del block; print(peak_memory() - before)"
    )
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(grown) > 40_000_000


def test_where_proc_is_absent_the_peak_is_that_of_getrusage(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert before <= host.peak_memory(tmp_path / "absent") <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize(
    ("counters", "wanted"), [({"rss": 5, "peak_wset": 9}, 9), ({"rss": 5}, 5)], ids=["Windows", "no peak is kept"]
)
def test_where_getrusage_is_absent_too_the_peak_is_that_of_the_systems_counters(
    counters: dict[str, int], wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(**counters))
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    assert host.peak_memory(tmp_path / "absent") == wanted
