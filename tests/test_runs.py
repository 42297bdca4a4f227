"""Runs: what is recorded, where it lies, and that no tracker's failure costs a training run.

A fault here is silent: a run that reads FINISHED although it was interrupted, or an epoch that never arrived, is only
missed when somebody compares runs weeks later. So what was written is read back by MLflow's own client or by SQLite.
"""

from __future__ import annotations

import errno
import json
import math
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ReadError, RunNotFoundError, StorageError
from gatewise.registry.folders import find_run_folder, match_id
from gatewise.registry.history import History
from gatewise.registry.limits import flat_params, metric_name
from gatewise.registry.listing import find_info, list_runs
from gatewise.registry.runs import find_run, start_run
from gatewise.registry.tracking import _put, connect


@pytest.fixture
def config() -> ExperimentConfig:
    return load_config(overrides={"name": "bars", "model.hidden_size": 8})


def rows(home: Path, query: str) -> list[Any]:
    with sqlite3.connect(home / "mlflow.db") as database:
        return database.execute(query).fetchall()


def test_a_run_records_its_config_as_parameters_and_as_a_file_that_reads_back_equal(
    gatewise_home: Path, config: ExperimentConfig
) -> None:
    run = start_run(config)
    record = connect().get_run(run.run_id)
    assert connect().get_experiment(record.info.experiment_id).name == "bars"
    assert record.data.params["model.hidden_size"] == "8"
    assert record.data.params["model.name"] == "lstm"
    assert record.data.tags["gatewise.config_hash"] == config.digest
    assert run.folder == gatewise_home / "runs" / run.run_id
    assert load_config(run.folder / "config.yaml") == config


def test_an_epochs_values_arrive_at_their_step_whatever_they_are(gatewise_home: Path, config: ExperimentConfig) -> None:
    run = start_run(config)
    run.log(1, {"val_loss": 1.5, "test/T (degC)/mae": 2.0, "train_loss": math.nan})
    run.log(2, {"val_loss": 0.5})
    history = connect().get_metric_history(run.run_id, "val_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 1.5), (2, 0.5)]
    assert find_info(run.run_id).metrics["test/T _degC_/mae"] == 2.0
    assert json.loads(json.dumps(find_info(run.run_id).to_dict()))["metrics"]["train_loss"] is None


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")],
)
def test_a_run_marks_how_it_ended(
    gatewise_home: Path, config: ExperimentConfig, error: type[BaseException] | None, status: str
) -> None:
    def train() -> None:
        with start_run(config) as run:
            run.log(1, {"val_loss": 1.0})
            if error is not None:
                raise error

    if error is None:
        train()
    else:
        with pytest.raises(error):
            train()
    assert rows(gatewise_home, "SELECT status FROM runs") == [(status,)]
    assert list_runs()[0].duration_seconds is not None


def test_a_run_taken_up_again_is_the_same_run_and_still_runs(gatewise_home: Path, config: ExperimentConfig) -> None:
    first = start_run(config)
    first.log(1, {"val_loss": 1.0})
    first.finish("KILLED")
    again = find_run(first.run_id[:10])
    again.reopen()
    assert (again.run_id, again.folder) == (first.run_id, first.folder)
    assert list_runs()[0].status == "RUNNING"
    assert list_runs()[0].duration_seconds is None
    again.log(2, {"val_loss": 0.5})
    again.finish("FINISHED")
    assert [metric.step for metric in connect().get_metric_history(first.run_id, "val_loss")] == [1, 2]
    assert [info.status for info in list_runs()] == ["FINISHED"]


def test_artifacts_are_seen_by_mlflow_and_stored_once(gatewise_home: Path, config: ExperimentConfig) -> None:
    run = start_run(config)
    (run.folder / "bundle" / "deep").mkdir(parents=True)
    (run.folder / "bundle" / "deep" / "weights").write_bytes(b"12345")
    run.log_artifacts(run.folder / "bundle")
    run.log_artifacts(run.folder / "config.yaml")
    run.log_artifacts(run.folder / "config.yaml")
    assert {item.path for item in connect().list_artifacts(run.run_id)} == {"bundle", "config.yaml"}
    stored = gatewise_home / "artifacts" / run.run_id / "artifacts" / "bundle" / "deep" / "weights"
    assert stored.samefile(run.folder / "bundle" / "deep" / "weights")


