"""Ray finds what one process finds, and a killed Ray worker loses nothing.

One run stands for both: every job of it must come out as in this process, although a worker is killed in the middle of
one. Ray runs in a process of its own, since it brings threads and warnings that are not ours. It is kept to two jobs on
one CPU, since most of its time goes into starting Ray and its worker twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conftest import TINY, Cli

CV = (*TINY[:2], *TINY[4:], "--models", "lstm", "--horizons", "3", "--n-splits", "2", "--max-epochs", "100")
LONG = (*CV, "--set", "training.early_stopping_patience=199")
_PATIENCE_SECONDS = 600  # where others take the machine's cores; 15 are usual


@pytest.fixture
def short_folder() -> Iterator[str]:
    """A folder whose path leaves room for a socket's, as pytest's own do not."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield folder


def test_a_killed_ray_worker_loses_nothing_and_ray_leaves_nothing_behind(
    cli: Cli, gatewise_home: Path, tmp_path: Path, short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = cli("cv", *LONG, "--workers", "1", "--json").json
    before = set((gatewise_home / "cv").iterdir())
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("TMPDIR", short_folder)
    (tmp_path / "user").mkdir()
    command = [sys.executable, "-c", "from gatewise.cli.main import run; run()", "cv", *LONG, "--json"]
    process = subprocess.Popen(
        [*command, "--compute", "ray", "--workers", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        killed = kill_a_busy_worker(process, gatewise_home, before)
        out, err = process.communicate(timeout=_PATIENCE_SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, out + err
    assert killed, "no Ray worker was seen at work"
    assert "Ray: A worker died" in err
    said = json.loads(out)  # one object and nothing else: Ray's own words went to stderr
    assert (said["folds"], said["summary"]) == (alone["folds"], alone["summary"])
    assert not said["failures"]
    assert not (tmp_path / "user" / ".ray").exists(), "Ray left a token in the user's home"
    assert not list(Path(short_folder).iterdir())


def kill_a_busy_worker(process: subprocess.Popen[str], home: Path, before: set[Path]) -> bool:
    """Kills the worker of a job that has written its first checkpoint."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        for folder in set((home / "cv").iterdir()) - before:
            if list((folder / "jobs").glob("*.checkpoint")):
                for child in psutil.Process(process.pid).children(recursive=True):
                    try:
                        if child.cmdline()[0].startswith("ray::fold"):
                            child.kill()
                            return True
                    except (psutil.Error, IndexError):
                        continue
        time.sleep(0.05)
    return False
