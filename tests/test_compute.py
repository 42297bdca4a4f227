"""Where jobs run must not show in what they find: processes that are killed, one process or two, a fleet.

Each law here costs real processes, so the jobs are tiny and the runs few.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
import torch
from polars.testing import assert_frame_equal

from conftest import TINY, Cli
from cv_worlds import Ear, first_only_up, first_unstoppable, plan_of, run_cv, same_table, walk
from gatewise.config.schema import TrainingConfig
from gatewise.errors import LostWorkerError
from gatewise.jobs.fleet_place import FleetCompute, decide_fleet, fleet_key
from gatewise.jobs.jobs import Job, make_job
from gatewise.jobs.places import LocalCompute
from gatewise.jobs.shared import make_shared
from gatewise.selection.cv.cv import start_cv

pytestmark = pytest.mark.usefixtures("gatewise_home")

# TINY says horizon and model in the singular, as train takes them.
CV = (*TINY[:2], *TINY[4:], "--models", "lstm,gru", "--horizons", "3", "--n-splits", "3", "--seeds", "2")
LONG = ("--seeds", "1", "--max-epochs", "60", "--set", "training.early_stopping_patience=199", "--workers", "2")
_PATIENCE_SECONDS = 300


def test_two_processes_find_what_one_finds_and_a_planted_failure_stays_in_its_fold() -> None:
    plan, table = plan_of(("lstm", "gru")), first_unstoppable()
    alone, ear = run_cv(plan, table), Ear()
    spread = run_cv(plan, table, LocalCompute(2), ear)
    assert same_table(spread.frame, alone.frame)
    assert pl.read_parquet(spread.out_of_fold).equals(pl.read_parquet(alone.out_of_fold))
    assert [f.to_dict() for f in spread.failures] == [f.to_dict() for f in alone.failures]
    assert len(spread.failures) == 2
    assert {job.key for job in ear.started} == {job.key for job, _ in ear.ended}
    assert not (spread.folder / "scratch").exists()


class Killer(Ear):
    """Kills the worker that a fold's job was given to, the first times."""

    def __init__(self, compute: LocalCompute, times: dict[int, int]) -> None:
        super().__init__()
        self.compute, self.times = compute, times

    def on_start(self, job: Job) -> None:
        super().on_start(job)
        if self.times.get(job.fold):
            self.times[job.fold] -= 1
            pid = next(pid for pid, running in self.compute.pool.running.items() if running.key == job.key)
            os.kill(pid, signal.SIGKILL)


def test_a_killed_worker_costs_a_second_try_and_twice_killed_its_fold_alone(caplog: pytest.LogCaptureFixture) -> None:
    plan, table = plan_of(), walk()
    alone = run_cv(plan, table)
    compute = LocalCompute(2)
    with caplog.at_level("WARNING", "gatewise.cv"):
        # Five for two tries: a kill ahead of the work costs none.
        found = run_cv(plan, table, compute, Killer(compute, {1: 1, 2: 5}))
    for fold in (1, 2):
        assert f"fold {fold} of lstm, horizon 3, seed 42 is gone (killed by SIGKILL); it is tried again" in caplog.text
    assert [(f.job.fold, type(f.error)) for f in found.failures] == [(2, LostWorkerError)]
    assert "SIGKILL" in found.failures[0].error.message
    left = alone.frame.filter((pl.col("fold") != 2) | pl.col("seed").is_null())
    assert same_table(found.frame, left.with_columns(compared=pl.col("fold") != 2))


def test_a_fleet_finds_what_lone_trainings_find() -> None:
    plan = plan_of(("lstm", "gru"), num_seeds=2, model__dropout=0.2)
    table = first_only_up()
    alone, fleet = run_cv(plan, table), run_cv(plan, table, FleetCompute())
    assert [f.job.label for f in fleet.failures] == [f.job.label for f in alone.failures]
    columns = [name for name in alone.frame.columns if name != "seconds"]
    assert_frame_equal(fleet.frame[columns], alone.frame[columns], rel_tol=1e-4, abs_tol=1e-5)


