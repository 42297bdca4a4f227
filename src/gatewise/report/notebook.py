"""A result in a notebook: headline, table, small curves. Plain HTML and SVG, which need no script to be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatewise.evaluation.verdict import COLOURS, Tone
from gatewise.report.html import render

_WIDTH, _HEIGHT = 360, 90  # CSS pixels
_PALETTE = ("#67717f", "#0b5cad")


@dataclass(frozen=True)
class _Curve:
    """A line of the picture: `points` as SVG has them, and its last value in words."""

    name: str
    points: str
    colour: str
    last: str


def notebook_piece(
    headline: str,
    tone: Tone,
    caption: str,
    head: Sequence[str],
    lines: Sequence[Sequence[str]],
    notes: Sequence[str],
    facts: Mapping[str, str],
    curves: Mapping[str, Sequence[float]],
) -> str:
    """A piece of HTML; the arguments are `api.summary.Summary`'s."""
    return render(
        "notebook.html",
        headline=headline,
        colour=COLOURS[tone].page,
        caption=caption,
        head=head,
        lines=lines,
        notes=notes,
        facts=facts,
        curves=_drawn(curves),
        width=_WIDTH,
        height=_HEIGHT,
    )


def framed(page: str) -> str:
    """A whole page within another."""
    return render("frame.html", page=page)


def _drawn(curves: Mapping[str, Sequence[float]]) -> list[_Curve]:
    """Lines over one scale; none where there are no two epochs."""
    values = [value for curve in curves.values() for value in curve]
    epochs = max(map(len, curves.values()), default=0)
    if epochs < 2:
        return []
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    drawn = []
    for (name, curve), colour in zip(curves.items(), _PALETTE, strict=False):
        points = [
            f"{4 + n * (_WIDTH - 8) / (epochs - 1):.1f},{4 + (high - value) / span * (_HEIGHT - 8):.1f}"
            for n, value in enumerate(curve)
        ]
        drawn.append(_Curve(name.replace("_", " "), " ".join(points), colour, f"{curve[-1]:.4g}"))
    return drawn
