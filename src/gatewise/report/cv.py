"""The page of a cross-validation: the models beside the prior, fold by fold, and how much of it is luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from gatewise.evaluation.base import Estimate, Interval, count, decimals, enough, fixed, shown
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.metric_names import lower_is_better, metric_words
from gatewise.evaluation.verdict import Judgement
from gatewise.files import write_text
from gatewise.report import figures
from gatewise.report.cv_figures import Dots, fold_dots
from gatewise.report.html import Pictures, bullets, folded, header, named_values, section
from gatewise.report.kinds.table import BRIEF
from gatewise.report.page import DRAW, PAGE, STYLE


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


@dataclass(frozen=True)
class CvPage:
    """Everything that the page shows.

    Attributes:
        judgement: of the comparison as a whole.
        lines: the verdict's sentences.
        deciding: the metric that decides.
        compared: the folds that every number but the dots stands on, in words.
        against_prior: {model@horizon: difference in it}; below zero the model is better.
        measures: (name, value, meaning) of each measure of overfitting.
        failures: one sentence each.
        facts: group by group: {group: {name: words}}.
        configs: {model: YAML}.
    """

    title: str
    judgement: Judgement
    lines: Sequence[str]
    deciding: str
    confidence: float
    compared: str
    horizons: Sequence[HorizonPage]
    against_prior: Mapping[str, Interval]
    measures: Sequence[tuple[str, str, str]]
    failures: Sequence[str]
    facts: Mapping[str, Mapping[str, str]]
    notes: Sequence[str]
    configs: Mapping[str, str]


def write_cv_report(path: Path, page: CvPage) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(page))


def render(page: CvPage) -> str:
    """The page as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    told = f"{count(len(page.failures), 'training')} failed"
    failed = [section(told, [bullets(page.failures)])] if page.failures else []
    body = [
        _header(page),
        *failed,
        section("The verdict in a picture", _differences(page, pictures)),
        *(section(_ahead(of.horizon), _horizon(page, of, pictures)) for of in page.horizons),
        section("How much of it is luck", [_measures(page)]),
        section("The folds", _timelines(page, pictures)),
        section("What was run", [_facts(page)]),
        section("Read this with the numbers", [bullets(page.notes)]),
        *(
            folded(f"Resolved configuration of {name}", f"<pre>{escape(text)}</pre>")
            for name, text in page.configs.items()
        ),
    ]
    return PAGE.substitute(
        title=escape(page.title),
        style=STYLE,
        body="\n".join(body),
        data=pictures.scripts(),
        plotly=get_plotlyjs(),
        draw=DRAW,
    )


def _header(page: CvPage) -> str:
    return header("cross-validation", page.title, page.judgement, bullets(page.lines))


def _differences(page: CvPage, pictures: Pictures) -> Iterator[str]:
    words = metric_words(page.deciding)
    yield pictures.add(
        figures.differences(words, page.against_prior, page.confidence),
        "Each model against the prior on the same rows",
        f"Mean over folds of the difference in {words}. A line that crosses zero shows nothing either way, "
        "and a point without a line has no interval. The prior knows nothing of the features: it says the training "
        "part's class shares or mean, or of the next row's columns that mean or the present value, whichever came "
        "nearer in training.",
        wide=True,
        height=max(200, 90 + 48 * len(page.against_prior)),
    )


def _horizon(page: CvPage, of: HorizonPage, pictures: Pictures) -> Iterator[str]:
    found = next(iter(of.estimates.values()))
    head = [name for name in BRIEF if name in found]
    rest = [name for name in found if name not in head]
    yield _table(of, head, page)
    if rest:
        yield folded("Every other metric", _table(of, rest, page))
    yield pictures.add(
        fold_dots(metric_words(page.deciding), of.dots, of.prior, of.cutoffs),
        "Fold by fold",
        "A dot for each seed; the bar is the prior on the same rows. What holds in one fold only is luck or a regime. "
        "Here every fold stands that a model finished, also one that another did not.",
        wide=True,
    )
    if of.by_symbol:
        yield _symbols(of, page)


def _table(of: HorizonPage, metrics: Sequence[str], page: CvPage) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in of.estimates)
    lines = "".join(_row(metric, {name: found[metric] for name, found in of.estimates.items()}) for metric in metrics)
    return (
        '<div><p class="caption">Mean ± standard deviation over seeds and '
        f"{escape(page.compared.lower())}, and {page.confidence:.0%} intervals of the mean. "
        "Underlined: the best of the row.</p>"
        '<div class="scroll">'
        f'<table aria-label="{escape(_ahead(of.horizon))}"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div></div>"
    )


def _row(metric: str, found: Mapping[str, Estimate]) -> str:
    values = [estimate.mean for estimate in found.values()]
    best = (min if lower_is_better(metric) else max)(values)
    places = decimals(max(abs(value) for value in values))
    cells = "".join(
        f'<td class="{"best" * (estimate.mean == best)}">{_cell(estimate, places)}</td>' for estimate in found.values()
    )
    return f'<tr><th scope="row">{escape(metric_words(metric))}</th>{cells}</tr>'


def _cell(of: Estimate, places: int) -> str:
    places = enough(of.mean, places)
    spread = "" if of.std is None else f" ± {of.std:.{places}f}"
    bounds = bounds_text(of, places, "<small>{} to {}</small>")
    return f"<b>{fixed(of.mean, places)}{spread}</b>{bounds}".replace("-", "−")


def _symbols(of: HorizonPage, page: CvPage) -> str:
    models = list(next(iter(of.by_symbol.values())))
    places = decimals(max(abs(value) for found in of.by_symbol.values() for value in found.values()))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in models)
    lines = "".join(
        f'<tr><th scope="row">{escape(symbol)}</th>'
        + "".join(f"<td><b>{shown(found[name], places)}</b></td>" if name in found else "<td>–</td>" for name in models)
        + "</tr>"
        for symbol, found in of.by_symbol.items()
    )
    words = f"{metric_words(page.deciding)} by symbol, mean over seeds and {page.compared.lower()}"
    return (
        f'<div><p class="caption">{escape(words)}.</p><div class="scroll"><table aria-label="{escape(words)}">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{lines}</tbody></table></div></div>"
    )


def _measures(page: CvPage) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><b>{escape(value)}</b></td>'
        f'<td style="text-align:left;white-space:normal">{escape(meaning)}.</td></tr>'
        for name, value, meaning in page.measures
    )
    return f'<div class="scroll"><table aria-label="measures of overfitting"><tbody>{lines}</tbody></table></div>'


def _timelines(page: CvPage, pictures: Pictures) -> Iterator[str]:
    for of in page.horizons:
        yield pictures.add(
            of.timeline,
            f"What each fold trains on, stops by and is judged on: {_ahead(of.horizon)}",
            "Purged samples share a moment with an evaluated one, embargoed ones lie next to it: none is trained on.",
            wide=True,
            height=of.timeline_height,
        )


def _facts(page: CvPage) -> str:
    groups = "".join(f"<div><h3>{escape(name)}</h3>{named_values(values)}</div>" for name, values in page.facts.items())
    return f'<div class="facts">{groups}</div>'


def _ahead(horizon: int) -> str:
    return f"{horizon} row{'s' if horizon > 1 else ''} ahead"
