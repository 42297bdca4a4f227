"""Searches that really train: what they must not see, what they leave, and what kills do to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.errors import ConfigError, TrainingError
from gatewise.jobs.shared import make_shared
from gatewise.samples import make_samples
from gatewise.selection.tuning.data import widest
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.nested import tune_on
from gatewise.selection.tuning.trials import TrialRow
from gatewise.selection.tuning.tune import tune
from gatewise.splits.chronological import chronological_split
from tune_worlds import small_config, small_space, small_table

SPACE = {"hidden_size": [2, 3, 4], "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}


def dicts(rows: list[TrialRow]) -> list[dict[str, Any]]:
    return [row.to_dict() for row in rows]


@pytest.mark.parametrize("splitter", ["expanding", "kfold"])
def test_a_search_within_a_fold_never_sees_what_the_fold_is_tested_on_nor_a_label_that_overlaps_it(splitter) -> None:
    """Poison lies in every row that a test sample touches, and in every label that is settled among them."""
    config = small_config(cv__splitter=splitter, training__max_epochs=1)
    space = small_space(config, {"sequence_length": [4, 6], "learning_rate": [0.001, 0.01], "dropout": [0.0, 0.2]})
    shared = make_shared([widest(config, space)], small_table())
    horizon = shared.horizons[config.target.horizon]
    fold = horizon.folds[1]
    rows = np.concatenate([fold.train, fold.val])
    clean = tune_on(shared, rows, config, space, 3)

    at = np.searchsorted(horizon.spans.row, fold.test)
    first, last = horizon.spans.first_us[at], horizon.spans.last_us[at]
    touched = np.zeros(shared.table.num_rows, dtype=bool)
    overlapping = np.zeros(shared.table.num_rows, dtype=bool)
    time_us = shared.table.time_us
    known_us = time_us[np.maximum(horizon.labels.known_at, 0)]
    for begin, end in zip(first, last, strict=True):
        touched |= (time_us >= begin) & (time_us <= end)
        overlapping |= (time_us <= end) & (known_us >= begin) & horizon.labels.valid
    assert touched[fold.test].all()
    assert overlapping[fold.test].all()
    values, y = shared.matrix.values.copy(), horizon.labels.y.copy()
    values[touched], y[overlapping] = np.nan, 1 - y[overlapping]
    labels = replace(horizon.labels, y=y)
    poisoned = replace(
        shared,
        matrix=replace(shared.matrix, values=values),
        horizons={config.target.horizon: replace(horizon, labels=labels)},
    )
    found = tune_on(poisoned, rows, config, space, 3)
    assert dicts(found.rows) == dicts(clean.rows)
    assert found.config == clean.config
    assert all(row.state == "COMPLETE" for row in found.rows)
    with pytest.raises(TrainingError, match="finite"):  # the poison would be noticed
        tune_on(poisoned, np.concatenate([rows, fold.test]), config, space, 1)


def test_a_search_within_a_fold_goes_on_in_its_folder_and_refuses_another_folds(tmp_path: Path) -> None:
    config = small_config(training__max_epochs=1)
    space = small_space(config, {"dropout": [0.0, 0.1, 0.2, 0.3]})
    shared = make_shared([widest(config, space)], small_table())
    first, second = (of.train for of in shared.horizons[config.target.horizon].folds[1:])
    some = tune_on(shared, second, config, space, 1, folder=tmp_path)
    more = tune_on(shared, second, config, space, 3, folder=tmp_path)
    assert dicts(more.rows)[:1] == dicts(some.rows)
    assert dicts(more.rows) == dicts(tune_on(shared, second, config, space, 3).rows)
    with pytest.raises(ConfigError, match="other rows"):
        tune_on(shared, first, config, space, 3, folder=tmp_path)


def test_no_trial_changes_when_everything_from_the_test_part_on_does(gatewise_home) -> None:
    config, table = small_config(training__max_epochs=1), small_table()
    space = small_space(config, SPACE)
    samples = make_samples(config, table)
    split = chronological_split(samples.spans, config.split, table.timeframe)
    first_us = samples.spans.first_us[np.searchsorted(samples.rows, split.test)].min()
    later = pl.Series(table.time_us >= first_us)
    noise = pl.Series(np.random.default_rng(0).uniform(0.5, 2, table.num_rows))
    changed = [pl.when(later).then(pl.col(name) * noise).otherwise(pl.col(name)).alias(name) for name in table.columns]
    other = type(table)(table.frame.with_columns(changed), table.timeframe, table.gap_tolerance)
    assert not other.frame.equals(table.frame)
    request = StudyRequest(n_trials=2, workers=0)
    as_it_was, as_it_is = (tune(config, space, request, table=of).result.rows for of in (table, other))
    assert dicts(as_it_was) == dicts(as_it_is)


def test_workers_find_what_this_process_finds_and_a_lost_one_fails_its_trial_alone(gatewise_home, monkeypatch) -> None:
    from gatewise.jobs.pool import Pool, Started

    config = small_config(training__max_epochs=1, cv__n_splits=2)
    space = small_space(config, {"hidden_size": [2, 3, 4, 5, 6, 7]})
    here = tune(config, space, StudyRequest(n_trials=4, workers=0), table=small_table()).result
    doomed = here.rows[1].params
    next_event = Pool.next

    def deadly(pool: Pool[Any], timeout_seconds: float) -> Any:
        event = next_event(pool, timeout_seconds)
        if isinstance(event, Started) and event.task.job.config.model.hidden_size == doomed["hidden_size"]:
            os.kill(next(pid for pid, task in pool.running.items() if task is event.task), signal.SIGKILL)
        return event

    monkeypatch.setattr(Pool, "next", deadly)
    rows = tune(config, space, StudyRequest(n_trials=4, workers=2), table=small_table()).result.rows
    for own, row in zip(here.rows, rows, strict=True):  # all drawn at random as yet, so not by what others found
        assert own.params == row.params
        if row.params == doomed:
            assert row.state == "FAIL"
            assert "killed by SIGKILL" in row.error["message"]
        else:
            assert row == own


def test_tune_writes_a_config_that_train_takes_and_one_object_of_json(cli, tmp_path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("hidden_size: [2, 3]\nlearning_rate: {low: 1e-3, high: 1e-2, log: true}\n")
    said = cli("tune", *TINY, "--n-splits", 2, "--space", space, "--n-trials", 2, "--workers", 0, "--json", "--quiet")
    assert said.code == 0
    assert said.err == ""
    value = said.json
    assert value["best"]["params"].keys() == {"hidden_size", "learning_rate"}
    assert value["best"]["value"] == min(trial["value"] for trial in value["trials"])
    assert [trial["number"] for trial in value["trials"]] == [0, 1]
    page = Path(value["report"]).read_text(encoding="utf-8")
    assert page.count('class="figure"') >= 4
    trained = cli("train", "--config", value["best"]["config"], "--json", "--quiet")
    assert trained.code == 0
    assert trained.json["metrics"]["test"]["log_loss"]["value"] > 0
    shown = cli("config", "show", "--config", value["best"]["config"], "--json").json["config"]
    assert shown["model"]["hidden_size"] == value["best"]["params"]["hidden_size"]
    assert shown["training"]["learning_rate"] == value["best"]["params"]["learning_rate"]


def test_people_read_a_line_a_trial_a_table_and_what_to_type_next(cli, tmp_path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("hidden_size: [2, 3]\n")
    words = ("tune", *TINY, "--n-splits", 2, "--space", space, "--workers", 0)
    said = cli(*words, "--n-trials", 1, "--set", "training.max_epochs=1")
    assert "Trial 0 of 1:" in said.err
    assert "hidden_size=" in said.err
    assert "gatewise train --config" in said.out
    study = said.out.split("study")[1].split()[0]
    resumed = cli("tune", "--resume", study[:8], "--n-trials", 2, "--json").json
    assert (resumed["id"], resumed["resumed"], len(resumed["trials"])) == (study, 1, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--n-trials", "0"], "at least one trial"),
        (["--space", "none.yaml"], "can't read"),
        (["--space", "wied"], "unknown search space"),
        (["--timeout", "soon"], "a number and a unit"),
        (["--timeout", "0s"], "longer than 0s"),
        (["--storage", "study.db"], "URL"),
        (["--pruner", "medium"], "unknown pruner"),
        (["--workers", "-1"], "0 or more"),
        (["--resume", "abc"], "leave other settings out"),
        (["--n-splits", "1"], "at least 2"),
    ],
)
def test_what_can_not_be_is_one_line_and_exit_code_two(cli, words, message) -> None:
    said = cli("tune", *TINY, *words, "--json")
    assert said.code == 2
    assert message in said.json["error"]["message"]
    assert "\n" not in said.json["error"]["message"]


def test_rows_that_carry_fewer_folds_are_tuned_on_fewer_unless_so_many_were_asked_for(cli, tmp_path) -> None:
    """Resuming keeps them, though the config that was kept names five."""
    (tmp_path / "space.yaml").write_text("hidden_size: [2, 3]\n")
    few = ("--source", "sp500", "--set", "data.start=2015-01-01T00:00:00Z", "--set", "features.sets=[ohlcv]")
    words = (*few, "--seq-len", 60, "--horizon", 3, "--max-epochs", 1, "--batch-size", 32, "--num-layers", 1)
    quick = ("--n-trials", 1, "--workers", 0, "--json", "--quiet")
    said = cli("tune", *words, "--space", tmp_path / "space.yaml", *quick)
    assert said.code == 0
    assert said.json["inner_folds"] == "2, expanding, as these samples can't carry 5, expanding"
    again = cli("tune", "--resume", said.json["id"], *quick)
    assert (again.code, again.json["resumed"], again.json["trials"]) == (0, 1, said.json["trials"])
    refused = cli("tune", *words, "--n-splits", 5, "--space", tmp_path / "space.yaml", *quick)
    assert refused.code == 2
    assert "inner folds: fold 1 of 5 must keep samples" in refused.json["error"]["message"]


def test_an_unknown_study_is_named(cli) -> None:
    said = cli("tune", "--resume", "abc", "--json")
    assert (said.code, said.json["error"]["type"]) == (2, "RunNotFoundError")


def test_without_optuna_the_extra_is_named(cli, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = cli("tune", *TINY, "--json")
    assert said.code == 2
    assert said.json["error"] == {
        "type": "MissingExtraError", "message": "optuna is not installed", "hint": "pip install 'gatewise[tune]'"
    }  # fmt: skip


@pytest.mark.soak  # test_tune_trials.py kills at any moment in this process
def test_a_search_that_was_killed_ends_with_the_table_of_one_that_was_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 on the process that a user started, twice, each time in the midst of a trial."""
    space = tmp_path / "space.yaml"
    space.write_text("hidden_size: [2, 3, 4]\nlearning_rate: {low: 1e-3, high: 1e-1, log: true}\n")

    def words(home: str) -> tuple[str, ...]:
        monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / home))
        storage = f"sqlite:///{tmp_path / home}.db"
        return "tune", *TINY, "--n-splits", "2", "--space", str(space), "--n-trials", "10", "--storage", storage

    def start() -> subprocess.Popen[bytes]:
        program = "from gatewise.cli.main import run; run()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *words("killed")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def kill_after(process: subprocess.Popen[bytes], lines: int) -> None:
        assert process.stderr is not None
        last = time.monotonic()
        for line in process.stderr:
            if line.startswith(b"Trial "):
                lines, now = lines - 1, time.monotonic()
                if not lines:
                    time.sleep((now - last) / 2)  # a trial takes about as long as the last one
                    process.kill()
                    break
                last = now
        process.stderr.close()
        assert process.wait() == -signal.SIGKILL

    kill_after(start(), 2)
    kill_after(start(), 2)
    last, whole = cli(*words("killed")), cli(*words("whole"))
    assert (last.code, whole.code) == (0, 0), last.err + whole.err
    tables = [next((tmp_path / home).glob("tune/*/trials.parquet")).read_bytes() for home in ("whole", "killed")]
    assert tables[0] == tables[1]
    assert "trials are done" in last.err
    assert not list(tmp_path.glob("*/tune/*/jobs/*")), "no checkpoint is left behind"