def test_artifacts_are_copied_where_the_filesystem_has_no_links(
    gatewise_home: Path, config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    run = start_run(config)
    monkeypatch.setattr(os, "link", refuse)
    run.log_artifacts(run.folder / "config.yaml")
    stored = gatewise_home / "artifacts" / run.run_id / "artifacts" / "config.yaml"
    assert stored.read_bytes() == (run.folder / "config.yaml").read_bytes()


def test_runs_are_listed_latest_first_and_other_peoples_runs_are_not_ours(
    gatewise_home: Path, config: ExperimentConfig
) -> None:
    ids = []
    for _ in range(3):
        ids.append(start_run(config).run_id)
        time.sleep(0.002)
    connect().create_run(connect().get_experiment_by_name("bars").experiment_id)
    assert [info.run_id for info in list_runs()] == ids[::-1]
    assert [info.run_id for info in list_runs()][:2] == ids[:0:-1]


def test_an_id_may_be_cut_short_as_long_as_it_fits_one_run() -> None:
    ids = ["3f2a77", "3f1b00", "9c0000"]
    assert match_id("3f2", ids) == "3f2a77"
    with pytest.raises(RunNotFoundError, match="fits 2: 3f2a77, 3f1b00"):
        match_id("3f", ids)
    with pytest.raises(RunNotFoundError) as caught:
        match_id("3f2a78", ids)
    assert caught.value.hint is not None
    assert "did you mean 3f2a77?" in caught.value.hint
    with pytest.raises(RunNotFoundError) as caught:
        match_id("zz", ids)
    assert caught.value.hint is not None
    assert "3f2a77, 3f1b00, 9c0000" in caught.value.hint
    with pytest.raises(RunNotFoundError):
        match_id("", ids[:1])


def test_a_runs_folder_is_found_without_asking_mlflow(gatewise_home: Path) -> None:
    (gatewise_home / "runs" / "3f2a77").mkdir(parents=True)
    assert find_run_folder("3f") == gatewise_home / "runs" / "3f2a77"
    with pytest.raises(RunNotFoundError):
        find_run_folder("4")


@given(st.text())
def test_every_metric_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric

    _validate_metric(metric_name(name), 1.0, 0, 0)


def test_parameters_fit_every_servers_limits() -> None:
    config = load_config(overrides={"data.paths": [f"/data/{n}.zip" for n in range(500)]})
    params = dict(flat_params(config.to_dict()))
    assert max(map(len, params.values())) == 500
    assert params["data.paths"].endswith("…")
    assert params["training.learning_rate"] == "0.001"


# ---- when the tracker fails


def test_a_tracker_that_is_down_stops_a_run_before_it_starts_and_within_seconds(
    gatewise_home: Path, config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(StorageError, match="tracking at") as caught:
        start_run(config)
    assert caught.value.message == "tracking at http://me:***@127.0.0.1:9 failed: Connection refused"
    assert caught.value.hint is not None
    assert "MLFLOW_TRACKING_URI" in caught.value.hint
    assert time.monotonic() - started < 100  # MLflow left to itself tries for four minutes
    assert not (gatewise_home / "runs").exists()


def test_a_tracker_that_falls_silent_is_said_once_and_gets_every_value_when_it_is_back(
    gatewise_home: Path, config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = start_run(config)
    database, away = gatewise_home / "mlflow.db", gatewise_home / "away"
    monkeypatch.setattr("gatewise.registry.writer._RETRY_SECONDS", 0.0)
    send = run._client.log_batch
    calls = []

    def fail(*_: object, **__: object) -> None:
        from mlflow.exceptions import MlflowException

        calls.append(1)
        raise MlflowException("connection refused\nmany more lines")

    run._client.log_batch = fail
    run.log(1, {"val_loss": 3.0})
    run.set_tag("gatewise.data_fingerprint", "abc")
    run.log(2, {"val_loss": 2.0})
    assert len(calls) == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"tracking at sqlite:///{database} failed: connection refused; "
        "the run goes on, its values are kept and sent again later"
    ]
    run._client.log_batch = send
    run.log(3, {"val_loss": 1.0})
    assert [m.value for m in connect().get_metric_history(run.run_id, "val_loss")] == [3.0, 2.0, 1.0]
    assert connect().get_run(run.run_id).data.tags["gatewise.data_fingerprint"] == "abc"
    assert not away.exists()


def test_a_silent_tracker_is_not_asked_at_every_epoch(gatewise_home: Path, config: ExperimentConfig) -> None:
    run = start_run(config)
    calls = []

    def fail(*_: object, **__: object) -> None:
        from mlflow.exceptions import MlflowException

        calls.append(1)
        raise MlflowException("down")

    run._client.log_batch = run._client.set_terminated = fail
    for epoch in range(5):
        run.log(epoch, {"val_loss": 1.0})
    assert len(calls) == 1
    run.finish("FINISHED")
    assert len(calls) == 3


def test_a_home_that_cannot_be_written_fails_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StorageError, match="Not a directory"):
        start_run(load_config())


def test_a_full_disk_at_the_start_marks_the_run_failed_and_leaves_no_half_file(
    gatewise_home: Path, config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left on device"):
        start_run(config)
    assert rows(gatewise_home, "SELECT status FROM runs") == [("FAILED",)]
    assert [path for path in (gatewise_home / "runs").rglob("*") if path.is_file()] == []


def test_a_disk_too_full_for_the_records_is_told_by_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow.store.db.utils
    from sqlalchemy.exc import OperationalError

    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow.store.db.utils, "_upgrade_db", full)
    with pytest.raises(StorageError, match="disk") as refused:
        connect()
    assert refused.value.hint == "free some space, or set GATEWISE_HOME to another place"


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to look like a file of some other program")
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StorageError, match="is no SQLite database"):
        connect()


