"""Pictures of how a run went: learning curves, the split in time, the classes in each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gatewise.config.loss_section import LOSS_CONFIGS
from gatewise.evaluation.base import Floats, Ints
from gatewise.report.data import Stretch, thinned
from gatewise.report.figure_style import ACCENT, INK, MODEL, PALETTE, QUIET, date_text, styled

PARTS = {
    "train": "#7fa6d6",
    "purged": "#d7dbe2",
    "embargoed": "#97a0ae",
    "val": "#e2a04a",
    "certify": "#b0698f",
    "test": "#2c8a72",
}
DROPPED = ("purged", "embargoed")
_GROUPS = 200  # neighbours that are one point
# Of the palette's; flat is grey because it is the absence of a view.
CLASSES = {"down": "#d55e00", "flat": "#98a2b1", "up": "#0072b2"}


def learning_curves(history: Sequence[Mapping[str, float]], best_epoch: int) -> go.Figure:
    """Loss of training and validation by epoch, and the learning rate below."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.08)
    kept = thinned(len(history))
    epochs = kept + 1
    mode = "lines+markers" if len(kept) <= 40 else "lines"
    for name, label, colour, row in (
        ("train_loss", "training loss", MODEL, 1),
        ("val_loss", "validation loss", ACCENT, 1),
        *((f"val_{name}", f"monitored: {name}", QUIET, 1) for name in LOSS_CONFIGS),
        ("learning_rate", "learning rate", QUIET, 2),
    ):
        if history and name in history[0]:
            figure.add_trace(
                go.Scatter(
                    x=epochs,
                    y=np.array([history[k][name] for k in kept]),
                    name=label,
                    mode=mode,
                    line={"color": colour, "width": 2},
                    marker={"size": 5},
                    showlegend=row == 1,
                ),
                row=row,
                col=1,
            )
    figure.add_vline(x=best_epoch, line={"color": QUIET, "width": 1, "dash": "dot"}, row=1, col=1)
    figure.add_annotation(
        x=best_epoch, y=1, yref="y domain", text=f"kept: epoch {best_epoch}", showarrow=False, yanchor="bottom",
        xanchor="right" if best_epoch > len(history) / 2 else "left", font={"size": 11, "color": QUIET},
    )  # fmt: skip
    figure.update_yaxes(title="loss", row=1, col=1)
    figure.update_yaxes(title="rate", rangemode="tozero", tickformat=".1e", nticks=4, row=2, col=1)
    figure.update_xaxes(title="epoch", row=2, col=1)
    ticks = {"dtick": 1} if len(history) <= 12 else {"nticks": 12}
    figure.update_xaxes(tickformat="d", range=[0.5, len(history) + 0.5], **ticks)
    return styled(figure)


def split_timeline(stretches: Sequence[Stretch], told_apart: bool = False) -> go.Figure:
    """Train, purged, embargoed, validation and test stretches in time, a lane a symbol or fold.

    Args:
        told_apart: whether embargoed stretches are named so; else purged stands for both.
    """
    figure = go.Figure()
    for kind, colour in PARTS.items():
        of_kind = [s for s in stretches if s.kind == kind]
        if of_kind:
            start = date_text(np.array([s.start_us for s in of_kind]))
            figure.add_trace(
                go.Bar(
                    base=start,
                    x=np.array([(s.end_us - s.start_us) / 1e3 for s in of_kind]),
                    y=[s.lane for s in of_kind],
                    orientation="h",
                    name="purged or embargoed" if kind == "purged" and not told_apart else kind,
                    marker={"color": colour, "line": {"color": INK if kind in DROPPED else colour, "width": 0.5}},
                    customdata=[f"{s.rows:,}" for s in of_kind],
                    hovertemplate=f"{kind}: %{{customdata}} samples from %{{base}}<extra></extra>",
                    width=0.55,
                )
            )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="date")
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return styled(figure)


def class_balance(counts: Mapping[str, Ints], classes: Sequence[str]) -> go.Figure:
    """Share of each class in each part."""
    figure = go.Figure()
    for number, label in enumerate(classes):
        figure.add_trace(
            go.Bar(
                x=list(counts),
                y=np.array([c[number] / max(c.sum(), 1) for c in counts.values()]),
                name=label,
                marker={"color": CLASSES.get(label, PALETTE[number % len(PALETTE)])},
                customdata=[f"{c[number]:,}" for c in counts.values()],
                hovertemplate=f"{label} in %{{x}}: %{{y:.1%}}, %{{customdata}} rows<extra></extra>",
            )
        )
    figure.update_yaxes(title="share", tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(type="category", showgrid=False)
    return styled(figure)


def weights_over_time(time_us: Ints, weight: Floats) -> go.Figure:
    """The mean of neighbouring labels' weights, and the band that holds eight in ten of them."""
    order = np.argsort(time_us, kind="stable")
    groups = np.array_split(order, min(len(order), _GROUPS))
    times = date_text(np.array([int(np.median(time_us[group])) for group in groups]))
    low, high = np.array([np.quantile(weight[group], (0.1, 0.9)) for group in groups]).T
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([times, times[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
            fillcolor="rgba(11,92,173,0.15)", line={"width": 0}, name="8 labels in 10", hoverinfo="skip",
        )
    )  # fmt: skip
    means = np.array([weight[group].mean() for group in groups])
    figure.add_trace(go.Scatter(x=times, y=means, name="mean", mode="lines", line={"color": MODEL, "width": 2}))
    figure.add_hline(y=1, line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_yaxes(title="weight", rangemode="tozero")
    figure.update_xaxes(type="date")
    return styled(figure)
