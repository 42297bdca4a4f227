"""A search, recorded as runs are: a run.json in its folder, and a run in MLflow in which its best trials are nested."""

from __future__ import annotations

import math
from pathlib import Path

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.files import write_json
from gatewise.registry.info import Score
from gatewise.registry.recorded import Record, recorded
from gatewise.registry.runs import start_run
from gatewise.registry.subject import checked_name
from gatewise.registry.writer import Run
from gatewise.selection.tuning import tune as tuning
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.trials import COMPLETE, RUNNING, Silent, TrialRow, TuneListener
from gatewise.selection.tuning.tune import Tuned

_MOST_NESTED = 50  # trials; each takes MLflow about 30 ms


def tune(
    config: ExperimentConfig,
    space: SearchSpace,
    request: StudyRequest,
    listener: TuneListener | None = None,
    table: Table | None = None,
    study_id: str | None = None,
    name: str | None = None,
) -> Tuned:
    """`selection.tuning.tune.tune`, recorded; the arguments beyond its own are those of `cross_validate`."""
    name = checked_name(name)

    def open_run(at: Path, rows: Table) -> Run:
        return start_run(config, rows, name, kind="tune", steps=request.n_trials, folder=at)

    with recorded(open_run) as record:
        heard = _Trials(listener or Silent(), record)
        outcome = tuning.tune(config, space, request, heard, table, study_id, record.begin)
        write_json(outcome.folder / "summary.json", outcome.to_dict())
        _record(record.run, outcome)
    return outcome


def _record(run: Run, outcome: Tuned) -> None:
    result = outcome.result
    for row in result.rows:
        if row.value is not None:
            run.log(row.number, {result.metric: row.value})
    complete = sorted((row for row in result.rows if row.state == COMPLETE), key=lambda row: row.value or 0.0)
    for row in complete[:_MOST_NESTED]:
        folds = [(fold, {result.metric: score}) for fold, score in enumerate(row.scores, 1)]
        run.log_nested(f"trial {row.number}", row.params, folds)
    judgement = result.verdict.judgement
    value = math.nan if result.best.value is None else result.best.value
    run.log(sum(row.state != RUNNING for row in result.rows), {f"best_{result.metric}": value})
    score = Score("inner folds", result.metric, value, "prior", result.prior_value)
    run.judge(judgement.verdict, judgement.headline, score)
    for path in (outcome.report, outcome.best_config, outcome.table):
        run.log_artifacts(path)


class _Trials:
    """Hands on what it hears, and notes how many trials are done."""

    def __init__(self, listener: TuneListener, record: Record) -> None:
        self._listener, self._record = listener, record
        self._done = 0

    def on_study(self, num_trials: int, num_folds: int, rows: list[TrialRow], metric: str) -> None:
        self._done = sum(row.state != RUNNING for row in rows)
        self._record.run.log(self._done, {}, num_trials)
        self._listener.on_study(num_trials, num_folds, rows, metric)

    def on_epoch(self, trial: int, fold: int, epoch: int) -> None:
        self._listener.on_epoch(trial, fold, epoch)

    def on_trial(self, row: TrialRow) -> None:
        self._done += 1
        self._record.run.log(self._done, {})
        self._listener.on_trial(row)
