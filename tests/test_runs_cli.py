"""`gatewise runs` and `gatewise ui`, and runs on a real MLflow server, which the latter is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewise.config.load import load_config
from gatewise.locks import LOCK, only_process
from gatewise.registry.listing import find_info
from gatewise.registry.runs import start_run
from gatewise.registry.writer import Run
from loopback import free_port


@pytest.fixture
def run(gatewise_home: Path) -> Run:
    with start_run(load_config(overrides={"name": "bars", "data.source": "sp500"}), name="a name") as run:
        run.log(1, {"val_loss": 1.25, "train_loss": float("nan")})
        run.log(1, {"val/macro_f1": 0.41, "test/macro_f1": 0.39})
    return run


def test_the_list_is_one_object_with_the_promised_keys(cli: Any, run: Run) -> None:
    said = cli("runs", "list", "--json")
    assert (said.code, said.err) == (0, "")
    (entry,) = json.loads(said.out)["runs"]
    assert (entry["run_id"], entry["kind"], entry["status"]) == (run.run_id, "train", "FINISHED")
    assert (entry["name"], entry["experiment"], entry["model"]) == ("a name", "bars", "lstm")
    assert entry["metrics"]["val/macro_f1"] == 0.41
    assert entry["metrics"]["train_loss"] is None
    assert entry["duration_seconds"] >= 0


def test_people_see_a_line_a_run(cli: Any, run: Run) -> None:
    said = cli("runs", "list")
    line = said.out.splitlines()[1]
    assert line.split()[:4] == ["a", "name", run.run_id[:8], "finished"]
    assert "tb20" in line


def test_a_run_whose_process_is_gone_is_killed_and_goes_on_by_resume(cli: Any, gatewise_home: Path) -> None:
    run = start_run(load_config(overrides={"name": "bars", "data.source": "sp500"}))
    with only_process(run.folder, "it"):
        assert "epoch 0/100" in cli("runs", "list").out
        assert cli("runs", "list", "--json").json["runs"][0]["status"] == "RUNNING"
    (run.folder / LOCK).touch()  # as a process that is killed leaves it
    for said in (cli("runs", "list").out, cli("runs", "show", run.run_id).out):
        assert "killed" in said
        assert "epoch 0/100" not in said
        assert f"gatewise train --resume {run.run_id[:8]}" in said
    (listed,) = cli("runs", "list", "--json").json["runs"]
    assert (listed["status"], listed["ended"], listed["duration_seconds"]) == ("KILLED", None, None)


def test_a_run_that_lost_to_a_baseline_names_it_in_the_list_and_in_json(cli: Any, run: Run) -> None:
    run.set_tag("gatewise.verdict", "worse")
    run.set_tag("gatewise.headline", "Worse than logistic")
    assert " worse " in cli("runs", "list").out.splitlines()[1]
    assert "Worse than logistic" in cli("runs", "show", "a name").out
    (listed,) = cli("runs", "list", "--json").json["runs"]
    for entry in (listed, cli("runs", "show", run.run_id, "--json").json):
        assert (entry["verdict"], entry["headline"]) == ("worse", "Worse than logistic")
        assert entry["beats_baseline"] is False


def test_a_home_without_runs_says_what_to_type(cli: Any, gatewise_home: Path) -> None:
    assert "gatewise train" in cli("runs", "list").out
    assert cli("runs", "list", "--json").json == {"runs": []}


def test_records_that_were_lost_are_not_said_to_have_never_been(cli: Any, gatewise_home: Path, run: Run) -> None:
    database = gatewise_home / "mlflow.db"
    database.write_bytes(b"")
    said = cli("train", "--source", "sp500", "--quiet")
    assert said.code == 2
    assert "is an empty file, yet 1 run lies in" in said.err
    assert "put a copy of it back" in said.err
    assert database.read_bytes() == b"", "nothing is written over it"
    assert [entry["run_id"] for entry in cli("runs", "list", "--json").json["runs"]] == [run.run_id]


def test_show_names_settings_numbers_and_files(cli: Any, run: Run) -> None:
    said = cli("runs", "show", run.run_id[:6])
    assert "bars" in said.out
    assert "val_loss" in said.out
    assert "config.yaml" in said.out
    assert "sp500" in said.out
    value = cli("runs", "show", run.run_id[:6], "--json").json
    assert value["files"] == [str(run.folder / "config.yaml"), str(run.folder / "run.json")]
    assert value["params"]["data.source"] == "sp500"


def test_a_run_that_does_not_exist_is_refused_in_one_line(cli: Any, run: Run) -> None:
    said = cli("runs", "show", "zz", "--json")
    assert said.code == 2
    assert json.loads(said.out)["error"]["type"] == "RunNotFoundError"
    assert run.run_id in json.loads(said.out)["error"]["hint"]


def test_a_port_that_is_taken_is_refused_in_one_line(cli: Any, gatewise_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = cli("ui", "--port", taken.getsockname()[1])
    assert said.code == 2
    assert "must be free" in said.err


def test_a_server_has_pages_of_its_own(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = cli("ui")
    assert said.code == 2
    assert "open http://127.0.0.1:9" in said.err


# ---- a real server on loopback: `gatewise ui` itself


class Pages:
    """`gatewise ui` as a process, up before it is handed on."""

    def __init__(self, home: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        code = (
            "import sys; sys.argv = ['gatewise', 'ui', '--port', sys.argv[1]]; from gatewise.cli.main import run; run()"
        )
        environment = {**os.environ, "GATEWISE_HOME": str(home)}
        environment.pop("MLFLOW_TRACKING_URI", None)
        with (home / "ui.log").open("a") as log:
            command = [sys.executable, "-c", code, str(port)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        deadline = time.monotonic() + 300
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise AssertionError(f"the pages did not come up: {(home / 'ui.log').read_text()}")
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=60) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(120)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def pages(gatewise_home: Path, port: int) -> Iterator[Pages]:
    pages = Pages(gatewise_home, port)
    yield pages
    if pages.process.poll() is None:
        pages.stop()


def test_runs_go_to_a_server_and_outlive_its_death(
    cli: Any, run: Run, pages: Pages, gatewise_home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with urllib.request.urlopen(pages.url, timeout=60) as page:
        assert b"MLflow" in page.read()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pages.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert [entry["run_id"] for entry in cli("runs", "list", "--json").json["runs"]] == [run.run_id]

    remote = start_run(load_config())
    remote.log(1, {"val_loss": 3.0})
    remote.log_artifacts(remote.folder / "config.yaml")
    uploaded = gatewise_home / "artifacts"
    assert [path.read_bytes() for path in uploaded.rglob("config.yaml")] == [
        (remote.folder / "config.yaml").read_bytes()
    ]

    pages.stop()
    remote.log(2, {"val_loss": 2.0})
    remote.log_artifacts(remote.folder / "config.yaml")
    again = Pages(gatewise_home, port)
    try:
        remote.log(3, {"val_loss": 1.0})
        remote.finish("FINISHED")
        info = find_info(remote.run_id)
        assert (info.status, info.metrics["val_loss"]) == ("FINISHED", 1.0)
        history = remote._client.get_metric_history(remote.run_id, "val_loss")
        assert [(metric.step, metric.value) for metric in history] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    finally:
        again.stop(signal.SIGINT)
    assert not again.answers()
