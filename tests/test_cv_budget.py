"""A time for each training of a cross-validation: every job has it, it is kept, and nothing without one changes.

A budget that a resumed training had anew would give it more than the others, and no number would show it.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cv_worlds import Ear, plan_of, run_cv, same_table, walk
from gatewise.cli.cv import make_compute
from gatewise.errors import ConfigError, Interrupted
from gatewise.jobs.fleet_place import FleetCompute
from gatewise.jobs.jobs import Job, make_job
from gatewise.jobs.shared import make_shared
from gatewise.selection.cv.cv import resume_cv, start_cv
from gatewise.selection.cv.outcome import timed_words

pytestmark = pytest.mark.usefixtures("gatewise_home")


class Halfway(Ear):
    """Ctrl-C at the end of the second training."""

    def on_end(self, job: Job, answer: object) -> None:
        super().on_end(job, answer)  # type: ignore[arg-type]
        if len(self.ended) == 2:
            raise KeyboardInterrupt


def test_each_training_has_its_time_says_so_and_keeps_it_when_it_goes_on() -> None:
    plan, table = replace(plan_of(("lstm", "gru")), max_seconds=1e-9), walk()
    whole = run_cv(plan, table)
    assert whole.frame.filter(whole.frame["model"] != "prior")["ended"].unique().to_list() == ["max_time"]
    assert whole.frame["epochs"].drop_nulls().unique().to_list() == [1]
    assert whole.remarks[0].startswith("6 of 6 trainings were ended by their budget")
    assert whole.to_dict()["folds"][0]["ended"] == "max_time"

    folder, ear = start_cv(plan), Halfway()
    with pytest.raises(Interrupted):
        run_cv(plan, table, ear=ear, folder=folder)
    kept = resume_cv(folder)
    assert kept == plan
    rest = run_cv(kept, table, folder=folder)
    assert rest.resumed == 2
    assert same_table(rest.frame, whole.frame)
    with pytest.raises(ConfigError, match="max_seconds"):
        resume_cv(folder, replace(plan, max_seconds=60.0))


def test_without_a_time_plans_and_keys_are_those_of_before() -> None:
    plan = plan_of()
    assert "max_seconds" not in json.loads((start_cv(plan) / "plan.json").read_text())
    shared = make_shared(plan.configs(), walk(300))
    free, timed, longer = (make_job(plan.base, shared, 1, "lstm", max_seconds=time) for time in (None, 60.0, 90.0))
    assert free.key == make_job(plan.base, shared, 1, "lstm").key
    assert len({free.key, timed.key, longer.key}) == 3
    assert Job.from_dict(json.loads(json.dumps(timed.to_dict()))) == timed


def test_where_trainings_have_their_own_time_none_is_a_member_of_a_fleet() -> None:
    plan = replace(plan_of(), max_seconds=60.0)
    place, fleet = make_compute("local", 1, plan, "auto")
    assert not isinstance(place, FleetCompute)
    assert "own time" in fleet["why"]
    with pytest.raises(ConfigError, match="in step"):
        make_compute("local", 1, plan, "on")


def test_the_sentence_on_trainings_that_ran_out_of_time_counts_them_and_their_epochs() -> None:
    plan = replace(plan_of(), max_seconds=90.0)
    jobs = list(plan.jobs(make_shared(plan.configs(), walk(300))))
    assert timed_words([], 3) == []
    (one,) = timed_words([(jobs[0], 4)], 3)
    assert "1 of 3 trainings was ended by its budget of 90s after 4 epochs" in one
    (several,) = timed_words([(job, epochs) for job, epochs in zip(jobs, (2, 9, 4), strict=True)], 3)
    assert "3 of 3 trainings were ended by their budget" in several
    assert "after 2 to 9 epochs" in several
