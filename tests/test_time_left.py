"""What a cross-validation, a search and a group of runs say of the time that is left, by a clock of the test's own.

An estimate that counts what is done already, or workers getting ready, is wrong by no error that anyone sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gatewise.cli.cv_progress import CvProgress
from gatewise.cli.train_group import GroupProgress
from gatewise.cli.tune_progress import TuneProgress
from gatewise.config.load import load_config
from gatewise.jobs.jobs import Job
from gatewise.selection.tuning.trials import TrialRow

CONFIG = load_config(overrides={"training.max_epochs": 10})


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_cross_validation_says_once_how_long_it_may_take_when_each_that_runs_has_told_its_pace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    jobs = [Job(f"{fold}", CONFIG, fold, 42, "lstm", 20, size=100 * fold) for fold in (1, 2, 3)]
    with CvProgress(quiet=False, clock=clock) as progress:
        progress.on_plan(jobs, 0)
        clock.now += 500  # workers get ready
        progress.on_start(jobs[2])
        progress.on_start(jobs[1])
        clock.now += 6
        progress.on_epoch(jobs[2], 1)
        assert "At this pace" not in capsys.readouterr().err, "the other has said nothing yet"
        clock.now += 4
        for epoch in (1, 2):
            progress.on_epoch(jobs[1], epoch)
    # 30 + 20 of 600 sample epochs in 10 s: 550 are left.
    assert capsys.readouterr().err.count("At this pace at most 1m 50s left; trainings may stop early") == 1


def test_trainings_that_take_no_time_are_told_of_no_bound(capsys: pytest.CaptureFixture[str]) -> None:
    ridge = load_config(overrides={"model.name": "har_log", "target.kind": "realized_volatility"})
    with CvProgress(quiet=False, clock=Clock()) as progress:
        progress.on_plan([Job("1", ridge, 1, 42, "har_log", 20, size=100, max_seconds=5.0)], 0)
    assert capsys.readouterr().err == "1 training to run\n"


def test_a_search_says_after_its_first_trial_how_long_the_others_may_take(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    rows = [TrialRow(number, "COMPLETE", 1.0, {}, (1.0,), None) for number in range(7)]
    with TuneProgress(quiet=False, clock=clock) as progress:
        progress.on_study(7, 1, rows[:2], "log_loss")
        for row in rows[2:5]:
            clock.now += 30
            progress.on_trial(row)
    said = capsys.readouterr().err
    assert said.count("About 30s a trial, at most 2m 00s more; trials may be pruned or stop early") == 1
    assert said.count("About ") == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_group_of_runs_says_once_how_long_it_may_take(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    clock = Clock()
    with GroupProgress(quiet, clock=clock) as progress:
        progress.on_plan(["42", "43", "44"], 10, "2 processes")
        clock.now += 500
        for seed in ("42", "43"):
            progress.on_start(seed)
        clock.now += 4
        progress.on_epoch("42", 1)
        assert capsys.readouterr().err == "", "the other has said nothing yet"
        clock.now += 4
        for epoch in (1, 2):
            progress.on_epoch("43", epoch)
    # Two of 30 epochs in 8 s.
    assert capsys.readouterr().err.count("At this pace at most 1m 52s left; trainings may stop early") == (not quiet)
