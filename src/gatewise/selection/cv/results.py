"""From finished jobs to the tables, the measures, the verdict and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatewise.data.origin import stamp_names, with_stamps
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import PRIOR
from gatewise.files import write_frame, write_json, write_text
from gatewise.jobs.jobs import DIVERGED, Job, JobFailure, JobResult
from gatewise.jobs.shared import SharedData
from gatewise.report.cv import write_cv_report
from gatewise.selection.cv.coverage import cover
from gatewise.selection.cv.effort import efforts
from gatewise.selection.cv.frames import folds_frame, gather, out_of_fold_frame
from gatewise.selection.cv.measures import measure_overfitting
from gatewise.selection.cv.online import beside_frozen, online_words, with_updated
from gatewise.selection.cv.outcome import CvOutcome, diverged_words, failure_words, timed_words
from gatewise.selection.cv.page import gather_page
from gatewise.selection.cv.pairs import pair_lines
from gatewise.selection.cv.plan import Plan
from gatewise.selection.cv.pooled import pool
from gatewise.selection.cv.references import references
from gatewise.selection.cv.side_by_side import markdown
from gatewise.selection.cv.summary import summarize
from gatewise.selection.cv.verdict import judge
from gatewise.selection.cv.verdict_beside import judge_beside


def write_results(
    plan: Plan,
    folder: Path,
    shared: SharedData,
    *,
    finished: Sequence[tuple[Job, JobResult]],
    failures: Sequence[JobFailure],
    resumed: int,
    compute: str,
    fleet: dict[str, Any],
    remarks: Sequence[str] = (),
) -> CvOutcome:
    """Sums up what is finished and writes folds.parquet, out_of_fold.parquet, summary.json and report.html.

    Args:
        finished, failures: in the plan's order.
        remarks: what people should know of the rows and settings.

    Raises:
        GatewiseError: no fold is finished by all that is compared: the first failure, with how many there are.
        StorageError: the disk is full or not writable.
    """
    num_jobs = len(finished) + len(failures)
    trained = with_updated(finished)
    predictions = gather(trained, shared, plan.knows_symbols)
    if all(prediction.model == PRIOR for prediction in predictions):
        raise failure_words(failures, num_jobs)
    coverage = cover(predictions, plan.num_folds)
    frame, out_of_fold = folds_frame(predictions, coverage.compared), out_of_fold_frame(predictions, shared)
    stamps, out_of_fold = stamp_names(shared.table, out_of_fold.columns), with_stamps(out_of_fold, shared.table)
    if not coverage.compared:
        write_frame(folder / "folds.parquet", frame)
        write_frame(folder / "out_of_fold.parquet", out_of_fold)
        raise failure_words(failures, num_jobs, "no fold was finished by every line, so nothing can be compared; ")
    compared = coverage.keep(predictions)
    deciding = judge_of(next(iter(shared.horizons.values())).labels).deciding_metric
    confidence = plan.base.evaluation.confidence
    summaries = summarize(compared, deciding, confidence)
    lines = pool(compared, shared)
    overfitting = measure_overfitting(lines, shared, plan.base)
    beside = references(compared, shared, deciding, plan.base.evaluation)
    models = {model: plan.config_of(model) for _, model in lines if model != PRIOR}
    pairs = pair_lines(lines, beside, models, shared, plan.beside)
    diverged = [(job, result.epochs) for job, result in finished if result.ended == DIVERGED]
    timed = [(job, result.epochs) for job, result in finished if result.ended == "max_time"]
    online = beside_frozen(compared, finished, shared, plan)
    remarks = [*timed_words(timed, num_jobs), *plan.remarks, *remarks]
    called = {name: name.rpartition("@")[0] if plan.beside and len(plan.horizons) == 1 else name for name in online}
    updated = [words for name, one in online.items() for words in online_words(one, deciding, called[name])]
    notes = (*updated, *coverage.sentences, *diverged_words(diverged, num_jobs), *remarks)
    outcome = CvOutcome(
        plan=plan,
        folder=folder,
        frame=frame,
        coverage=coverage,
        summaries=summaries,
        references=[one.summary for one in beside],
        overfitting=overfitting,
        pairs=pairs,
        verdict=judge_beside(pairs, summaries, overfitting, deciding, confidence, notes)
        if plan.beside
        else judge(summaries, overfitting, deciding, confidence, notes=notes),
        remarks=remarks,
        efforts=efforts(trained, shared),
        online=online,
        diverged=diverged,
        failures=list(failures),
        num_jobs=num_jobs,
        resumed=resumed,
        compute=compute,
        fleet=fleet,
        stamps=stamps,
        deciding_metric=deciding,
    )
    write_frame(folder / "folds.parquet", outcome.frame)
    write_frame(outcome.out_of_fold, out_of_fold)
    write_cv_report(outcome.report, gather_page(outcome, predictions, shared, deciding))
    write_text(folder / "compare.md", markdown(outcome))
    write_json(folder / "summary.json", outcome.to_dict())
    return outcome
