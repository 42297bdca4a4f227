"""The page of a cross-validation: the models beside the prior, fold by fold, and how much of it is luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from gatewise.evaluation.base import Estimate, Interval, count
from gatewise.evaluation.metric_names import best_of, metric_interval, metric_spread, metric_text, metric_words
from gatewise.evaluation.verdict import Judgement
from gatewise.files import write_text
from gatewise.report import figures
from gatewise.report.cv_figures import Dots, fold_dots
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
from gatewise.report.kinds.table import BRIEF
from gatewise.report.online import UpdatedModel, online_section


@dataclass(frozen=True)
class HorizonPage:
    """What the page shows of one horizon.

    Attributes:
        estimates: {model: {metric: Estimate}}, the prior last.
        dots: of each model, in the deciding metric; prior likewise.
        cutoffs: the day on which each fold's test begins.
        timeline: the picture of the folds, and its height in CSS pixels.
        by_symbol: {symbol: {model: mean of the deciding metric}}; empty for one symbol.
    """

    horizon: int
    estimates: Mapping[str, Mapping[str, Estimate]]
    dots: Mapping[str, Dots]
    prior: Dots
    cutoffs: Sequence[str]
    timeline: go.Figure
    timeline_height: int
    by_symbol: Mapping[str, Mapping[str, float]]


_FEW, _FIRST = 6, 3


@dataclass(frozen=True)
class CvPage:
    """Everything that the page shows.

    Attributes:
        command: cv, compare or study, whose page it is.
        judgement: of the comparison as a whole.
        lines: the verdict's sentences.
        deciding: the metric that decides.
        compared: the folds that every number but the dots stands on, in words.
        against_prior: {model@horizon: difference in it}; below zero the model is better.
        side_by_side: head and lines of one table of all models: how good, and what each took; legend: of its columns.
        online: of models that were updated; empty where none was. recipe: how they were, in words.
        measures: (name, value, meaning) of each measure of overfitting.
        failures: one sentence each.
        facts: group by group: {group: {name: words}}.
        configs: {model: YAML}.
    """

    title: str
    command: str
    judgement: Judgement
    lines: Sequence[str]
    deciding: str
    confidence: float
    compared: str
    horizons: Sequence[HorizonPage]
    against_prior: Mapping[str, Interval]
    side_by_side: tuple[Sequence[str], Sequence[Sequence[str]]]
    legend: Sequence[str]
    measures: Sequence[tuple[str, str, str]]
    failures: Sequence[str]
    facts: Mapping[str, Mapping[str, str]]
    notes: Sequence[str]
    configs: Mapping[str, str]
    online: Mapping[str, UpdatedModel] = field(default_factory=dict)
    recipe: Sequence[str] = ()


def write_cv_report(path: Path, page: CvPage) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(page))


def render(page: CvPage) -> str:
    """The page as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    title = f"{count(len(page.failures), 'training')} failed"
    failed = [section(title, [bullets(page.failures)])] if page.failures else []
    body = [
        _header(page),
        *failed,
        section("Side by side", [_side_by_side(page)]),
        *_online(page, pictures),
        section("The verdict in a picture", _differences(page, pictures)),
        *(section(_ahead(horizon.horizon), _horizon(page, horizon, pictures)) for horizon in page.horizons),
        section("How much of it is luck", [_measures(page)]),
        section("The folds", _timelines(page, pictures)),
        section("What was run", [facts(page.facts)]),
        section("Read this with the numbers", [bullets(page.notes)]),
        *(folded(f"Resolved configuration of {name}", preformatted(text)) for name, text in page.configs.items()),
    ]
    return render_page(page.title, body, pictures)


def _online(page: CvPage, pictures: Pictures) -> Iterator[str]:
    if page.online:
        pieces = online_section(page.online, page.deciding, page.confidence, page.recipe, pictures)
        yield section("Updated as labels settled", pieces)


def _header(page: CvPage) -> str:
    return header(
        {"cv": "cross-validation", "compare": "comparison"}.get(page.command, page.command),
        page.title,
        page.judgement,
        _sentences(page.lines),
    )


def _sentences(lines: Sequence[str]) -> Markup:
    """All of a few; of many the first ones, as what follows shows most of it."""
    if len(lines) <= _FEW:
        return bullets(lines)
    rest = lines[_FIRST:]
    return bullets(lines[:_FIRST]) + folded(f"{count(len(rest), 'sentence')} more", bullets(rest))