def test_a_database_whose_making_was_interrupted_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    import mlflow.store.db.utils

    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow.store.db.utils, "_upgrade_db", interrupt)
    with pytest.raises(KeyboardInterrupt):
        connect()
    assert list((tmp_path / "home").iterdir()) == []


def test_a_database_that_another_process_made_meanwhile_is_kept(
    gatewise_home: Path, config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = start_run(config)
    first, empty = gatewise_home / "mlflow.db", tmp_path / "empty.db"
    empty.write_bytes(b"")
    _put(empty, first)
    assert [info.run_id for info in list_runs()] == [run.run_id]

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    _put(empty, tmp_path / "no links here.db")
    assert not empty.exists()


def test_the_first_run_of_a_home_says_nothing_and_tells_nobody(tmp_path: Path) -> None:
    code = """
from gatewise.config.load import load_config
from gatewise.registry.runs import start_run
with start_run(load_config()) as run:
    run.log(1, {"val_loss": 1.0})
    run.log_artifacts(run.folder / "config.yaml")
import mlflow.telemetry
assert mlflow.telemetry.get_telemetry_client() is None
"""
    drop = ("PYTEST", "CI", "GITHUB", "MLFLOW", "GATEWISE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    environment["GATEWISE_HOME"] = str(tmp_path / "a home")
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == {"a home"}
    assert {path.name for path in (tmp_path / "a home").iterdir()} == {"mlflow.db", "runs", "artifacts"}


# ---- history


@given(st.dictionaries(st.tuples(st.integers(0, 10), st.text(max_size=5)), st.floats(allow_nan=False), max_size=20))
def test_a_history_reads_back_as_it_was_said(values: dict[tuple[int, str], float]) -> None:
    import tempfile

    history = History()
    for (step, name), value in values.items():
        history.on_epoch(step, {name: value})
    with tempfile.TemporaryDirectory() as folder:
        history.write(Path(folder) / "history.parquet")
        again = History.read(Path(folder) / "history.parquet")
    assert again.frame.equals(history.frame)
    assert history.frame.rows() == [(step, name, value) for (step, name), value in values.items()]


def test_an_epoch_said_again_after_a_resume_replaces_the_first(tmp_path: Path) -> None:
    history = History()
    history.on_epoch(1, {"val_loss": 2.0})
    history.on_epoch(2, {"val_loss": 9.0})
    history.write(tmp_path / "history.parquet")
    resumed = History.read(tmp_path / "history.parquet")
    resumed.on_epoch(2, {"val_loss": 1.0})
    assert resumed.frame.rows() == [(1, "val_loss", 2.0), (2, "val_loss", 1.0)]


@pytest.mark.parametrize(
    "make", [lambda p: None, lambda p: p.write_text("x"), lambda p: pl.DataFrame({"a": [1]}).write_parquet(p)]
)
def test_a_file_that_is_no_history_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "history.parquet")
    with pytest.raises(ReadError):
        History.read(tmp_path / "history.parquet")


def test_a_full_disk_leaves_the_old_history_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.parquet"
    history = History()
    history.on_epoch(1, {"val_loss": 2.0})
    history.write(path)
    before = path.read_bytes()
    history.on_epoch(2, {"val_loss": 1.0})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        history.write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
