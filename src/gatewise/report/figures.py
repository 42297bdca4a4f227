"""Pictures of how good a model is, each a Plotly figure of plain arrays; no picture knows of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.reliability import Reliability
from gatewise.evaluation.verdict import COLOURS, judge_differences
from gatewise.report.data import Predicted
from gatewise.report.figure_style import ACCENT, BASELINE, INK, MODEL, QUIET, date_text, styled


def differences(metric: str, paired: Mapping[str, Interval], confidence: float) -> go.Figure:
    """Model minus each baseline in the deciding metric, with intervals: left of zero the model is better."""
    names = sorted(paired, key=lambda name: paired[name].value)
    reach = 1.15 * max((abs(x) for interval in paired.values() for x in _points(interval)), default=0) or 1e-12
    figure = go.Figure()
    for name in names:
        points = _points(paired[name])
        colour = COLOURS[judge_differences({name: paired[name]}).tone].page
        bounds = f" [{points[0]:+.4g}, {points[-1]:+.4g}]" if len(points) > 1 else ", no interval"
        figure.add_trace(
            go.Scatter(
                x=points,
                y=[name] * len(points),
                mode="lines+markers",
                line={"color": colour, "width": 3},
                marker={"size": [12 * (x == paired[name].value) for x in points], "color": colour, "opacity": 1},
                hovertemplate=f"{name}: {paired[name].value:+.4g}{bounds}<extra></extra>",
            )
        )
    figure.add_vline(x=0, line={"color": INK, "width": 1.2})
    for x, text in ((-reach / 2, "← model better"), (reach / 2, "baseline better →")):
        figure.add_annotation(
            x=x, y=1.02, yref="paper", yanchor="bottom", text=text, showarrow=False, font={"size": 12, "color": QUIET}
        )
    some = any(len(_points(interval)) > 1 for interval in paired.values())
    title = f"difference in {metric}" + f", {confidence:.0%} interval" * some
    figure.update_xaxes(title=title, range=[-reach, reach], exponentformat="e")  # not 100µ
    figure.update_yaxes(type="category", showgrid=False)
    return styled(figure, legend=False)


def _points(interval: Interval) -> list[float]:
    """Bounds with the value between them, or the value alone."""
    if interval.low is None or interval.high is None:
        return [interval.value]
    return [interval.low, interval.value, interval.high]


def confusion(counts: Ints, classes: Sequence[str]) -> go.Figure:
    """Shares of each true class by decided class, with the counts."""
    support = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    few = len(classes) <= 10
    text = [
        [f"{c:,}<br>{s:.0%}" if few else "" for c, s in zip(*row, strict=True)]
        for row in zip(counts, share, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=list(classes),
            y=list(classes),
            text=text,
            texttemplate="%{text}",
            zmin=0,
            zmax=1,
            colorscale=[[0, "#f4f7fb"], [1, MODEL]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="true %{y}, decided %{x}: %{z:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="decided", type="category", showgrid=False)
    figure.update_yaxes(title="true", type="category", autorange="reversed", showgrid=False)
    return styled(figure, legend=False)


def reliability_diagram(reliability: Reliability, uncalibrated: Reliability | None = None) -> go.Figure:
    """Accuracy by stated probability with its interval; `uncalibrated`: before validation rows set it right."""
    lines = {"model": (reliability, MODEL, "circle")}
    if uncalibrated is not None:
        lines = {"before calibration": (uncalibrated, ACCENT, "circle-open"), **lines}
    ends = (end for each, _, _ in lines.values() for end in (each.confidence, _ends(each, "low"), _ends(each, "high")))
    shown = np.concatenate(list(ends))
    edges = np.clip([shown.min() - 0.02, shown.max() + 0.02], 0, 1)
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=edges, y=edges, mode="lines", name="predicted = observed", line={"color": BASELINE, "dash": "dash"},
            hoverinfo="skip",
        )
    )  # fmt: skip
    for name, (each, colour, symbol) in lines.items():
        seen = np.array([interval.value for interval in each.accuracy])
        bars = {"array": _ends(each, "high") - seen, "arrayminus": seen - _ends(each, "low"), "thickness": 1}
        figure.add_trace(
            go.Scatter(
                x=each.confidence, y=seen, mode="lines+markers", name=name, line={"color": colour, "width": 1},
                error_y={"type": "data", "symmetric": False, **bars}, customdata=each.rows,
                marker={"size": 7, "color": colour, "symbol": symbol},
                hovertemplate="predicted %{x:.1%}, right %{y:.1%} of %{customdata:,} rows<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title="predicted probability of the decided class", tickformat=".0%", range=edges)
    figure.update_yaxes(title="share that was right", tickformat=".0%", range=edges)
    return styled(figure)


def _ends(reliability: Reliability, which: Literal["low", "high"]) -> Floats:
    """An end of each bin's interval; the share itself where there is none."""
    ends = ((getattr(each, which), each.value) for each in reliability.accuracy)
    return np.array([value if end is None else end for end, value in ends])


