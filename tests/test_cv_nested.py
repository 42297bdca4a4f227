"""`cv --tune`: each fold searches anew on what it may train on, and what was searched is never searched again.

A search that saw the outer fold's test rows would make every number after it flattering.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from cv_worlds import plan_of
from gatewise.errors import TrainingError
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv import tuned_folds as nested_cv
from gatewise.selection.cv.plan import Plan, Tuning
from gatewise.selection.tuning.nested import tune_on
from gatewise.selection.tuning.result import SearchResult
from gatewise.selection.tuning.trials import TrialRow
from gatewise.splits.base import Rows

SPACE = "hidden_size: [3, 4]\nlearning_rate: {low: 0.001, high: 0.1, log: true}\n"
WORDS = (
    *("--source", "sp500", "--horizons", "3", "--n-splits", "3", "--seq-len", "6", "--max-epochs", "1"),
    *("--batch-size", "64", "--num-layers", "1", "--set", "features.sets=[ohlcv]", "--set", "target.kind=direction"),
    *("--workers", "1", "--json", "--quiet"),
)


def test_every_fold_is_trained_with_what_its_own_search_found_and_resuming_searches_nothing_again(
    cli, tmp_path: Path, gatewise_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    said = cli("cv", *WORDS, "--models", "lstm", "--tune", "--n-trials", 2, "--space", tmp_path / "space.yaml")
    assert said.code == 0
    tuned = said.json["tuned"]
    assert [entry["fold"] for entry in tuned] == [1, 2, 3]
    assert all(entry["params"].keys() == {"hidden_size", "learning_rate"} for entry in tuned)
    (folder,) = (gatewise_home / "cv").iterdir()
    kept = pl.read_parquet(folder / "out_of_fold.parquet")
    rate = tuned[0]["params"]["learning_rate"]
    assert f"learning_rate {rate:.4g};" in (folder / "report.html").read_text(encoding="utf-8")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("gatewise.learners.table.train_model", never)
    again = cli("cv", "--resume", folder.name, "--workers", 1, "--json", "--quiet").json
    assert again["resumed"] == 3
    assert again["tuned"] == tuned
    assert pl.read_parquet(folder / "out_of_fold.parquet").equals(kept)


def test_a_fold_whose_search_finds_nothing_fails_alone_and_by_name(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost_on_the_first(shared: SharedData, rows: Rows, *args: Any, **more: Any) -> SearchResult:
        if rows.size == min(fold.train.size + fold.val.size for fold in shared.horizons[3].folds):
            raise TrainingError("a search needs one complete trial; none is")
        return tune_on(shared, rows, *args, **more)

    monkeypatch.setattr(nested_cv, "tune_on", lost_on_the_first)
    (tmp_path / "space.yaml").write_text("hidden_size: [3, 4]\n")
    said = cli("cv", *WORDS, "--models", "lstm", "--tune", "--n-trials", 1, "--space", tmp_path / "space.yaml")
    assert said.code == 2
    assert ["error" in entry for entry in said.json["tuned"]] == [True, False, False]
    assert "fold 1 of lstm" in said.json["error"]["message"]
    assert {fold["fold"] for fold in said.json["folds"] if fold["model"] == "lstm"} == {2, 3}


def test_a_search_in_a_fold_says_which_trial_it_is_at_and_how_long_all_searches_will_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nested_cv, "time", SimpleNamespace(monotonic=iter((100.0, 200.0)).__next__))
    pace = nested_cv._Pace(6, began=0.0)
    said = []
    monkeypatch.setattr(nested_cv._log, "info", lambda text, *words: said.append(text % words))
    row = TrialRow(1, "COMPLETE", 0.5, {}, (0.5,), None)
    first, second = (nested_cv._TrialLog(f"fold {number}", 3, pace) for number in (1, 2))
    first.on_study(3, 1, [row, replace(row, state="RUNNING")], "log_loss")
    first.on_trial(row)
    first.on_trial(replace(row, number=2, state="PRUNED", value=None))
    second.leave_out()
    assert said == [
        "tuning fold 1: trial 1 of 3: 0.5000, 6m 40s of tuning left",
        "tuning fold 1: trial 2 of 3: pruned, 5m 00s of tuning left",
    ]
    assert pace.left == 0


def test_folds_too_short_for_inner_folds_are_tuned_on_a_holdout_and_that_is_recorded(cli, tmp_path: Path) -> None:
    """Batches of 200 are more than some of these hold: those are one batch, as in the fold's own training."""
    (tmp_path / "space.yaml").write_text("batch_size: [200]\n")
    few = (*WORDS, "--seq-len", "60", "--set", "data.start=2015-01-01T00:00:00Z", "--set", "split.embargo_rows=0")
    said = cli("cv", *few, "--models", "lstm", "--tune", "--n-trials", 1, "--space", tmp_path / "space.yaml")
    assert said.code == 0
    designs = [entry["inner_folds"] for entry in said.json["tuned"]]
    assert [design.partition(",")[0] for design in designs] == [
        "the fold's own validation part",
        "a holdout",
        "2",
    ]
    page = Path(said.json["report"]).read_text(encoding="utf-8")
    assert "lstm@3, fold 1" in page
    assert "which also stops the training" in page
    assert [fold["n_train"] for fold in said.json["folds"] if fold["model"] == "lstm"] == [87, 287, 488]


@pytest.mark.parametrize("words", [("--n-trials", 5), ("--space", "lstm"), ("--tune", "--n-trials", 0)])
def test_what_can_not_be_is_refused(cli, words) -> None:
    said = cli("cv", *WORDS, "--models", "lstm", *words)
    assert said.code == 2
    assert said.json["error"]["hint"]


def test_a_plan_with_tuning_comes_back_from_json() -> None:
    plan = plan_of()
    tuned = Plan(plan.models, plan.horizons, tuning=Tuning(3, {"lstm": {"hidden_size": [3, 4]}}))
    assert Plan.from_dict(json.loads(json.dumps(tuned.to_dict()))) == tuned
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