def test_jobs_of_one_shape_share_a_fleet_whatever_their_fold_seed_rate_or_dropout() -> None:
    def key(fold: int = 1, **said: Any) -> str:
        plan = plan_of(**said)
        shared = make_shared(plan.configs(), walk())
        return fleet_key(make_job(plan.config("lstm", plan.horizons[0]), shared, fold, "lstm"))

    one = key()
    alike = (
        {"training__seed": 7},
        {"training__learning_rate": 0.1},
        {"model__dropout": 0.0},
        {"windows__stride": 2},
        {"fold": 2},
    )
    apart = (
        {"model__hidden_size": 4},
        {"training__batch_size": 32},
        {"windows__sequence_length": 5},
        {"horizons": (2,)},
    )
    assert all(key(**said) == one for said in alike)
    assert all(key(**said) != one for said in apart)


def test_on_a_cpu_trainings_run_side_by_side_unless_a_fleet_is_asked_for() -> None:
    cpu = TrainingConfig(device="cpu")
    assert decide_fleet(cpu, 8, "auto")[0] is False
    assert decide_fleet(cpu, 8, "on") == (True, "asked for")
    assert decide_fleet(cpu, 8, "off") == (False, "asked for")


@pytest.mark.parametrize(
    ("capability", "precision", "used"),
    [((8, 0), "auto", True), ((7, 5), "auto", False), ((7, 5), "fp32", True), ((8, 0), "fp16", False)],
)
def test_on_a_gpu_a_fleet_is_chosen_unless_its_precision_scales_gradients(
    capability: tuple[int, int], precision: str, used: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of the GPU only what is asked here is stood in for."""
    monkeypatch.setattr("gatewise.jobs.fleet_place._GPU_FILES", (str(tmp_path),))
    monkeypatch.setattr("gatewise.training.device.choose_device", lambda name: (torch.device("cuda", 0), "a GPU"))
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: capability)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "a GPU")
    found, why = decide_fleet(TrainingConfig(precision=precision), 8, "auto")
    assert found is used
    assert ("fp16" in why) is not used


def test_killed_in_the_middle_it_goes_on_to_the_same_table_and_its_workers_die_with_it(
    cli: Cli, gatewise_home: Path
) -> None:
    whole = cli("cv", *CV, *LONG[:-2], "--workers", "1", "--json").json
    before = set((gatewise_home / "cv").iterdir())
    with running("cv", *CV, *LONG, "--quiet") as process:
        folder, workers = None, []
        for _ in patience():
            folder = next(iter(set((gatewise_home / "cv").iterdir()) - before), None)
            if process.poll() is not None or (folder and list((folder / "jobs").glob("*.safetensors"))):
                break
        assert process.poll() is None, process.communicate()
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
    assert folder is not None
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=_PATIENCE_SECONDS)
    assert not alive
    done = len(list((folder / "jobs").glob("*.safetensors")))
    assert 1 <= done < 6
    went_on = cli("cv", "--resume", folder.name[:10], "--workers", "1", "--json").json
    assert went_on["resumed"] == done
    assert (went_on["folds"], went_on["summary"]) == (whole["folds"], whole["summary"])
    assert (went_on["pbo"], went_on["snooping"]) == (whole["pbo"], whole["snooping"])
    assert not list((folder / "jobs").glob("*.checkpoint"))


def test_ctrl_c_says_how_to_go_on(gatewise_home: Path) -> None:
    with running("cv", *CV, *LONG) as process:
        for _ in patience():
            folder = next((gatewise_home / "cv").glob("*"), None)
            if folder and list((folder / "jobs").glob("*.checkpoint")):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_PATIENCE_SECONDS)
    assert folder is not None
    assert process.returncode == 130
    assert f"go on with: gatewise cv --resume {folder.name}" in err
    assert "Traceback" not in err
    assert out == ""


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """`gatewise WORDS` as a process of its own, which does not outlive the block."""
    command = [sys.executable, "-c", "from gatewise.cli.main import run; run()", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def patience() -> Iterator[None]:
    """Looks around every tenth of a second, for as long as a busy machine may take."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("--models", "lstm,nope"), "UnknownNameError", "nope"),
        (("--models", ""), "ConfigError", "--models"),
        (("--models", "lstm,,gru"), "ConfigError", "--models"),
        (("--models", "lstm,lstm"), "ConfigError", "each once"),
        (("--horizons", "5,x"), "ConfigError", "whole numbers"),
        (("--horizons", "0"), "ConfigError", "whole numbers"),
        (("--horizons", ""), "ConfigError", "--horizons"),
        (("--seeds", "0"), "ConfigError", "a count, from 1"),
        (("--workers", "0"), "UsageError", "--workers"),
        (("--model-type", "nope"), "UnknownNameError", "nope"),
        (("--compute", "moon"), "ConfigError", "ray://"),
        (("--fleet", "maybe"), "ConfigError", "auto, on or off"),
        (("--compute", "ray", "--fleet", "on"), "ConfigError", "Ray gives each"),
        (("--n-splits", "1"), "ConfigError", "n_splits"),
        (("--n-splits", "9000"), "NotEnoughRowsError", "9,001"),
        (("--max-time", "soon"), "ConfigError", "max_time"),
        (("--max-time", "5m", "--tune"), "ConfigError", "leave out one of the two"),
        (("--max-time", "5m", "--fleet", "on"), "ConfigError", "--fleet off"),
        (("--splitter", "random"), "UnknownNameError", "splitter"),
        (("--splitter", "combinatorial", "--n-splits", "3", "--test-groups", "3"), "ConfigError", "test_groups"),
        (("--seq-len", "6000"), "NotEnoughRowsError", "gap-free"),
        (("--batch-size", "0"), "ConfigError", "batch_size"),
        (("--resume", "nothing"), "RunNotFoundError", "nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_can_not_be_is_refused_in_one_line(
    cli: Cli, words: tuple[str, ...], kind: str, said: str, gatewise_home: Path
) -> None:
    answer = cli("cv", "--source", "sp500", "--workers", "1", "--quiet", "--json", *words)
    assert answer.code == 2
    assert answer.json["error"]["type"] == kind
    text = f"{answer.json['error']['message']} {answer.json['error']['hint']}"
    assert said in text
    assert "\n" not in text


def test_failed_folds_are_an_error_beside_a_whole_result(cli: Cli, tmp_path: Path) -> None:
    table = first_unstoppable(900).frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    table.drop("symbol").write_csv(tmp_path / "rising.csv")
    words = ("cv", "--data", tmp_path / "rising.csv", "--timezone", "UTC", "--timeframe", "1m", "--target", "direction")
    words = (*words, "--seq-len", "4", "--set", "features.sets=[ohlcv]", "--n-splits", "3", "--hidden-size", "3")
    words = (
        *words,
        "--max-epochs",
        "1",
        "--horizons",
        "3",
        "--batch-size",
        "64",
        "--workers",
        "1",
        "--num-layers",
        "1",
    )
    answer = cli(*words, "--set", "split.embargo_rows=2", "--json")
    assert answer.code == 2
    assert answer.json["error"]["type"] == "LabelError"
    assert "1 of 3 trainings failed; the first, fold 1 of lstm, horizon 3, seed 42" in answer.json["error"]["message"]
    assert len(answer.json["folds"]) == 2 + 3
    assert "FAILED" in answer.err
    shown = cli(*words, "--set", "split.embargo_rows=2")
    assert shown.code == 2
    assert "lstm@3" in shown.out
    assert "error: 1 of 3 trainings failed" in shown.err


def test_a_run_says_what_it_found_and_a_resumed_one_the_same(cli: Cli) -> None:
    first = cli("cv", *CV, "--workers", "1", "--max-epochs", "1")
    assert first.code == 0, first.err
    for words in ("lstm@3", "gru@3", "prior@3", "95% interval", "out_of_fold.parquet", "report.html"):
        assert words in first.out
    assert "12 trainings to run" in first.err
    assert "[12/12] fold 1 of gru, horizon 3, seed 43: log loss" in first.err
    assert "fleet: off (" in first.err
    cv_id = next(line.split()[1] for line in first.out.splitlines() if line.startswith("cv "))
    again = cli("cv", "--resume", cv_id, *CV, "--workers", "1", "--max-epochs", "1")
    assert again.out == first.out
    other = cli("cv", "--resume", cv_id, *CV, "--workers", "1", "--max-epochs", "2", "--json")
    assert other.code == 2
    assert "max_epochs: 1 then, 2 now" in other.json["error"]["message"]
    quiet = cli("cv", "--resume", cv_id, "--quiet")
    assert (quiet.out, quiet.err) == (first.out, "")
    assert json.loads(cli("cv", "--resume", cv_id, "--json").out)["resumed"] == 12


def test_a_new_cross_validation_leaves_its_configs_to_train_with(cli: Cli) -> None:
    folder = start_cv(plan_of(("lstm", "gru")))
    for name, file in {"lstm": "config.yaml", "gru": "config-gru.yaml"}.items():
        said = cli("config", "show", "--config", folder / file, "--json").json
        assert said["config"]["model"]["name"] == name
