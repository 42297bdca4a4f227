"""report.html: one file that tells what was run and what came of it, readable offline, on a phone and on paper.

The page is whole without its pictures; Plotly's script stands at its end and draws them from the data beside it. The
page's own policy forbids every connection, so nothing that the script could ever ask for is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gatewise.evaluation.interval_words import without_interval
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import metric_words
from gatewise.explain.in_report import Explanations
from gatewise.files import write_text
from gatewise.learners.attention import Attention
from gatewise.report import attention_figures, figures, run_figures
from gatewise.report.backtest import account_pieces
from gatewise.report.data import ReportData
from gatewise.report.decisions import decision_pieces
from gatewise.report.explain import attribution_pieces, importance_pieces
from gatewise.report.html import (
    Pictures,
    bullets,
    columns,
    facts,
    folded,
    header,
    paragraph,
    preformatted,
    render_page,
    section,
)
from gatewise.report.kinds.table import DRAWINGS
from gatewise.report.members import member_pictures, member_table
from gatewise.report.tables import column_table, metric_table, symbol_table
from gatewise.sample_weights import SampleWeights

_TITLES = {"val": "Validation", "test": "Test"}


def write_report(path: Path, report: ReportData) -> None:
    """Writes the report, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(report))


def render(report: ReportData) -> str:
    """The report as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    newest_first = list(reversed(report.evaluation.parts.values()))
    body = [
        _header(report),
        section("The verdict in a picture", [_differences(result, pictures) for result in newest_first]),
        *(section(_title(result), _part(report, result, pictures)) for result in newest_first),
        *([section("Decisions", decision_pieces(report.decisions, pictures))] if report.decisions else []),
        *_explained(report.explanations, pictures),
        *([section("Attention", _attention(report.attention, pictures))] if report.attention else []),
        section("Training", _training(report, pictures)),
        *([section("Sample weights", _weights(report.weights, pictures))] if report.weights else []),
        section("The split", _split(report, pictures)),
        section("What was run", [facts(report.facts)]),
        section("Read this with the numbers", [bullets(report.notes)]),
        folded("Resolved configuration", preformatted(report.config_yaml)),
    ]
    return render_page(report.title, body, pictures)


def _header(report: ReportData) -> str:
    return header("report", report.title, report.evaluation.judgement, paragraph(report.verdict.summary))


def _differences(result: PartResult, pictures: Pictures) -> str:
    metric = metric_words(result.deciding_metric)
    why = without_interval({"": result.differences}, list(result.differences))
    caption = "A line that crosses zero shows nothing either way."
    return pictures.add(
        figures.differences(metric, result.differences, result.confidence),
        f"{_title(result)}: model against each baseline",
        f"Difference in {metric} over the same rows. {' '.join(why) or caption}",
        height=280,
    )


def _part(report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
    drawing = DRAWINGS[report.spec.kind]
    head = [metric for metric in drawing.head(report.spec) if metric in result.metrics]
    rest = [m for m in result.metrics if m not in head]
    if result is not report.verdict:
        yield paragraph(result.summary)
    yield metric_table(
        result, head, f"{_title(result)}: metrics", differences=True, unit=report.evaluation.units.errors
    )
    if report.members:
        yield member_table(result, report.members, head, f"{_title(result)}: members")
    if result.symbols:
        few = [metric for metric in drawing.by_symbol if metric in result.metrics]
        yield symbol_table(result, few, f"{_title(result)}: symbol by symbol")
    if rest:
        yield folded(drawing.rest, metric_table(result, rest, drawing.rest))
    if result.columns:
        yield column_table(
            result, f"{_title(result)}: column by column, beside the last value", report.evaluation.units.of_columns
        )
    yield from drawing.pictures(report, result, pictures)
    if result.backtest is not None:
        yield from account_pieces(result.backtest, pictures, ruled=report.decisions is not None)


def _explained(explanations: Explanations, pictures: Pictures) -> Iterator[str]:
    importances, attribution = explanations.importances, explanations.attribution
    if importances:
        yield section("What predictions rest on", importance_pieces(importances, pictures))
    if attribution:
        yield section("Why it said that: the newest prediction", attribution_pieces(attribution, pictures))


def _attention(attention: Attention, pictures: Pictures) -> Iterator[str]:
    windows = (
        f"Mean over the newest {len(attention.steps):,} windows" if len(attention.steps) > 1 else "The last window"
    )
    layers = attention.layers.mean(axis=(0, 2), dtype=np.float64)
    yield pictures.add(
        attention_figures.attention_layers(layers),
        "How much steps read of each other",
        f"{windows} and all heads, against an even share of what a step may read. It says what was looked at, not that "
        "it helped.",
        wide=True,
        height=150 + 300 * -(-len(layers) // attention_figures.A_ROW),
    )
    yield pictures.add(
        attention_figures.step_shares(attention.steps),
        "How much each step counted",
        f"{windows}, with the band of eight in ten; dotted where all would count alike.",
        wide=True,
    )


def _training(report: ReportData, pictures: Pictures) -> Iterator[str]:
    if report.members:
        yield from member_pictures(report.members, pictures)
        return
    yield pictures.add(
        run_figures.learning_curves(report.history, report.best_epoch),
        "Loss and learning rate by epoch",
        "Training loss is measured while dropout is on and the weights still move, validation loss after the epoch. "
        "The dotted line marks the epoch whose weights were kept.",
        wide=True,
        height=400,
    )
    if report.curves:
        yield paragraph(f"{report.curves}.")


def _weights(weights: SampleWeights, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        run_figures.weights_over_time(weights.time_us, weights.weight),
        "How much each label counted in training",
        "The less others overlap it, the more, and with a decay the newer it is; the mean is 1. Line and band are of "
        "neighbours. Losses that are told, metrics and baselines count all rows alike.",
        wide=True,
    )
    yield columns(
        {
            "Labels": f"{len(weights.rows):,}",
            "Effective rows": f"{weights.effective_rows:,.0f}",
            "Mean uniqueness": f"{weights.uniqueness.mean():.3g}",
            "Smallest, largest": f"{weights.weight.min():.3g}, {weights.weight.max():.3g}",
        }
    )


def _split(report: ReportData, pictures: Pictures) -> Iterator[str]:
    lanes = len({stretch.lane for stretch in report.stretches})
    height = max(240, 130 + 44 * lanes)
    yield pictures.add(
        run_figures.split_timeline(report.stretches),
        "Train, validation and test in time",
        "Purged or embargoed samples were dropped: their input or label touches what a later part is judged on.",
        wide=not report.class_counts,
        height=height,
    )
    if report.class_counts:
        yield pictures.add(
            run_figures.class_balance(report.class_counts, report.spec.classes),
            "Class balance",
            "A part whose shares differ from training's is a different market.",
            height=height,
        )


def _title(result: PartResult) -> str:
    return _TITLES.get(result.part, result.part)
