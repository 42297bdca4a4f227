"""The page of a study: which line is best, whether that is shown, where in time it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.verdict import Judgement
from gatewise.files import write_text
from gatewise.report import study_figures
from gatewise.report.html import (
    Cell,
    Line,
    Pictures,
    bullets,
    facts,
    header,
    paragraph,
    render_page,
    section,
    table,
)


@dataclass(frozen=True)
class StudyPage:
    """Everything that the page shows.

    Attributes:
        reasons: the verdict's sentences: which line is best, and what stands in the way.
        reference: the line that is to be beaten.
        cells: head and lines of the table; legend: of its columns.
        ratios: each line's loss by the reference's, the best first.
        updated: head and lines of a table of frozen beside updated lines; `None`: nothing was updated.
        newest_us: int64 [m], when rows of the newest stretch are predicted, of one symbol; realised: float64 [m]
            volatility; forecast: of some lines.
        time_us: int64 [n], all moments; apart: float64 [n] of each line, its loss less the reference's.
        facts: group by group. notes: a sentence each.
    """

    title: str
    judgement: Judgement
    reasons: Sequence[str]
    metric: str
    reference: str
    confidence: float
    cells: tuple[Sequence[str], Sequence[Sequence[str]]]
    legend: Sequence[str]
    ratios: Mapping[str, Interval]
    updated: tuple[Sequence[str], Sequence[Sequence[str]]] | None
    newest_us: Ints
    realised: Floats
    forecast: Mapping[str, Floats]
    time_us: Ints
    apart: Mapping[str, Floats]
    facts: Mapping[str, Mapping[str, str]]
    notes: Sequence[str]


def write_study_page(path: Path, page: StudyPage) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(page))


def render(page: StudyPage) -> str:
    """The page as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    body = [
        header("study", page.title, page.judgement, bullets(page.reasons)),
        section("Side by side", [_table("lines side by side", " ".join(page.legend), page.cells)]),
        section("The verdict in a picture", _ratios(page, pictures)),
        *([section("Frozen beside updated", _updated(page.updated))] if page.updated else []),
        section("Forecast and realised", _forecasts(page, pictures)),
        section("Where it came about", _cumulative(page, pictures)),
        section("What was run", [facts(page.facts)]),
        section("Read this with the numbers", [bullets(page.notes)]),
    ]
    return render_page(page.title, body, pictures)


def _table(label: str, caption: str, cells: tuple[Sequence[str], Sequence[Sequence[str]]]) -> str:
    head, lines = cells
    rows = [Line(name, [Cell(first, bold=True), *map(Cell, rest)]) for name, first, *rest in lines]
    return table(label, caption, head[1:], rows)


def _ratios(page: StudyPage, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        study_figures.loss_ratios(page.ratios, page.metric, page.reference, page.confidence),
        f"Each line beside {page.reference} on the same rows",
        "Intervals are of the difference, by the errors of the test of Diebold and Mariano, one pair at a time. A line "
        "that crosses 1 shows nothing either way.",
        wide=True,
        height=max(240, 90 + 30 * len(page.ratios)),
    )


def _updated(cells: tuple[Sequence[str], Sequence[Sequence[str]]]) -> Iterator[str]:
    yield paragraph(
        "Frozen lines were trained once, on the training part. Updated ones learned from each stretch of test rows "
        "when its labels were known, and from no other."
    )
    yield _table("frozen beside updated", "", cells)


def _forecasts(page: StudyPage, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        study_figures.forecasts(page.newest_us, page.realised, page.forecast, _styles(page)),
        "The newest stretch",
        "What was forecast at each row, and the volatility that its horizon turned out to have.",
        wide=True,
        height=400,
    )


def _cumulative(page: StudyPage, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        study_figures.cumulative_losses(page.time_us, page.apart, page.metric, page.reference, _styles(page)),
        f"Losses beside those of {page.reference}, added up over time",
        "Where a line falls, it was the better one. One that owes its lead to a few days shows a few steps.",
        wide=True,
        height=420,
    )


def _styles(page: StudyPage) -> dict[str, dict[str, Any]]:
    return study_figures.line_styles(list(dict.fromkeys([*page.forecast, *page.apart])))
