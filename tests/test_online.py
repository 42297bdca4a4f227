"""Updates on settled labels: what may be learned when, that a chain of updates goes on exactly, and that drift is met.

A label that is learned an hour too early raises no error; it only makes a model look better than it ever will be.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gatewise as gw
from cv_worlds import SMALL, Ear, plan_of, run_cv, same_table, walk
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.config.training_section import ConstantConfig
from gatewise.data.load import load_table
from gatewise.data.table import OHLCV, Table
from gatewise.errors import ConfigError, DivergedError, Interrupted
from gatewise.files import drop_checkpoint
from gatewise.jobs import online
from gatewise.jobs.jobs import Job, JobResult, make_job
from gatewise.jobs.online import OnlineState, Standing, predict_online, update_standing
from gatewise.jobs.run import fit_job, run_job
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.learners.table import train_model
from gatewise.selection.cv.cv import start_cv
from gatewise.selection.cv.online import Online, online_words
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.plan import Plan
from gatewise.splits.base import Rows
from gatewise.splits.stretches import cut_stretches, settled
from gatewise.training.listeners import Listeners
from span_tables import worlds

pytestmark = [pytest.mark.usefixtures("gatewise_home"), pytest.mark.trains]

TESTS = Path(__file__).parent
DAY_US = 86_400_000_000


@settings(max_examples=40)
@given(worlds(), st.integers(1, 40), st.integers(0, 5))
def test_stretches_hold_each_row_once_in_order_of_time_and_only_what_is_known_by_then_is_learned(
    world: tuple[Table, Any], moments: int, embargo_minutes: int
) -> None:
    spans = world[1]
    if not spans.row.size:
        return
    gap_us = embargo_minutes * 60_000_000
    time_us = spans.time_us
    for every in (moments, timedelta(minutes=moments)):
        stretches = cut_stretches(time_us, every)
        assert [stretch.number for stretch in stretches] == list(range(1, len(stretches) + 1))
        assert sorted(np.concatenate([stretch.at for stretch in stretches]).tolist()) == list(range(time_us.size))
        for before, after in pairwise(stretches):
            assert time_us[before.at].max() < time_us[after.at].min()
        for stretch in stretches:
            learned = settled(spans, stretch, gap_us)
            expected = [end + gap_us <= min(time_us[stretch.at].tolist()) for end in spans.last_us.tolist()]
            assert learned.tolist() == expected
    assert all(len(np.unique(time_us[part.at])) <= moments for part in cut_stretches(time_us, moments))


def test_days_and_weeks_are_the_calendars_and_a_bar_that_closes_at_midnight_ends_its_day() -> None:
    hours = np.arange(24 * 20, dtype=np.int64) * 3_600_000_000 + 4 * DAY_US + 3_600_000_000  # from Monday, 1 am
    days = cut_stretches(hours, timedelta(days=1))
    assert [len(day.at) for day in days] == [24] * 20
    assert all(int(hours[day.at[-1]]) % DAY_US == 0 for day in days)
    assert [len(week.at) for week in cut_stretches(hours, timedelta(days=7))] == [24 * 7, 24 * 7, 24 * 6]
    # 2024-07-03 is a half day at the NYSE, the fourth is none: the third's session ends at 17:00 UTC.
    july = np.datetime64("2024-07-03T14:00", "us").astype(np.int64) + np.array([0, 3, 48]) * 3_600_000_000
    assert [len(day.at) for day in cut_stretches(july, timedelta(days=1), "XNYS")] == [2, 1]


@pytest.fixture(scope="module")
def world() -> SharedData:
    """Two symbols with gaps, labels known at different times."""
    return make_shared([config_of()], walk(500, "AB", seed=3))


def config_of(**overrides: Any) -> ExperimentConfig:
    said = {"online__every": 20, "cv__n_splits": 2} | overrides
    return plan_of(("lstm",), **said).base


def plan_alone(**overrides: Any) -> Plan:
    """Of logistic regressions, which take in a blink to fit."""
    said = {name: value for name, value in SMALL.items() if not name.startswith(("model.", "training."))}
    said |= {name.replace("__", "."): value for name, value in overrides.items()}
    config = load_config(overrides=said | {"model.name": "logistic"})
    return Plan({"logistic": config}, (config.target.horizon,))


def job_of(config: ExperimentConfig, shared: SharedData) -> Job:
    """The last fold's."""
    return make_job(config, shared, 2, "lstm")


