"""What a cross-validation found, and how it says so to machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.config.durations import format_duration
from gatewise.errors import GatewiseError
from gatewise.evaluation.base import count
from gatewise.jobs.jobs import Job, JobFailure, error_from_dict, error_to_dict
from gatewise.selection.cv.coverage import Coverage
from gatewise.selection.cv.effort import Effort
from gatewise.selection.cv.frames import COUNTS, MARKS, NAMES
from gatewise.selection.cv.online import Online
from gatewise.selection.cv.pairs import Pairs
from gatewise.selection.cv.plan import Plan
from gatewise.selection.cv.summary import Summary
from gatewise.selection.cv.verdict import CvVerdict
from gatewise.selection.luck.overfitting import OverfittingReport

_MOST_NAMED = 3


@dataclass(frozen=True)
class CvOutcome:
    """What a cross-validation found.

    Attributes:
        folder: holds folds.parquet, out_of_fold.parquet, summary.json and report.html.
        frame: see `folds_frame`.
        coverage: the folds that summaries and measures stand on.
        summaries: one a model and horizon, the prior's last in their horizon.
        references: of what takes no fitting beside the prior, such as persistence; no part of the verdict.
        pairs: each line beside the best reference, by Diebold and Mariano.
        verdict: of the comparison as a whole.
        remarks: what people should know of the rows and settings, a sentence each.
        efforts: what each line took, by model@horizon; the prior has none.
        online: of models that were updated, by model@horizon; empty where none was.
        diverged: jobs whose loss was no longer finite, with how many epochs count.
        failures: jobs that came to nothing.
        num_jobs: how many trainings the plan takes; resumed of them were finished before.
        compute: where the others ran, in words.
        stamps: columns of out_of_fold.parquet that are the source's own stamps -> what the source calls them.
    """

    plan: Plan
    folder: Path
    frame: pl.DataFrame
    coverage: Coverage
    summaries: list[Summary]
    references: list[Summary]
    overfitting: OverfittingReport
    pairs: Pairs
    verdict: CvVerdict
    remarks: list[str]
    efforts: dict[str, Effort]
    online: dict[str, Online]
    diverged: list[tuple[Job, int]]
    failures: list[JobFailure]
    num_jobs: int
    resumed: int
    compute: str
    fleet: dict[str, Any]
    stamps: dict[str, str]
    deciding_metric: str

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def out_of_fold(self) -> Path:
        return self.folder / "out_of_fold.parquet"

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise cv --json`."""
        names = [name for name in NAMES if name != "cutoff"]
        metrics = [name for name in self.frame.columns if name not in (*NAMES, *COUNTS, *MARKS)]
        folds = [
            {name: line[name] for name in (*names, "n_train", "n_test", *MARKS)}
            | {"metrics": {m: line[m] for m in metrics}}
            for line in self.frame.iter_rows(named=True)
        ]
        summary, references = (
            {each.name: {name: value.to_dict() for name, value in each.metrics.items()} for each in some}
            for some in (self.summaries, self.references)
        )
        return {
            "id": self.folder.name,
            **self.verdict.judgement.to_dict(),
            "folds": folds,
            "coverage": self.coverage.to_dict(),
            "summary": summary,
            "references": references,
            "against_prior": {each.name: each.against_prior.to_dict() for each in self.summaries},
            "diebold_mariano": self.pairs.to_dict(),
            "effort": {name: effort.to_dict() for name, effort in self.efforts.items()},
            **({"online": {name: one.to_dict() for name, one in self.online.items()}} if self.online else {}),
            **self.overfitting.to_dict(),
            "out_of_fold": str(self.out_of_fold),
            "stamps": self.stamps,
            "report": str(self.report),
            "fleet": self.fleet,
            "compute": self.compute,
            "resumed": self.resumed,
            "remarks": self.remarks,
            "diverged": [job.place | {"epochs": epochs} for job, epochs in self.diverged],
            "failures": [failure.to_dict() for failure in self.failures],
        }


def diverged_words(diverged: Sequence[tuple[Job, int]], num_jobs: int) -> list[str]:
    """A sentence on trainings that diverged and are judged all the same; none where none did."""
    if not diverged:
        return []
    named = "; ".join(f"{job.label} (after epoch {epochs})" for job, epochs in diverged[:_MOST_NAMED])
    more = f"; and {len(diverged) - _MOST_NAMED} more" if len(diverged) > _MOST_NAMED else ""
    are = "is judged by its best epoch" if len(diverged) == 1 else "are judged by their best epochs"
    return [f"{len(diverged)} of {count(num_jobs, 'training')} diverged and {are} before that: {named}{more}."]


def timed_words(timed: Sequence[tuple[Job, int]], num_jobs: int) -> list[str]:
    """A sentence on trainings that their budget ended; none where it ended none.

    Args:
        timed: these and how many epochs each had.
    """
    if not timed:
        return []
    length = format_duration(timedelta(seconds=timed[0][0].max_seconds or 0.0))
    epochs = [epochs for _, epochs in timed]
    span = str(min(epochs)) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
    are = f"was ended by its budget of {length}" if len(timed) == 1 else f"were ended by their budget of {length} each,"
    return [
        f"{len(timed)} of {count(num_jobs, 'training')} {are} after {span} epoch{'s' * (max(epochs) > 1)}: judged by "
        "the best so far."
    ]


def failure_words(failures: Sequence[JobFailure], num_jobs: int, ahead: str = "") -> GatewiseError:
    """What came to nothing in one line: the first failure's own type and hint, and how many there are."""
    first = failures[0]
    failed = f"{ahead}{len(failures)} of {count(num_jobs, 'training')} failed"
    message = f"{failed}; the first, {first.job.label}: {first.error.message}"
    return error_from_dict({**error_to_dict(first.error), "message": message})
