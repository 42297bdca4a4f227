"""Cross-validations, searches and groups are runs: listed with their scores, named, and nested in MLflow.

What is listed is held against what the commands themselves say, and MLflow's side is read by its own client.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import Cli
from gatewise.registry.folders import find_folder
from gatewise.registry.tracking import connect

WORDS = (
    *("--source", "sp500", "--seq-len", "4", "--set", "features.sets=[ohlcv]"),
    *("--set", "evaluation.bootstrap_samples=50", "--json", "--quiet"),
)
SMALL = (
    *("--model", "lstm", "--horizon", "3", "--hidden-size", "2", "--num-layers", "1", "--batch-size", "256"),
    *("--max-epochs", "1", "--set", "training.windows_per_epoch=256"),
)


def nested(mlflow_run_id: str) -> dict[str, Any]:
    client = connect()
    experiment = client.get_run(mlflow_run_id).info.experiment_id
    return {
        run.info.run_name: run
        for run in client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{mlflow_run_id}'")
    }


def test_a_cross_validation_is_a_run_with_its_lines_nested_and_goes_on_by_name(cli: Cli, gatewise_home: Path) -> None:
    said = cli("cv", *WORDS, "--models", "logistic", "--horizons", "3", "--n-splits", 2, "--workers", 1).json
    (listed,) = cli("runs", "list", "--kind", "cv", "--json").json["runs"]
    assert (listed["run_id"], listed["status"], listed["verdict"]) == (said["id"], "FINISHED", said["verdict"])
    assert (listed["name"], listed["done"], listed["of"]) == ("sp500-1d logistic tb3", 2, 2)
    summary = said["summary"]
    score = listed["score"]
    assert score["value"] == summary["logistic@3"]["log_loss"]["mean"]
    assert (score["baseline"], score["baseline_value"]) == ("prior", summary["prior@3"]["log_loss"]["mean"])

    record = connect().get_run(listed["mlflow_run_id"])
    assert record.data.tags["gatewise.verdict"] == said["verdict"]
    assert [each.dataset.name for each in record.inputs.dataset_inputs] == ["sp500-1d"]
    lines = nested(listed["mlflow_run_id"])
    assert set(lines) == {"logistic@3", "prior@3"}
    history = connect().get_metric_history(lines["logistic@3"].info.run_id, "log_loss")
    folds = [fold for fold in said["folds"] if fold["model"] == "logistic"]
    assert [(m.step, m.value) for m in history] == [(fold["fold"], fold["metrics"]["log_loss"]) for fold in folds]

    again = cli("cv", "--resume", "sp500-1d logistic tb3", "--workers", 1, "--json", "--quiet").json
    assert (again["id"], again["resumed"]) == (said["id"], 2)
    assert len(cli("runs", "list", "--json").json["runs"]) == 1
    assert set(nested(listed["mlflow_run_id"])) == set(lines), "nested once"


def test_a_search_is_a_run_of_its_studys_name_with_its_trials_nested(cli: Cli, gatewise_home: Path) -> None:
    said = cli("tune", *WORDS, *SMALL, "--n-trials", 2, "--workers", 0, "--run-name", "mine")
    (listed,) = cli("runs", "list", "--kind", "tune", "--json").json["runs"]
    found = said.json
    assert (listed["run_id"], listed["name"], listed["verdict"]) == (found["id"], "mine", found["verdict"])
    assert (listed["score"]["value"], listed["score"]["baseline_value"]) == (found["best"]["value"], found["prior"])
    complete = {f"trial {row['number']}": row for row in found["trials"] if row["state"] == "COMPLETE"}
    trials = nested(listed["mlflow_run_id"])
    assert trials.keys() == complete.keys()
    for name, row in complete.items():
        history = connect().get_metric_history(trials[name].info.run_id, found["metric"])
        assert [m.value for m in history] == row["fold_scores"]
        assert trials[name].data.params.keys() == row["params"].keys()
    shown = cli("runs", "show", "mine", "--json").json
    assert shown["results"]["best"] == found["best"]
    assert "best.yaml" in cli("runs", "show", "mine").out


def test_a_cross_validation_that_was_refused_is_no_run(cli: Cli, gatewise_home: Path) -> None:
    said = cli("cv", *WORDS, "--models", "logistic", "--horizons", 9000, "--workers", 1)
    assert said.code == 2
    assert cli("runs", "list", "--json").json == {"runs": []}


def test_a_name_of_another_kind_of_run_says_what_it_is(cli: Cli, gatewise_home: Path) -> None:
    cli("cv", *WORDS, "--models", "logistic", "--horizons", "3", "--n-splits", 2, "--workers", 1, "--run-name", "folds")
    said = cli("predict", "--model", "folds", "--source", "sp500", "-o", gatewise_home / "p.csv")
    assert (said.code, "'folds' is a cross-validation; a run is asked for here" in said.err) == (2, True)
    assert find_folder("folds").parent.name == "cv"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_no_list_can_show_is_refused_before_any_work(cli: Cli, gatewise_home: Path, name: str) -> None:
    said = cli("train", "--source", "sp500", "--run-name", name, "--quiet")
    assert (said.code, "a run's name must be" in said.err) == (2, True)
    assert not (gatewise_home / "runs").exists()
