"""What a decision rule looks like: coverage beside what came out right, and precision by coverage."""

from __future__ import annotations

from collections.abc import Iterator

import plotly.graph_objects as go
from markupsafe import Markup

from gatewise.decisions.judge import Decisions
from gatewise.evaluation.base import Interval
from gatewise.evaluation.metric_names import metric_interval, metric_text
from gatewise.report.figure_style import ACCENT, BASELINE, MODEL, QUIET, styled
from gatewise.report.html import Cell, Line, Pictures, paragraph, table

_COLOURS = {"val": ACCENT, "test": MODEL}


def decision_head(decisions: Decisions) -> list[str]:
    """What stands across, of each part; coverage first, as the shares behind it mean nothing without it."""
    return [
        "rows",
        "acted on",
        "coverage",
        "right where acted",
        *(["right before cost"] if decisions.rule.cost else []),
    ]


def decision_cells(decisions: Decisions, part: str, between: str = "[{}, {}]") -> list[str]:
    """The same of one part, in words."""
    result = decisions.parts[part]
    shares = [result.coverage, result.precision, *([result.accuracy_acted] if decisions.rule.cost else [])]
    return [f"{len(result.side):,}", f"{result.acted:,}", *(_share(share, between) for share in shares)]


def decision_pieces(decisions: Decisions, pictures: Pictures) -> Iterator[Markup | str]:
    """The rule and its certificate in words, what it did on each judged part, and precision by coverage."""
    yield paragraph(f"The rule {decisions.rule.words}.")
    lines = [
        Line(part, [Cell(text, bold=True) for text in decision_cells(decisions, part)])
        for part in reversed([*decisions.parts])
    ]
    reasons = "; ".join(
        f"{part}: " + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in result.to_dict()["reasons"].items())
        for part, result in reversed([*decisions.parts.items()])
    )
    caption = f"Rows that are acted on, beside how many of them came out right. Why each row was or was not: {reasons}."
    yield table("Decisions", caption, decision_head(decisions), lines)
    yield pictures.add(
        precision_by_coverage(decisions),
        "What came out right, by how many rows are acted on",
        "Each point is a threshold: to the left it is high and few rows are acted on. Where few are, the share that "
        "came out right swings by chance alone, so a high one there shows nothing without a certificate.",
        wide=True,
    )


def precision_by_coverage(decisions: Decisions) -> go.Figure:
    """The share that came out right of the rows acted on, by their share of all rows, as the threshold falls."""
    figure = go.Figure()
    for part, result in decisions.parts.items():
        coverage, precision = result.curve
        colour = _COLOURS.get(part, BASELINE)
        figure.add_trace(
            go.Scatter(x=coverage, y=precision, name=part, mode="lines", line={"color": colour, "width": 2})
        )
        if result.precision:
            figure.add_trace(
                go.Scatter(
                    x=[result.coverage.value],
                    y=[result.precision.value],
                    name=f"{part}: the rule",
                    mode="markers",
                    marker={"size": 11, "color": colour},
                )
            )
    certificate = decisions.rule.certificate
    if certificate:
        figure.add_hline(y=certificate.precision, line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="coverage", type="log", tickformat=".2~%")
    figure.update_yaxes(title="came out right", tickformat=".0%")
    return styled(figure)


def _share(share: Interval | None, between: str) -> str:
    if share is None:
        return "–"
    return f"{metric_text('accuracy', share.value)} {metric_interval('accuracy', share, share.value, between)}".rstrip()
