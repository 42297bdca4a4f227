"""The loop of a search, with training that only pretends: same trials however often it is cut off, and no trial twice.

A search that draws other trials after a kill still ends with a plausible table, so only equality with an undisturbed
one tells.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import polars as pl
import pytest

from gatewise.config.load import load_config
from gatewise.config.quick import QUICK_TRIALS
from gatewise.errors import ConfigError, DivergedError, GatewiseError, Interrupted, StorageError, TrainingError
from gatewise.registry.folders import find_folder
from gatewise.selection.tuning import trial_runner
from gatewise.selection.tuning.folder import StudyRequest, read_request
from gatewise.selection.tuning.tune import Tuned, tune
from tune_worlds import bowl, pretended, small_config, small_data, small_space, small_table

CONFIG = small_config()
DATA = small_data()
SPACE = small_space(CONFIG)


class Killed(BaseException):
    """What a kill is to this process: nobody catches it."""


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a pretended training in place."""

    def put(score: Callable[..., float] = bowl) -> None:
        monkeypatch.setattr(trial_runner, "run_job", pretended(score))

    put()
    return put


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    # Most of a second, and the same for every search here.
    monkeypatch.setattr("gatewise.selection.tuning.result.write_tune_report", lambda path, page: None)
    return tmp_path


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> optuna.storages.InMemoryStorage:
    """A storage in memory that outlives the searches, as a database does, without its ten milliseconds a write."""
    storage = optuna.storages.InMemoryStorage()
    monkeypatch.setattr("gatewise.selection.tuning.study.open_storage", lambda url: storage)
    return storage


@pytest.fixture
def search(home: Path, pretend: Any, kept: Any) -> Callable[..., Tuned]:
    def run(config: Any = CONFIG, space: Any = SPACE, **request: Any) -> Tuned:
        asked = {"workers": 0, "n_trials": 14, "storage": f"sqlite:///{home}/study.db"} | request
        return tune(config, space, StudyRequest(**asked), table=small_table())

    return run


def dicts(tuned: Tuned) -> list[dict[str, Any]]:
    return [row.to_dict() for row in tuned.result.rows]


def test_the_best_is_the_complete_trial_with_the_lowest_mean_over_folds(search) -> None:
    tuned = search(pruner="none")
    values = {row.number: row.value for row in tuned.result.rows}
    for row in tuned.result.rows:
        config = SPACE.configure(CONFIG, row.params)
        assert row.value == pytest.approx(sum(bowl(config, fold) for fold in (1, 2, 3)) / 3)
        assert row.scores == tuple(bowl(config, fold) for fold in (1, 2, 3))
    assert tuned.result.best.number == min(values, key=values.get)
    assert tuned.result.config == SPACE.configure(CONFIG, tuned.result.best.params)


def test_the_best_config_is_one_that_config_takes_and_the_table_says_what_the_rows_say(search) -> None:
    tuned = search()
    assert load_config(tuned.best_config) == tuned.result.config
    frame = pl.read_parquet(tuned.table)
    assert frame.columns == [
        "number", "state", "value", "fold_1", "fold_2", "fold_3", "diverged_folds", "error",
        "hidden_size", "learning_rate", "dropout",
    ]  # fmt: skip
    for said, row in zip(frame.iter_rows(named=True), tuned.result.rows, strict=True):
        assert (said["number"], said["state"], said["value"]) == (row.number, row.state, row.value)
        assert {name: said[name] for name in row.params} == dict(row.params)


def test_the_machine_interface_holds_what_it_promises(search) -> None:
    value = json.loads(json.dumps(search().to_dict(), allow_nan=False))
    assert value.keys() >= {"best", "trials", "storage", "id", "metric", "prior", "report", "table", "resumed"}
    assert value["best"].keys() == {"number", "value", "params", "config"}
    assert all(trial.keys() >= {"number", "state", "value", "params"} for trial in value["trials"])


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruners_spare_folds_and_prune_no_trial_that_leads(search, pruner) -> None:
    rows = search(pruner=pruner, n_trials=25).result.rows
    states = Counter(row.state for row in rows)
    assert states["PRUNED"] > 3
    assert all(len(row.scores) == 3 for row in rows if row.state == "COMPLETE")
    assert all(len(row.scores) < 3 and row.value is None for row in rows if row.state == "PRUNED")
    lead = float("inf")
    for row in rows:
        at_first_fold = bowl(SPACE.configure(CONFIG, row.params), 1)
        assert row.state == "COMPLETE" or at_first_fold > lead
        lead = min(lead, at_first_fold)


def test_a_hard_first_fold_prunes_nothing_that_an_easy_one_would_not(search, pretend) -> None:
    """Folds differ in level for every trial alike; a plain running mean would see that as trials getting worse."""
    alike = search(pruner="median").result.rows
    pretend(lambda config, fold: bowl(config, fold) + (0.5 if fold == 1 else 0))
    harder = search(pruner="median", study_name="harder").result.rows
    assert [(row.state, row.params) for row in alike] == [(row.state, row.params) for row in harder]


