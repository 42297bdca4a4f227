"""Pictures of a study, each a Plotly figure of plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.verdict import COLOURS, judge_differences
from gatewise.report.data import thinned
from gatewise.report.figure_style import BASELINE, INK, PALETTE, date_text, styled

_MOST_POINTS = 1_500


def loss_ratios(ratios: Mapping[str, Interval], metric: str, reference: str, confidence: float) -> go.Figure:
    """Each line's loss by the reference's, with its interval: left of 1 it is better. The best stands at the top."""
    figure = go.Figure()
    for name, ratio in reversed(list(ratios.items())):
        if ratio.low is None or ratio.high is None:
            points, apart = [ratio.value], Interval(ratio.value - 1)
        else:
            points = [ratio.low, ratio.value, ratio.high]
            apart = Interval(ratio.value - 1, ratio.low - 1, ratio.high - 1)
        colour = INK if name == reference else COLOURS[judge_differences({name: apart}).tone].page
        figure.add_trace(
            go.Scatter(
                x=points,
                y=[name] * len(points),
                mode="lines+markers",
                line={"color": colour, "width": 3},
                marker={"size": [11 * (x == ratio.value) for x in points], "color": colour, "opacity": 1},
                hovertemplate=f"{name}: %{{x:.3f}}<extra></extra>",
            )
        )
    figure.add_vline(x=1, line={"color": INK, "width": 1.2})
    figure.update_xaxes(title=f"{metric} by that of {reference}, {confidence:.0%} interval of the difference")
    figure.update_yaxes(type="category", showgrid=False)
    return styled(figure, legend=False)


def line_styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each line is drawn, the same in all pictures."""
    styles = {}
    for number, name in enumerate(names):
        turn, place = divmod(number, len(PALETTE))
        styles[name] = {"color": PALETTE[place], "width": 1.8, "dash": ("solid", "dot", "dash")[turn % 3]}
    return styles


def forecasts(
    time_us: Ints, realised: Floats, forecast: Mapping[str, Floats], styles: Mapping[str, Mapping[str, Any]]
) -> go.Figure:
    """Volatility that came, and what was forecast of it, row by row; all float64 [n]."""
    dates, figure = date_text(time_us), go.Figure()
    figure.add_trace(
        go.Scatter(x=dates, y=realised, name="realised", mode="lines", line={"color": BASELINE, "width": 1.5})
    )
    for name, values in forecast.items():
        figure.add_trace(go.Scatter(x=dates, y=values, name=name, mode="lines", line=styles[name]))
    figure.update_yaxes(title="volatility", type="log", dtick="D2")  # 1, 2, 5: nine digits run together
    return styled(figure)


def cumulative_losses(
    time_us: Ints,
    apart: Mapping[str, Floats],
    metric: str,
    reference: str,
    styles: Mapping[str, Mapping[str, Any]],
) -> go.Figure:
    """How each line's loss less the reference's adds up over time: where a line falls it is the better one.

    Args:
        apart: float64 [n] each, in order of time.
    """
    at = thinned(len(time_us), _MOST_POINTS)
    dates, figure = date_text(time_us[at]), go.Figure()
    for name, values in apart.items():
        figure.add_trace(go.Scatter(x=dates, y=np.cumsum(values)[at], name=name, mode="lines", line=styles[name]))
    figure.add_hline(y=0, line={"color": INK, "width": 1.2})
    figure.update_yaxes(title=f"sum of {metric} less that of {reference}")
    return styled(figure)
