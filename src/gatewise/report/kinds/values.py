"""Pictures of `values`: columns that continue as lines in time, changes as dots beside what came."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import metric_words
from gatewise.report import figures
from gatewise.report.data import Predicted, ReportData
from gatewise.report.html import Pictures
from gatewise.targets.outputs.base import OutputSpec

_MOST_OUTPUTS, _MOST_LEVELS = 4, 12


class ValuesDrawing:
    """See `Drawing`."""

    brief = ("rmse", "mae", "r2")
    by_symbol = ("mae", "directional_accuracy")
    rest = "By output"

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        return ("rmse", "mae", "r2", "directional_accuracy")

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        rows = report.predicted[result.part]
        draw, most = (_predicted, _MOST_OUTPUTS) if rows.start is None else (_levels, _MOST_LEVELS)
        for output, name in enumerate(report.spec.outputs[:most]):
            unit = report.evaluation.units.columns.get(name)
            yield from draw(rows, output, f"{name}, {unit}" if unit else name, result.rows, pictures)


def _predicted(rows: Predicted, output: int, name: str, num_rows: int, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        figures.predicted_against_actual(rows, output, name),
        f"{metric_words(name)}: actual over predicted",
        f"{len(rows.y):,} of {num_rows:,} rows, evenly taken. A perfect model lies on the dashed line.",
    )
    yield pictures.add(
        figures.residuals(rows, output, name),
        f"{metric_words(name)}: errors in time",
        "A drift shows as a slope, a change of the market as a wider or narrower band.",
    )


def _levels(rows: Predicted, output: int, name: str, num_rows: int, pictures: Pictures) -> Iterator[str]:
    yield pictures.add(
        figures.levels_in_time(rows, output, name),
        f"{metric_words(name)}: predicted and actual",
        f"{len(rows.y):,} of {num_rows:,} rows, evenly taken, each at the moment that it is for. Below: prediction "
        "minus actual, and the value that was there already minus actual.",
        wide=True,
        height=420,
    )
