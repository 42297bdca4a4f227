"""Pictures of `volatility`: forecasts beside what came, in time and against each other."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.volatility_metrics import METRICS
from gatewise.report import figures
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures
from gatewise.targets.outputs.base import OutputSpec


class VolatilityDrawing:
    """See `Drawing`."""

    brief = METRICS
    by_symbol = ("log_mse", "log_r2", "mz_r2")
    rest = "Further metrics"

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        return METRICS

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        rows = report.predicted[result.part]
        yield pictures.add(
            figures.predicted_against_actual(rows, 0, report.spec.outputs[0]),
            "log volatility: actual over predicted",
            f"{len(rows.y):,} of {result.rows:,} rows, evenly taken. A perfect model lies on the dashed line.",
        )
