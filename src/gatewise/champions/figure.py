"""What was live when, as a Plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go

from gatewise.champions.entry import Entry
from gatewise.champions.words import bundle_words, entry_cells
from gatewise.evaluation.verdict import COLOURS
from gatewise.report.figure_style import ACCENT, INK, MODEL, styled

_COLOURS = {"promote": MODEL, "rollback": ACCENT, "update": INK, "overridden": COLOURS["bad"].page}


def timeline(entries: Sequence[Entry], now: datetime) -> go.Figure:
    """A row a bundle, the first at the bottom; each entry a bar from its moment to the next one's, or `now`.

    What was pruned changed no champion, and is no bar.
    """
    figure, entries = go.Figure(), [entry for entry in entries if entry.action != "prune"]
    ends = [*(entry.utc for entry in entries[1:]), max(now.isoformat(timespec="microseconds"), entries[-1].utc)]
    shown: set[str] = set()
    for entry, end in zip(entries, ends, strict=True):
        label = bundle_words(entry).replace(", ", "<br>")
        kind = entry.action if entry.override is None else "overridden"
        colour = _COLOURS[kind]
        figure.add_trace(
            go.Scatter(
                x=[_text(entry.utc), _text(end)],
                y=[label, label],
                name=kind,
                legendgroup=kind,
                showlegend=kind not in shown,
                mode="lines+markers",
                line={"color": colour, "width": 9},
                marker={"size": [13, 0], "color": colour, "symbol": "circle", "opacity": 1},
                hovertemplate=f"entry {entry.number}, {entry_cells(entry).action}: %{{x}}<extra></extra>",
            )
        )
        shown.add(kind)
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_xaxes(title="UTC")
    return styled(figure)


def _text(utc: str) -> str:
    """Without its zone, which Plotly would turn into the reader's."""
    return utc[:26]
