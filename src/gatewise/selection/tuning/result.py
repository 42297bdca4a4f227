"""What a search found, and the files that say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig, format_duration
from gatewise.errors import GatewiseError, TrainingError
from gatewise.evaluation.base import count
from gatewise.jobs.jobs import error_from_dict
from gatewise.report.tune import TrialLine, TunePage, write_tune_report
from gatewise.selection.tuning.data import TuneData
from gatewise.selection.tuning.folder import write_best, write_trials
from gatewise.selection.tuning.study import StudyStore
from gatewise.selection.tuning.trials import COMPLETE, TrialRow, rows_of
from gatewise.selection.tuning.verdict import TuneVerdict, judge_best

_MOST_NAMED = 10
_SAMPLERS = {"tpe": "TPE over all settings together", "random": "at random", "grid": "every point of the grid"}


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        config: the best trial's, whole.
        best: the complete trial with the lowest value, of equal ones the first.
        metric: what values are means of; lower is better.
        prior: the scores of a trial that knows nothing, fold by fold.
        verdict: on the best trial beside it.
        rows: every trial, by number.
        design: the inner folds, in words.
    """

    config: ExperimentConfig
    best: TrialRow
    metric: str
    prior: tuple[float, ...]
    verdict: TuneVerdict
    rows: list[TrialRow]
    design: str

    @property
    def prior_value(self) -> float:
        """The value of a trial that knows nothing."""
        return fmean(self.prior)

    @property
    def diverged(self) -> str | None:
        """A sentence on trials with folds that diverged; `None` where none did."""
        trials = [row for row in self.rows if row.diverged]
        if not trials:
            return None
        named = ", ".join(str(row.number) for row in trials[:_MOST_NAMED]) + (", …" if trials[_MOST_NAMED:] else "")
        best = (
            f"; the best one is one of them (fold {' and '.join(map(str, self.best.diverged))})"
            if self.best.diverged
            else ""
        )
        return (
            f"{len(trials)} of {count(len(self.rows), 'trial')} had folds that diverged, scored by their best epoch "
            f"before that: trial{'s' if len(trials) > 1 else ''} {named}{best}."
        )

    @property
    def line(self) -> str:
        """The numbers behind the verdict, in a sentence."""
        return self.verdict.line(self.best.number, self.metric, self.prior_value)


def find_best(study: StudyStore, base: ExperimentConfig, data: TuneData) -> SearchResult | None:
    """The best of the trials so far; `None` if none is complete."""
    rows = rows_of(study)
    complete = [row for row in rows if row.state == COMPLETE and row.value is not None]
    if not complete:
        return None
    best = min(complete, key=lambda row: (row.value, row.number))
    verdict = judge_best(
        best.scores,
        data.prior,
        test_to_train=data.test_to_train,
        trials=sum(bool(row.scores) for row in rows),
        confidence=base.evaluation.confidence,
    )
    config = study.space.configure(base, best.params)
    return SearchResult(config, best, data.metric, data.prior, verdict, rows, data.design)


def nothing_found(rows: Sequence[TrialRow]) -> GatewiseError:
    """Why there is no best trial, in one line: the first failure's hint stands for all."""
    failed = [row for row in rows if row.error]
    if not failed:
        return TrainingError(f"a search needs one complete trial; none of {len(rows)} is", "give it more time")
    error = error_from_dict({key: value for key, value in (failed[0].error or {}).items() if key != "fold"})
    return TrainingError(
        f"a search needs one complete trial; {len(failed)} of {len(rows)} failed, the first: {error.message}",
        error.hint,
    )


def write_result(
    folder: Path,
    study: StudyStore,
    base: ExperimentConfig,
    data: TuneData,
    storage: str,
    remarks: Sequence[str] = (),
) -> SearchResult | None:
    """Writes trials.parquet, and best.yaml and report.html where a trial is complete.

    Raises:
        StorageError: the disk is full or not writable.
    """
    write_trials(folder, study.space, rows_of(study), data.num_folds)
    result = find_best(study, base, data)
    if result is not None:
        write_best(folder, result.config, result.best, result.metric)
        write_tune_report(folder / "report.html", _page(study, base, data, result, storage, remarks))
    return result


def _page(
    study: StudyStore,
    base: ExperimentConfig,
    data: TuneData,
    result: SearchResult,
    storage: str,
    remarks: Sequence[str],
) -> TunePage:
    table, (horizon, cut) = data.shared.table, next(iter(data.shared.horizons.items()))
    names = ", ".join(table.symbols[:4]) + (f" and {len(table.symbols) - 4} more" if len(table.symbols) > 4 else "")
    states = Counter(row.state for row in result.rows)
    target = f"{base.target.kind.replace('_', ' ')}, {horizon} row{'s' if horizon > 1 else ''} ahead"
    facts = {
        "Data": {
            "Symbols": names,
            "Rows": f"{table.num_rows:,} of {format_duration(table.timeframe)}",
            "Samples that trials see": f"{cut.spans.row.size:,}",
            "Target": target,
            "Inner folds": data.design,
        },
        "Search": {
            "Study": study.id,
            "Storage": storage,
            "Sampler": _SAMPLERS[study.sampler],
            "Pruner": type(study.study.pruner).__name__.removesuffix("Pruner").replace("Nop", "none").lower(),
            "Seed": str(base.training.seed),
            **{f"Trials {state.lower()}": str(count) for state, count in sorted(states.items())},
        },
        "Space": {parameter.name: parameter.description for parameter in study.space.parameters},
    }
    lines = [_line(row) for row in result.rows]
    notes = [*([result.diverged] if result.diverged else ()), *(f"{remark}." for remark in remarks)]
    return TunePage(
        title=f"Tuning {base.model.name} on {names}: {target}",
        study=study.study,
        metric=result.metric,
        trials=lines,
        best=lines[result.best.number],
        prior_value=result.prior_value,
        judgement=result.verdict.judgement,
        line=result.line,
        notes=notes,
        spans=cut.spans,
        folds=cut.folds,
        facts=facts,
        best_yaml=to_yaml(result.config),
    )


def _line(row: TrialRow) -> TrialLine:
    error = str(row.error["message"]) if row.error else None
    return TrialLine(row.number, row.state, row.value, row.params, error, row.diverged)
