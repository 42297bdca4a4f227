"""A cross-validation, recorded as runs are: a run.json in its folder, and a run in MLflow.

Its lines, a model at a horizon each, are nested there with their folds as steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.data.table import Table
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.jobs.places import Compute
from gatewise.jobs.shared import SharedData
from gatewise.registry.info import Score
from gatewise.registry.looks import record_run
from gatewise.registry.recorded import Record, recorded
from gatewise.registry.runs import start_run
from gatewise.registry.subject import checked_name, subject_of
from gatewise.registry.writer import Run
from gatewise.selection.cv import cv
from gatewise.selection.cv.cv import CvListener
from gatewise.selection.cv.plan import Plan

if TYPE_CHECKING:  # it brings what judges, and workers are to start without that
    from gatewise.selection.cv.outcome import CvOutcome

_PRIOR = "prior"


def cross_validate(
    plan: Plan,
    folder: Path,
    compute: Compute,
    listener: CvListener,
    fleet: Mapping[str, Any] | None = None,
    table: Table | None = None,
    name: str | None = None,
    shared: SharedData | None = None,
) -> CvOutcome:
    """`selection.cv.cv.cross_validate`, recorded.

    Args:
        name: of a new one; `None`: made of data, models, target and horizons.

    Raises:
        ConfigError: not a name.
        StorageError: the tracker can't be reached; nothing has been trained yet.
    """
    name = checked_name(name)

    def open_run(at: Path, rows: Table) -> Run:
        configs = list(plan.models.values())
        subject = subject_of(configs, rows, plan.horizons)
        return start_run(plan.base, rows, name, kind="cv", subject=subject, steps=plan.most_jobs, folder=at)

    with recorded(open_run) as record:
        trainings = _Trainings(listener, record)
        outcome = cv.cross_validate(plan, folder, compute, trainings, fleet, table, record.begin, shared)
        _record(record.run, outcome)
    return outcome


def _record(run: Run, outcome: CvOutcome) -> None:
    judgement, metric = outcome.verdict.judgement, outcome.deciding_metric
    best = min((s for s in outcome.summaries if s.model != _PRIOR), key=lambda s: s.against_prior.mean)
    beside = outcome.pairs.beside[best.horizon][0] if outcome.plan.beside else _PRIOR
    lines = {summary.name: summary.metrics for summary in outcome.summaries}
    value, other = (lines[name][metric].mean for name in (best.name, f"{beside}@{best.horizon}"))
    means = {f"{line}/{m}": estimate.mean for line, metrics in lines.items() for m, estimate in metrics.items()}
    run.log(outcome.num_jobs, means)
    for summary in outcome.summaries:
        steps = [
            (int(row["fold"]), {m: row[m] for m in summary.metrics if row[m] is not None})
            for row in outcome.frame.iter_rows(named=True)
            if (row["model"], row["horizon"], row["symbol"]) == (summary.model, summary.horizon, "all")
        ]
        run.log_nested(summary.name, {"model.name": summary.model, "target.horizon": summary.horizon}, steps)
    run.judge(judgement.verdict, judgement.headline, Score("folds", metric, value, beside, other))
    for path in (outcome.report, outcome.folder / "folds.parquet", outcome.folder / "summary.json"):
        run.log_artifacts(path)
    record_run(outcome.folder)


class _Trainings:
    """Hands on what it hears, and notes how many trainings are done."""

    def __init__(self, listener: CvListener, record: Record) -> None:
        self._listener, self._record = listener, record
        self._done = self._of = 0

    def on_plan(self, jobs: Sequence[Job], resumed: int) -> None:
        self._done, self._of = resumed, resumed + len(jobs)
        self._record.run.log(self._done, {}, self._of)
        self._listener.on_plan(jobs, resumed)

    def on_start(self, job: Job) -> None:
        self._listener.on_start(job)

    def on_epoch(self, job: Job, epoch: int) -> None:
        self._listener.on_epoch(job, epoch)

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        self._listener.on_stretch(job, done, num_stretches)

    def on_end(self, job: Job, answer: JobResult | JobFailure) -> None:
        self._done += 1
        self._record.run.log(self._done, {})
        self._listener.on_end(job, answer)
