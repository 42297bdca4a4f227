"""A search whose trials are trained as fleets: the same trials as one by one, whatever fails, stops or is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import TINY
from gatewise.errors import DivergedError, Interrupted
from gatewise.jobs import fleet_place
from gatewise.jobs.jobs import Job, make_job
from gatewise.jobs.shared import make_shared
from gatewise.jobs.store import JobStore
from gatewise.learners import neural_fleet
from gatewise.registry.folders import find_folder
from gatewise.selection.tuning import runners
from gatewise.selection.tuning.data import widest
from gatewise.selection.tuning.folder import StudyRequest, read_request
from gatewise.selection.tuning.nested import tune_on
from gatewise.selection.tuning.runners import FLEET_SLOTS, FleetRunner, fleet_choice
from gatewise.selection.tuning.trial_runner import TrialFold
from gatewise.selection.tuning.trials import Silent
from gatewise.selection.tuning.tune import Tuned, tune
from gatewise.training.listeners import Callbacks
from tune_worlds import small_config, small_space, small_table

CONFIG = small_config(cv__n_splits=2)
RATES = {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}, "dropout": [0.0, 0.2]}
SPACE = small_space(CONFIG, RATES)


@pytest.fixture
def search(gatewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tuned]:
    monkeypatch.setattr("gatewise.selection.tuning.result.write_tune_report", lambda path, page: None)

    def run(study_id: str | None = None, space: Any = SPACE, **said: Any) -> Tuned:
        asked = {"workers": 0, "n_trials": 4, "fleet": "on"} | said
        return tune(CONFIG, space, StudyRequest(**asked), table=small_table(), study_id=study_id)

    return run


@pytest.fixture
def fleets(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Hidden sizes of the members of each fleet that is trained."""
    found: list[list[int]] = []
    train = neural_fleet.train_fleet

    def told(tasks: Any, *args: Any, **named: Any) -> Any:
        found.append([task.config.model.hidden_size for task in tasks])
        return train(tasks, *args, **named)

    monkeypatch.setattr(neural_fleet, "train_fleet", told)
    return found


def same(one: Tuned, other: Tuned) -> bool:
    rows, others = ([row.to_dict() for row in found.result.rows] for found in (one, other))
    return rows == others


def test_trials_of_one_shape_are_one_fleet_a_fold_and_find_what_they_find_one_by_one(search, fleets) -> None:
    alone = search(fleet="off").result.rows
    assert not fleets
    tuned = search()
    assert fleets == [[4] * 4, [4] * 4]
    for own, row in zip(
        alone, tuned.result.rows, strict=True
    ):  # all drawn at random as yet, so not by what others found
        assert (own.number, own.state, own.params) == (row.number, row.state, row.params)
        assert row.scores == pytest.approx(own.scores, abs=1e-5)
        assert row.value == pytest.approx(own.value, abs=1e-5)
    assert tuned.to_dict()["fleet"] == {"used": True, "why": "asked for"}
    assert not list(tuned.folder.glob("jobs/*")), "neither checkpoints nor results are left behind"


def test_trials_of_several_shapes_are_several_fleets(search, fleets) -> None:
    space = small_space(CONFIG, RATES | {"hidden_size": [2, 3]})
    rows = search(space=space, n_trials=5, pruner="none").result.rows
    drawn = sorted(row.params["hidden_size"] for row in rows)
    assert set(drawn) == {2, 3}
    assert all(len(set(fleet)) == 1 for fleet in fleets)
    assert len(fleets) == 4
    for of in (fleets[:2], fleets[2:]):
        assert sorted(size for fleet in of for size in fleet) == drawn


@pytest.mark.parametrize("how", ["diverges", "can't begin"])
def test_a_trial_that_fails_fails_alone(search, monkeypatch, how) -> None:
    whole = search().result.rows
    doomed = whole[1].params["learning_rate"]
    if how == "diverges":
        train = neural_fleet.train_fleet

        def diverge(tasks: Any, *args: Any, **named: Any) -> Any:
            found = train(tasks, *args, **named)
            lost = DivergedError("training loss must be finite; it is nan in epoch 1")
            rates = [task.config.training.learning_rate for task in tasks]
            return [lost if rate == doomed else one for rate, one in zip(rates, found, strict=True)]

        monkeypatch.setattr(neural_fleet, "train_fleet", diverge)
    else:
        fit = fleet_place.fit_job

        def refuse(job: Job, shared: Any) -> Any:
            if job.config.training.learning_rate == doomed:
                raise DivergedError("it is finite no more")
            return fit(job, shared)

        monkeypatch.setattr(fleet_place, "_part", lambda job: job.key)
        monkeypatch.setattr(fleet_place, "fit_job", refuse)
    rows = search().result.rows
    assert [row.state for row in rows] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert "finite" in rows[1].error["message"]
    for own, row in zip(whole, rows, strict=True):
        assert own.params == row.params
        assert row.number == 1 or row.scores == pytest.approx(own.scores, abs=1e-5)