def predicted_against_actual(rows: Predicted, output: int, name: str) -> go.Figure:
    """True values over predicted ones; a perfect model lies on the diagonal."""
    y, value = rows.y[:, output], rows.value[:, output]
    ends = np.array([value.min(), value.max()])  # the axes have scales of their own: timid predictions stay visible
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(x=value, y=y, mode="markers", name="rows", marker={"color": MODEL, "size": 4, "opacity": 0.35})
    )
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="perfect", line={"color": BASELINE, "dash": "dash"}))
    figure.update_xaxes(title=f"{name}, predicted")
    figure.update_yaxes(title=f"{name}, actual")
    return styled(figure)


def levels_in_time(rows: Predicted, output: int, name: str) -> go.Figure:
    """Predicted and actual values at the moment that they are for; below, the model's error and the last value's.

    Args:
        rows: of one series, with its present values.
    """
    assert rows.start is not None
    times, y = date_text(rows.known_us[:, output]), rows.y[:, output]
    value, start = rows.value[:, output], rows.start[:, output]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06)
    for row, values, series, line in (
        (1, y, "actual", {"color": INK, "width": 1.5}),
        (1, value, "predicted", {"color": MODEL, "width": 1.5}),
        (2, start - y, "last value's error", {"color": BASELINE, "width": 1}),
        (2, value - y, "model's error", {"color": MODEL, "width": 1, "dash": "dot"}),
    ):
        figure.add_trace(go.Scatter(x=times, y=values, name=series, mode="lines", line=line), row=row, col=1)
    figure.add_hline(y=0, line={"color": QUIET, "width": 1, "dash": "dot"}, row=2, col=1)
    figure.update_yaxes(title=name, row=1, col=1)
    figure.update_yaxes(title="minus actual", nticks=5, row=2, col=1)
    return styled(figure)


def residuals(rows: Predicted, output: int, name: str) -> go.Figure:
    """Predicted minus true over time, and how they spread."""
    error = rows.value[:, output] - rows.y[:, output]
    # Room for half a date: the last one may stand at the very end of its axis, beside the other's 0.
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, column_widths=[0.78, 0.22], horizontal_spacing=0.09)
    figure.add_trace(
        go.Scatter(
            x=date_text(rows.time_us), y=error, mode="markers", marker={"color": MODEL, "size": 3, "opacity": 0.45}
        ),
        row=1,
        col=1,
    )
    count, edges = np.histogram(error, bins=50)
    figure.add_trace(
        go.Bar(x=count, y=(edges[1:] + edges[:-1]) / 2, orientation="h", marker={"color": MODEL}), row=1, col=2
    )
    figure.add_hline(y=0, line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_yaxes(title=f"{name}, predicted minus actual", row=1, col=1)
    figure.update_xaxes(title="rows", nticks=3, row=1, col=2)
    figure.update_layout(bargap=0)
    return styled(figure, legend=False)
