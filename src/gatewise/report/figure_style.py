"""How every picture of a report looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.evaluation.base import Ints
from gatewise.loading import traceless

with traceless():
    import plotly.graph_objects as go

    go.Figure()  # the first one loads the rest of Plotly

INK, QUIET, GRID, PAPER = "#1d2530", "#67717f", "#e4e7ec", "#ffffff"
MODEL, BASELINE, ACCENT = "#0b5cad", "#98a2b1", "#d1711f"
# Okabe and Ito's palette, told apart by colour-blind readers, then greys.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", BASELINE, INK)


def date_text(time_us: Ints) -> npt.NDArray[Any]:
    """Times as text to the second, which Plotly draws as they are; numbers it would move to the reader's zone."""
    return np.datetime_as_string(time_us.astype("datetime64[us]").astype("datetime64[s]"))


_AXIS = {
    "gridcolor": GRID, "zeroline": False, "showline": True, "linecolor": GRID, "ticks": "outside", "tickcolor": GRID,
    "automargin": True, "tickfont": {"color": QUIET}, "title": {"font": {"color": QUIET, "size": 12}},
}  # fmt: skip
# Plotly checks a template once, when it is made; the same settings said to each figure take forty times as long.
_STYLE = go.layout.Template(
    layout={
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 12, "color": INK},
        "margin": {"l": 64, "r": 20, "t": 34, "b": 52},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        "hoverlabel": {"bgcolor": PAPER, "font": {"color": INK}},
        "autosize": True,
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


def styled(figure: go.Figure, legend: bool = True) -> go.Figure:
    """Gives a figure the report's fonts, margins and quiet axes; what it says of itself stays."""
    figure.layout.template = _STYLE  # in place of any that it has; an update would be mixed with it
    figure.layout.showlegend = legend
    return figure
