"""An ensemble's members beside it: what each is worth on the same rows, and how its training went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.evaluation.base import count
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import best_of, metric_text, metric_words
from gatewise.report.figure_style import PALETTE, QUIET, styled
from gatewise.report.html import Cell, Line, Pictures, table

if TYPE_CHECKING:
    from gatewise.learners.base import TrainedMember  # brings torch


@dataclass(frozen=True)
class MemberResult:
    """What came of a member.

    Attributes:
        metrics: {part: {metric: value}}, on the rows that the ensemble is judged on.
    """

    member: TrainedMember
    metrics: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        config, fit = self.member.config, self.member.trained.fit
        ended = {name: getattr(fit, name) for name in ("epochs", "best_epoch", "ended")}
        seed = None if EnsembleConfig.is_run(self.member.label) else config.training.seed  # a run has its own
        named = {"name": self.member.label, "model": config.model.name, "seed": seed}
        return {**named, **ended, "metrics": {part: dict(values) for part, values in self.metrics.items()}}


def member_table(result: PartResult, members: Sequence[MemberResult], metrics: Sequence[str], caption: str) -> Markup:
    """The ensemble at the head, members below; their values in one part, the best of each metric underlined."""
    rows = {"ensemble": {name: interval.value for name, interval in result.metrics.items()}}
    rows |= {member.member.label: dict(member.metrics[result.part]) for member in members}
    shown = [name for name in metrics if all(np.isfinite(values.get(name, np.nan)) for values in rows.values())]
    best = {name: best_of(name, [values[name] for values in rows.values()]) for name in shown}
    size = {name: max(abs(values[name]) for values in rows.values()) for name in shown}
    trained = {member.member.label: _epochs(member) for member in members}
    lines = []
    for label, values in rows.items():
        styles = [["model"] * (label == "ensemble") + ["best"] * (values[name] == best[name]) for name in shown]
        cells = [
            Cell(metric_text(name, values[name], size[name]), bold=True, style=" ".join(style))
            for name, style in zip(shown, styles, strict=True)
        ]
        lines.append(Line(label, [replace(cells[0], small=trained.get(label, "")), *cells[1:]]))
    whole = f"{caption}, on the same {result.rows:,} rows, without intervals. Underlined: the best of the column."
    return table(caption, whole, list(map(metric_words, shown)), lines)


def _epochs(member: MemberResult) -> str:
    fit = member.member.trained.fit
    return "fitted once" if fit.ended == "fitted" else f"{count(fit.epochs, 'epoch')}, best {fit.best_epoch}"


def member_pictures(members: Sequence[MemberResult], pictures: Pictures) -> Iterator[str]:
    """Each member's curves, where any has some."""
    curved = [member for member in members if member.member.trained.fit.epochs > 1]
    if curved:
        yield pictures.add(
            _curves(curved),
            "Loss by epoch, member by member",
            "Lines: validation loss after each epoch. Dotted: training loss, measured while dropout is on and the "
            "weights still move. A dot marks the epoch whose weights were kept.",
            wide=True,
            height=400,
        )


def _curves(members: Sequence[MemberResult]) -> go.Figure:
    figure = go.Figure()
    for number, one in enumerate(members):
        fit, colour = one.member.trained.fit, PALETTE[number % len(PALETTE)]
        epochs = np.arange(1, fit.epochs + 1)
        for name, dash in (("val_loss", "solid"), ("train_loss", "dot")):
            figure.add_trace(
                go.Scatter(
                    x=epochs,
                    y=np.array([epoch[name] for epoch in fit.history]),
                    name=one.member.label,
                    legendgroup=one.member.label,
                    showlegend=name == "val_loss",
                    line={"color": colour, "width": 2, "dash": dash},
                    mode="lines",
                )
            )
        figure.add_trace(
            go.Scatter(
                x=np.array([fit.best_epoch]),
                y=np.array([fit.history[fit.best_epoch - 1]["val_loss"]]),
                mode="markers",
                marker={"color": colour, "size": 9, "line": {"color": QUIET, "width": 1}},
                legendgroup=one.member.label,
                showlegend=False,
                hoverinfo="skip",
            )
        )
    figure.update_xaxes(title="epoch", tickformat="d")
    figure.update_yaxes(title="loss")
    return styled(figure)