def _differences(page: CvPage, pictures: Pictures) -> Iterator[str]:
    metric = metric_words(page.deciding)
    yield pictures.add(
        figures.differences(metric, page.against_prior, page.confidence),
        "Each model against the prior on the same rows",
        f"Mean over folds of the difference in {metric}. A line that crosses zero shows nothing either way, "
        "and a point without a line has no interval. The prior knows nothing of the features: it says the training "
        "part's class shares, mean or quantiles; of the next row's columns these or the present value (with its moves' "
        "quantiles), whichever came nearer in training.",
        wide=True,
        height=max(200, 90 + 48 * len(page.against_prior)),
    )


def _horizon(page: CvPage, horizon: HorizonPage, pictures: Pictures) -> Iterator[str]:
    metrics = next(iter(horizon.estimates.values()))
    head = [name for name in BRIEF if name in metrics]
    rest = [name for name in metrics if name not in head]
    yield _table(horizon, head, page)
    if rest:
        yield folded("Every other metric", _table(horizon, rest, page))
    yield pictures.add(
        fold_dots(metric_words(page.deciding), horizon.dots, horizon.prior, horizon.cutoffs),
        "Fold by fold",
        "A dot for each seed; the bar is the prior on the same rows. What holds in one fold only is luck or a regime. "
        "Here every fold stands that a model finished, also one that another did not.",
        wide=True,
    )
    if horizon.by_symbol:
        yield _symbols(horizon, page)


def _table(horizon: HorizonPage, metrics: Sequence[str], page: CvPage) -> Markup:
    lines = [_line(metric, [estimates[metric] for estimates in horizon.estimates.values()]) for metric in metrics]
    caption = (
        f"Mean ± standard deviation over seeds and {page.compared.lower()}, and {page.confidence:.0%} intervals of the "
        "mean. Underlined: the best of the row."
    )
    return table(_ahead(horizon.horizon), caption, horizon.estimates, lines)


def _line(metric: str, estimates: Sequence[Estimate]) -> Line:
    means = [estimate.mean for estimate in estimates]
    best = best_of(metric, means)
    size = max(abs(mean) for mean in means)
    cells = [
        Cell(
            metric_spread(metric, estimate.mean, estimate.std, size),
            metric_interval(metric, estimate, size, "{} to {}"),
            bold=True,
            style="best" * (estimate.mean == best),
        )
        for estimate in estimates
    ]
    return Line(metric_words(metric), cells)


def _symbols(horizon: HorizonPage, page: CvPage) -> Markup:
    models = list(next(iter(horizon.by_symbol.values())))
    size = max(abs(value) for means in horizon.by_symbol.values() for value in means.values())
    lines = [
        Line(
            symbol,
            [
                Cell(metric_text(page.deciding, means[name], size), bold=True) if name in means else Cell("–")
                for name in models
            ],
        )
        for symbol, means in horizon.by_symbol.items()
    ]
    caption = f"{metric_words(page.deciding)} by symbol, mean over seeds and {page.compared.lower()}"
    return table(caption, f"{caption}.", models, lines)


def _side_by_side(page: CvPage) -> Markup:
    head, lines = page.side_by_side
    rows = [Line(name, [Cell(first, bold=True), *map(Cell, rest)]) for name, first, *rest in lines]
    return table("models side by side", " ".join(page.legend), head[1:], rows)


def _measures(page: CvPage) -> Markup:
    lines = [
        Line(name, [Cell(value, bold=True), Cell(f"{meaning}.", style="words")])
        for name, value, meaning in page.measures
    ]
    return table("measures of overfitting", "", (), lines)


def _timelines(page: CvPage, pictures: Pictures) -> Iterator[str]:
    for horizon in page.horizons:
        yield pictures.add(
            horizon.timeline,
            f"What each fold trains on, stops by and is judged on: {_ahead(horizon.horizon)}",
            "Purged samples share a moment with an evaluated one, embargoed ones lie next to it: none is trained on.",
            wide=True,
            height=horizon.timeline_height,
        )


def _ahead(horizon: int) -> str:
    return f"{horizon} row{'s' if horizon > 1 else ''} ahead"