@pytest.mark.parametrize("pruner", ["median", "none"])
def test_a_search_that_was_killed_at_any_moment_ends_with_the_table_of_one_that_was_not(
    search, kept, monkeypatch, pruner
) -> None:
    """Every write to the storage, before and after, and every training is a moment to be killed at."""

    def run(name: str) -> Tuned:
        return search(n_trials=12, pruner=pruner, study_name=name)

    monkeypatch.setattr("gatewise.selection.tuning.tune.tune_data", lambda *_, **__: DATA)
    whole = dicts(run("whole"))
    writes = ("create_new_trial", "set_trial_param", "set_trial_intermediate_value", "set_trial_user_attr",
              "set_trial_state_values", "set_trial_system_attr")  # fmt: skip
    clock = {"now": 0, "end": -1}

    def tick() -> None:
        clock["now"] += 1
        if clock["now"] == clock["end"]:
            raise Killed

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            tick()
            value = function(*args, **named)
            tick()
            return value

        return call

    for name in writes:
        monkeypatch.setattr(kept, name, mortal(getattr(kept, name)))
    monkeypatch.setattr(trial_runner, "run_job", mortal(trial_runner.run_job))
    run("count")
    moments = range(1, clock["now"] + 1, 9 if pruner == "median" else 19)
    for end in moments:
        name = f"killed-{end}"
        clock.update(now=0, end=end)
        with pytest.raises(Killed):
            run(name)
        clock.update(now=0, end=end // 2 + 1)  # and once more, while it goes on
        try:
            resumed = run(name)
        except Killed:
            clock.update(end=-1)
            resumed = run(name)
        clock.update(end=-1)
        assert dicts(resumed) == whole, end
    assert len(moments) > 15


def test_going_on_trains_nothing_twice_and_more_trials_may_be_asked_for(search, pretend) -> None:
    trained: list[tuple[str, int]] = []

    def score(config: Any, fold: int) -> float:
        trained.append((config.digest, fold))
        return bowl(config, fold)

    pretend(score)
    first = search(n_trials=6)
    again = search(n_trials=6)
    assert dicts(first) == dicts(again)
    assert again.resumed == 6
    more = search(n_trials=14)
    assert dicts(more)[:6] == dicts(first)
    assert max(Counter(trained).values()) == 1
    pretend(bowl)
    assert dicts(search(n_trials=14, study_name="at once")) == dicts(more)


def test_a_fold_that_was_scored_before_the_kill_is_not_trained_again(search, pretend) -> None:
    trained: list[int] = []

    def score(config: Any, fold: int) -> float:
        trained.append(fold)
        if len(trained) == 8:
            raise Killed
        return bowl(config, fold)

    pretend(score)
    with pytest.raises(Killed):
        search(pruner="none", n_trials=3)
    assert trained == [1, 2, 3, 1, 2, 3, 1, 2]
    assert [row.state for row in search(pruner="none", n_trials=3).result.rows] == ["COMPLETE"] * 3
    assert trained[8:] == [2, 3]


def test_the_same_settings_are_not_trained_twice(search, pretend) -> None:
    space = small_space(CONFIG, {"hidden_size": [2, 3], "dropout": [0.0, 0.1]})
    trained: list[tuple[str, int]] = []

    def score(config: Any, fold: int) -> float:
        trained.append((config.digest, fold))
        return bowl(config, fold)

    pretend(score)
    rows = search(space=space, n_trials=20).result.rows
    assert len(rows) == 20
    assert max(Counter(trained).values()) == 1
    assert len(trained) <= 4 * 3


def test_a_failed_trial_is_recorded_with_its_message_and_the_search_goes_on(search, pretend) -> None:
    def score(config: Any, fold: int) -> float:
        if config.model.hidden_size == 3 and fold == 2:
            raise DivergedError("the loss must stay finite", "lower --learning-rate")
        return bowl(config, fold)

    pretend(score)
    tuned = search(pruner="none")
    failed = [row for row in tuned.result.rows if row.state == "FAIL"]
    assert failed
    for row in failed:
        assert row.params["hidden_size"] == 3
        assert row.error == {
            "type": "DivergedError", "message": "the loss must stay finite", "hint": "lower --learning-rate", "fold": 2
        }  # fmt: skip
        assert row.value is None
    assert tuned.result.best.params["hidden_size"] != 3
    assert pl.read_parquet(tuned.table)["error"].drop_nulls().unique().to_list() == [
        "DivergedError: the loss must stay finite"
    ]


def test_folds_that_diverged_are_marked_trial_by_trial_and_in_the_twin_of_one(search, monkeypatch) -> None:
    train = pretended(bowl)

    def wild(job: Any, *rest: Any) -> Any:
        found = train(job, *rest)
        return replace(found, ended="diverged") if job.config.model.hidden_size == 3 and job.fold == 2 else found

    monkeypatch.setattr(trial_runner, "run_job", wild)
    tuned = search(space=small_space(CONFIG, {"hidden_size": [2, 3], "dropout": [0.0, 0.2]}), pruner="none", n_trials=9)
    rows = dicts(tuned)
    assert len({(*row["params"].values(),) for row in rows}) < len(rows), "some came up twice"
    for row in rows:
        assert row["diverged_folds"] == ([2] if row["params"]["hidden_size"] == 3 else [])
    assert pl.read_parquet(tuned.table)["diverged_folds"].to_list() == [row["diverged_folds"] for row in rows]
    marked = [row["number"] for row in rows if row["diverged_folds"]]
    assert tuned.result.diverged.startswith(f"{len(marked)} of 9 trials had folds that diverged")
    assert json.loads(json.dumps(tuned.to_dict()))["trials"] == rows
    monkeypatch.setattr(trial_runner, "run_job", train)
    assert search(pruner="none", n_trials=3, study_name="calm").result.diverged is None


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes")]
)
def test_memory_that_runs_out_fails_the_trial_alone(search, pretend, error) -> None:
    def score(config: Any, fold: int) -> float:
        if config.model.hidden_size == 4:
            raise error
        return bowl(config, fold)

    pretend(score)
    rows = search(pruner="none").result.rows
    failed = [row for row in rows if row.state == "FAIL"]
    assert failed
    assert {row.error["type"] for row in failed} == {"MemoryExhaustedError"}
    assert len(rows) == 14


