"""The page of a search: its best setting, how it came there, and why its value is not to be believed yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from gatewise.evaluation.base import decimals, shown
from gatewise.evaluation.metric_names import metric_words
from gatewise.evaluation.verdict import Judgement
from gatewise.files import write_text
from gatewise.report.fold_figures import fold_timeline, timeline_height
from gatewise.report.html import (
    Cell,
    Line,
    Pictures,
    bullets,
    facts,
    folded,
    header,
    preformatted,
    render_page,
    section,
    table,
)
from gatewise.report.tune_figures import study_pictures
from gatewise.splits.base import Spans
from gatewise.splits.folds import FoldSplit

if TYPE_CHECKING:
    from optuna import Study

SHOWN = 15


@dataclass(frozen=True)
class TrialLine:
    """A trial, for people; only a complete one has a value, only a failed one an error, one sentence.

    Attributes:
        diverged: numbers of the folds that did.
    """

    number: int
    state: str
    value: float | None
    params: Mapping[str, Any]
    error: str | None
    diverged: tuple[int, ...] = ()


@dataclass(frozen=True)
class TunePage:
    """Everything that the page shows.

    Attributes:
        study: Optuna's, with at least one complete trial.
        metric: whose mean over inner folds is minimised.
        trials: every one; the best complete one among them.
        prior_value: of the prior, which knows nothing of its rows.
        judgement, line: on the best trial beside it, and the numbers behind that in a sentence.
        notes: more sentences that a reader of the numbers should know.
        spans, folds: what the inner folds were cut from, and they.
        facts: group by group: {group: {name: words}}.
        best_yaml: the best trial's config.
    """

    title: str
    study: Study
    metric: str
    trials: Sequence[TrialLine]
    best: TrialLine
    prior_value: float
    judgement: Judgement
    line: str
    notes: Sequence[str]
    spans: Spans
    folds: Sequence[FoldSplit]
    facts: Mapping[str, Mapping[str, str]]
    best_yaml: str


def write_tune_report(path: Path, page: TunePage) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(page))


def render(page: TunePage) -> str:
    """The page as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    metric = metric_words(page.metric)
    drawn = [
        pictures.add(picture.figure, picture.title, picture.caption, picture.wide, picture.height)
        for picture in study_pictures(page.study, f"{metric}, mean of inner folds", page.prior_value, "prior")
    ]
    failed = [f"Trial {trial.number}: {trial.error}" for trial in page.trials if trial.error]
    body = [
        _header(page),
        section("The best trials", [_table(page)]),
        section("The search in pictures", drawn),
        section("The inner folds", _folds(page, pictures)),
        *([section(f"Trials that failed: {len(failed)}", [bullets(failed)])] if failed else []),
        section("What was run", [facts(page.facts)]),
        folded("The best trial's configuration", preformatted(page.best_yaml)),
    ]
    return render_page(page.title, body, pictures)


def _header(page: TunePage) -> str:
    metric = metric_words(page.metric)
    lines = [
        page.line,
        *page.notes,
        f"{metric[0].upper()}{metric[1:]} is the mean over {_count(page.folds)}, lower is better; the prior knows "
        "nothing.",
        "The best of many looks better than it is, as the search picks luck as well; the interval counts that, the "
        "value does not. No trial has seen the test part; train the best config to have it judged there.",
    ]
    return header("tuning", page.title, page.judgement, bullets(lines))


def _table(page: TunePage) -> Markup:
    complete = [trial for trial in page.trials if trial.value is not None]
    ranked = sorted(complete, key=lambda trial: (trial.value, trial.number))[:SHOWN]
    names = list(page.best.params)
    lines = [
        Line(
            f"trial {trial.number}{', diverged' * bool(trial.diverged)}",
            [
                Cell(_value(trial.value, page), bold=True, style="best" * (trial.number == page.best.number)),
                *(Cell(param_words(trial.params.get(name))) for name in names),
            ],
        )
        for trial in ranked
    ]
    caption = f"The {len(ranked)} best of {len(complete)} complete trials."
    return table("best trials", caption, (metric_words(page.metric), *names), lines)


def _folds(page: TunePage, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        fold_timeline(page.spans, page.folds),
        "What each inner fold trains on, stops by and is scored on",
        "All of it lies before the test part. Purged samples share a moment with an evaluated one.",
        wide=True,
        height=timeline_height(len(page.folds)),
    )


def param_words(value: object) -> str:
    """A setting for people: 0.000523, 128, none."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bool):
        return str(value).lower()
    return "–" if value is None else str(value)


def _value(value: float | None, page: TunePage) -> str:
    return "–" if value is None else shown(value, decimals(abs(page.prior_value)) + 1)


def _count(folds: Sequence[FoldSplit]) -> str:
    return "one inner fold" if len(folds) == 1 else f"{len(folds)} inner folds"
