"""Pictures of what attention reads: how much steps take of each other layer by layer, and how much each counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gatewise.report.figure_style import ACCENT, MODEL, QUIET, styled

A_ROW = 3  # pictures
_NAMES = 24  # of steps, at the axes


def attention_layers(layers_LTT: npt.NDArray[np.float64]) -> go.Figure:
    """A heat map a layer: a row is the step that reads, a column the step that it reads, 0 the window's last.

    Drawn is how many times an even share among the steps that it may read: the first steps of a causal model, which may
    read few, would outshine all others.

    Args:
        layers_LTT: mean over windows and heads; 0 where a step may not read another.
    """
    num_layers, steps, _ = layers_LTT.shape
    columns = min(num_layers, A_ROW)
    rows = -(-num_layers // columns)
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=[f"layer {number + 1}" for number in range(num_layers)],
        horizontal_spacing=0.09, vertical_spacing=0.16 / rows,
    )  # fmt: skip
    back = np.arange(1 - steps, 1)
    readable_LTT = layers_LTT > 0
    times_LTT = np.where(readable_LTT, layers_LTT * readable_LTT.sum(axis=-1, keepdims=True), np.nan)
    most = max(2.0, float(np.nanmax(times_LTT)))
    for number, layer_TT in enumerate(layers_LTT):
        row, column = number // columns + 1, number % columns + 1
        figure.add_trace(
            go.Heatmap(
                z=times_LTT[number],
                customdata=layer_TT,
                x=back,
                y=back,
                zmin=0,
                zmax=most,
                colorscale=[[0, ACCENT], [1 / most, "#f4f7fb"], [1, MODEL]],
                showscale=number == 0,
                colorbar={"title": {"text": "times an even share", "side": "right"}, "thickness": 10},
                hovertemplate="step %{y} takes %{customdata:.1%} of step %{x}<extra></extra>",
            ),
            row=row,
            col=column,
        )
        figure.update_xaxes(title="step that is read" if row == rows else None, row=row, col=column)
        figure.update_yaxes(title="step that reads" if column == 1 else None, row=row, col=column)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return styled(figure, legend=False).update_layout(margin={"r": 90})


def step_shares(steps_NT: npt.NDArray[np.float32]) -> go.Figure:
    """How much each step counted: the mean over windows, and the band that holds eight windows in ten."""
    back = np.arange(1 - steps_NT.shape[1], 1)
    low, high = np.quantile(steps_NT, [0.1, 0.9], axis=0)
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([back, back[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
            fillcolor="rgba(11,92,173,0.15)", line={"width": 0}, name="8 windows in 10", hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=back, y=steps_NT.mean(axis=0, dtype=np.float64), name="mean", line={"color": MODEL, "width": 2},
            mode="lines+markers" if len(back) <= _NAMES else "lines",
            hovertemplate="step %{x}: %{y:.1%}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(y=1 / len(back), line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="step of the window, 0 its last", dtick=1 if len(back) <= _NAMES else None)
    figure.update_yaxes(title="share", tickformat=".1%", rangemode="tozero")
    return styled(figure)
