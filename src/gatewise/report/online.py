"""Updated models beside the same ones frozen, on a cross-validation's page: a table, and when updating helped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from gatewise.config.durations import rough_duration
from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.diebold_mariano import p_text
from gatewise.evaluation.metric_names import metric_difference, metric_text, metric_words
from gatewise.evaluation.verdict import SHORT, TONES, Judgement
from gatewise.report.figure_style import INK, PALETTE, date_text, styled
from gatewise.report.html import Cell, Line, Pictures, table


@dataclass(frozen=True)
class UpdatedModel:
    """What the page shows of one model.

    Attributes:
        updated, frozen: the deciding metric on all tested rows. difference: of the first from the second, paired.
        p: of the test of Diebold and Mariano; `None`: there is none.
        time_us, gain: see `selection.cv.online.Online`.
    """

    updated: float
    frozen: float
    difference: Interval
    judgement: Judgement
    p: float | None
    updates: int
    failed: int
    seconds: float
    time_us: Ints
    gain: Floats


def online_section(
    models: Mapping[str, UpdatedModel], deciding: str, confidence: float, how: Sequence[str], pictures: Pictures
) -> Iterator[str]:
    """The pieces of the section.

    Args:
        models: by model@horizon. deciding: the metric that decides. how: the recipe, in words.
    """
    head = ("verdict", "frozen", "updated", f"difference, {confidence:.0%}", "DM p", "updates", "took")
    yield table(
        "updated beside frozen",
        f"{metric_words(deciding)} on all tested rows. {' '.join(how)} Below zero the updated model is better. DM p: "
        "Diebold and Mariano's test of their losses.",
        head,
        [_line(name, model, deciding) for name, model in models.items()],
    )
    yield pictures.add(
        gains(models, deciding),
        "When updating helped",
        "The loss of the updated model less that of the frozen one, added up over the tested rows, mean over seeds. "
        "Where a line falls, the updated model was better; folds follow one another in it.",
        wide=True,
    )


def _line(name: str, model: UpdatedModel, deciding: str) -> Line:
    size = max(abs(model.frozen), abs(model.updated))
    verdict = model.judgement.verdict
    cells = [
        Cell(SHORT[verdict], style=f"tone {TONES[verdict]}"),
        Cell(metric_text(deciding, model.frozen, size)),
        Cell(metric_text(deciding, model.updated, size), bold=True),
        Cell(metric_difference(deciding, model.difference, size)),
        Cell("–" if model.p is None else p_text(model.p)),
        Cell(f"{model.updates:,}", f"{model.failed:,} came to nothing" if model.failed else ""),
        Cell(rough_duration(model.seconds)),
    ]
    return Line(name, cells)


def gains(models: Mapping[str, UpdatedModel], deciding: str) -> go.Figure:
    """A line a model: the added up difference in loss; below zero and falling, the updated one is better."""
    figure = go.Figure()
    for number, (name, model) in enumerate(models.items()):
        figure.add_trace(
            go.Scatter(
                x=date_text(model.time_us),
                y=model.gain,
                mode="lines",
                name=name,
                line={"color": PALETTE[number % len(PALETTE)], "width": 2},
                hovertemplate=f"{name}, %{{x}}: %{{y:+.4g}}<extra></extra>",
            )
        )
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    figure.update_yaxes(title=f"updated less frozen, {metric_words(deciding)}, added up")
    return styled(figure)
