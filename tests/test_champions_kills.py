"""Promotions and rollbacks by processes that are killed at random: what was acknowledged stays, and nothing is half."""

import subprocess
import sys
from pathlib import Path

import pytest

from champion_worlds import planted_bundle
from gatewise.champions.log import open_log
from gatewise.champions.store import Store
from gatewise.champions.verify import verify

if sys.platform == "win32":
    pytest.skip("workers are forked", allow_module_level=True)


@pytest.mark.parametrize("changes", [50, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_processes_lose_no_entry_and_leave_one_champion(
    kind: str, changes: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    for number in range(6):
        planted_bundle(tmp_path / "bundles" / str(number), number)
    noted = tmp_path / "noted"
    noted.mkdir()
    program = Path(__file__).with_name("champion_kills.py")
    words = [url, tmp_path / "store", tmp_path / "bundles", noted, changes, 14]
    ended = subprocess.run(
        [sys.executable, program, *map(str, words)], capture_output=True, text=True, timeout=60 + changes, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    killed = int(ended.stdout)

    log = open_log(url)
    entries = log.entries()
    acknowledged = dict(line.split() for file in noted.iterdir() for line in file.read_text().splitlines())
    written = {str(entry.number): entry.hash for entry in entries}
    assert acknowledged.items() <= written.items()
    # A kill between the commit and the note leaves an entry that nobody was told of; there can be no others.
    assert changes <= len(acknowledged) <= len(entries) <= len(acknowledged) + killed + 4
    found = verify(log, Store(tmp_path / "store"))
    assert (found.problems, found.absent) == ((), ())
    for name in log.names():
        assert log.champion(name) == [entry for entry in entries if entry.name == name][-1]
    assert {entry.action for entry in entries} == {"promote", "rollback"}
    assert killed >= 3
    print(f"{kind}: {len(entries)} entries, {len(acknowledged)} acknowledged, {killed} kills")
