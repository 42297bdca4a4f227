"""`gatewise train` as a user types it: one object or words, everything in its folder, and no cut leaves half a file."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from conftest import TINY, Cli
from gatewise.bundle import Bundle
from gatewise.registry.listing import find_info
from gatewise.training.progress import Progress

KEYS = {
    "run_id",
    "bundle",
    "report",
    "predictions",
    "device",
    "precision",
    "epochs",
    "best_epoch",
    "monitor",
    "windows",
    "windows_per_second",
    "peak_memory_mb",
    "metrics",
    "baselines",
    "verdict",
    "headline",
    "beats_baseline",
    "purged_rows",
    "embargo_rows",
}


def test_json_is_one_object_with_the_promised_keys_and_every_file_is_there(cli) -> None:
    said = cli("train", *TINY, "--json", "--quiet")
    value = said.json
    assert said.code == 0
    assert value.keys() >= KEYS
    assert set(value["windows"]) == {"train", "val", "test"}
    for part in ("val", "test"):
        for metric in ("accuracy", "macro_f1", "log_loss", "brier", "ece"):
            found = value["metrics"][part][metric]
            assert found.keys() == {"value", "low", "high"}
            assert found["low"] is None or found["low"] <= found["value"] <= found["high"]
    assert set(value["baselines"]) == {"prior", "persistence", "logistic", "xgboost"}
    assert value["beats_baseline"] in (True, False, None)
    assert {path.name for path in Path(value["bundle"]).parent.glob("[!.]*")} == {
        "bundle",
        "checkpoint.safetensors",
        "config.yaml",
        "history.parquet",
        "metrics.json",
        "predictions.csv",
        "predictions.parquet",
        "report.html",
        "run.json",
    }
    assert said.err == ""


def test_the_verdict_is_the_same_in_json_in_metrics_on_the_page_and_among_the_runs(cli) -> None:
    value = cli("train", *TINY, "--json", "--quiet").json
    said = {name: value[name] for name in ("verdict", "headline", "beats_baseline")}
    assert said["verdict"] in ("better", "undecided", "worse", "too_few")
    metrics = json.loads((Path(value["bundle"]).parent / "metrics.json").read_text(encoding="utf-8"))
    assert said.items() <= metrics.items()
    assert f'<p class="headline">{said["headline"]}</p>' in Path(value["report"]).read_text(encoding="utf-8")
    run = value["run_id"]
    shown = cli("runs", "show", run, "--json").json
    assert (shown["verdict"], shown["headline"]) == (said["verdict"], said["headline"])
    assert f"{said['headline']}\n" in cli("runs", "show", run).out
    (listed,) = cli("runs", "list", "--json").json["runs"]
    assert {name: listed[name] for name in said} == said


def test_a_judging_says_each_of_its_parts_once_on_stderr(cli) -> None:
    parts = ("Predicting val: ", "Predicting test: ", "Fitting logistic: ", "Fitting xgboost: ", "Judging val: ",
             "Judging test: ", "Writing predictions and report")  # fmt: skip
    said = cli("train", *TINY).err
    assert [said.count(part) for part in parts] == [1] * len(parts)
    assert sorted(parts, key=said.index) == list(parts)


def test_the_predictions_file_holds_what_the_metrics_say(cli) -> None:
    value = cli("train", *TINY, "--json", "--quiet").json
    frame = pl.read_parquet(value["predictions"])
    assert frame.columns == ["symbol", "time", "Date", "part", "prob_down", "prob_flat", "prob_up", "label", "target"]
    for part in ("val", "test"):
        rows = frame.filter(part=part)
        assert value["spans"][part] == [moment.isoformat() for moment in (rows["time"].min(), rows["time"].max())]
        assert rows.height == value["windows"][part]
        assert (rows["label"] == rows["target"]).mean() == pytest.approx(value["metrics"][part]["accuracy"]["value"])
        chosen = pl.concat(rows.filter(target=name)[f"prob_{name}"] for name in ("down", "flat", "up"))
        assert -np.log(chosen).mean() == pytest.approx(value["metrics"][part]["log_loss"]["value"], rel=1e-6)
    assert value["spans"]["train"][1] < value["spans"]["val"][0]


def test_people_read_epochs_a_table_and_what_to_type_next(cli) -> None:
    said = cli("train", *TINY)
    assert "Epoch 1/3:  train_loss=" in said.err
    assert "val_f1=" in said.err
    best = re.search(r"(?m)^Best epoch: (\d), val_loss=(\S+), val_f1=(\S+)$", said.err)
    assert best
    assert re.search(rf"(?m)^Epoch {best[1]}/3:  .*val_loss={best[2]}  val_f1={best[3]}  ", said.err)
    head = r"Better than every baseline|Not shown to be better|Worse than \w+|Too few independent rows to tell"
    assert re.match(rf"\n({head}): log loss \d\.\d{{4}} against (\w+'s )?\d\.\d{{4}}\n\ntest, \d+ rows ", said.out)
    assert "gatewise predict --model" in said.out


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("direction", ["prob_down", "prob_up", "label", "target"]),
        ("forward_return", ["forward_return", "target_forward_return"]),
        ("next_row", ["open", "high", "low", "close", "volume"]),
    ],
)
def test_every_target_runs_the_whole_street(cli, kind, columns) -> None:
    value = cli("train", *TINY, "--target", kind, "--json", "--quiet").json
    frame = pl.read_parquet(value["predictions"])
    assert set(columns) <= set(frame.columns)
    if kind == "next_row":
        assert 500 < frame["close"].mean() < 2500, "predictions come back in price units"


@pytest.mark.parametrize(
    "change",
    [
        ["--model", "gru"],
        ["--set", "windows.supervise=every", "--set", "windows.burn_in=3"],
        ["--set", "model.bidirectional=true"],
        ["--set", "training.class_weights=balanced", "--set", "features.scaler=robust", "--set", "features.clip=4"],
        ["--set", "split.train=0.8", "--set", "split.val=0.2", "--set", "split.test=0"],
        [
            "--set",
            "windows.stride=3",
            "--set",
            "training.windows_per_epoch=400",
            "--sample-weights",
            "uniqueness_decay",
        ],
    ],
)
def test_other_ways_to_train_end_in_a_judged_bundle(cli, change) -> None:
    value = cli("train", *TINY, *change, "--json", "--quiet").json
    assert value["metrics"]["val"]["log_loss"]["value"] > 0
    assert Bundle.load(Path(value["bundle"])).record.metrics == value["metrics"]
    weights, page = value["sample_weights"], Path(value["report"]).read_text(encoding="utf-8")
    assert (
        (weights is not None) == ("How much each label counted in training" in page) == ("--sample-weights" in change)
    )
    if weights:
        assert weights["rows"] == value["windows"]["train"]
        assert 0 < weights["mean_uniqueness"] <= 1
        assert 0 < weights["effective_rows"] < weights["rows"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["--model", "lstn"], "UnknownNameError"),
        (["--set", "features.sets=[market93]"], "UnknownNameError"),
        (["--batch-size", "100000"], "ConfigError"),
        (["--seq-len", "6000"], "NotEnoughRowsError"),
        (["--horizon", "9000"], "NotEnoughRowsError"),
        (["--set", "target.barrier=fixed", "--set", "target.upper=50"], "LabelError"),
        (["--set", "split.embargo=3000d"], "NotEnoughRowsError"),
        (["--device", "cuda:7"], "ConfigError"),
        (["--precision", "fp16"], "ConfigError"),
        (["--data", "/nowhere.csv", "--source", "files"], "ReadError"),
        (["--resume", "abc"], "ConfigError"),
        (["--bogus"], "UsageError"),
    ],
)
def test_what_can_not_be_is_one_line_a_hint_and_exit_code_2(cli, words, kind) -> None:
    said = cli("train", *TINY, *words, "--json", "--quiet")
    assert said.code == 2
    assert said.json["error"]["type"] == kind
    assert said.json["error"]["hint"]
    assert "\n" not in said.json["error"]["message"]
    people = cli("train", *TINY, *words, "--quiet")
    assert people.code == 2
    assert "Traceback" not in people.err
    assert people.out == ""


def test_classes_that_never_occur_in_training_are_named(cli) -> None:
    said = cli("train", *TINY, "--set", "target.barrier=fixed", "--set", "target.upper=50", "--json", "--quiet")
    assert re.search(r"; its [\d,]+ samples hold no down and no up$", said.json["error"]["message"])


def test_a_run_that_diverges_late_is_judged_and_goes_on_with_a_lower_rate(cli, monkeypatch, gatewise_home) -> None:
    observe = Progress.observe

    def late(self: Progress, trained: dict[str, float], *rest: Any) -> bool:
        wild = self.epoch == 2 and self.settings.learning_rate == 0.01
        return observe(self, trained | ({"loss": math.nan} if wild else {}), *rest)

    monkeypatch.setattr(Progress, "observe", late)
    said = cli("train", *TINY, "--learning-rate", 0.01, "--json", "--quiet")
    assert said.code == 0
    assert (said.json["ended"], said.json["epochs"]) == ("diverged", 2)
    assert "epoch 3 gave train nan" in said.json["remarks"][0]
    run = gatewise_home / "runs" / said.json["run_id"]
    assert "Training diverged" in (run / "report.html").read_text(encoding="utf-8")
    again = cli("train", "--resume", run.name, "--json", "--quiet")
    assert (again.json["ended"], again.json["metrics"]) == ("diverged", said.json["metrics"])
    for words in (["--learning-rate", 0.02], ["--learning-rate", 0.01], ["--learning-rate", 0.001, "--max-epochs", 9]):
        refused = cli("train", "--resume", run.name, *words, "--json", "--quiet")
        assert (refused.code, refused.json["error"]["type"]) == (2, "ConfigError")
    lower = cli("train", "--resume", run.name, "--learning-rate", 0.001, "--json", "--quiet")
    assert (lower.code, lower.json["ended"], lower.json["epochs"]) == (0, "max_epochs", 3)
    assert "0.01 from epoch 1, 0.001 from epoch 3" in lower.json["remarks"][0]
    assert lower.json["remarks"][1].startswith("Training diverged on the way: epoch 3 gave train nan"), (
        "that stays true"
    )
    assert lower.json["diverged_epochs"] == [3]
    assert "Training diverged on the way" in (run / "report.html").read_text(encoding="utf-8")
    assert "note: Training diverged on the way" in cli("train", "--resume", run.name, "--quiet").out
    assert "learning_rate: 0.001" in (run / "config.yaml").read_text(encoding="utf-8")
    assert find_info(run.name).tags["gatewise.learning_rate"] == "0.001"


def test_a_rate_that_nothing_is_left_to_train_with_is_refused_and_not_noted(cli, gatewise_home) -> None:
    run = gatewise_home / "runs" / cli("train", *TINY, "--json", "--quiet").json["run_id"]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for rate in (0.0001, 0):
        refused = cli("train", "--resume", run.name, "--learning-rate", rate, "--json", "--quiet")
        assert (refused.code, refused.json["error"]["type"]) == (2, "ConfigError")
        assert "has had all 3 of them" in refused.json["error"]["message"]
        assert f"gatewise train --config {run}/config.yaml --learning-rate RATE" in refused.json["error"]["hint"]
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert "gatewise.learning_rate" not in find_info(run.name).tags
    assert cli("train", "--resume", run.name, "--quiet").code == 0


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "0.5"])
def test_a_rate_to_go_on_with_that_can_not_be_is_told_its_bounds_and_one_that_can_be(
    cli, gatewise_home, monkeypatch, rate: str
) -> None:
    def wild(self: Progress, trained: dict[str, float], *rest: Any) -> bool:
        return observe(self, trained | ({"loss": math.nan} if self.settings.learning_rate == 0.01 else {}), *rest)

    observe = Progress.observe
    monkeypatch.setattr(Progress, "observe", wild)
    assert cli("train", *TINY, "--learning-rate", 0.01, "--quiet").code == 2
    (run,) = (gatewise_home / "runs").iterdir()
    refused = cli("train", "--resume", run.name, f"--learning-rate={rate}", "--json", "--quiet").json["error"]
    assert re.search(rf"above 0 and below its own, 0\.01; got {re.escape(rate)}$", refused["message"])
    assert refused["hint"].startswith("--learning-rate 0.005, ")
    plain = cli("train", "--resume", run.name, "--json", "--quiet").json["error"]
    assert plain["type"] == "DivergedError"
    followed = cli("train", "--resume", run.name, "--learning-rate", "0.005", "--json", "--quiet").json
    assert (followed["ended"], followed["epochs"], followed["diverged_epochs"]) == ("max_epochs", 3, [1])
    (remark,) = followed["remarks"]
    assert "epoch 1 gave train nan" in remark
    assert "at a learning rate of 0.01" in remark


def test_a_loss_that_runs_away_is_an_error_and_the_run_is_marked_failed(cli) -> None:
    said = cli("train", *TINY, "--learning-rate", 1e30, "--set", "training.gradient_clip=null", "--json", "--quiet")
    assert said.json["error"]["type"] == "DivergedError"
    assert [run["status"] for run in cli("runs", "list", "--json").json["runs"]] == ["FAILED"]


@pytest.mark.parametrize("first", ["config.yaml", "history.parquet", "checkpoint.safetensors", "bundle", "report.html"])
def test_a_disk_that_fills_while_saving_leaves_nothing_half_written_and_the_run_can_be_gone_on_from(
    cli, monkeypatch, gatewise_home: Path, first: str
) -> None:
    is_full = False

    def until_full(write):
        def written(self: Path, *rest: object, **options: object) -> int:
            nonlocal is_full
            # What is being written lies beside its place, under its name behind a dot.
            is_full = is_full or any(part.startswith(f".{first}.") for part in self.parts)
            if is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(self, *rest, **options)

        return written

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", until_full(Path.write_bytes))
        patch.setattr(Path, "write_text", until_full(Path.write_text))
        said = cli("train", *TINY, "--json", "--quiet")
    assert said.code == 2
    assert said.json["error"]["type"] == "StorageError"
    assert "No space left" in said.json["error"]["message"]
    assert first in said.json["error"]["message"]
    before = [
        "config.yaml",
        "history.parquet",
        "checkpoint.safetensors",
        "bundle",
        "predictions.parquet",
        "report.html",
    ]
    runs = [path for path in (gatewise_home / "runs").iterdir() if any(path.iterdir())]
    left = {path.name for run in runs for path in run.glob("[!.]*")} - {"predictions.csv", "metrics.json", "run.json"}
    assert left == set(before[: before.index(first)])
    if not left:
        return
    (run,) = runs
    if "bundle" in left:
        Bundle.load(run / "bundle")
    if "checkpoint.safetensors" in left:
        assert load_file(run / "checkpoint.safetensors")
    resumed = cli("train", "--resume", run.name[:12], "--json", "--quiet")
    assert (resumed.code, resumed.json["epochs"]) == (0, 3)
    assert Bundle.load(run / "bundle").record.metrics == resumed.json["metrics"]


def test_ctrl_c_marks_the_run_interrupted_keeps_the_best_weights_and_can_be_gone_on_from(cli, monkeypatch) -> None:
    from gatewise.training.fit import _fit_epoch

    def impatient(state, *rest):
        if state.progress.epoch == 2:
            raise KeyboardInterrupt
        return _fit_epoch(state, *rest)

    monkeypatch.setattr("gatewise.training.fit._fit_epoch", impatient)
    said = cli("train", *TINY, "--json", "--quiet")
    assert said.code == 130
    run_id = said.json["error"]["message"].split("--resume ")[1]
    assert [run["status"] for run in cli("runs", "list", "--json").json["runs"]] == ["KILLED"]
    monkeypatch.setattr("gatewise.training.fit._fit_epoch", _fit_epoch)
    assert cli("train", "--resume", run_id[:10], "--json", "--quiet").json["epochs"] == 3
    assert [run["status"] for run in cli("runs", "list", "--json").json["runs"]] == ["FINISHED"]


def test_ctrl_c_while_a_trained_model_is_judged_names_its_weights_and_the_way_on(cli, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("gatewise.outcome.evaluate_parts", interrupt)
        said = cli("train", *TINY, "--json", "--quiet")
    assert said.code == 130
    told = re.fullmatch(
        r"interrupted .* in (.*/bundle); go on with: gatewise train --resume (\w+)", said.json["error"]["message"]
    )
    assert told, said.json["error"]["message"]
    weights = load_file(Path(told[1]) / "model.safetensors")
    assert [run["status"] for run in cli("runs", "list", "--json").json["runs"]] == ["KILLED"]
    assert cli("train", "--resume", told[2], "--json", "--quiet").json["epochs"] == 3
    again = load_file(Path(told[1]) / "model.safetensors")
    assert all(np.array_equal(weights[name], again[name]) for name in again)


def run_process(home: Path, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {"GATEWISE_HOME": str(home)}
    command = [sys.executable, "-c", "from gatewise.cli.main import run; run()", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_killed_in_an_epoch_resumes_to_the_weights_of_an_undisturbed_run_bit_for_bit(
    cli: Cli, gatewise_home: Path
) -> None:
    words = ("train", *TINY, "--max-epochs", "8", "--set", "training.windows_per_epoch=1024", "--json")
    whole = cli(*words).json
    doomed = run_process(gatewise_home, *words)
    for line in doomed.stderr or ():
        if line.startswith("Epoch 3/"):
            break
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()
    (killed,) = {path.name for path in (gatewise_home / "runs").iterdir()} - {str(whole["run_id"])}
    resumed = cli("train", "--resume", killed[:12], "--json").json
    assert resumed["run_id"] == killed
    tensors = [load_file(Path(str(run["bundle"])) / "model.safetensors") for run in (whole, resumed)]
    for name in tensors[0]:
        np.testing.assert_array_equal(tensors[0][name], tensors[1][name])
    assert whole["metrics"] == resumed["metrics"]
    assert whole["epochs"] == resumed["epochs"]
