"""Optuna's own pictures of a study, in the report's style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from gatewise.report.figure_style import ACCENT, BASELINE, MODEL, QUIET, styled

if TYPE_CHECKING:
    from optuna import Study

# Shares of variance from fewer complete trials are noise that looks like knowledge.
FEWEST_FOR_IMPORTANCE = 10
# From fewer, a surface is mostly invented.
FEWEST_FOR_CONTOUR = 10
SLICES_IN_A_ROW = 4
INKS = [[0.0, "#9db8d2"], [1.0, "#08306b"]]  # from pale to dark, never so pale that it is lost on white


@dataclass(frozen=True)
class Picture:
    """A figure and what a reader should know beside it."""

    figure: go.Figure
    title: str
    caption: str
    wide: bool = True
    height: int = 380


def study_pictures(study: Study, metric: str, prior: float, baseline: str) -> Iterator[Picture]:
    """The pictures that the study has enough trials for; it must have a complete one.

    Args:
        metric: what is minimised, for people.
        prior: the value of a trial that knows nothing.
        baseline: its name.
    """
    from optuna import visualization
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    history = _house(visualization.plot_optimization_history(study, target_name=metric))
    history.update_traces(marker={"color": MODEL, "size": 7}, name="complete trial", selector={"name": metric})
    history.update_traces(line={"color": ACCENT}, name="best so far", selector={"mode": "lines"})
    history.update_xaxes(title_text="trial")
    history.add_hline(
        prior, line={"color": BASELINE, "dash": "dash"}, annotation={"text": baseline, "font": {"color": QUIET}}
    )
    yield Picture(
        history,
        "Trials in order",
        "The line is the best value so far. The longer a search goes on, the more of its best value is luck.",
    )
    folds = _house(visualization.plot_intermediate_values(study), legend=False)
    folds.update_xaxes(title_text="inner folds done", dtick=1)
    folds.update_yaxes(title_text=metric)
    folds.update_traces(line={"width": 1}, marker={"size": 4}, opacity=0.6)
    yield Picture(
        folds,
        "Trials fold by fold",
        "Folds are not equally hard: what is left of them counts as if the trial led the prior there by as much as so "
        "far. Pruned trials end early.",
        wide=False,
    )
    if len(complete) >= FEWEST_FOR_IMPORTANCE:
        importances = _house(visualization.plot_param_importances(study), legend=False)
        importances.update_traces(marker={"color": MODEL})
        importances.update_xaxes(title_text="share of what sets good trials apart", rangemode="tozero")
        importances.update_yaxes(title_text="")
        yield Picture(
            importances,
            "Which settings matter",
            "PED-ANOVA over complete trials (Watanabe, Bansal & Hutter 2023). From few trials it is a guess.",
            wide=False,
        )
    names = list({name: None for trial in complete for name in trial.params})
    for first in range(0, len(names), SLICES_IN_A_ROW):
        row = names[first : first + SLICES_IN_A_ROW]
        slices = _house(visualization.plot_slice(study, params=row, target_name=metric), legend=False)
        slices.update_traces(marker={"colorscale": INKS, "line": {"width": 0.5, "color": QUIET}, "showscale": False})
        title = "Setting by setting" + (" (continued)" if first else "")
        yield Picture(slices, title, "Complete trials alone; the darker, the later.", height=340)
    if len(names) > 1:
        parallel = _house(visualization.plot_parallel_coordinate(study, target_name=metric), legend=False)
        _set_apart(parallel, [trial.value for trial in complete if trial.value is not None])
        yield Picture(
            parallel, "Settings together", "A line a complete trial, from its value to its settings; dark is low."
        )
    if len(names) > 1 and len(complete) >= FEWEST_FOR_CONTOUR:
        from optuna.importance import get_param_importances

        first_two = list(get_param_importances(study))[:2]
        contour = _house(visualization.plot_contour(study, params=first_two, target_name=metric), legend=False)
        yield Picture(
            contour,
            "The two that matter most",
            "Between the dots the surface is filled in, not measured.",
            height=420,
        )


def _set_apart(parallel: go.Figure, values: Sequence[float]) -> None:
    """Inks the lines by value, the lowest darkest; ticks of the values get as many digits as tell them apart."""
    low, high = min(values), max(values)
    for trace in parallel.data:
        if trace.mode == "lines" and trace.customdata is not None:
            trace.line.color = sample_colorscale(INKS, 1 - trace.y[0])[0]  # y: 0 at the lowest value, 1 at the highest
    parallel.update_traces(marker={"colorscale": INKS}, selector={"mode": "markers"})
    places = max(0, -math.floor(math.log10((high - low) / 4))) if high > low else 4
    for tick in parallel.layout.annotations:
        if tick.x == 0:
            tick.text = f"{low + tick.y * (high - low):.{places}f}"


def _house(figure: go.Figure, legend: bool = True) -> go.Figure:
    """The report's fonts and margins; Optuna's title and size go, as the page has its own."""
    figure.update_layout(title=None, width=None, height=None)
    styled(figure, legend)
    for axes in (figure.for_each_xaxis, figure.for_each_yaxis):
        axes(lambda axis: axis.update(dtick="D2") if axis.type == "log" else None)  # 1, 2, 5: nine digits run together
    return figure