def standing_of(config: ExperimentConfig, shared: SharedData) -> tuple[Job, Standing]:
    job = job_of(config, shared)
    fitted, split = fit_job(job, shared), shared.fold(job.horizon, job.fold)
    trained = train_model(config, shared.samples(config), fitted, split.train, split.val, Listeners(()))
    return job, Standing(fitted, trained)


def gone_over(config: ExperimentConfig, shared: SharedData, standing: Standing, **parts: Any) -> OnlineState:
    samples = shared.samples(config)
    return predict_online(config, samples, samples.spans, shared.fold(config.target.horizon, 2), standing, **parts)


def test_where_nothing_is_learned_the_predictions_are_the_frozen_models(world: SharedData) -> None:
    config = config_of()
    job, standing = standing_of(config, world)
    state = gone_over(config, world, standing, update=lambda config, samples, model, *_: model)
    frozen = run_job(replace(job, config=config_of(online__every=None)), world, Listeners(()))
    assert np.array_equal(state.predictions, frozen.predictions)
    assert state.updates == state.done > 3


@pytest.mark.parametrize("most", [1, 2, 1_000])
def test_what_is_slow_to_fit_is_updated_so_often_at_most_and_evenly(
    most: int, world: SharedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, numbers = config_of(), []

    def probe(config: ExperimentConfig, samples: Any, model: Standing, rows: Rows, number: int, *_: Any) -> Standing:
        numbers.append(number)
        return model

    _, standing = standing_of(config, world)
    monkeypatch.setattr(type(config.model), "most_updates", most)
    state = gone_over(config, world, standing, update=probe)
    assert numbers == list(range(1, state.done + 1, -(-state.done // most)))
    assert 0 < state.updates == len(numbers) <= min(most, state.done)


def test_no_update_is_given_a_row_whose_label_is_not_settled_by_the_stretch_less_the_embargo(
    world: SharedData,
) -> None:
    rng = np.random.default_rng(5)
    config = config_of()
    samples, fold, time_us = world.samples(config), world.fold(3, 2), world.table.time_us
    # Known anywhere in the rows to come, not only a horizon on.
    last_us = samples.spans.time_us + rng.integers(1, 90, samples.rows.size) * 60_000_000
    spans, given_rows = replace(samples.spans, last_us=last_us), []
    known_us = dict(zip(spans.row.tolist(), last_us.tolist(), strict=True))

    def probe(
        config: ExperimentConfig, samples: Any, model: Standing, rows: Rows, number: int, budget: Any
    ) -> Standing:
        given_rows.append((number, rows))
        return model

    _, standing = standing_of(config, world)
    predict_online(config, samples, spans, fold, standing, update=probe)
    stretches = {one.number: one for one in cut_stretches(time_us[fold.test], 20)}
    assert len(given_rows) > 3
    learned: set[int] = set()
    for number, rows in given_rows:
        first_us = min(time_us[fold.test[stretches[number].at]].tolist())
        assert all(known_us[row] <= first_us - 2 * 60_000_000 for row in rows.tolist())
        assert (np.diff(time_us[rows]) >= 0).all()
        assert learned <= (learned := set(rows.tolist()))
        wanted = {row for row, known in known_us.items() if known <= first_us - 2 * 60_000_000}
        assert learned == wanted & set(spans.row[spans.time_us >= time_us[fold.train].min()].tolist())
    assert learned & set(fold.test.tolist())  # tested rows are learned from once they are settled


def test_what_settles_between_two_updates_is_news_at_the_next(
    world: SharedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, numbers = config_of(), []
    samples, fold = world.samples(config), world.fold(3, 2)
    stretches = cut_stretches(world.table.time_us[fold.test], 20)
    # All that settles while the rows are gone over does so between the first update's turn and the one after it.
    between = int(world.table.time_us[fold.test[stretches[1].at]].min())
    first_us = stretches[0].first_us
    last_us = np.where(samples.spans.last_us > first_us - 300_000_000, between - 300_000_000, samples.spans.last_us)
    spans = replace(samples.spans, last_us=last_us)

    def probe(config: ExperimentConfig, samples: Any, model: Standing, rows: Rows, number: int, *_: Any) -> Standing:
        numbers.append(number)
        return model

    _, standing = standing_of(config, world)
    monkeypatch.setattr(type(config.model), "most_updates", -(-len(stretches) // 2))
    predict_online(config, samples, spans, fold, standing, update=probe)
    assert numbers == [1, 3]


def test_no_update_learns_from_rows_nearer_than_the_least_purge(world: SharedData) -> None:
    config, given_rows = config_of(split__purge_rows=60), {}
    samples, fold, time_us = world.samples(config), world.fold(3, 2), world.table.time_us

    def probe(config: ExperimentConfig, samples: Any, model: Standing, rows: Rows, number: int, *_: Any) -> Standing:
        given_rows[number] = rows
        return model

    _, standing = standing_of(config, world)
    predict_online(config, samples, samples.spans, fold, standing, update=probe)
    assert len(given_rows) > 3
    for stretch in cut_stretches(time_us[fold.test], 20):
        if stretch.number in given_rows:
            newest = max(time_us[given_rows[stretch.number]].tolist())
            assert stretch.first_us - 70 * 60_000_000 <= newest < stretch.first_us - 60 * 60_000_000


def test_updates_change_predictions_by_the_recipe_and_the_same_recipe_gives_the_same(world: SharedData) -> None:
    _, standing = standing_of(config_of(), world)
    found = [
        gone_over(config_of(**more), world, standing).predictions
        for more in ({}, {}, {"online__passes": 3}, {"online__recent": 50}, {"online__how": "refit"})
    ]
    assert np.array_equal(found[0], found[1])
    assert all(not np.array_equal(found[0], other) for other in found[2:])


def test_the_optimizer_goes_on_from_the_epoch_whose_weights_are_kept(world: SharedData) -> None:
    def at_one_rate(epochs: int) -> ExperimentConfig:
        config = config_of(training__max_epochs=epochs, training__learning_rate=0.02)
        training = config.training.model_copy(update={"schedule": ConstantConfig()})
        return config.model_copy(update={"training": training})

    config = at_one_rate(4)
    (_, whole), (_, short) = standing_of(config, world), standing_of(at_one_rate(1), world)
    assert (whole.trained.fit.best_epoch, len(whole.trained.fit.history)) == (1, 4)
    assert int(whole.trained.optimizer["steps"]) == -(-len(world.fold(3, 2).train) // 64)
    assert whole.trained.optimizer.keys() == short.trained.optimizer.keys()
    assert all(torch.equal(value, short.trained.optimizer[name]) for name, value in whole.trained.optimizer.items())
    moved = gone_over(config, world, whole).standing.trained.optimizer
    assert int(moved["steps"]) > int(whole.trained.optimizer["steps"])


def test_an_update_that_diverges_leaves_the_model_as_it_was_and_is_told_of(world: SharedData) -> None:
    config = config_of()
    _, standing = standing_of(config, world)

    def third_diverges(config: ExperimentConfig, samples: Any, model: Standing, *rest: Any) -> Standing:
        if rest[1] == 3:
            raise DivergedError("the loss must stay finite; it is nan")
        return update_standing(config, samples, model, *rest)

    state = gone_over(config, world, standing, update=third_diverges)
    assert state.failed == [(3, "the loss must stay finite; it is nan")]
    assert state.updates == state.done - 1
    assert np.isfinite(state.predictions).all()
    wild = config_of(online__learning_rate=1e30, training__gradient_clip=None, training__optimizer="sgd")
    wild_standing = standing_of(wild, world)[1]
    ran_away = gone_over(wild, world, wild_standing)
    assert [number for number, _ in ran_away.failed] == list(range(1, ran_away.done + 1))
    unmoved = gone_over(wild, world, wild_standing, update=lambda config, samples, model, *_: model)
    assert np.array_equal(ran_away.predictions, unmoved.predictions)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("lstm", {}),
        ("lstm", {"online__how": "refit"}),
        ("voting", {"model__base_models": "lstm,last_row:logistic"}),
    ],
)
def test_cut_off_at_any_stretch_it_goes_on_to_the_same_predictions(
    model: str, more: dict[str, Any], world: SharedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "_SECONDS_BETWEEN_SAVES", -1.0)
    config = plan_of((model,), online__every=25, cv__n_splits=2, **more).base
    _, standing = standing_of(config, world)
    whole = gone_over(config, world, standing)
    kept = tmp_path / "state.online", "a key"

    def stop(done: int, num_stretches: int) -> None:
        raise KeyboardInterrupt

    sittings = 0
    while True:
        sittings += 1
        try:
            rest = gone_over(config, world, standing, kept=kept, on_stretch=stop if sittings < 5 else lambda *_: None)
            break
        except KeyboardInterrupt:
            continue
    assert sittings == 5
    assert np.array_equal(rest.predictions, whole.predictions)
    assert (rest.done, rest.updates, rest.made_at) == (whole.done, whole.updates, whole.made_at)


KILLED = """
import os, signal, sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from cv_worlds import walk
from gatewise.jobs import online
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import make_shared
from gatewise.training.listeners import Listeners
from test_online import config_of, job_of

online._SECONDS_BETWEEN_SAVES = -1.0
shared = make_shared([config_of()], walk(400))
stop = lambda done, num_stretches: os.kill(os.getpid(), signal.SIGKILL) if done == 3 else None
run_job(job_of(config_of(), shared), shared, Listeners(()), Path({checkpoint!r}), stop)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a process that can be killed outright")
def test_killed_outright_it_goes_on_to_the_same_result(tmp_path: Path) -> None:
    checkpoint = tmp_path / "job.checkpoint"
    script = KILLED.format(tests=str(TESTS), checkpoint=str(checkpoint))
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert checkpoint.with_suffix(".online").exists()
    shared, heard = make_shared([config_of()], walk(400)), []
    rest = run_job(
        job_of(config_of(), shared), shared, Listeners(()), checkpoint, lambda number, _: heard.append(number)
    )
    whole = run_job(job_of(config_of(), shared), shared, Listeners(()))
    assert heard[0] == 4
    assert rest.online is not None
    assert whole.online is not None
    assert np.array_equal(rest.online.predictions, whole.online.predictions)
    assert rest.online.metrics == whole.online.metrics
    drop_checkpoint(checkpoint)
    assert not list(tmp_path.glob("job*"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CvOutcome]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        plan = replace(plan_alone(online__every=30, online__how="refit"), num_seeds=2)
        yield run_cv(plan, walk(600, "AB"))


def test_updated_and_frozen_are_two_lines_and_stand_beside_each_other(compared: CvOutcome) -> None:
    assert [summary.name for summary in compared.summaries] == ["logistic@3", "logistic+online@3", "prior@3"]
    assert compared.frame["model"].unique().sort().to_list() == ["logistic", "logistic+online", "prior"]
    said = json.loads((compared.folder / "summary.json").read_text())
    assert said["online"].keys() == {"logistic@3"}
    one = said["online"]["logistic@3"]
    lines = {name: said["summary"][name]["log_loss"]["mean"] for name in ("logistic@3", "logistic+online@3")}
    by_row = (
        compared.frame.filter((pl.col("symbol") == "all") & (pl.col("model") == "logistic"))
        .select((pl.col("log_loss") * pl.col("n_test")).sum() / pl.col("n_test").sum())
        .item()
    )
    assert one["frozen"]["log_loss"] == pytest.approx(by_row, abs=1e-12)
    assert one["frozen"]["log_loss"] != lines["logistic+online@3"]
    difference = one["differences"]["log_loss"]
    assert difference["value"] == pytest.approx(one["updated"]["log_loss"] - one["frozen"]["log_loss"])
    assert difference["low"] < difference["value"] < difference["high"]
    assert one["updates"] == one["stretches"] == 2 * 3 * 5
    assert one["seconds"] > 0
    assert compared.online["logistic@3"].gain[-1] == pytest.approx(
        difference["value"] * len(np.unique(pl.read_parquet(compared.out_of_fold)["time"])), rel=1e-9
    )
    assert any(line.startswith("logistic@3 updated: log loss") for line in compared.verdict.lines)


def test_the_page_shows_both_and_when_updating_helped(compared: CvOutcome) -> None:
    page = compared.report.read_text(encoding="utf-8")
    section = page.split("Updated as labels settled")[1].split("The verdict in a picture")[0]
    assert "anew, from all settled rows" in section
    assert "When updating helped" in section
    assert section.count("logistic@3") == 1
    one = compared.online["logistic@3"].paired
    for values in (one.values, one.other_values):
        assert f"{values['log_loss']:.4f}" in section


def planted(changes: bool, num_rows: int = 900) -> Table:
    """Prices whose next move is told by the last one's sign, with a sign that turns over where `changes`."""
    table, rng = walk(num_rows), np.random.default_rng(1)
    row, move = np.arange(num_rows), np.empty(num_rows)
    move[0] = 1e-3
    for now in row[1:]:
        follows = 1 if not changes or now < 0.55 * num_rows else -1
        sign = follows * np.sign(move[now - 1]) * (1 if rng.random() < 0.85 else -1)
        move[now] = sign * abs(rng.normal(1e-3, 2e-4))
    close = 100 * np.exp(np.cumsum(move))
    return table.with_frame(table.frame.with_columns(**{n: pl.Series(close) for n in ("open", "high", "low", "close")}))


DRIFT: dict[str, Any] = {
    "cv__n_splits": 1, "cv__test_size": 400, "target__horizon": 1, "online__every": 25, "online__window": 150
}  # fmt: skip
WARM = {
    "online__recent": 150, "online__passes": 4, "online__learning_rate": 0.02, "training__learning_rate": 0.02,
    "training__max_epochs": 10,
}  # fmt: skip


CHANGES = {"online__how": "refit", "features__columns": ["close"], "features__columns_as": "changes"}


@pytest.mark.parametrize(
    "plan",
    [plan_of(horizons=(1,), **DRIFT, **WARM), plan_alone(**DRIFT, **CHANGES)],
    ids=["warm", "refit"],
)
def test_where_the_world_turns_over_updated_beats_frozen_and_where_nothing_changes_it_claims_nothing(
    plan: Plan,
) -> None:
    (turned,) = run_cv(plan, planted(changes=True)).online.values()
    assert turned.paired.judgement.verdict == "better"
    assert turned.diebold_mariano.p is not None
    assert turned.diebold_mariano.p < 0.01
    (still,) = run_cv(plan, walk(900, seed=4)).online.values()
    assert still.paired.judgement.verdict != "better"


def test_without_the_section_keys_and_results_are_those_of_before(world: SharedData) -> None:
    frozen, updated = (make_job(config_of(online__every=every), world, 1, "lstm") for every in (None, 20))
    assert frozen.key == make_job(config_of(online__every=None, online__passes=1), world, 1, "lstm").key
    assert frozen.key != updated.key
    result = run_job(updated, world, Listeners(()))
    assert result.online is not None
    again = JobResult.from_bytes(result.to_bytes())
    assert again.online is not None
    assert np.array_equal(again.online.predictions, result.online.predictions)
    assert json.dumps(again.online.metrics) == json.dumps(result.online.metrics)
    plain = run_job(frozen, world, Listeners(()))
    assert np.array_equal(plain.predictions, result.predictions)
    assert b"online" not in plain.to_bytes()[:4_000]


def test_time_is_up_for_updates_too_and_the_first_is_always_made(world: SharedData) -> None:
    config = config_of()
    _, standing = standing_of(config, world)
    state = gone_over(config, world, standing, max_seconds=1e-9)
    assert (state.updates, state.ended, state.done) == (1, "max_time", state.done)
    assert np.isfinite(state.predictions).all()


class Stopped(Ear):
    """Ctrl-C at the second stretch; remembers what it heard."""

    heard: list[tuple[int, int]]

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        self.heard = [*getattr(self, "heard", []), (done, num_stretches)]
        if done == 2:
            raise KeyboardInterrupt


def test_stretches_are_told_of_and_ctrl_c_among_them_is_gone_on_from() -> None:
    plan, ear = plan_alone(online__every=40), Stopped()
    folder = start_cv(plan)
    with pytest.raises(Interrupted, match="resume"):
        run_cv(plan, walk(500), ear=ear, folder=folder)
    assert ear.heard == [(1, 4), (2, 4)]
    assert same_table(run_cv(plan, walk(500), folder=folder).frame, run_cv(plan, walk(500)).frame)


@pytest.mark.parametrize("value", ["0", "-2", "2.5", "fortnight", "0h", True, 1.5])
def test_what_is_no_stretch_is_refused_in_a_line(value: object) -> None:
    with pytest.raises(ConfigError, match=r"online\.every"):
        load_config(overrides={"online.every": value})


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"cv__splitter": "kfold"}, "in order of time"),
        ({"cv__splitter": "combinatorial"}, "in order of time"),
    ],
)
def test_folds_that_test_the_past_are_refused(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_of(online__every=20, **overrides)


def test_a_stretch_that_holds_all_that_is_tested_is_refused_before_anything_is_trained() -> None:
    ear = Ear()
    with pytest.raises(ConfigError, match="shorter than a test part"):
        run_cv(plan_of(online__every=5_000), walk(300), ear=ear)
    assert not ear.planned


def test_each_symbols_own_model_learns_from_its_own_rows_alone() -> None:
    table = walk(400, "AB")
    plan = replace(plan_alone(online__every=40, cv__n_splits=2), per_symbol=True)
    both = run_cv(plan, table)
    of_b = pl.col("symbol") == "B"
    turned = [pl.when(of_b).then(pl.col(name).reverse().over("symbol")).otherwise(name).alias(name) for name in OHLCV]
    other = table.frame.with_columns(turned)
    assert not other.equals(table.frame)
    moved = run_cv(plan, table.with_frame(other))
    of_a = [
        pl.read_parquet(one.out_of_fold).filter((pl.col("symbol") == "A") & (pl.col("model") == "logistic+online"))
        for one in (both, moved)
    ]
    assert of_a[0].equals(of_a[1])


def test_python_takes_it_by_one_word(tmp_path: Path) -> None:
    result = gw.cv(
        walk(400).frame.to_pandas(), models="logistic", horizon=3, target="direction", seq_len=4, online="6h",
        online_how="refit", n_splits=2, workers=1, progress=False, settings={"features.sets": ["ohlcv"]},
    )  # fmt: skip
    assert result.to_dict()["online"].keys() == {"logistic@3"}


def test_the_sentences_say_what_changed_what_failed_and_what_ran_out_of_time(compared: CvOutcome) -> None:
    one: Online = replace(compared.online["logistic@3"], failed=(("fold 1 of logistic", 3, "no rows"),), timed=2)
    words = online_words(one, "log_loss", one.name)
    assert "beside itself frozen" in words[0]
    assert "1 update came to nothing" in words[1]
    assert "stretch 3: no rows" in words[1]
    assert "2 trainings" in words[2]


# QLIKE and log-R² of 494 next days of SPY's RV5, 1,000 days refitted daily: the figures that tests/test_har.py has of
# the formula alone come out of folds, stretches, settled labels and bundles. So do har's and harq's, in the same time.
SPYS_LOG_HAR = (0.22048, 0.60392)


def test_refitted_daily_log_har_gives_spys_printed_figures(shared_data: Path) -> None:
    said = {
        "data.paths": [str(shared_data / "spy_realized" / "spy_realized_2014_2019.csv")],
        "data.time_column": "date", "data.gap_tolerance": "30d",
        "target.kind": "realized_volatility", "target.horizon": 1, "target.measure": "column",
        "target.column": "RV5", "target.holds": "variance",
        "features.sets": [], "features.columns": ["RV5"], "windows.sequence_length": 1, "split.embargo_rows": 0,
        "cv.n_splits": 1, "cv.test_size": 494, "online.every": 1, "online.window": 1_000, "model.name": "har_log",
    }  # fmt: skip
    config = load_config(overrides=said)
    (found,) = run_cv(Plan({"har_log": config}, (1,)), load_table(config.data)).online.values()
    scored = found.paired.values
    assert (scored["qlike"], scored["log_r2"]) == pytest.approx(SPYS_LOG_HAR, abs=6e-6)
    assert found.updates == 494
