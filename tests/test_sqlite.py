"""A database that is busy, killed in mid-write or read-only is never taken for a file that may be put aside.

A fault here costs everything that was recorded: whoever follows a hint to move a database away has lost all runs, and
a second process that opens a new one at the same moment must not end the first.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from gatewise.config.load import load_config
from gatewise.errors import StorageError
from gatewise.registry.runs import start_run
from gatewise.registry.tracking import connect, talking, tracking_uri
from gatewise.selection.tuning.storage import file_url, open_storage
from gatewise.sqlite import _TROUBLES, probe, trouble
from tracked import tracked_runs

DESTROYS = re.compile(r"\b(move|delete|remove|rm|overwrite|away|drop)\b", re.IGNORECASE)
KILLED = """
import os, signal, sqlite3, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("PRAGMA cache_size = 1")  # so that changes reach the file before they are committed
writer.execute("BEGIN IMMEDIATE")
writer.execute("CREATE TABLE filler (a)")
writer.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
               "INSERT INTO filler SELECT hex(zeroblob(500)) FROM n")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.sqlite.PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("gatewise.selection.tuning.storage._LOCK_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_run_records_in_use_by_another_process_are_to_be_waited_for_and_stay(gatewise_home: Path) -> None:
    start_run(load_config())
    writer = sqlite3.connect(gatewise_home / "mlflow.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match=r"mlflow\.db is in use by another process") as refused:
        start_run(load_config())
    writer.execute("ROLLBACK")
    writer.close()
    assert str(refused.value.hint).startswith("wait")
    assert len(tracked_runs()) == 1


def test_run_records_locked_once_they_are_open_are_told_of_in_the_same_words(gatewise_home: Path) -> None:
    engine = create_engine(f"sqlite:///{gatewise_home / 'mlflow.db'}", connect_args={"timeout": 0.05})
    writer = sqlite3.connect(gatewise_home / "mlflow.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with (
        pytest.raises(StorageError, match=r"mlflow\.db is in use by another process"),
        talking(tracking_uri()),
        engine.connect() as connection,
    ):
        connection.execute(text("SELECT * FROM runs"))
    writer.close()
    engine.dispose()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a process that can be killed outright")
def test_run_records_whose_writer_was_killed_are_whole_again_when_they_are_next_opened(gatewise_home: Path) -> None:
    start_run(load_config())
    database = gatewise_home / "mlflow.db"
    subprocess.run([sys.executable, "-c", KILLED, str(database)], check=False)
    assert database.with_name("mlflow.db-journal").exists()  # else nothing was cut off
    assert len(tracked_runs()) == 1


def test_a_folder_in_the_place_of_run_records_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(StorageError, match="run records lie in one file"):
        connect()


def test_an_empty_file_in_the_place_of_run_records_becomes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    (tmp_path / "mlflow.db").touch()
    start_run(load_config())
    assert len(tracked_runs()) == 1


def test_records_of_a_later_mlflow_are_kept_and_a_copy_is_asked_for_before_they_are_changed(
    gatewise_home: Path,
) -> None:
    start_run(load_config())
    with sqlite3.connect(gatewise_home / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    database.close()
    with pytest.raises(StorageError, match="out-of-date database schema") as refused:
        _fresh_store()
    assert "pip install -U mlflow" in str(refused.value.hint)
    assert "copy" in str(refused.value.hint)


def _fresh_store() -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with talking(tracking_uri()):
        SqlAlchemyStore(tracking_uri(), "mlruns")


@pytest.mark.usefixtures("impatient")
def test_a_studys_storage_in_use_by_another_process_is_to_be_waited_for(tmp_path: Path) -> None:
    open_storage(file_url(tmp_path / "study.db"))
    writer = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match=r"study.db is in use by another process") as refused:
        open_storage(file_url(tmp_path / "study.db"))
    writer.close()
    assert str(refused.value.hint).startswith("wait")


def test_processes_that_make_one_new_storage_at_once_all_get_it(tmp_path: Path) -> None:
    url, together = file_url(tmp_path / "study.db"), Barrier(4)

    def make(_: int) -> int:
        together.wait()
        return len(open_storage(url).get_all_studies())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == [0, 0, 0, 0]


@pytest.mark.soak  # threads do it below
def test_homes_made_by_several_at_once_keep_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    begin = "from gatewise.config.load import load_config; from gatewise.registry.runs import start_run as s; "
    begun = [subprocess.Popen([sys.executable, "-c", f"{begin} s(load_config()).finish('FINISHED')"]) for _ in range(2)]
    assert [process.wait() for process in begun] == [0, 0]
    assert [run.info.status for run in tracked_runs()] == ["FINISHED", "FINISHED"]


def test_threads_that_begin_runs_in_one_new_home_at_once_all_get_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    together = Barrier(3)

    def begin(number: int) -> str:
        together.wait()
        with start_run(load_config(overrides={"name": f"run {number}"})) as run:
            return run.run_id

    with ThreadPoolExecutor(3) as pool:
        begun = set(pool.map(begin, range(3)))
    assert len(begun) == 3
    assert {run.info.run_id for run in tracked_runs()} == begun


def test_a_program_s_own_databases_keep_their_safety_while_run_records_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    engine = create_engine(f"sqlite:///{tmp_path}/own.db", poolclass=NullPool)
    seen, over = set(), Event()

    def connect_again_and_again() -> None:
        while not over.is_set():
            with engine.connect() as connection:
                seen.add(connection.execute(text("PRAGMA synchronous")).scalar())

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(connect_again_and_again)
        try:
            tracked_runs()
            with start_run(load_config()):
                pass
        finally:
            over.set()
        watching.result()
    assert seen == {2}


def test_what_sqlite_says_is_known_by_its_code_through_every_wrapper(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("long enough to be looked at as a database by whoever opens it for that purpose")
    with pytest.raises(sqlite3.DatabaseError) as bare:
        probe(tmp_path / "text.db")
    assert trouble(bare.value) == _TROUBLES[sqlite3.SQLITE_NOTADB]
    engine = create_engine(f"sqlite:///{tmp_path / 'absent' / 'x.db'}")
    with pytest.raises(OperationalError) as wrapped:
        engine.connect()
    assert trouble(wrapped.value) == _TROUBLES[sqlite3.SQLITE_CANTOPEN]
    assert trouble(ValueError("database is locked")) is None


def test_no_hint_about_a_database_tells_to_take_it_away() -> None:
    assert not [hint for _, hint in _TROUBLES.values() if DESTROYS.search(hint)]