def test_ctrl_c_while_the_findings_are_written_says_how_to_go_on(search, monkeypatch) -> None:
    def interrupted(path: Path, page: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gatewise.selection.tuning.result.write_tune_report", interrupted)
        with pytest.raises(Interrupted, match="with 14 of 14 trials done; go on with: gatewise tune --resume"):
            search()
    assert search().resumed == 14


def test_a_fold_that_is_smaller_than_a_batch_is_one_batch_unless_every_fold_is(search, pretend) -> None:
    """Early folds are small: batches that the last one has room for are no failure, as they are none of `cv`'s."""
    config = small_config()
    folds = {number: small_data().shared.fold(3, number).train.size for number in (1, 2, 3)}
    first, second, last = (-(-size // config.windows.stride) for size in folds.values())
    assert first < second < last
    batches = set()

    def score(config: Any, fold: int) -> float:
        batches.add((fold, config.training.batch_size))
        return bowl(config, fold)

    pretend(score)
    search(config, small_space(config, {"batch_size": [last, last + 1]}), n_trials=8, pruner="none")
    too_large = {(fold, last + 1) for fold in folds}  # which training refuses
    assert batches == {(1, first), (2, second), (3, last)} | too_large


def test_settings_that_can_not_be_together_fail_the_trial_alone(search) -> None:
    config = small_config(windows__burn_in=2, windows__supervise="every")
    space = small_space(config, {"sequence_length": [4, 6], "windows.burn_in": [1, 5], "windows.supervise": ["every"]})
    rows = search(config, space, n_trials=12).result.rows
    failed = [row for row in rows if row.state == "FAIL"]
    assert failed
    assert {(row.params["sequence_length"], row.params["windows.burn_in"]) for row in failed} == {(4, 5)}


def test_when_every_trial_fails_the_first_reason_is_the_error(search, pretend, home) -> None:
    def score(config: Any, fold: int) -> float:
        raise DivergedError("no finite loss", "lower it")

    pretend(score)
    with pytest.raises(TrainingError, match="3 of 3 failed, the first: no finite loss") as error:
        search(n_trials=3)
    assert error.value.hint == "lower it"
    (table,) = home.glob("tune/*/trials.parquet")
    assert pl.read_parquet(table)["state"].to_list() == ["FAIL"] * 3


def test_a_first_look_makes_few_trials_unless_a_number_is_said() -> None:
    quick = load_config(overrides={"training.quick": True})
    assert StudyRequest.of(quick, (), {"n_trials": None}).n_trials == QUICK_TRIALS
    assert StudyRequest.of(quick, (), {"n_trials": 7}).n_trials == 7


def test_time_that_is_up_stops_the_trial_under_way_but_never_before_one_is_complete(search, pretend) -> None:
    tuned = search(n_trials=5, timeout_seconds=1e-9)
    assert [row.state for row in tuned.result.rows] == ["COMPLETE"]
    assert tuned.out_of_time
    rest = search(n_trials=5)
    assert not rest.out_of_time
    assert dicts(rest) == dicts(search(n_trials=5, study_name="at once"))


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(search, pretend, home) -> None:
    calls: list[int] = []

    def score(config: Any, fold: int) -> float:
        calls.append(fold)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return bowl(config, fold)

    pretend(score)
    with pytest.raises(Interrupted, match="with 2 of 14 trials done; go on with: gatewise tune --resume"):
        search(pruner="none")
    (folder,) = (path for path in (home / "tune").iterdir() if path.is_dir())
    assert load_config(folder / "best.yaml")
    config, space, request = read_request(find_folder(folder.name[:6], "tune"))
    assert (config, space, request.n_trials, request.pruner) == (CONFIG, SPACE, 14, "none")
    resumed = tune(config, space, request, table=small_table())
    assert resumed.folder == folder
    assert dicts(resumed) == dicts(search(pruner="none", study_name="at once"))


@pytest.mark.parametrize(
    ("config", "space", "request_", "words"),
    [
        (small_config(training__batch_size=64), SPACE, {}, "training.batch_size: 32 then, 64 now"),
        (small_config(training__seed=7), SPACE, {}, "training.seed: 42 then, 7 now"),
        (CONFIG, small_space(CONFIG, {"dropout": [0.1]}), {}, "another search space"),
        (CONFIG, SPACE, {"pruner": "none"}, "another pruner"),
        (small_config(cv__n_splits=4), SPACE, {}, "cv.n_splits: 3 then, 4 now"),
    ],
)
def test_a_storage_of_another_study_is_refused_in_one_line(search, config, space, request_, words) -> None:
    search(n_trials=2)
    with pytest.raises(ConfigError) as refused:
        search(config, space, n_trials=2, **request_)
    assert words in refused.value.message
    assert "\n" not in refused.value.message
    assert "study_name" in (refused.value.hint or "")


def test_a_storage_of_other_rows_is_refused(search, home) -> None:
    search(n_trials=2)
    table = small_table()
    other = type(table)(table.frame.head(-1), table.timeframe, table.gap_tolerance)
    request = StudyRequest(workers=0, n_trials=2, storage=f"sqlite:///{home}/study.db")
    with pytest.raises(ConfigError, match="other rows"):
        tune(CONFIG, SPACE, request, table=other)


def test_somebody_elses_study_is_refused(search, kept) -> None:
    study = optuna.create_study(storage=kept, study_name="gatewise")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(ConfigError, match="somebody else's"):
        search()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"n_trials": 0}, ConfigError),
        ({"timeout_seconds": 0}, ConfigError),
        ({"workers": -1}, ConfigError),
        ({"pruner": "medium"}, ConfigError),
        ({"storage": "study.db"}, ConfigError),
        ({"storage": "sqlite://"}, ConfigError),
        ({"storage": "oracel://host/db"}, GatewiseError),
        ({"storage": "sqlite:////no/such/folder/study.db"}, StorageError),
    ],
)
def test_a_request_that_can_not_be_is_refused_before_any_trial(home, said, kind) -> None:
    with pytest.raises(kind) as refused:
        tune(CONFIG, SPACE, StudyRequest(**({"workers": 0} | said)), table=small_table())
    assert "\n" not in refused.value.message


