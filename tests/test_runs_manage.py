"""Listing, comparing, renaming and removing runs.

A comparison that pairs the wrong rows gives numbers as plausible as the right ones, so its intervals are held against
the evaluation's own on the same losses; what a removal leaves is read back from disk and by MLflow's own client.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.config.load import load_config
from gatewise.errors import ConfigError
from gatewise.evaluation.base import class_prediction
from gatewise.evaluation.class_metrics import class_scores
from gatewise.evaluation.judge import judge_part
from gatewise.evaluation.value_metrics import value_scores
from gatewise.files import write_frame
from gatewise.locks import only_process
from gatewise.registry.compare import compare_runs
from gatewise.registry.info import Group, RunInfo, Score
from gatewise.registry.listing import find_info
from gatewise.registry.remove import remove_runs
from gatewise.registry.runs import start_run
from gatewise.registry.tracking import connect
from gatewise.registry.writer import Run

CLASSES = ("down", "flat", "up")


def made(name: str, verdict: str = "worse", value: float = 1.0, group: Group | None = None, **fields: Any) -> Run:
    said = {"data.source": "sp500"} | {field.replace("__", "."): each for field, each in fields.items()}
    with start_run(load_config(overrides=said), name=name, parent=group) as run:
        run.judge(verdict, "Worse than prior", Score("test", "log_loss", value, "prior", 0.9))
    return run


def days(first: int, count: int) -> pl.Series:
    return pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2024, 1, 1), "1d", time_zone="UTC", eager=True).cast(
        pl.Datetime("us", "UTC")
    )[first : first + count]


def predictions(seed: int, first: int = 0, count: int = 400, part: str = "test") -> pl.DataFrame:
    """Of three classes; the targets of a day are the same whatever the seed."""
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.ones(3), count)
    truth = np.random.default_rng(0).integers(0, 3, 2000)[first : first + count]
    return pl.DataFrame(
        {"symbol": ["A"] * count, "time": days(first, count), "part": [part] * count}
        | {f"prob_{name}": prob[:, number] for number, name in enumerate(CLASSES)}
        | {"label": [CLASSES[n] for n in prob.argmax(axis=1)], "target": [CLASSES[n] for n in truth]}
    )


def with_predictions(name: str, frame: pl.DataFrame, **fields: Any) -> RunInfo:
    run = made(name, **fields)
    write_frame(run.folder / "predictions.parquet", frame)
    return run.info


# ---- lists


def test_scores_of_one_target_have_their_metrics_digits_alike(cli: Cli, gatewise_home: Path) -> None:
    for value in (1.0584, 0.69043, 0.6, 10.2):
        made("one", value=value)
    lines = cli("runs", "list").out.splitlines()[1:]
    assert [line.split()[3:5] for line in lines] == [
        [text, "0.9000"] for text in ("10.2000", "0.6000", "0.6904", "1.0584")
    ]
    words = cli("runs", "show", lines[2].split()[1]).out
    assert "log loss on test 0.6904, against 0.9000 of prior" in words


def test_a_name_that_has_no_room_keeps_its_end(cli: Cli, gatewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (42, 43):
        made(f"BTCUSDT-1m lstm tb20 seed {seed}")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    said = cli("runs", "list").out
    assert "BTCUSDT-1m…b20 seed 42 " in said
    assert "BTCUSDT-1m…b20 seed 43 " in said


def test_filters_and_orders_choose_what_is_listed(cli: Cli, gatewise_home: Path) -> None:
    first = made("first lstm", "worse", 1.2)
    second = made("second gru", "better", 0.8, model__name="gru", target__horizon=5)

    def names(*words: str) -> list[str]:
        return [run["name"] for run in cli("runs", "list", "--json", *words).json["runs"]]

    assert names() == ["second gru", "first lstm"]
    assert names("--model", "GRU") == names("--verdict", "better") == names("--name", "SECOND") == ["second gru"]
    assert names("--sort", "score") == ["second gru", "first lstm"]
    assert names("--sort", "name") == ["first lstm", "second gru"]
    assert names("--limit", "1", "--status", "finished", "--kind", "train", "--since", "1d") == ["second gru"]
    assert names("--since", "2999-01-01") == names("--symbol", "NONE") == names("--kind", "cv") == []
    for words in (("--kind", "trian"), ("--status", "done"), ("--sort", "size"), ("--since", "soon")):
        said = cli("runs", "list", *words)
        assert (said.code, said.err.count("\n") <= 2) == (2, True)
    assert {run.folder for run in (first, second)} == {find_info(run.run_id).folder for run in (first, second)}


def test_a_name_stands_for_an_id_unless_two_runs_have_it(cli: Cli, gatewise_home: Path) -> None:
    one = made("alone")
    twice = [made("twice"), made("twice")]
    assert cli("runs", "show", "alone", "--json").json["run_id"] == one.run_id
    said = cli("runs", "show", "twice")
    assert said.code == 2
    assert all(run.run_id[:8] in said.err for run in twice)
    assert "no run has the name" in cli("runs", "show", "nobody").err


def test_a_live_run_says_its_epoch_and_what_it_takes_of_the_machine(cli: Cli, gatewise_home: Path) -> None:
    run = start_run(load_config(overrides={"data.source": "sp500", "training.max_epochs": 7}), name="live")
    with only_process(run.folder, "it"):
        run.log(3, {"val_loss": 1.0})
        (listed,) = cli("runs", "list", "--json").json["runs"]
        words = cli("runs", "list").out
    assert (listed["status"], listed["done"], listed["of"]) == ("RUNNING", 3, 7)
    assert listed["live"]["memory_mb"] > 10
    assert "epoch 3/7" in words
    assert "epoch 3 of 7, " in words


def test_runs_are_listed_without_a_heavy_package(gatewise_home: Path) -> None:
    import subprocess
    import sys

    made("one")
    code = "from gatewise.registry.listing import list_runs; assert len(list_runs()) == 1; import sys; "
    code += "print(*{'mlflow', 'polars', 'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_run_of_an_earlier_version_is_listed_by_what_else_it_left(cli: Cli, gatewise_home: Path) -> None:
    said = cli("train", *TINY, "--json", "--quiet").json
    (now,) = cli("runs", "list", "--json").json["runs"]
    assert now["name"] == said["name"] == "sp500-1d lstm tb3"
    (gatewise_home / "runs" / said["run_id"] / "run.json").unlink()
    (before,) = cli("runs", "list", "--json").json["runs"]
    same = ("run_id", "kind", "status", "verdict", "headline", "beats_baseline", "score", "target", "horizons")
    assert {name: before[name] for name in same} == {name: now[name] for name in same}
    assert cli("train", "--resume", said["run_id"], "--json", "--quiet").json["metrics"] == said["metrics"]
    (again,) = cli("runs", "list", "--json").json["runs"]
    assert (again["status"], again["mlflow_run_id"]) == ("FINISHED", said["run_id"])


def test_a_bundle_that_lies_elsewhere_is_shown_by_its_folder(cli: Cli, gatewise_home: Path, tmp_path: Path) -> None:
    said = cli("train", *TINY, "--json", "--quiet").json
    assert cli("runs", "show", said["bundle"], "--json").json["run_id"] == said["run_id"]
    moved = shutil.copytree(said["bundle"], tmp_path / "elsewhere")
    shown = cli("runs", "show", moved, "--json").json
    assert shown["metrics"]["test/log_loss"] == said["metrics"]["test"]["log_loss"]["value"]
    assert shown["symbols"] == ["SP500"]
    assert f"gatewise predict --model {moved}" in cli("runs", "show", moved).out


def test_the_list_fits_eighty_columns_and_breaks_no_number(
    cli: Cli, gatewise_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("a name that is much longer than a terminal has room for", value=0.0123456)
    monkeypatch.setattr("gatewise.cli.output.terminal_width", lambda *_: 80)
    lines = cli("runs", "list").out.splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split()[:7] == ["name", "id", "verdict", "score", "baseline", "age", "kind"]
    assert " 0.0123 " in lines[1]


# ---- comparisons


def test_a_paired_interval_is_the_evaluations_own_on_the_same_losses(gatewise_home: Path) -> None:
    one, other = predictions(1), predictions(2)
    comparison = compare_runs([with_predictions("one", one), with_predictions("other", other)])
    y = np.array([CLASSES.index(name) for name in one["target"]])
    scores = [
        class_scores(y, class_prediction(frame.select(f"prob_{name}" for name in CLASSES).to_numpy()), CLASSES)
        for frame in (one, other)
    ]
    judged = judge_part(
        "test", scores[1], {"one": scores[0]}, deciding_metric="log_loss", chance=("one",),
        time_us=one["time"].dt.epoch("us").to_numpy(), symbol=np.zeros(400, np.int64), horizon=20, confidence=0.95,
    )  # fmt: skip
    (paired,) = comparison.paired
    assert (comparison.part, comparison.rows, comparison.reason) == ("test", 400, None)
    assert paired.differences["log_loss"] == judged.differences["one"]
    assert paired.values["log_loss"] == judged.metrics["log_loss"].value
    assert paired.judgement == judged.judgement


def test_a_run_beside_itself_differs_by_nothing(gatewise_home: Path) -> None:
    info = with_predictions("one", predictions(1))
    comparison = compare_runs([info, info])
    assert (comparison.settings, comparison.data) == ({}, {})
    for interval in comparison.paired[0].differences.values():
        assert interval.value == 0
        assert (interval.low or 0.0, interval.high or 0.0) == (0, 0)


def test_numbers_are_compared_by_their_own_metrics(gatewise_home: Path) -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=400)
    frames = [
        pl.DataFrame({"symbol": ["A"] * 400, "time": days(0, 400), "part": ["test"] * 400})
        .with_columns(forward_return=pl.Series(y + noise * rng.normal(size=400)), target_forward_return=pl.Series(y))
        for noise in (0.5, 1.0)
    ]  # fmt: skip
    runs = [with_predictions(str(n), frame, target__kind="forward_return") for n, frame in enumerate(frames)]
    (paired,) = compare_runs(runs).paired
    scores = value_scores(y, frames[1]["forward_return"].to_numpy(), ["forward_return"], np.zeros(400))
    truth = scores.metrics(scores.contributions.sum(axis=0))
    assert paired.values["rmse"] == pytest.approx(float(truth["rmse"]), rel=1e-12)
    assert paired.values["directional_accuracy"] == float(truth["directional_accuracy"])
    assert paired.judgement.verdict == "worse"


def test_only_rows_that_both_predicted_are_compared_whatever_their_order(gatewise_home: Path) -> None:
    one, other = predictions(1, 0, 400), predictions(2, 100, 400).sample(fraction=1.0, shuffle=True, seed=5)
    comparison = compare_runs([with_predictions("one", one), with_predictions("other", other)])
    shared = other.sort("time")[:300]
    y = np.array([CLASSES.index(name) for name in shared["target"]])
    prob = shared.select(f"prob_{name}" for name in CLASSES).to_numpy()
    assert comparison.rows == 300
    assert comparison.paired[0].values["log_loss"] == pytest.approx(-np.log(prob[np.arange(300), y]).mean(), rel=1e-12)


def test_what_can_not_be_compared_says_why_and_still_says_what_differs(cli: Cli, gatewise_home: Path) -> None:
    one = with_predictions("one", predictions(1))
    moved = predictions(2).with_columns(pl.col("target").shift(1).fill_null("up"))
    cases = {
        "targets differ on": with_predictions("other", moved, target__horizon=5),
        "share no row": with_predictions("later", predictions(2, 900)),
        "no predictions row by row": made("none").info,
        "predict different things": with_predictions("fewer", predictions(2).drop("prob_up")),
    }
    for words, info in cases.items():
        comparison = compare_runs([one, info])
        assert words in str(comparison.reason)
        assert not comparison.paired
    said = cli("runs", "compare", "one", "other")
    assert said.code == 0
    assert "target.horizon 20 and 5" in said.out.replace("\n", " ")
    assert cli("runs", "compare", "one", "other", "--json").json["settings"]["target.horizon"] == [20, 5]
    with pytest.raises(ConfigError, match="two runs or more"):
        compare_runs([one])


# ---- names and removals


def test_a_run_is_renamed_here_and_in_mlflow(cli: Cli, gatewise_home: Path) -> None:
    run = made("before")
    assert cli("runs", "rename", "before", " after ", "--json").json == {"run_id": run.run_id, "name": "after"}
    assert cli("runs", "show", "after", "--json").json["run_id"] == run.run_id
    assert connect().get_run(run.run_id).info.run_name == "after"
    refused = cli("runs", "rename", "after", " ")
    assert (refused.code, "leave it out" in refused.err) == (2, False)  # which a rename can't


@pytest.fixture
def removed(gatewise_home: Path) -> Iterator[Run]:
    run, kept = made("gone"), made("kept")
    run.log_artifacts(run.folder / "config.yaml")
    yield run
    assert kept.folder.is_dir()
    assert connect().get_run(kept.run_id).info.lifecycle_stage == "active"
    assert not run.folder.exists()
    assert [path.name for path in (gatewise_home / "runs").iterdir()] == [kept.run_id]
    assert connect().get_run(run.run_id).info.lifecycle_stage == "deleted"
    assert not (gatewise_home / "artifacts" / run.run_id).exists()


def test_a_removed_run_leaves_nothing_and_others_stay(cli: Cli, removed: Run) -> None:
    refused = cli("runs", "rm", "gone")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert removed.folder.is_dir()
    assert cli("runs", "rm", "gone", "--yes", "--json").json == {"removed": [removed.run_id]}
    assert cli("runs", "rm", "gone", "--yes").code == 2


@pytest.mark.parametrize("at", ["_delete", "shutil.rmtree"])
def test_a_removal_that_was_killed_leaves_no_half_of_a_run_and_is_ended_by_the_next(
    cli: Cli, removed: Run, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"gatewise.registry.remove.{at}", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_runs([removed.info])
    assert [run["name"] for run in cli("runs", "list", "--json").json["runs"]] == ["kept"]
    made("third")
    assert cli("runs", "rm", "third", "--yes").code == 0


def test_a_run_at_work_is_neither_removed_nor_renamed(cli: Cli, gatewise_home: Path) -> None:
    run, other = made("busy"), made("idle")
    with only_process(run.folder, "it"):
        for words in (("rm", "idle", "busy", "--yes"), ("rename", "busy", "name")):
            said = cli("runs", *words)
            assert (said.code, "another does" in said.err) == (2, True)
    assert run.folder.is_dir()
    assert other.folder.is_dir(), "none of them is removed where one is refused"


def test_a_group_goes_with_its_runs(cli: Cli, gatewise_home: Path) -> None:
    config = load_config(overrides={"data.source": "sp500"})
    with start_run(config, name="group", kind="per-symbol", steps=1) as group:
        member = made("member", group=Group(group.run_id, group.info.mlflow_run_id))
    assert "member" in cli("runs", "show", "group").out
    assert set(cli("runs", "rm", "group", "--yes", "--json").json["removed"]) == {group.run_id, member.run_id}
    assert cli("runs", "list", "--json").json == {"runs": []}
