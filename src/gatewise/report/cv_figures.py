"""Pictures of a cross-validation, each a Plotly figure of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from gatewise.evaluation.base import Floats
from gatewise.report.figure_style import BASELINE, INK, styled

# Okabe and Ito's palette, told apart by colour-blind readers.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1d2530")
_JITTER = 0.09


@dataclass(frozen=True)
class Dots:
    """One model's folds: float64 [n] fold numbers and values, a dot for each seed."""

    fold: Floats
    value: Floats


def fold_dots(metric: str, models: Mapping[str, Dots], prior: Dots, cutoffs: Sequence[str]) -> go.Figure:
    """Every fold and seed of every model, beside what the prior scored on the same rows.

    Args:
        metric: in words, for the axis.
        cutoffs: the day on which each fold's test begins, from fold 1 on.
    """
    figure = go.Figure()
    for number, (x, y) in enumerate(zip(prior.fold, prior.value, strict=True)):
        figure.add_trace(
            go.Scatter(
                x=[x - 0.4, x + 0.4],
                y=[y, y],
                mode="lines",
                name="prior",
                showlegend=number == 0,
                line={"color": BASELINE, "width": 3},
                hovertemplate=f"prior, fold {x:.0f}: {y:.4g}<extra></extra>",
            )
        )
    for number, (name, dots) in enumerate(models.items()):
        side = (number - (len(models) - 1) / 2) * min(0.22, 0.7 / len(models))
        figure.add_trace(
            go.Scatter(
                x=dots.fold + side + _spread(dots.fold),
                y=dots.value,
                mode="markers",
                name=name,
                marker={
                    "color": _COLOURS[number % len(_COLOURS)],
                    "size": 9,
                    "opacity": 0.8,
                    "line": {"color": INK, "width": 0.4},
                },
                hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
            )
        )
    folds = np.arange(1, len(cutoffs) + 1)
    shown = folds if len(folds) <= 12 else folds[:: -(-len(folds) // 12)]
    figure.update_xaxes(
        title="fold, and the day its test begins",
        tickvals=shown,
        ticktext=[f"{k}<br>{cutoffs[k - 1]}" for k in shown],
        range=[0.4, len(folds) + 0.6],
        showgrid=False,
    )
    figure.update_yaxes(title=metric)
    return styled(figure)


def _spread(fold: Floats) -> Floats:
    """Sets the seeds of one fold apart, so that none hides another."""
    apart = np.zeros(fold.size)
    for number in np.unique(fold):
        dots = np.flatnonzero(fold == number)
        apart[dots] = (np.arange(dots.size) - (dots.size - 1) / 2) * min(_JITTER, 0.3 / max(dots.size, 1)) * 0.6
    return apart
