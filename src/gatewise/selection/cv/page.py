"""How a cross-validation's outcome becomes what its page shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gatewise.config.load import to_yaml
from gatewise.config.schema import CvConfig, OnlineConfig, format_duration
from gatewise.evaluation.base import Interval
from gatewise.evaluation.scoring import PRIOR
from gatewise.jobs.shared import ALL, SharedData
from gatewise.report.cv import CvPage, HorizonPage
from gatewise.report.cv_figures import Dots
from gatewise.report.fold_figures import fold_timeline, timeline_height
from gatewise.report.online import UpdatedModel
from gatewise.selection.cv.coverage import Coverage
from gatewise.selection.cv.frames import Prediction
from gatewise.selection.cv.online import Online
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.side_by_side import legend, side_by_side
from gatewise.selection.cv.verdict import measures
from gatewise.selection.luck.fold_interval import LEAST_FOLDS

_MOST_NAMES = 6


def gather_page(outcome: CvOutcome, predictions: Sequence[Prediction], shared: SharedData, deciding: str) -> CvPage:
    """Puts an outcome and all finished predictions into words, tables and pictures."""
    plan = outcome.plan
    return CvPage(
        title=_title(outcome, shared),
        command=plan.command,
        judgement=outcome.verdict.judgement,
        lines=outcome.verdict.lines,
        deciding=deciding,
        confidence=plan.base.evaluation.confidence,
        compared=outcome.coverage.description,
        horizons=[_horizon(h, outcome, predictions, shared, deciding) for h in shared.horizons],
        against_prior={
            summary.name: Interval(summary.against_prior.mean, summary.against_prior.low, summary.against_prior.high)
            if summary.folds >= LEAST_FOLDS
            else Interval(summary.against_prior.mean, None, None, f"fewer than {LEAST_FOLDS} folds")
            for summary in outcome.summaries
            if summary.model != PRIOR
        },
        side_by_side=side_by_side(outcome),
        legend=list(legend(outcome)),
        measures=measures(outcome.overfitting),
        failures=[f"{failure.job.label}: {failure.error.message}" for failure in outcome.failures],
        facts=_facts(outcome, shared),
        notes=_notes(outcome),
        configs={name: to_yaml(config) for name, config in plan.models.items()},
        online={name: _updated(one, deciding) for name, one in outcome.online.items()},
        recipe=_recipe(plan.base.online),
    )


def _updated(one: Online, deciding: str) -> UpdatedModel:
    paired = one.paired
    return UpdatedModel(
        paired.values[deciding],
        paired.other_values[deciding],
        paired.differences[deciding],
        paired.judgement,
        one.diebold_mariano.p,
        one.updates,
        len(one.failed),
        one.seconds,
        one.time_us,
        one.gain,
    )


def _recipe(online: OnlineConfig) -> list[str]:
    """Sentences on how models were updated."""
    before = f"Before a stretch, {online.words}, models learned from labels that were settled by then"
    window = f"the {online.window:,} newest rows" if online.window else "all settled rows"
    if online.how == "refit":
        return [f"{before}: anew, from {window}."]
    recent = f"the {online.recent:,} newest rows" if online.recent else "as many newest rows as training had"
    times = "once" if online.passes == 1 else f"{online.passes} times"
    return [f"{before}: networks went on, {times} over {recent}; models of one row were fitted anew, from {window}."]


def _horizon(
    horizon: int, outcome: CvOutcome, predictions: Sequence[Prediction], shared: SharedData, deciding: str
) -> HorizonPage:
    cut = shared.horizons[horizon]
    shown = [p for p in predictions if p.horizon == horizon]
    dots = {
        model: _dots([p for p in shown if p.model == model], deciding)
        for model in dict.fromkeys(p.model for p in shown)
    }
    days = [str(np.datetime64(fold.cutoff_us, "us").astype("datetime64[D]")) for fold in cut.folds]
    return HorizonPage(
        horizon=horizon,
        estimates={s.model: s.metrics for s in outcome.summaries if s.horizon == horizon},
        prior=dots.pop(PRIOR),
        dots=dots,
        cutoffs=days,
        timeline=fold_timeline(cut.spans, cut.folds),
        timeline_height=timeline_height(len(cut.folds)),
        by_symbol=_by_symbol(outcome.coverage.keep(shown), deciding),
    )


def _dots(predictions: Sequence[Prediction], deciding: str) -> Dots:
    return Dots(
        np.array([float(p.fold.number) for p in predictions]), np.array([p.metrics[deciding] for p in predictions])
    )


def _by_symbol(predictions: Sequence[Prediction], deciding: str) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, list[float]]] = {}
    for prediction in predictions:
        for line in prediction.lines:
            if line.symbol != ALL:
                values.setdefault(line.symbol, {}).setdefault(prediction.model, []).append(line.metrics[deciding])
    return {
        symbol: {model: float(np.mean(metric)) for model, metric in models.items()} for symbol, models in values.items()
    }


def _title(outcome: CvOutcome, shared: SharedData) -> str:
    plan, symbols = outcome.plan, shared.table.symbols
    names = ", ".join(symbols[:_MOST_NAMES]) + (
        f" and {len(symbols) - _MOST_NAMES} more" if len(symbols) > _MOST_NAMES else ""
    )
    target = plan.base.target.kind.replace("_", " ")
    ahead = " and ".join(map(str, plan.horizons))
    return f"{', '.join(plan.models)} on {names}: {target}, {ahead} row{'s' if ahead != '1' else ''} ahead"


def _facts(outcome: CvOutcome, shared: SharedData) -> dict[str, dict[str, str]]:
    plan, table = outcome.plan, shared.table
    cv = plan.base.cv
    times = table.frame["time"]
    first = next(iter(shared.horizons.values())).folds[0]
    apart = {
        "from before": outcome.resumed,
        "diverged": len(outcome.diverged),
        "failed": len(outcome.failures),
    }
    groups = ""
    if isinstance(cv, CvConfig) and cv.splitter == "combinatorial":
        groups = f", {cv.test_groups} of {cv.n_splits} groups each"
    return {
        "Data": {
            "Rows": f"{table.num_rows:,}",
            "Symbols": f"{len(table.symbols)}, {'one model each' if plan.per_symbol else 'learned together'}",
            "Timeframe": format_duration(table.timeframe),
            "First row": str(times.min()),
            "Last row": str(times.max()),
            "Features": str(len(shared.matrix.names)),
        },
        "Folds": {
            "Splitter": f"{cv.splitter}, {plan.num_folds} folds{groups}",
            "Stops training": f"the newest {cv.val:.0%} of each training part",
            "Fold 1": f"train {first.train.size:,}, val {first.val.size:,}, test {first.test.size:,}",
            **_unseen(outcome.coverage),
            "Dropped in fold 1": f"{first.purged_rows:,} purged, {first.embargo_rows:,} embargoed",
        },
        "Trainings": {
            "In all": ", ".join(
                [str(outcome.num_jobs), *(f"{count} {what}" for what, count in apart.items() if count)]
            ),
            "Seeds": ", ".join(map(str, plan.named_seeds)) or str(plan.num_seeds),
            "Where": outcome.compute,
            "Fleet": f"{'yes' if outcome.fleet['used'] else 'no'}: {outcome.fleet['why']}",
            "Id": outcome.folder.name,
        },
        **({"Tuned in each fold": _tuned(outcome)} if plan.tuning else {}),
    }


def _unseen(coverage: Coverage) -> dict[str, str]:
    """By horizon and fold."""
    places = [f"horizon {h}, fold {fold}: {', '.join(classes)}" for (h, fold), classes in coverage.unseen.items()]
    return {"Never seen in training": "; ".join(places)} if places else {}


def _tuned(outcome: CvOutcome) -> dict[str, str]:
    """By fold: what its search found, and which inner folds its trials were scored on."""
    entries = json.loads((outcome.folder / "tuned.json").read_text(encoding="utf-8"))
    return {
        f"{entry['model']}@{entry['horizon']}, fold {entry['fold']}": entry.get("error") or _settings(entry)
        for entry in entries
    }


def _settings(entry: Mapping[str, Any]) -> str:
    rounded = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in entry["params"].items()}
    return f"{', '.join(f'{name} {value}' for name, value in rounded.items())}; scored on {entry['inner_folds']}"


def _notes(outcome: CvOutcome) -> list[str]:
    notes = [
        "Every number is out of fold: scalers, class weights and early stopping were fitted on the fold's own training "
        "part, and no span of a training sample touches a test sample's.",
        "All models of a horizon are judged on the same rows. A fold that a line did not finish with each of its seeds "
        "is in no mean, interval or measure of any line.",
        "Intervals are Student's t over folds, seeds averaged first, with the correction of Nadeau and Bengio (2003) "
        "for training parts that overlap. With few folds they are wide, as few folds know little; where folds share "
        "much of their training rows they may still be too narrow.",
        "A low probability of backtest overfitting says that the choice among these models holds, not that the chosen "
        "one is any good: a model that is always the least bad is chosen rightly. Whether it is good, the prior tells.",
        "Nothing here was chosen by a test row. Once you choose a model by these numbers, that is no longer so: the "
        "measures of overfitting say how much that choice is worth, and fresh rows say more.",
    ]
    if outcome.plan.base.cv.splitter == "combinatorial":
        notes.append(
            "Combinatorial folds test each row several times; by row, its predictions are averaged before the measures."
        )
    return notes
