"""Pictures of predicted quantiles: whether they hold as many rows as they say, and the fan that they make in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from gatewise.evaluation.base import Floats, Interval
from gatewise.report.data import Predicted
from gatewise.report.figure_style import ACCENT, BASELINE, INK, MODEL, date_text, styled
from gatewise.targets.outputs.quantiles import level_name

_FAINTEST, _STRONGEST = 0.12, 0.55  # of the bands of a fan, from its edge to the middle


def coverage(
    levels: Sequence[float], shares: Mapping[str, Interval], uncalibrated: Mapping[str, Interval] | None = None
) -> go.Figure:
    """Shares of rows at or below each quantile over its level; what is right lies on the diagonal.

    Args:
        shares: by the quantiles' names, all levels of one column after those of another.
        uncalibrated: likewise, before validation rows set the quantiles right.
    """
    nominal = np.tile(levels, len(shares) // len(levels))
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", name="nominal = observed", line={"color": BASELINE, "dash": "dash"},
            hoverinfo="skip",
        )
    )  # fmt: skip
    lines = {"model": (shares, MODEL, "circle")}
    if uncalibrated:
        lines["before calibration"] = (uncalibrated, ACCENT, "circle-open")
    for name, (each, colour, symbol) in lines.items():
        intervals = list(each.values())
        above = [0.0 if interval.high is None else abs(interval.high - interval.value) for interval in intervals]
        below = [0.0 if interval.low is None else abs(interval.low - interval.value) for interval in intervals]
        figure.add_trace(
            go.Scatter(
                x=nominal,
                y=[interval.value for interval in intervals],
                error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below},
                mode="markers",
                name=name,
                marker={"size": 8, "color": colour, "symbol": symbol},
                text=list(each),
                hovertemplate="%{text}: %{y:.1%}<extra></extra>",
            )
        )
    figure.update_xaxes(title="nominal probability", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="share of rows at or below", tickformat=".0%", range=[0, 1])
    return styled(figure)


def fan(rows: Predicted, quantiles: Floats, output: int, name: str, levels: Sequence[float]) -> go.Figure:
    """Quantiles [m, Q] as bands and what came, in time; dots where several series share moments.

    What came beyond the outermost quantiles has another colour.
    """
    known_us = rows.known_us[:, output]
    order = np.argsort(known_us, kind="stable")
    lines = len(np.unique(known_us)) == len(known_us)
    times, figure = date_text(known_us[order]), go.Figure()
    for number, level in enumerate(levels):
        below = levels[number - 1] if number else level
        inner = 1 - abs(below + level - 1)  # of the band below it: from 0 at the ends to 1 around the median
        strength = _FAINTEST + (_STRONGEST - _FAINTEST) * inner**2
        figure.add_trace(
            go.Scatter(
                x=times, y=quantiles[order, number], name=level_name(level), mode="lines" if lines else "markers",
                line={"color": MODEL, "width": 1.5 if level == 0.5 or len(levels) < 2 else 0.5},
                marker={"color": MODEL, "size": 3},
                fill="tonexty" if number and lines else None, fillcolor=f"rgba(11, 92, 173, {strength:.2f})",
            )
        )  # fmt: skip
    y = rows.y[order, output]
    beyond = (y < quantiles[order, 0]) | (y > quantiles[order, -1])
    outer = beyond & (len(levels) > 1)
    dots = {"color": np.where(outer, ACCENT, INK).tolist(), "size": np.where(outer, 6, 4).tolist(), "opacity": 0.8}
    figure.add_trace(go.Scatter(x=times, y=y, name="actual", mode="markers", marker=dots))
    figure.update_yaxes(title=name)
    return styled(figure)