def test_a_fleet_that_the_device_has_no_room_for_fails_its_trials_and_the_search_goes_on(search, monkeypatch) -> None:
    train = neural_fleet.train_fleet

    def full(tasks: Any, *args: Any, **named: Any) -> Any:
        if tasks[0].config.model.hidden_size == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return train(tasks, *args, **named)

    monkeypatch.setattr(neural_fleet, "train_fleet", full)
    rows = search(space=small_space(CONFIG, RATES | {"hidden_size": [2, 3]}), n_trials=5, pruner="none").result.rows
    assert {(row.params["hidden_size"], row.state) for row in rows} == {(2, "FAIL"), (3, "COMPLETE")}
    assert all("no room" in row.error["message"] for row in rows if row.state == "FAIL")


@pytest.mark.parametrize("moment", ["step", "epoch", "told"])
def test_a_search_that_was_interrupted_goes_on_to_the_table_of_one_that_was_not(
    search, monkeypatch, fleets, moment
) -> None:
    """In the first epoch; after it; and when some of a round's trials have been told of."""
    whole = search(n_trials=5, pruner="none")
    step, wait, calls = Callbacks.on_step, FleetRunner.wait, []

    def stop_at_a_step(ear: Any, epoch: int, number: int, num_steps: int) -> None:
        if epoch == (1 if moment == "step" else 2) and number == 2:
            raise KeyboardInterrupt
        step(ear, epoch, number, num_steps)

    def stop_at_the_third(runner: Any, stopped: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return wait(runner, stopped)

    with monkeypatch.context() as patch:
        if moment == "told":
            patch.setattr(FleetRunner, "wait", stop_at_the_third)
        else:
            patch.setattr(Callbacks, "on_step", stop_at_a_step)
        with pytest.raises(Interrupted) as stopped:
            search(n_trials=5, pruner="none")
    study = find_folder(str(stopped.value).rpartition("--resume ")[2], "tune")
    assert read_request(study)[2].fleet == "on"
    epochs: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Callbacks, "on_step", lambda ear, epoch, *_: epochs.append(epoch))
        resumed = search(study.name, n_trials=5, pruner="none")
    assert same(resumed, whole)
    assert epochs[0] == (2 if moment == "epoch" else 1)
    assert not list(study.glob("jobs/*"))
    # What was trained before the interruption is not trained again: 5 members, 2 folds, once each.
    members = sum(len(fleet) for fleet in fleets)
    assert members == 20 if moment == "told" else members == 25


def test_a_fleet_stops_at_a_step_when_it_is_told_to_and_goes_on_from_its_last_epoch(tmp_path, monkeypatch) -> None:
    shared, tasks, store = world(tmp_path, rates=(0.001, 0.01))
    epochs: list[int] = []
    heard = Callbacks.on_step

    def hear(ear: Any, epoch: int, number: int, num_steps: int) -> None:
        epochs.append(epoch)
        heard(ear, epoch, number, num_steps)

    monkeypatch.setattr(Callbacks, "on_step", hear)
    assert ask(FleetRunner(2, shared, store, Silent()), tasks, lambda: bool(epochs) and epochs[-1] == 2) is None
    assert set(epochs) == {1, 2}
    epochs.clear()
    runner = FleetRunner(2, shared, store, Silent())
    assert ask(runner, tasks, lambda: False) is not None
    assert set(epochs) == {2}
    assert runner.wait(lambda: True) is not None, "what is done is told even when time is up"


def test_a_fleet_that_is_interrupted_tells_of_no_member_so_that_it_goes_on_with_all(tmp_path) -> None:
    """Of members told of before, the others' fleet would be another one, which begins anew."""
    shared, tasks, _ = world(tmp_path, rates=(0.001, 0.01))
    first, second = (task.job for task in tasks)
    short = second.config.training.model_copy(update={"max_epochs": 1})
    jobs = [make_job(second.config.model_copy(update={"training": short}), shared, 1, "lstm"), first]
    epochs: list[int] = []

    class Hearer(Silent):
        def on_start(self, job: Job) -> None:
            """Nothing."""

        def on_epoch(self, job: Job, epoch: int) -> None:
            epochs.append(epoch)

    def interrupt() -> None:
        if len(epochs) == 2:  # the first is done, the second in its second epoch
            raise KeyboardInterrupt

    answers = fleet_place.train_jobs(jobs, shared, tmp_path / "state", Hearer(), interrupt)
    with pytest.raises(KeyboardInterrupt):
        next(answers)
    whole = list(fleet_place.train_jobs(jobs, shared, tmp_path / "state", Hearer()))
    assert [answer.epochs for answer in whole] == [1, 2]
    assert epochs == [1, 1, 2]