def test_a_file_that_is_no_database_is_refused(home) -> None:
    (home / "text.db").write_text("not a database, but long enough to have a header" * 20)
    with pytest.raises(StorageError, match="is no SQLite database"):
        tune(CONFIG, SPACE, StudyRequest(workers=0, storage=f"sqlite:///{home}/text.db"), table=small_table())


def test_one_process_at_a_time_may_work_on_a_study(search, pretend) -> None:
    def score(config: Any, fold: int) -> float:
        with pytest.raises(ConfigError, match="one process at a time"):
            search(n_trials=1)
        return bowl(config, fold)

    pretend(score)
    assert search(n_trials=1).result.best.number == 0


def test_optuna_says_nothing_on_stderr(search, capfd, caplog) -> None:
    caplog.set_level(logging.WARNING, "gatewise")  # commands that other tests ran may have lowered it
    search(n_trials=3)
    assert capfd.readouterr().err == ""


def test_open_files_and_memory_do_not_grow_from_trial_to_trial(home, pretend) -> None:
    import psutil

    process, seen = psutil.Process(os.getpid()), []

    def score(config: Any, fold: int) -> float:
        seen.append((process.num_fds(), process.memory_info().rss))
        return bowl(config, fold)

    pretend(score)
    asked = StudyRequest(workers=0, n_trials=16, pruner="none", storage=f"sqlite:///{home}/study.db")
    tune(CONFIG, SPACE, asked, table=small_table())
    (early_files, early_bytes), (late_files, late_bytes) = seen[20], seen[-1]
    assert late_files <= early_files + 2
    assert late_bytes < early_bytes + 40e6
