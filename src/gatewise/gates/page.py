"""The page of gates: whether a run passes, each figure with its interval beside its bound, and why."""

from __future__ import annotations

import math
from pathlib import Path

import plotly.graph_objects as go

from gatewise.evaluation.verdict import COLOURS
from gatewise.files import write_text
from gatewise.gates.gate import CHECKS
from gatewise.gates.results import GateResult, GateResults
from gatewise.gates.words import OUTCOMES, bound_text, end_of, figure_text, gate_name, interval_text
from gatewise.report.figure_style import BASELINE, INK, QUIET, styled
from gatewise.report.html import (
    Cell,
    Line,
    Pictures,
    bullets,
    columns,
    header,
    render_page,
    section,
    table,
)


def write_gates_page(path: Path, results: GateResults) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the place can't be written.
    """
    pictures = Pictures()
    drawn = [result for result in results.results if _is_drawn(result)]
    body = [
        header("gates", results.name, results, bullets([f"{result.words}." for result in results.failed])),
        section("Gate by gate", [_table(results)]),
        *([section("Beside their bounds", [_picture(r, results, pictures) for r in drawn])] if drawn else []),
        *([section("Gates that ask for little", [bullets(results.remarks)])] if results.remarks else []),
        *([section("How often these rows were looked at", [bullets(results.looks.lines)])] if results.looks else []),
        section("What was read", [columns(_facts(results))]),
    ]
    write_text(path, render_page(results.name, body, pictures))


def _table(results: GateResults) -> str:
    deciding = results.deciding_metric
    lines = []
    for result in results.results:
        metric, figure = result.gate.metric, result.figure
        cells = [
            Cell(OUTCOMES[result.passed].word, style=f"tone {OUTCOMES[result.passed].tone}"),
            Cell(figure_text(metric, figure.value if figure else None, deciding), bold=True),
            Cell(interval_text(metric, figure, deciding)),
            Cell(bound_text(result.gate, deciding)),
            Cell(result.words, style="words"),
        ]
        lines.append(Line(gate_name(result.gate), cells))
    caption = f"Figures of {results.rows:,} test rows as they were judged, with {results.confidence:.0%} intervals."
    return table("gate by gate", caption, ("", "value", "interval", "bound", "why"), lines)


def _is_drawn(result: GateResult) -> bool:
    figure = result.figure
    return figure is not None and math.isfinite(figure.value) and result.gate.metric not in CHECKS


def _picture(result: GateResult, results: GateResults, pictures: Pictures) -> str:
    """The value with its interval, the bound and the side that keeps it, and what knows nothing."""
    gate, figure, picture = result.gate, result.figure, go.Figure()
    assert figure is not None
    colour = COLOURS[OUTCOMES[result.passed].tone].page
    ends = [end for end in (figure.low, figure.high) if end is not None]
    spread = [*ends, figure.value, gate.bound, *([result.chance[1]] if result.chance else [])]
    margin = 0.12 * (max(spread) - min(spread) or abs(gate.bound) or 1.0)
    low, high = min(spread) - margin, max(spread) + margin
    keeps = (gate.bound, high) if gate.strict_end == "low" else (low, gate.bound)
    picture.add_vrect(*keeps, fillcolor=COLOURS["good"].page, opacity=0.09, line_width=0)
    picture.add_vline(x=gate.bound, line={"color": INK, "width": 2})
    line = {"color": colour, "width": 4}
    picture.add_trace(go.Scatter(x=ends, y=[""] * len(ends), mode="lines", line=line, hoverinfo="skip"))

    def mark(name: str, value: float | None, symbol: str, color: str, label: str = "") -> None:
        text = figure_text(gate.metric, value, results.deciding_metric)
        picture.add_trace(
            go.Scatter(
                x=[value],
                y=[""],
                mode="markers+text",
                text=[label],
                textposition="top center",
                textfont={"color": QUIET},
                marker={"size": 13, "color": color, "symbol": symbol, "line": {"width": 3, "color": color}},
                hovertemplate=f"{name} {text}<extra></extra>",
            )
        )

    if result.chance:
        mark(*result.chance, "diamond", BASELINE, result.chance[0])
    mark("value", figure.value, "circle", colour)
    if gate.of != "point" and end_of(gate, figure) is not None:
        mark(f"{gate.of} end", end_of(gate, figure), "line-ns-open", colour)
    picture.update_xaxes(range=[low, high])
    picture.update_yaxes(showgrid=False, showticklabels=False)
    return pictures.add(styled(picture, legend=False), gate_name(gate), f"{result.words}.", height=150)


def _facts(results: GateResults) -> dict[str, str]:
    return {
        "run": results.run_id,
        "test rows": f"{results.rows:,}",
        "intervals": f"{results.confidence:.0%}",
        "champion": results.champion or "none",
        "checked": f"{results.checked_utc:%Y-%m-%d %H:%M} UTC",
    }
