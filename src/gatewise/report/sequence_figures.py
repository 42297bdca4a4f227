"""Pictures of paths: how errors grow with the steps ahead, and some paths beside what came."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gatewise.evaluation.sequence_metrics import StepErrors
from gatewise.report.data import Predicted, thinned
from gatewise.report.figure_style import ACCENT, BASELINE, INK, MODEL, QUIET, date_text, styled
from gatewise.targets.outputs.sequences import Sequences

_LINES = {
    "model": {"color": MODEL, "width": 2.5},
    "random_walk": {"color": BASELINE, "width": 1.5},
    "seasonal_naive": {"color": ACCENT, "width": 1.5, "dash": "dot"},
}


def errors_by_step(errors: StepErrors) -> go.Figure:
    """MSE and MAE at each step ahead, over all columns."""
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.1)
    for place, (metric, word) in enumerate((("mse", "MSE"), ("mae", "MAE")), start=1):
        for who in errors.by_step:
            values = errors.steps(who, metric)
            kept = thinned(len(values))
            figure.add_trace(
                go.Scatter(
                    x=kept + 1,
                    y=values[kept],
                    name=who.replace("_", " "),
                    mode="lines+markers" if len(kept) <= 24 else "lines",
                    line=_LINES.get(who, {"color": QUIET}),
                    showlegend=place == 1,
                ),
                row=1,
                col=place,
            )
        figure.update_xaxes(title="steps ahead", tickformat="d", row=1, col=place)
        figure.update_yaxes(title=word, rangemode="tozero", row=1, col=place)
    return styled(figure)


def paths(rows: Predicted, spec: Sequences, column: int, places: tuple[int, ...]) -> go.Figure:
    """What was predicted at some moments, and what came, side by side; dots are the values that were there already.

    Args:
        places: of the moments among the rows.
    """
    figure = make_subplots(rows=1, cols=len(places), shared_yaxes=True, horizontal_spacing=0.04)
    y, value = (spec.by_step(numbers)[:, :, column] for numbers in (rows.y, rows.value))
    known = rows.known_us[:, column :: len(spec.columns)]
    for number, place in enumerate(places, start=1):
        times = date_text(known[place])
        for name, values, line in (
            ("actual", y, {"color": INK, "width": 1.5}),
            ("predicted", value, {"color": MODEL, "width": 2}),
        ):
            figure.add_trace(
                go.Scatter(
                    x=times,
                    y=values[place],
                    name=name,
                    mode="lines" if spec.steps > 1 else "markers",
                    line=line,
                    showlegend=number == 1,
                ),
                row=1,
                col=number,
            )
        if rows.start is not None:
            figure.add_trace(
                go.Scatter(
                    x=date_text(rows.time_us[[place]]),
                    y=rows.start[[place], column],
                    name="last value",
                    mode="markers",
                    marker={"color": BASELINE, "size": 7},
                    showlegend=number == 1,
                ),
                row=1,
                col=number,
            )
        figure.update_xaxes(nticks=3, row=1, col=number)
    figure.update_yaxes(title=spec.columns[column], row=1, col=1)
    return styled(figure)
