"""Pictures of explanations: what predictions lose without some features, and the parts of one prediction."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gatewise.evaluation.base import decimals, fixed
from gatewise.evaluation.metric_names import metric_words
from gatewise.explain.attribution import Attribution
from gatewise.explain.importance import Importances
from gatewise.report.figure_style import ACCENT, INK, MODEL, date_text, styled

MOST_BARS, MOST_FEATURES = 30, 40


def importance_bars(importances: Importances) -> go.Figure:
    """The increase of the deciding metric of each group, the largest at the top, with intervals where there are."""
    groups = importances.groups[:MOST_BARS]
    values = np.array([one.increase.value for one in groups])
    some = any(one.increase.low is not None for one in groups)
    low, high = (
        np.array(
            [
                value if (bound := getattr(one.increase, side)) is None else bound
                for one, value in zip(groups, values, strict=True)
            ]
        )
        for side in ("low", "high")
    )
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[one.name for one in groups],
            orientation="h",
            marker={"color": [MODEL if value > 0 else ACCENT for value in values]},
            error_x={
                "visible": some,
                "type": "data",
                "array": high - values,
                "arrayminus": values - low,
                "color": INK,
                "thickness": 1.4,
                "width": 4,
            },
            customdata=[", ".join(one.features) for one in groups],
            hovertemplate="%{y}: %{x:+.4g}<br>%{customdata}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1.2})
    interval = f", {importances.confidence:.0%} interval" * some
    figure.update_xaxes(title=f"increase of {metric_words(importances.metric)}{interval}")
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return styled(figure, legend=False)


def importance_height(importances: Importances) -> int:
    """In CSS pixels."""
    return 110 + 26 * min(MOST_BARS, len(importances.groups))


def attribution_map(attribution: Attribution) -> go.Figure:
    """Steps across, features down, the largest sums at the top; above them what each step comes to."""
    names = list(attribution.by_feature)[:MOST_FEATURES]
    at = [attribution.names.index(name) for name in names]
    parts, inputs = attribution.parts[:, at].T, attribution.inputs[:, at].T
    sums = parts.sum(axis=1)
    places = decimals(float(np.abs(sums).max(initial=0.0)))
    back = np.arange(1 - len(attribution.parts), 1)
    most = float(np.abs(parts).max(initial=0.0)) or 1.0
    steps = attribution.parts.sum(axis=1)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.16, 0.84], vertical_spacing=0.03)
    figure.add_trace(
        go.Bar(
            x=back, y=steps, marker={"color": np.where(steps > 0, MODEL, ACCENT)}, showlegend=False,
            hovertemplate="step %{x}: %{y:+.4g}<extra></extra>",
        ),
        row=1, col=1,
    )  # fmt: skip
    when = np.broadcast_to(date_text(attribution.steps_us), parts.shape)
    figure.add_trace(
        go.Heatmap(
            z=parts,
            x=back,
            y=[f"{name} {fixed(float(total), places, '+')}" for name, total in zip(names, sums, strict=True)],
            customdata=np.stack([when, inputs.astype(str)], axis=-1),
            zmin=-most,
            zmax=most,
            colorscale=[[0, ACCENT], [0.5, "#f4f7fb"], [1, MODEL]],
            colorbar={"title": {"text": f"part of {attribution.output}", "side": "right"}, "thickness": 10},
            hovertemplate="%{y}<br>step %{x}, %{customdata[0]}: %{customdata[1]}<br>part %{z:+.4g}<extra></extra>",
        ),
        row=2, col=1,
    )  # fmt: skip
    figure.update_xaxes(title="step of the window, 0 its last", row=2, col=1)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed", row=2, col=1)
    figure.update_yaxes(title="all", row=1, col=1)
    return styled(figure, legend=False).update_layout(margin={"r": 90})


def attribution_height(attribution: Attribution) -> int:
    """In CSS pixels."""
    return 230 + 18 * min(MOST_FEATURES, len(attribution.names))