def test_trials_of_the_same_settings_under_way_at_once_are_one_member_and_both_are_answered(fleets, tmp_path) -> None:
    heard: list[tuple[int, int]] = []

    class Hearer(Silent):
        def on_epoch(self, trial: int, fold: int, epoch: int) -> None:
            heard.append((trial, epoch))

    shared, tasks, store = world(tmp_path, rates=(0.01, 0.001, 0.01))
    runner = FleetRunner(3, shared, store, Hearer())
    answers = [ask(runner, tasks, lambda: False), *(runner.wait(lambda: False) for _ in range(2))]
    assert [len(fleet) for fleet in fleets] == [2]
    assert [task.trial for task, _ in answers] == [0, 1, 2]
    assert answers[0][1] is answers[2][1]
    assert [task.job.key for task, _ in answers] == [answer.key for _, answer in answers]
    assert set(heard) == {(trial, epoch) for trial in range(3) for epoch in (1, 2)}
    assert store.num_results == 0


def test_a_space_of_more_shapes_than_trials_at_once_is_no_fleet_unless_one_is_asked_for(monkeypatch) -> None:
    monkeypatch.setattr(
        runners, "decide_fleet", lambda device, slots, said, models: (said != "off", f"{slots} members")
    )
    many = small_space(
        CONFIG, {"hidden_size": [2, 3, 4, 5], "num_layers": {"low": 1, "high": 3}, "dropout": [0.1, 0.2]}
    )
    assert fleet_choice(CONFIG, SPACE, 50, "auto") == (True, f"{FLEET_SLOTS} members")
    assert fleet_choice(CONFIG, SPACE, 5, "auto") == (True, "5 members")
    used, why = fleet_choice(CONFIG, many, 50, "auto")
    assert not used
    assert "12" in why
    assert fleet_choice(CONFIG, many, 50, "on")[0]
    assert not fleet_choice(CONFIG, SPACE, 50, "off")[0]


def test_a_search_within_a_fold_trains_fleets_too(fleets) -> None:
    shared = make_shared([widest(CONFIG, SPACE)], small_table())
    rows = shared.horizons[CONFIG.target.horizon].folds[1].train
    alone, fleet = (tune_on(shared, rows, CONFIG, SPACE, 3, fleet=said) for said in ("auto", "on"))
    assert [len(members) for members in fleets] == [3] * len(alone.rows[0].scores)
    for own, row in zip(alone.rows, fleet.rows, strict=True):
        assert own.params == row.params
        assert row.scores == pytest.approx(own.scores, abs=1e-5)


def test_the_command_says_which_it_takes_refuses_other_words_and_keeps_it_for_resume(cli, tmp_path, fleets) -> None:
    (tmp_path / "space.yaml").write_text("learning_rate: {low: 1e-3, high: 1e-2, log: true}\n")
    words = ("tune", *TINY, "--n-splits", 2, "--space", tmp_path / "space.yaml", "--workers", 0, "--n-trials", 2)
    said = cli(*words, "--fleet", "on", "--json")
    assert said.code == 0
    assert "fleet: on (asked for)" in said.err
    assert said.json["fleet"] == {"used": True, "why": "asked for"}
    assert [len(fleet) for fleet in fleets] == [2, 2]
    resume = ("tune", "--resume", said.json["id"], "--n-trials", 3, "--json")
    assert cli(*resume).json["fleet"]["used"] is True
    assert len(fleets) == 4
    again = cli(*resume[:-2], 4, "--fleet", "off", "--json").json
    assert (again["fleet"], again["resumed"], len(fleets)) == ({"used": False, "why": "asked for"}, 3, 4)
    refused = cli(*words, "--fleet", "yes", "--json")
    assert (refused.code, refused.json["error"]["message"]) == (2, "fleet is auto, on or off; got 'yes'")


def test_cv_tunes_each_fold_by_fleets_where_its_own_trainings_are_one(cli, tmp_path, fleets) -> None:
    (tmp_path / "space.yaml").write_text("learning_rate: {low: 1e-3, high: 1e-2, log: true}\n")
    words = (
        *("cv", "--source", "sp500", "--horizons", 3, "--n-splits", 2, "--seq-len", 6, "--max-epochs", 1),
        *("--batch-size", 64, "--num-layers", 1, "--hidden-size", 3, "--set", "features.sets=[ohlcv]"),
        *("--set", "target.kind=direction", "--models", "lstm", "--tune", "--n-trials", 3),
    )
    said = cli(*words, "--space", tmp_path / "space.yaml", "--fleet", "on", "--json", "--quiet")
    assert said.code == 0
    assert all("params" in entry for entry in said.json["tuned"])
    # First the trials of each fold's search, then the folds themselves.
    assert len(fleets) > 2
    assert [len(fleet) for fleet in fleets] == [3] * (len(fleets) - 1) + [2]


def world(folder: Path, rates: tuple[float, ...]) -> tuple[Any, list[TrialFold], JobStore]:
    """Trials of the first fold with these learning rates."""
    configs = [small_config(cv__n_splits=2, training__learning_rate=rate) for rate in rates]
    shared, store = make_shared(configs[:1], small_table()), JobStore(folder)
    jobs = [make_job(config, shared, 1, "lstm") for config in configs]
    return shared, [TrialFold(number, job, store.checkpoint(f"{number}")) for number, job in enumerate(jobs)], store


def ask(runner: FleetRunner, tasks: list[TrialFold], stopped: Callable[[], bool]) -> Any:
    for task in tasks:
        runner.submit(task)
    return runner.wait(stopped)
