"""Means, intervals, verdicts and the page, held against closed forms and a walk that nothing can foretell."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from cv_worlds import first_unstoppable, plan_of, run_cv, walk
from gatewise.config.schema import TargetConfig
from gatewise.evaluation.base import Estimate
from gatewise.evaluation.scoring import PRIOR, knowing_nothing
from gatewise.jobs.jobs import make_job
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import make_shared
from gatewise.selection.cv.coverage import Coverage
from gatewise.selection.cv.frames import Line, Prediction, gather
from gatewise.selection.cv.measures import measure_overfitting
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.pooled import pool
from gatewise.selection.cv.summary import Summary, estimate, summarize
from gatewise.selection.cv.verdict import judge
from gatewise.selection.luck.fold_interval import corrected_half_width
from gatewise.splits.folds import FoldSplit
from gatewise.targets.make import make_labels
from gatewise.training.listeners import Listeners
from gatewise.training.progress import Progress

pytestmark = pytest.mark.usefixtures("gatewise_home")


def fold(number: int, trained: int = 400, tested: int = 100) -> FoldSplit:
    none = np.empty(0, np.int64)
    return FoldSplit(number, np.arange(trained), none, np.arange(tested), none, none, 0)


def said(number: int, seed: int | None, value: float, model: str = "lstm") -> Prediction:
    line = Line("all", {"log_loss": value, "n": 100.0}, 400, 0)
    return Prediction(fold(number), seed, model, 5, np.arange(100), np.zeros((100, 2), np.float32), (line,))


def test_mean_spread_and_interval_are_those_of_the_closed_forms() -> None:
    values = np.array([[0.70, 0.72], [0.66, 0.65], [0.71, 0.73], [0.69, 0.69]])
    of = [said(k + 1, seed, values[k, seed]) for k in range(4) for seed in range(2)]
    found = estimate(of, values.ravel().tolist(), 0.9)
    by_fold = values.mean(axis=1)
    half = stats.t.ppf(0.95, 3) * by_fold.std(ddof=1) * np.sqrt(1 / 4 + 100 / 400)
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std(ddof=1))
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_one_value_has_no_spread_and_one_fold_no_interval() -> None:
    assert estimate([said(1, 0, 0.7)], [0.7], 0.95) == Estimate(0.7, None, None, None)
    two_seeds = estimate([said(1, 0, 0.7), said(1, 1, 0.8)], [0.7, 0.8], 0.95)
    assert (two_seeds.low, two_seeds.high) == (None, None)
    assert two_seeds.std == pytest.approx(0.1 / np.sqrt(2))


def test_intervals_stay_within_the_metrics_range() -> None:
    of = [said(1, 0, 0.1), said(2, 0, 0.9)]
    found = estimate(of, [0.1, 0.9], 0.95, (0.0, 1.0))
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(("shared", "plain_holds", "corrected_holds"), [(True, 0.65, 0.81), (False, 0.95, 0.99)])
def test_the_correction_widens_intervals_by_as_much_as_the_docs_say(
    shared: bool, plain_holds: float, corrected_holds: float
) -> None:
    """Folds that share the noise of their training parts in full, the worst case, and folds that share none."""
    rng = np.random.default_rng(0)
    folds, rounds, plain, corrected = 5, 3_000, 0, 0
    for _ in range(rounds):
        parts = rng.normal(size=(folds, 100)).mean(axis=1)
        # A fold's score: the noise of its own test rows, and of all that it was trained on.
        scores = parts + (parts.sum() - parts) / (folds - 1) if shared else parts
        mean, spread = scores.mean(), scores.std(ddof=1)
        plain += abs(mean) <= stats.t.ppf(0.975, folds - 1) * spread / np.sqrt(folds)
        corrected += abs(mean) <= corrected_half_width(scores, 1 / (folds - 1), 0.95)
    assert plain / rounds == pytest.approx(plain_holds, abs=0.03)
    assert corrected / rounds == pytest.approx(corrected_holds, abs=0.03)


def test_a_model_is_measured_against_the_prior_fold_by_fold() -> None:
    hard = [0.60, 0.80, 0.70]  # folds differ far more than the model does from the prior
    of = [said(k + 1, 0, value - 0.01 - 0.001 * k) for k, value in enumerate(hard)]
    of += [said(k + 1, None, value, PRIOR) for k, value in enumerate(hard)]
    model, prior = summarize(of, "log_loss", 0.95)
    assert model.against_prior.mean == pytest.approx(-0.011)
    assert (model.judgement.verdict, prior.judgement.verdict) == ("better", "undecided")
    assert model.metrics["log_loss"].high > prior.metrics["log_loss"].mean  # type: ignore[operator]  # both are there
    assert (model.name, model.folds) == ("lstm@5", 3)


def test_a_walk_that_nothing_can_foretell_is_called_so() -> None:
    real = {"features__sets": ["market39"], "features__clip": 5.0, "model__hidden_size": 8, "training__max_epochs": 6}
    outcome = run_cv(plan_of(("lstm", "gru"), (2, 4), cv__n_splits=4, **real), walk(2_500, seed=500))
    said = pl.read_parquet(outcome.out_of_fold).filter(pl.col("model") != PRIOR)
    # A model that says the same of every row would pass all that follows and show nothing.
    up = said.group_by("model", "horizon").agg((pl.col("prob_up") > 0.5).mean())["prob_up"]
    assert up.is_between(0.02, 0.98).all()
    for of in outcome.summaries:
        accuracy = of.metrics["accuracy"]
        assert accuracy.low is not None
        assert accuracy.high is not None
        assert accuracy.low <= 0.5 <= accuracy.high
        assert accuracy.high - accuracy.low < 0.5, "an interval as wide as this holds anything"
        assert of.judgement.verdict != "better"
    assert outcome.verdict.judgement.verdict in ("undecided", "worse")


def test_a_model_that_knows_the_answer_is_called_better_than_chance() -> None:
    plan = plan_of(("lstm",), (1,), cv__n_splits=4)
    shared = make_shared(plan.configs(), walk(2_000))
    labels = shared.horizons[1].labels
    done = []
    for split in shared.horizons[1].folds:
        job = make_job(plan.config("lstm", 1), shared, split.number, "lstm")
        result = run_job(job, shared, Listeners(()))
        right = np.eye(2, dtype=np.float32)[labels.y[split.test]] * 0.2 + 0.4
        metrics = {"log_loss": -np.log(0.6), "n": float(len(right))}
        done.append((job, replace(result, predictions=right, metrics=metrics)))
    predictions = gather(done, shared, "direction")
    overfitting = measure_overfitting(pool(predictions, shared), shared, plan.base)
    summaries = summarize(predictions, "log_loss", 0.95)
    verdict = judge(summaries, overfitting, "log_loss", 0.95)
    assert verdict.judgement.verdict == "better"
    assert verdict.lines[0].startswith("lstm@1 knows more than the prior")
    assert overfitting.snooping.value is not None
    assert overfitting.snooping.value < 0.05


def test_the_prior_says_what_the_folds_own_training_part_says() -> None:
    plan = plan_of()
    shared = make_shared(plan.configs(), walk())
    split, labels = shared.fold(3, 2), shared.horizons[3].labels
    shares = (np.bincount(labels.y[split.train], minlength=2) + 1) / (split.train.size + 2)
    np.testing.assert_allclose(
        knowing_nothing(shared.table, labels, split.train, split.test[:4], False), np.tile(shares, (4, 1)), rtol=1e-6
    )
    line = run_cv(plan, shared.table).frame.filter((pl.col("model") == PRIOR) & (pl.col("fold") == 2))
    truth = labels.y[split.test]
    assert line["log_loss"][0] == pytest.approx(float(-np.log(shares[truth]).mean()), rel=1e-6)
    assert line["seed"][0] is None


def test_several_paths_of_a_row_are_one_row_of_the_measures() -> None:
    plan = plan_of(cv__splitter="combinatorial", cv__n_splits=4, cv__test_groups=2, training__max_epochs=1)
    outcome = run_cv(plan, walk())
    frame = pl.read_parquet(outcome.out_of_fold).filter(pl.col("model") == "lstm")
    assert sorted(frame["path"].unique().to_list()) == [0, 1, 2]
    by_path = frame.group_by("path").agg(pl.len(), pl.col("time").n_unique().alias("moments"))
    assert by_path["len"].n_unique() == 1
    assert by_path["len"].to_list() == by_path["moments"].to_list()


def summary_of(outcome: CvOutcome, name: str) -> Summary:
    return next(of for of in outcome.summaries if of.name == name)


def test_the_machine_interface_holds_what_it_promises() -> None:
    outcome = run_cv(plan_of(("lstm", "gru"), (2, 5), num_seeds=2), walk(symbols="AB"))
    said = outcome.to_dict()
    assert said.keys() >= {
        "folds", "coverage", "summary", "pbo", "deflated_sharpe", "snooping", "out_of_fold", "report", "fleet",
        "effort", "resumed", "diverged", "remarks",
    }  # fmt: skip
    first = said["folds"][0]
    assert first.keys() == {
        "fold",
        "seed",
        "model",
        "horizon",
        "symbol",
        "n_train",
        "n_test",
        "ended",
        "compared",
        "unseen",
        "metrics",
    }
    # 2 horizons x (2 models x 2 seeds + the prior) x 3 folds x (all, A, B)
    assert len(said["folds"]) == 2 * 5 * 3 * 3
    assert list(said["summary"]) == ["lstm@2", "gru@2", "prior@2", "lstm@5", "gru@5", "prior@5"]
    assert said["summary"]["gru@5"]["log_loss"].keys() == {"mean", "std", "low", "high"}
    of = summary_of(outcome, "gru@5").metrics["log_loss"]
    own = [
        f["metrics"]["log_loss"] for f in said["folds"] if (f["model"], f["horizon"], f["symbol"]) == ("gru", 5, "all")
    ]
    assert (of.mean, of.std) == pytest.approx((np.mean(own), np.std(own, ddof=1)))
    assert said["fleet"].keys() == {"used", "why"}
    assert {
        name: said[name] for name in ("verdict", "headline", "beats_baseline")
    } == outcome.verdict.judgement.to_dict()


def test_the_page_is_whole_offline_and_tells_what_failed() -> None:
    outcome = run_cv(plan_of(("lstm", "gru"), (2, 3)), first_unstoppable())
    page = outcome.report.read_text(encoding="utf-8")
    body = page[: page.index("<script")]
    judgement = outcome.verdict.judgement
    assert f'<div class="verdict {judgement.tone}"><p class="headline">{judgement.headline}</p>' in body
    assert "trainings failed" in body
    assert f">12, {len(outcome.failures)} failed<" in body
    assert "fold 1 of gru, horizon 3, seed 42" in body
    for words in (
        "2 rows ahead",
        "How much of it is luck",
        "Fold by fold",
        "The folds",
        "Resolved configuration of gru",
    ):
        assert words in body
    assert "default-src 'none'" in body
    assert not re.search(r"(src|href)=", body)
    assert page.count('class="figure"') >= 5


def test_trainings_that_diverged_are_marked_by_fold_and_seed_and_told_on_the_page_and_in_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    observe = Progress.observe

    def wild(self: Progress, trained: dict[str, float], *rest: Any) -> bool:
        late = self.epoch == 1 and self.settings.seed == 43
        return observe(self, trained | ({"loss": math.nan} if late else {}), *rest)

    monkeypatch.setattr(Progress, "observe", wild)
    outcome = run_cv(plan_of(num_seeds=2, cv__n_splits=3), walk())
    said = outcome.to_dict()
    assert [(of["fold"], of["seed"], of["epochs"]) for of in said["diverged"]] == [(1, 43, 1), (2, 43, 1), (3, 43, 1)]
    ended = {(of["fold"], of["seed"]): of["ended"] for of in said["folds"]}
    assert {fold: ended[fold, 43] for fold in (1, 2, 3)} == dict.fromkeys((1, 2, 3), "diverged")
    assert {ended[fold, 42] for fold in (1, 2, 3)} == {"max_epochs"}
    assert ended[1, None] is None
    assert outcome.frame["ended"].to_list().count("diverged") == 3
    words = (
        "3 of 6 trainings diverged and are judged by their best epochs before that: fold 1 of lstm, horizon 3, seed 43"
    )
    assert any(line.startswith(words) for line in outcome.verdict.lines)
    page = outcome.report.read_text(encoding="utf-8")
    assert words in page
    assert ">6, 3 diverged<" in page
    monkeypatch.undo()
    calm = run_cv(plan_of(), walk())
    assert calm.to_dict()["diverged"] == []
    assert "diverged" not in calm.report.read_text(encoding="utf-8").split("<script")[0]


def test_a_fold_of_one_model_a_symbol_is_marked_where_one_of_them_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    observe, seen = Progress.observe, []

    def wild(self: Progress, trained: dict[str, float], *rest: Any) -> bool:
        if self.epoch == 1:
            seen.append(self)
        return observe(self, trained | ({"loss": math.nan} if len(seen) == 1 and self.epoch == 1 else {}), *rest)

    monkeypatch.setattr(Progress, "observe", wild)
    said = run_cv(plan_of(per_symbol=True, horizons=(2,)), walk(symbols="AB")).to_dict()
    (one,) = said["diverged"]
    marked = {of["symbol"] for of in said["folds"] if of["ended"] == "diverged"}
    assert marked == {"all", one["symbol"]}


@pytest.mark.parametrize("classes", [("down",), ("down", "up")])
def test_what_never_occurs_in_a_training_part_is_told_in_whole_sentences(classes: tuple[str, ...]) -> None:
    (told,) = Coverage(3, (1, 2, 3), {}, {(5, 1): classes}).sentences
    assert told.startswith("down never occurs in" if len(classes) == 1 else "down and up never occur in")
    assert ("give it what" in told) is (len(classes) == 1)


@pytest.mark.parametrize("name", ["a<b>", "A&B"])
def test_names_of_symbols_are_text_on_the_page(name: str) -> None:
    table = walk(symbols="AB")
    named = table.with_frame(
        table.frame.with_columns(symbol=pl.col("symbol").replace({"A": name})).sort("symbol", "time")
    )
    page = run_cv(plan_of(horizons=(1,), training__max_epochs=1), named).report.read_text(encoding="utf-8")
    body = page[: page.index("<script")]
    assert name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in body
    assert "<b>a" not in body
    assert ": direction, 1 row ahead<" in body


@pytest.mark.parametrize("knows", [False, True])
def test_beside_columns_of_the_next_row_stands_the_mean_or_the_present_value_whichever_came_nearer_in_training(
    knows: bool,
) -> None:
    rng = np.random.default_rng(3)
    walks, noise = np.cumsum(rng.normal(size=(2, 400)), axis=1) + 50, rng.normal([[5.0], [900.0]], size=(2, 400))
    frame = walk(400).frame.head(400)
    frames = [
        frame.select(pl.lit(name).alias("symbol"), "time", close=pl.Series(walks[k]), noise=pl.Series(noise[k]))
        for k, name in enumerate("AB")
    ]
    table = walk(400).with_frame(pl.concat(frames))
    labels = make_labels(table, TargetConfig(kind="next_row", horizon=1, columns=("close", "noise")))
    rows = np.flatnonzero(labels.valid)
    train, test = rows[rows % 400 < 200], rows[rows % 400 >= 200]
    said = knowing_nothing(table, labels, train, test, knows)
    present = table.frame[test].select("close", "noise").to_numpy()
    assert np.array_equal(said[:, 0], present[:, 0])
    for first in (0, 400):
        own = (test >= first) & (test < first + 400)
        mean = labels.y[train[(train >= first) & (train < first + 400)], 1].astype(np.float64).mean()
        assert said[own, 1] == pytest.approx(mean)
