"""What each line took, beside what its trainings really had; and validation on some of the rows alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cv_worlds import plan_of, run_cv, walk
from gatewise.evaluation.diebold_mariano import diebold_mariano
from gatewise.jobs.jobs import JobResult, make_job
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import make_shared
from gatewise.report.kinds.table import BRIEF
from gatewise.selection.cv.cv import resume_cv, start_cv
from gatewise.selection.cv.effort import efforts
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.side_by_side import legend, markdown, side_by_side
from gatewise.training.listeners import Listeners
from gatewise.windows import evenly


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> CvOutcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        plan = plan_of(("lstm", "xgboost"), by_model={"lstm": {"training.max_epochs": 2}})
        return run_cv(replace(plan, remarks=("A word on a setting.",)), walk(900))


def test_each_line_says_what_its_trainings_had_and_counts_its_weights(outcome: CvOutcome) -> None:
    lstm, trees = outcome.efforts["lstm@3"], outcome.efforts["xgboost@3"]
    features = len(make_shared(outcome.plan.configs(), walk(900)).matrix.names)
    # Four gates over inputs and states, one bias a gate each for both, and a linear head of two classes.
    assert lstm.weights == 4 * 3 * (features + 3 + 2) + 2 * 3 + 2
    assert (trees.weights, trees.memory_bytes) == (None, None)
    assert (lstm.trainings, lstm.timed, lstm.least_epochs, lstm.most_epochs) == (3, 0, 2, 2)
    assert lstm.memory_bytes is not None
    assert lstm.memory_bytes > 4 * lstm.weights
    for effort in (lstm, trees):
        assert min(effort.windows_per_second, effort.predictions_per_second, effort.latency_seconds) > 0  # type: ignore[type-var]
    json.dumps(outcome.to_dict()["effort"], allow_nan=False)


def test_the_table_has_the_best_first_and_every_line_with_its_cells(outcome: CvOutcome) -> None:
    head, lines = side_by_side(outcome)
    assert {line[0] for line in lines} == {"lstm", "xgboost", "prior", "persistence"}
    assert all(len(line) == len(head) for line in lines)
    losses = [float(line[1]) for line in lines]
    assert losses == sorted(losses)
    kept = {line[0]: line[3] for line in lines}
    assert kept["lstm"] == ("yes" if "lstm@3" in outcome.overfitting.snooping.included else "no")
    rows = [line for line in markdown(outcome).splitlines() if line.startswith("|")]
    assert len(rows) == len(lines) + 2
    assert len({row.count("|") for row in rows}) == 1
    assert "time was up" not in " ".join(legend(outcome))
    page = outcome.report.read_text(encoding="utf-8")
    assert "Side by side" in page
    assert "A word on a setting." in page


def test_results_of_before_have_no_speed_and_are_read(outcome: CvOutcome) -> None:
    shared = make_shared(outcome.plan.configs(), walk(900))
    job = make_job(outcome.plan.base, shared, 1, "lstm")
    result = run_job(job, shared, Listeners(()))
    old = JobResult.from_bytes(replace(result, speed={}).to_bytes())
    effort = efforts([(job, old)], shared)["lstm@3"]
    assert (effort.windows_per_second, effort.latency_seconds, effort.weights) == (None, None, None)
    assert resume_cv(start_cv(outcome.plan)) == outcome.plan


@pytest.mark.parametrize(("most", "kept"), [(None, range(10)), (10, range(10)), (5, range(1, 10, 2)), (1, [9])])
def test_validation_rows_are_evenly_spaced_and_end_with_the_last(most: int | None, kept: object) -> None:
    assert np.array_equal(evenly(np.arange(10), most), np.array([*kept]))  # type: ignore[misc]


def test_epochs_are_judged_by_so_many_rows_alone(gatewise_home: object) -> None:
    table = walk()
    plan, few = plan_of(), plan_of(training__validation_windows=7)
    shared = make_shared(plan.configs(), table)
    fold = shared.fold(3, 3)
    some = replace(fold, val=evenly(fold.val, 7))
    horizon = replace(shared.horizons[3], folds=(*shared.horizons[3].folds[:2], some))
    cut = replace(shared, horizons={3: horizon})
    asked = run_job(make_job(few.base, shared, 3, "lstm"), shared, Listeners(()))
    given = run_job(make_job(plan.base, cut, 3, "lstm"), cut, Listeners(()))
    assert np.array_equal(asked.predictions, given.predictions)
    assert asked.best_epoch == given.best_epoch


def test_what_takes_no_fitting_stands_beside_the_models_and_is_no_trial(outcome: CvOutcome) -> None:
    shared = make_shared(outcome.plan.configs(), walk(900))
    labels, folds = shared.horizons[3].labels, shared.horizons[3].folds
    (persistence,) = outcome.references
    assert persistence.name == "persistence@3"
    # By hand: the last label known at a row, of one symbol without a gap, is that of `horizon` rows before.
    right = [np.mean(labels.y[fold.test] == labels.y[fold.test - 3]) for fold in folds]
    assert persistence.metrics["accuracy"].mean == pytest.approx(np.mean(right))
    assert outcome.to_dict()["references"].keys() == {"persistence@3"}
    assert "persistence@3" not in outcome.overfitting.snooping.confidence_p
    assert "persistence" not in outcome.frame["model"].to_list()


def test_each_line_is_tested_beside_the_best_of_what_is_plain_on_rows_in_order_of_time(outcome: CvOutcome) -> None:
    shared = make_shared(outcome.plan.configs(), walk(900))
    labels, folds = shared.horizons[3].labels, shared.horizons[3].folds
    rows = pl.read_parquet(outcome.out_of_fold).sort("time")
    losses = {}
    for (name,), part in rows.group_by("model"):
        said = np.where(part["target"].to_numpy() == labels.classes[1], part["prob_up"], part["prob_down"])
        losses[name] = -np.log(said.astype(np.float64))
    tested = np.concatenate([fold.test for fold in folds])
    assert len(losses["lstm"]) == len(tested)
    summaries = {one.model: one.metrics["log_loss"].mean for one in (*outcome.summaries, *outcome.references)}
    (best,) = outcome.pairs.beside[3]
    assert best == min(("prior", "persistence", "xgboost"), key=lambda name: summaries[name])
    wanted = diebold_mariano(losses["lstm"], losses[best], 3)
    found = outcome.to_dict()["diebold_mariano"]
    assert found["lstm@3"][f"{best}@3"]["p"] == pytest.approx(wanted.p, rel=1e-4)
    assert found["lstm@3"][f"{best}@3"]["difference"] == pytest.approx(wanted.difference, rel=1e-3)
    assert found.keys() == {"lstm@3", "xgboost@3", "prior@3", "persistence@3"}
    assert found[f"{best}@3"] == {}
    head, lines = side_by_side(outcome)
    column = {line[0]: line[head.index("DM p")] for line in lines}
    assert column["lstm"] == f"{wanted.p:.3f}"
    assert column[best] == "–"


def test_a_metric_that_several_kinds_show_first_is_one_line_of_a_page() -> None:
    assert len(set(BRIEF)) == len(BRIEF)
