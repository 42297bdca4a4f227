"""Cross-validation's laws: the same rows for all, nothing seen before it is judged, nothing trained twice.

A fold that saw its own test rows would only look like a good model; a resumed table that differs would only look like
noise. Neither is ever noticed by a test of shapes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cv_worlds import Ear, first_unstoppable, plan_of, run_cv, same_table, walk
from gatewise.config.differences import first_difference
from gatewise.data.table import Table
from gatewise.errors import (
    ConfigError,
    DivergedError,
    GatewiseError,
    Interrupted,
    LabelError,
    ReadError,
    RunNotFoundError,
    TrainingError,
)
from gatewise.evaluation.class_metrics import classification_metrics
from gatewise.evaluation.scoring import PRIOR
from gatewise.fold import fit_fold, make_windows
from gatewise.jobs import places as compute
from gatewise.jobs.jobs import Job, JobResult, make_job
from gatewise.jobs.places import InProcess
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import ALL, make_shared, open_shared, save_shared
from gatewise.jobs.store import JobStore
from gatewise.learners.table import train_model
from gatewise.registry.folders import find_folder
from gatewise.selection.cv import results
from gatewise.selection.cv.cv import cross_validate, resume_cv, start_cv
from gatewise.selection.cv.frames import Prediction, gather
from gatewise.selection.cv.measures import measure_overfitting
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.plan import Plan
from gatewise.selection.cv.pooled import pool
from gatewise.training.inference import predict_outputs
from gatewise.training.listeners import Listeners

pytestmark = pytest.mark.usefixtures("gatewise_home")
NOBODY = Listeners(())


def test_every_model_of_a_horizon_predicts_the_same_rows_once_a_seed() -> None:
    lengths = {"lstm": {"windows.sequence_length": 4}, "gru": {"windows.sequence_length": 11}}
    outcome = run_cv(plan_of(("lstm", "gru"), (2, 5), num_seeds=2, by_model=lengths), walk(symbols="AB"))
    frame = pl.read_parquet(outcome.out_of_fold)
    for (horizon,), own in frame.group_by("horizon"):
        rows = {
            key: part.select("symbol", "time", "fold", "target").sort("symbol", "time")
            for key, part in own.group_by("model", "seed")
        }
        assert rows.keys() == {("lstm", 42), ("lstm", 43), ("gru", 42), ("gru", 43), (PRIOR, None)}, horizon
        first = rows[PRIOR, None]
        assert all(part.equals(first) for part in rows.values())
        assert not first.select("symbol", "time").is_duplicated().any()


@pytest.mark.parametrize("splitter", ["expanding", "sliding", "kfold", "combinatorial"])
def test_no_out_of_fold_row_shares_a_moment_with_a_row_that_its_model_was_trained_or_stopped_on(splitter: str) -> None:
    plan = plan_of(cv__splitter=splitter, cv__n_splits=4, cv__test_groups=2, training__max_epochs=1)
    shared = make_shared(plan.configs(), walk(400, "AB"))
    found = pl.read_parquet(run_cv(plan, shared.table).out_of_fold).filter(pl.col("model") == "lstm")
    spans = shared.horizons[3].spans
    place = {int(row): k for k, row in enumerate(spans.row)}
    keys = shared.table.frame.select("symbol", "time").with_row_index("row")
    for fold in shared.horizons[3].folds:
        predicted = found.filter(pl.col("fold") == fold.number).join(keys, on=["symbol", "time"])["row"].to_list()
        assert sorted(predicted) == fold.test.tolist()
        judged = [place[row] for row in predicted]
        seen = [place[int(row)] for row in np.concatenate([fold.train, fold.val])]
        # Brute force: every pair of a judged and a seen sample.
        apart = (spans.last_us[seen][:, None] < spans.first_us[judged]) | (
            spans.first_us[seen][:, None] > spans.last_us[judged]
        )
        assert apart.all()


def test_labels_and_features_of_a_folds_test_rows_move_no_bit_of_its_model() -> None:
    plan = plan_of()
    shared = make_shared(plan.configs(), walk())
    config, fold = plan.base, shared.fold(3, 2)
    honest = run_job(make_job(config, shared, 2, "lstm"), shared, NOBODY)
    y = shared.horizons[3].labels.y.copy()
    y[fold.test] = 1 - y[fold.test]
    labels = replace(shared.horizons[3].labels, y=y)
    lied = replace(shared, horizons={3: replace(shared.horizons[3], labels=labels)})
    told = run_job(make_job(config, lied, 2, "lstm"), lied, NOBODY)
    assert np.array_equal(told.predictions, honest.predictions)
    assert told.metrics["log_loss"] != honest.metrics["log_loss"]
    values = shared.matrix.values.copy()
    values[fold.test[-1]] += 1e3  # read by the last test windows alone
    spoilt = replace(shared, matrix=replace(shared.matrix, values=values))
    seen = run_job(make_job(config, spoilt, 2, "lstm"), spoilt, NOBODY)
    assert np.array_equal(seen.predictions[:-1], honest.predictions[:-1])
    assert not np.array_equal(seen.predictions[-1], honest.predictions[-1])


def test_a_folds_model_is_the_one_that_a_lone_training_gives() -> None:
    plan = plan_of(
        ("gru",), features__clip=3.0, training__class_weights="balanced", windows__stride=2, calibration__method="none"
    )
    shared = make_shared(plan.configs(), walk())
    config, fold, samples = plan.base, shared.fold(3, 3), shared.samples(plan.base)
    result = run_job(make_job(config, shared, 3, "gru"), shared, NOBODY)
    fitted = fit_fold(config, samples, fold.train)
    trained = train_model(config, samples, fitted, fold.train, fold.val, NOBODY)
    windows = make_windows(config, samples, fitted, torch.device("cpu"))
    logits = predict_outputs(trained.predictor.module, windows, fold.test).astype(np.float64)
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.predictions, prob, rtol=1e-6)
    y = samples.labels.y[fold.test].astype(np.int64)
    scored = classification_metrics(y, result.predictions, samples.labels.classes)
    assert {name: value for name, value in result.metrics.items() if name != "brier_skill"} == scored


def test_a_fold_with_nothing_to_stop_by_fails_alone_and_is_named() -> None:
    outcome = run_cv(plan_of(("lstm", "gru")), first_unstoppable())
    assert [(failure.job.model, failure.job.fold) for failure in outcome.failures] == [("lstm", 1), ("gru", 1)]
    assert all(isinstance(failure.error, LabelError) for failure in outcome.failures)
    assert "fold 1 of lstm, horizon 3, seed 42" in outcome.failures[0].job.label
    done = outcome.frame.filter(pl.col("model") != PRIOR)
    assert sorted(done["fold"].to_list()) == [2, 2, 3, 3]
    assert outcome.verdict.lines[-1].startswith("down never occurs in the training part of fold 1; ")
    assert outcome.verdict.lines[-2] == (
        "Fold 1 of 3 not finished by lstm@3 and gru@3: in none of these numbers. Every line stands on folds 2 and 3."
    )
    assert json.loads((outcome.folder / "summary.json").read_text())["failures"][0]["error"]["type"] == "LabelError"


def test_a_fold_whose_training_breaks_off_fails_alone_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, table = plan_of(), walk()
    whole = run_cv(plan, table)

    def breaking(job: Job, *rest: Any) -> JobResult:
        if job.fold == 2:
            raise RuntimeError("could not create\na primitive")
        return run_job(job, *rest)

    monkeypatch.setattr(compute, "run_job", breaking)
    outcome = run_cv(plan, table)
    (failure,) = outcome.failures
    assert (failure.job.fold, type(failure.error)) == (2, TrainingError)
    assert failure.error.message == "its training broke off: RuntimeError could not create a primitive"
    left = whole.frame.filter((pl.col("fold") != 2) | pl.col("seed").is_null())
    assert same_table(outcome.frame, left.with_columns(compared=pl.col("fold") != 2))


def test_a_fold_that_one_seed_of_one_line_lacks_is_in_no_number_of_any_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(job: Job, *rest: Any) -> JobResult:
        if (job.model, job.horizon, job.seed, job.fold) == ("gru", 2, 43, 2):
            raise RuntimeError("gone")
        return run_job(job, *rest)

    monkeypatch.setattr(compute, "run_job", breaking)
    outcome = run_cv(plan_of(("lstm", "gru"), (2, 3), num_seeds=2, training__max_epochs=1), walk())
    assert outcome.coverage.compared == (1, 3)
    assert outcome.coverage.left_out == {2: ("gru@2",)}
    assert {of.folds for of in outcome.summaries} == {2}
    frame = outcome.frame.filter(pl.col("fold") != 2)
    for of in outcome.summaries:
        own = frame.filter((pl.col("model") == of.model) & (pl.col("horizon") == of.horizon))
        beside = frame.filter((pl.col("model") == PRIOR) & (pl.col("horizon") == of.horizon))
        assert of.metrics["log_loss"].mean == pytest.approx(own["log_loss"].mean())
        assert of.against_prior.mean == pytest.approx(own["log_loss"].mean() - beside["log_loss"].mean())
    shared = make_shared(outcome.plan.configs(), walk())
    again = measure_overfitting(pool(outcome.coverage.keep(gathered(outcome)), shared), shared, outcome.plan.base)
    assert again.to_dict() == outcome.overfitting.to_dict()
    assert outcome.verdict.lines[-1].startswith("Fold 2 of 3 not finished by gru@2: in none of these numbers.")
    assert "over seeds and folds 1 and 3 of 3" in outcome.report.read_text(encoding="utf-8")
    assert outcome.to_dict()["coverage"]["left_out"] == [{"fold": 2, "not_finished_by": ["gru@2"]}]


def gathered(outcome: CvOutcome) -> list[Prediction]:
    """Every finished prediction of an outcome, read back."""
    shared, store = make_shared(outcome.plan.configs(), walk()), JobStore(outcome.folder)
    done = [(job, result) for job in outcome.plan.jobs(shared) if (result := store.read(job.key)) is not None]
    return gather(done, shared, "direction")


def test_where_no_fold_is_finished_by_all_nothing_is_compared_and_what_is_finished_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaking(job: Job, *rest: Any) -> JobResult:
        if (job.model == "gru") == (job.fold == 1):
            raise RuntimeError("gone")
        return run_job(job, *rest)

    monkeypatch.setattr(compute, "run_job", breaking)
    plan = plan_of(("lstm", "gru"), training__max_epochs=1)
    folder = start_cv(plan)
    with pytest.raises(TrainingError, match="no fold was finished by every line, so nothing can be compared; 3 of 6"):
        run_cv(plan, walk(), folder=folder)
    frame = pl.read_parquet(folder / "folds.parquet")
    assert not frame["compared"].any()
    assert frame.filter(pl.col("model") != PRIOR)["fold"].to_list() == [1, 2, 3]


def test_ctrl_c_while_all_is_summed_up_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    plan = plan_of()
    folder = start_cv(plan)
    with monkeypatch.context() as patch:
        patch.setattr(results, "write_cv_report", interrupted)
        with pytest.raises(Interrupted, match=f"with 3 of 3 trainings done; go on with: .* --resume {folder.name}"):
            run_cv(plan, walk(), folder=folder)
    assert run_cv(plan, walk(), folder=folder).resumed == 3


def test_trainings_leave_out_what_a_lone_one_says_of_its_features(caplog: pytest.LogCaptureFixture) -> None:
    table = walk()
    flat = table.with_frame(table.frame.with_columns(volume=pl.lit(1.0)))
    with caplog.at_level("INFO", "gatewise.features"):
        run_cv(plan_of(), flat)
    assert "features" in caplog.text
    assert "no spread" not in caplog.text


def test_where_nothing_finishes_the_first_failure_is_raised_with_its_own_type() -> None:
    with pytest.raises(DivergedError, match="3 of 3 trainings failed; the first, fold 1 of lstm, horizon 3, seed 42: "):
        run_cv(plan_of(training__learning_rate=1e30, training__max_epochs=5), walk())


def test_a_fold_that_is_smaller_than_a_batch_is_one_batch_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "gatewise.cv"):
        outcome = run_cv(plan_of(("lstm", "gru"), num_seeds=2, training__batch_size=200), walk())
    assert not outcome.failures
    small = outcome.frame.filter(pl.col("n_train") < 200)["n_train"].unique().to_list()
    assert len(small) == 1
    assert caplog.text.count(f"batches of {small[0]}, all windows of an epoch; training.batch_size is 200") == 1


def test_an_epoch_of_fewer_windows_than_a_batch_is_told_once_of_each_model(caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(("lstm", "gru"), num_seeds=2, training__windows_per_epoch=20, training__batch_size=200)
    with caplog.at_level("INFO", "gatewise.cv"):
        run_cv(plan, walk())
    for model in ("lstm", "gru"):
        assert caplog.text.count(f"{model}: batches of 20, all windows of an epoch") == 1


def test_what_is_finished_is_never_trained_again_and_the_table_stays_to_the_last_bit() -> None:
    plan, table = plan_of(("lstm", "gru"), num_seeds=2), walk()
    first = run_cv(plan, table)
    ear = Ear()
    again = run_cv(resume_cv(first.folder, plan), table, ear=ear, folder=first.folder)
    assert (ear.planned, ear.resumed, again.resumed) == ([], 12, 12)
    assert again.frame.equals(first.frame)
    some = sorted((first.folder / "jobs").glob("*.safetensors"))[::3]
    for path in some:
        path.unlink()
    ear = Ear()
    partly = run_cv(resume_cv(first.folder), table, ear=ear, folder=first.folder)
    assert {job.key for job in ear.planned} == {path.stem for path in some}
    assert same_table(partly.frame, first.frame)
    assert partly.to_dict() | {"resumed": 0, "effort": {}} == first.to_dict() | {"effort": {}}  # speeds are the clock's


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_result_is_trained_again_and_not_believed(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    plan, table = plan_of(), walk()
    first = run_cv(plan, table)
    path = min((first.folder / "jobs").glob("*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": bytes(data[:-9]), "empty": b""}[damage])
    ear = Ear()
    with caplog.at_level("WARNING", "gatewise.cv"):
        again = run_cv(plan, table, ear=ear, folder=first.folder)
    assert [job.key for job in ear.planned] == [path.stem]
    assert "trained again" in caplog.text
    assert same_table(again.frame, first.frame)


def test_a_half_trained_job_goes_on_from_its_checkpoint_to_the_same_result(tmp_path: Path) -> None:
    plan = plan_of(training__max_epochs=5)
    shared = make_shared(plan.configs(), walk())
    job = make_job(plan.base, shared, 1, "lstm")
    whole = run_job(job, shared, NOBODY)

    class Stop(Listeners):
        def on_epoch(self, epoch: int, values: object) -> None:
            if epoch == 3:
                raise SystemExit

    with pytest.raises(SystemExit):
        run_job(job, shared, Stop(()), tmp_path / "checkpoint")
    went_on = run_job(job, shared, NOBODY, tmp_path / "checkpoint")
    assert np.array_equal(went_on.predictions, whole.predictions)
    assert (went_on.metrics, went_on.epochs) == (whole.metrics, whole.epochs)


def test_a_jobs_key_hangs_on_all_that_decides_its_result_and_on_nothing_else() -> None:
    plan, table = plan_of(), walk()

    def key(plan: Plan, table: Table = table, fold: int = 2) -> str:
        config = plan.config("lstm", plan.horizons[0])
        return make_job(config, make_shared(plan.configs(), table), fold, "lstm").key

    deciding = (
        {"training__seed": 1}, {"training__learning_rate": 0.01}, {"model__hidden_size": 4}, {"horizons": (4,)},
        {"windows__sequence_length": 5}, {"features__clip": 2.0}, {"cv__n_splits": 4}, {"split__embargo_rows": 9},
    )  # fmt: skip
    keys = [key(plan), key(plan, walk(seed=1)), key(plan, fold=3), *(key(plan_of(**said)) for said in deciding)]
    assert len(set(keys)) == len(keys)
    other_words = {"name": "other", "evaluation__confidence": 0.9, "evaluation__cost": 0.0, "data__timezone": "UTC"}
    assert key(plan_of(**other_words)) == keys[0]


def test_shared_data_and_jobs_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    plan = plan_of(horizons=(2, 3), target__kind="forward_return", data__symbols=("A",))
    shared = make_shared(plan.configs(), walk(symbols="AB"))
    save_shared(tmp_path / "shared", shared)
    opened = open_shared(tmp_path / "shared")
    assert opened.table.frame.equals(shared.table.frame)
    assert opened.table.fingerprint == shared.table.fingerprint
    job = make_job(plan.base, shared, 2, "lstm")
    assert make_job(plan.base, opened, 2, "lstm") == job
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    one, other = (run_job(job, of, NOBODY) for of in (shared, opened))
    assert np.array_equal(one.predictions, other.predictions)
    back = JobResult.from_bytes(one.to_bytes())
    assert (back.metrics, back.by_symbol, back.key) == (one.metrics, one.by_symbol, one.key)
    assert np.array_equal(back.test_rows, one.test_rows)


def test_one_model_a_symbol_learns_its_symbol_alone_and_is_pooled_with_the_others() -> None:
    table = walk(symbols="AB")
    together = run_cv(plan_of(per_symbol=True), table)
    alone = {}
    for symbol in "AB":
        only = plan_of(per_symbol=True)
        shared = make_shared(only.configs(), table)
        job = make_job(only.base, shared, 2, "lstm", symbol)
        alone[symbol] = run_job(job, shared, NOBODY)
        names = set(table.frame["symbol"][shared.fold(3, 2, symbol).train].to_list())
        assert names == {symbol}
    lines = together.frame.filter((pl.col("model") == "lstm") & (pl.col("fold") == 2))
    assert lines["symbol"].to_list() == [ALL, "A", "B"]
    assert lines["n_test"].to_list() == [sum(r.n_test for r in alone.values()), *(r.n_test for r in alone.values())]
    assert lines["log_loss"].to_list()[1:] == [alone[symbol].metrics["log_loss"] for symbol in "AB"]
    pooled = sum(r.metrics["log_loss"] * r.n_test for r in alone.values()) / lines["n_test"][0]
    assert lines["log_loss"][0] == pytest.approx(pooled)


def test_a_symbol_whose_model_fails_leaves_its_fold_out_of_the_comparison() -> None:
    calm, wild = first_unstoppable(), walk()
    frame = pl.concat([calm.frame, wild.frame.with_columns(symbol=pl.lit("B"))])
    outcome = run_cv(plan_of(per_symbol=True), calm.with_frame(frame))
    assert [(f.job.fold, f.job.symbol) for f in outcome.failures] == [(1, "A")]
    lines = outcome.frame.filter((pl.col("model") == "lstm") & (pl.col("symbol") == ALL))
    assert lines["fold"].to_list() == [2, 3]


def test_resuming_under_other_settings_or_rows_is_refused_by_name() -> None:
    plan = plan_of()
    first = run_cv(plan, walk())
    with pytest.raises(ConfigError, match="hidden_size: 3 then, 9 now"):
        resume_cv(first.folder, plan_of(model__hidden_size=9))
    with pytest.raises(ConfigError, match="num_seeds: 1 then, 2 now"):
        resume_cv(first.folder, plan_of(num_seeds=2))
    with pytest.raises(ConfigError, match="the data must be those"):
        run_cv(plan, walk(seed=5), folder=first.folder)
    assert resume_cv(first.folder, plan_of()) == plan
    (first.folder / "plan.json").write_text("{}")
    with pytest.raises(ReadError, match="must hold the plan"):
        resume_cv(first.folder)


def test_a_state_that_a_kill_left_beside_a_finished_result_goes_with_the_next_run(tmp_path: Path) -> None:
    store, nothing = JobStore(tmp_path), np.empty((0, 1))
    result = JobResult("a" * 32, {}, {}, 1, 1, 0, 1, 1, np.empty(0, np.int64), nothing, 0.0)
    with store.lock():
        store.write(result)
        for key in (result.key, "b" * 32):
            store.checkpoint(key).write_bytes(b"state")
        assert store.read(result.key) is not None
        assert store.read("b" * 32) is None
    assert [path.stem for path in (tmp_path / "jobs").glob("*.checkpoint")] == ["b" * 32], "which is gone on from"


def test_two_processes_may_not_work_on_one_cross_validation() -> None:
    plan = plan_of()
    folder = start_cv(plan)
    with JobStore(folder).lock(), pytest.raises(ConfigError, match="one process at a time"):
        cross_validate(plan, folder, InProcess(), Ear(), table=walk())


def test_a_cross_validation_is_found_by_the_start_of_its_id() -> None:
    folders = [start_cv(plan_of()) for _ in range(2)]
    assert find_folder(folders[0].name[:12], "cv") == folders[0]
    with pytest.raises(RunNotFoundError, match="no cross-validation"):
        find_folder("zz", "cv")
    with pytest.raises(RunNotFoundError):
        find_folder("", "cv")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Plan({}, (3,)), "models to compare"),
        (lambda: plan_of(horizons=()), "horizons to compare"),
        (lambda: plan_of(horizons=(3, 3)), "each given once"),
        (lambda: plan_of(horizons=(0,)), "whole numbers from 1"),
        (lambda: plan_of(num_seeds=0), "at least one seed"),
        (lambda: plan_of(training__auto_batch_size=True), "one batch size"),
        (lambda: plan_of(("lstm", "gru"), by_model={"gru": {"features.clip": 1.0}}), "features must be alike"),
        (lambda: plan_of(cv__n_splits=1), "n_splits"),
    ],
)
def test_a_plan_that_can_not_be_is_refused_in_words(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GatewiseError, match=words):
        make()


def test_more_splits_than_the_data_carries_end_before_any_training() -> None:
    ear = Ear()
    with pytest.raises(GatewiseError, match=r"must hold a moment|must keep|as many samples"):
        run_cv(plan_of(cv__n_splits=700), walk(), ear=ear)
    assert not ear.planned


def test_plans_come_back_from_json_in_their_order() -> None:
    plan = plan_of(("lstm", "gru"), (5, 3), num_seeds=2)
    back = Plan.from_dict(json.loads(json.dumps(plan.to_dict(), sort_keys=True)))
    assert (back, list(back.models)) == (plan, ["lstm", "gru"])
    assert first_difference(plan.to_dict(), back.to_dict()) is None


def test_values_are_scored_in_their_own_units_and_beside_the_mean() -> None:
    outcome = run_cv(plan_of(target__kind="next_row", target__columns=("close", "volume")), walk())
    frame = pl.read_parquet(outcome.out_of_fold)
    assert {"close", "volume", "target_close", "target_volume"} <= set(frame.columns)
    own = frame.filter((pl.col("model") == "lstm") & (pl.col("fold") == 2))
    line = outcome.frame.filter((pl.col("model") == "lstm") & (pl.col("fold") == 2))
    by_hand = float(((own["close"] - own["target_close"]) ** 2).mean()) ** 0.5  # type: ignore[arg-type]
    assert line["rmse_close"][0] == pytest.approx(by_hand)
    assert not outcome.failures
