"""Pictures of predicted quantiles: whether they hold as many rows as they say, and their band in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from gatewise.evaluation.base import Floats, Interval
from gatewise.report.data import Predicted
from gatewise.report.figure_style import BASELINE, INK, MODEL, date_text, styled
from gatewise.targets.outputs.quantiles import level_name


def coverage(levels: Sequence[float], shares: Mapping[str, Interval]) -> go.Figure:
    """Shares of rows at or below each quantile over its level; what is right lies on the diagonal.

    Args:
        shares: by the quantiles' names, all levels of one column after those of another.
    """
    nominal = np.tile(levels, len(shares) // len(levels))
    intervals = list(shares.values())
    above = [0.0 if interval.high is None else abs(interval.high - interval.value) for interval in intervals]
    below = [0.0 if interval.low is None else abs(interval.low - interval.value) for interval in intervals]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", name="nominal = observed", line={"color": BASELINE, "dash": "dash"},
            hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=nominal,
            y=[interval.value for interval in intervals],
            error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below},
            mode="markers",
            name="model",
            marker={"size": 8, "color": MODEL},
            text=list(shares),
            hovertemplate="%{text}: %{y:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="nominal probability", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="share of rows at or below", tickformat=".0%", range=[0, 1])
    return styled(figure)


def quantile_band(rows: Predicted, quantiles: Floats, output: int, name: str, levels: Sequence[float]) -> go.Figure:
    """Quantiles [m, Q] and what came, in time; dots where several series share moments."""
    known_us = rows.known_us[:, output]
    order = np.argsort(known_us, kind="stable")
    mode = "lines" if len(np.unique(known_us)) == len(known_us) else "markers"
    times, figure = date_text(known_us[order]), go.Figure()
    for number, level in enumerate(levels):
        middle = 1 - abs(2 * level - 1)  # from 0 at the ends to 1 at the median
        figure.add_trace(
            go.Scatter(
                x=times, y=quantiles[order, number], name=level_name(level), mode=mode, opacity=0.4 + 0.6 * middle,
                line={"color": MODEL, "width": 1}, marker={"color": MODEL, "size": 3},
            )
        )  # fmt: skip
    came = {"color": INK, "size": 3, "opacity": 0.6}
    figure.add_trace(go.Scatter(x=times, y=rows.y[order, output], name="actual", mode="markers", marker=came))
    figure.update_yaxes(title=name)
    return styled(figure)
