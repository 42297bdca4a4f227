"""Pictures of `volatility`: forecasts beside what came, in time, against each other and by the hour."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.volatility_metrics import METRICS
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures
from gatewise.report.volatility_figures import by_hour, forecast_against_outcome, volatility_in_time
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
        taken = f"{len(rows.y):,} of {result.rows:,} rows, evenly taken"
        yield pictures.add(
            volatility_in_time(rows),
            "Volatility in time: predicted and realised",
            f"{taken}, each at the moment at which its volatility is known. What is realised is one draw of what was "
            "to be expected, so it scatters more than any good forecast.",
            wide=True,
            height=420,
        )
        yield pictures.add(
            forecast_against_outcome(rows),
            "Realised over predicted volatility",
            f"{taken}. Above the dashed line a forecast was too low, which QLIKE counts as worse than one as much too "
            "high.",
        )
        if (hours := by_hour(rows)) is not None:
            yield pictures.add(hours, "By hour of the day", f"Geometric means of {taken}, by when they were predicted.")
