"""The loop of a search: trials begun, trained fold by fold, pruned, told; and what the study then holds, as rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from gatewise.config.schema import ExperimentConfig, OnlineConfig
from gatewise.errors import ConfigError, GatewiseError
from gatewise.files import drop_checkpoint
from gatewise.jobs.jobs import DIVERGED, Job, JobFailure, error_to_dict, fitting_batch, make_job
from gatewise.jobs.store import JobStore
from gatewise.selection.tuning.data import TuneData
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.study import StudyStore
from gatewise.selection.tuning.trial_runner import Runner, TrialFold, TrialListener

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

COMPLETE, RUNNING = "COMPLETE", "RUNNING"
_SCORES, _DIVERGED, _ERROR = "fold_scores", "diverged_folds", "error"


@dataclass(frozen=True)
class TrialRow:
    """A trial as the study's table has it; nothing in it depends on the clock.

    Attributes:
        state: COMPLETE, PRUNED, FAIL, or RUNNING: cut off, and gone on with by the next process.
        value: mean over inner folds of the deciding metric; `None` for all but complete trials.
        scores: one a fold that is done.
        error: type, message and hint, and the fold, of a trial that failed.
        diverged: folds whose loss was no longer finite; they are scored by their best epoch before that.
    """

    number: int
    state: str
    value: float | None
    params: Mapping[str, Any]
    scores: tuple[float, ...]
    error: Mapping[str, Any] | None
    diverged: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        values = {"number": self.number, "state": self.state, "value": self.value, "params": dict(self.params)}
        values |= {"fold_scores": list(self.scores), "diverged_folds": list(self.diverged)}
        return values | ({"error": dict(self.error)} if self.error else {})


class TuneListener(TrialListener, Protocol):
    """Hears how a search goes."""

    def on_study(self, num_trials: int, num_folds: int, rows: list[TrialRow], metric: str) -> None:
        """It begins, or goes on with these trials behind it."""

    def on_trial(self, row: TrialRow) -> None:
        """A trial has ended."""


class Silent:
    """A listener that says nothing."""

    def on_study(self, num_trials: int, num_folds: int, rows: list[TrialRow], metric: str) -> None:
        """Nothing."""

    def on_epoch(self, trial: int, fold: int, epoch: int) -> None:
        """Nothing."""

    def on_trial(self, row: TrialRow) -> None:
        """Nothing."""


@dataclass
class _Running:
    trial: Trial
    jobs: list[Job]
    scores: list[float]
    diverged: list[int]
    reported: set[int]


class Search:
    """Runs trials until there are enough of them, or time is up.

    Args:
        base: the config whose fields trials set.
        store: keeps checkpoints.
        small_batches: a fold that is smaller than a trial's batch is one batch, as `gatewise cv` has it, even where no
            fold is as large; else the trial fails then, as `gatewise train` might with what it found.
    """

    def __init__(
        self,
        study: StudyStore,
        base: ExperimentConfig,
        data: TuneData,
        runner: Runner,
        listener: TuneListener,
        store: JobStore,
        *,
        small_batches: bool = False,
    ) -> None:
        self.study = study
        self.base = base
        self.data = data
        self.runner = runner
        self.listener = listener
        self.store = store
        self.small_batches = small_batches
        self._running: dict[int, _Running] = {}
        self._cut_off = study.cut_off()
        self._any_complete = any(row.state == COMPLETE for row in rows_of(study))

    def run(self, num_trials: int, deadline: float | None = None) -> bool:
        """Returns whether time was up before all trials had ended.

        Once time is up no trial begins, and those under way stop where they are, to be gone on with; but not before one
        trial is complete, so that a search always finds something.

        Args:
            num_trials: how many trials the study is to hold, those of earlier processes among them.
            deadline: of `time.monotonic()`.
        """

        def late() -> bool:
            return deadline is not None and time.monotonic() >= deadline and self._any_complete

        while True:
            while len(self._running) < self.runner.slots and self._is_more(num_trials) and not late():
                self._begin(self.study.go_on(self._cut_off.pop(0)) if self._cut_off else self.study.begin())
            if not self._running:
                return self._is_more(num_trials)
            ended = self.runner.wait(late)
            if ended is None:
                return True
            task, answer = ended
            running = self._running.pop(task.trial)
            drop_checkpoint(task.checkpoint)
            if isinstance(answer, JobFailure):
                self._fail(running.trial, answer.error, answer.job.fold)
            else:
                self._score(running, answer.metrics[self.data.metric], answer.ended == DIVERGED)
                self._advance(running)

    def _is_more(self, num_trials: int) -> bool:
        return bool(self._cut_off) or len(self.study.study.get_trials(deepcopy=False)) < num_trials

    def _begin(self, trial: Trial) -> None:
        frozen = self.study.study.get_trials(deepcopy=False)[trial.number]
        try:
            config = self.study.space.configure(self.base, self.study.space.decode(trial.params))
        except ConfigError as error:
            self._fail(trial, error, None)
            return
        config = config.model_copy(update={"online": OnlineConfig()})  # trials are scored as they were trained
        folds = range(1, self.data.num_folds + 1)
        jobs = [make_job(self._config(config, fold), self.data.shared, fold, config.model.name) for fold in folds]
        scores, diverged = _scored(frozen)
        self._advance(_Running(trial, jobs, scores, diverged, set(frozen.intermediate_values)))

    def _config(self, config: ExperimentConfig, fold: int) -> ExperimentConfig:
        shared, horizon = self.data.shared, config.target.horizon
        largest = max(shared.fold(horizon, number).train.size for number in range(1, self.data.num_folds + 1))
        if not self.small_batches and fitting_batch(config, largest) < config.training.batch_size:
            return config
        batch = fitting_batch(config, shared.fold(horizon, fold).train.size)
        training = config.training.model_copy(update={"batch_size": batch})
        return config.model_copy(update={"training": training})

    def _advance(self, running: _Running) -> None:
        """Reports the newest score, then ends the trial or hands its next fold on."""
        from optuna.trial import TrialState

        trial, (twin, twins_diverged) = running.trial, self._twin(running.trial)
        while True:
            done = len(running.scores)
            if done == len(running.jobs):
                self._report(running)
                self.study.study.tell(trial, fmean(running.scores))
                self._any_complete = True
                break
            if done and self._report(running):
                self.study.study.tell(trial, state=TrialState.PRUNED)
                break
            if done >= len(twin):
                job, number = running.jobs[done], trial.number
                self._running[number] = running
                self.runner.submit(TrialFold(number, job, self.store.checkpoint(f"{number}-{job.key}")))
                return
            self._score(running, twin[done], done + 1 in twins_diverged)
        self.listener.on_trial(rows_of(self.study)[trial.number])

    def _score(self, running: _Running, score: float, diverged: bool) -> None:
        running.scores.append(score)
        if diverged:  # told first, so that a fold that is scored is marked if it is to be
            running.diverged.append(len(running.scores))
            running.trial.set_user_attr(_DIVERGED, running.diverged)
        running.trial.set_user_attr(_SCORES, running.scores)

    def _report(self, running: _Running) -> bool:
        """Says what the folds so far come to, and returns whether to prune.

        Folds are not equally hard, so a mean over the first ones compares with no mean over others: the rest is filled
        in as if the trial led the prior there by as much as so far. After the last fold that is the value itself.
        """
        done = len(running.scores)
        rest = fmean(self.data.prior) - fmean(self.data.prior[:done])  # exactly 0 after the last
        if done not in running.reported:
            running.trial.report(fmean(running.scores) + rest, done)
            running.reported.add(done)
        return running.trial.should_prune()

    def _twin(self, trial: Trial) -> tuple[list[float], list[int]]:
        """Scores of a trial of the same parameters, which would only be found once more, and which folds diverged."""
        others = self.study.study.get_trials(deepcopy=False)
        twins = [other for other in others if other.number != trial.number and other.params == trial.params]
        return max(map(_scored, twins), key=lambda scored: len(scored[0]), default=([], []))

    def _fail(self, trial: Trial, error: GatewiseError, fold: int | None) -> None:
        from optuna.trial import TrialState

        trial.set_user_attr(_ERROR, error_to_dict(error) | {"fold": fold})
        self.study.study.tell(trial, state=TrialState.FAIL)
        self.listener.on_trial(rows_of(self.study)[trial.number])


def _scored(trial: FrozenTrial) -> tuple[list[float], list[int]]:
    """The scores of the folds that are done, and the numbers of those that diverged."""
    scores = list(trial.user_attrs.get(_SCORES, ()))
    return scores, [fold for fold in trial.user_attrs.get(_DIVERGED, ()) if fold <= len(scores)]


def rows_of(study: StudyStore) -> list[TrialRow]:
    """The study's table, by number."""
    return [_row(study.space, trial) for trial in study.study.get_trials(deepcopy=False)]


def _row(space: SearchSpace, trial: FrozenTrial) -> TrialRow:
    scores, diverged = _scored(trial)
    return TrialRow(
        trial.number,
        trial.state.name,
        trial.value if trial.state.name == COMPLETE else None,
        space.decode(trial.params),
        tuple(scores),
        trial.user_attrs.get(_ERROR),
        tuple(diverged),
    )
