"""Pictures of `sequences`: errors by the steps ahead, and for some columns paths beside what came."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import metric_text
from gatewise.evaluation.sequence_metrics import METRICS, StepErrors
from gatewise.report.data import ReportData, thinned
from gatewise.report.html import Cell, Line, Pictures, folded, table
from gatewise.report.sequence_figures import errors_by_step, paths
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.sequences import Sequences

_MOST_COLUMNS, _MOST_PATHS, _MOST_STEPS, _MOST_LINES = 4, 3, 12, 50


class SequencesDrawing:
    """See `Drawing`."""

    brief = ("mse", "mae")
    by_symbol = ("mae",)
    rest = "Further metrics"

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        return METRICS

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        spec, rows, errors = report.spec, report.predicted[result.part], result.steps
        assert isinstance(spec, Sequences)
        assert errors is not None
        yield pictures.add(
            errors_by_step(errors),
            "Errors by the steps ahead",
            f"Over all columns, in {report.evaluation.units.errors}. Random walk: the last value again; seasonal "
            "naive: the last season again.",
            wide=True,
        )
        yield folded("Step by step", _steps(errors))
        if len(errors.columns) > 1:
            yield folded("Column by column", _columns(errors))
        # The first and the last moment have the least to show of what lies between.
        places = tuple(thinned(len(rows.y), _MOST_PATHS + 2)[1:-1].tolist()) if len(rows.y) > _MOST_PATHS else (0,)
        for column, name in enumerate(spec.columns[:_MOST_COLUMNS]):
            yield pictures.add(
                paths(rows, spec, column, places),
                f"{name}: predicted and actual",
                f"The next {spec.steps:,} rows as they were predicted at {len(places)} of {result.rows:,} moments, "
                "evenly taken, and as they came.",
                wide=True,
            )


def _steps(errors: StepErrors) -> str:
    lines = []
    for step in thinned(errors.num_steps, _MOST_STEPS):
        values = [float(errors.steps(who, metric)[step]) for metric in METRICS[:2] for who in errors.by_step]
        lines.append(Line(f"{step + 1}", _cells(values, len(errors.by_step))))
    return table("Errors step by step", "Some of the steps; all are in metrics.json.", _head(errors), lines)


def _columns(errors: StepErrors) -> str:
    lines = []
    for number, name in enumerate(errors.columns[:_MOST_LINES]):
        values = [float(of_all[metric, :, number].mean()) for metric in range(2) for of_all in errors.by_step.values()]
        lines.append(Line(name, _cells(values, len(errors.by_step))))
    caption = "Errors of each column over all steps; in its own unit they are in metrics.json."
    return table("Errors column by column", caption, _head(errors), lines)


def _head(errors: StepErrors) -> list[str]:
    return [f"{word}, {who.replace('_', ' ')}" for word in ("MSE", "MAE") for who in errors.by_step]


def _cells(values: list[float], num_who: int) -> list[Cell]:
    """Of each metric the best is marked."""
    cells = []
    for place, metric in enumerate(METRICS[:2]):
        some = values[place * num_who : (place + 1) * num_who]
        for number, value in enumerate(some):
            style = " ".join(["model"] * (number == 0) + ["best"] * (value == min(some)))
            cells.append(Cell(metric_text(metric, value, max(some)), bold=True, style=style))
    return cells
