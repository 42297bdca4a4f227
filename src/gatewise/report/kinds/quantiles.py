"""Pictures of `quantiles`: how many rows lie below each, and the band that they make in time."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures
from gatewise.report.quantile_figures import coverage, quantile_band
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.quantiles import Quantiles

_MOST_OUTPUTS = 4


class QuantilesDrawing:
    """See `Drawing`."""

    brief = ("pinball", "coverage_error")
    by_symbol = ("coverage_error",)
    rest = "By quantile"

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        assert isinstance(spec, Quantiles)
        return (*self.brief, *(f"coverage_{name}" for name in spec.names))

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        spec, rows = report.spec, report.predicted[result.part]
        assert isinstance(spec, Quantiles)
        yield pictures.add(
            coverage(spec.levels, {name: result.metrics[f"coverage_{name}"] for name in spec.names}),
            "Share of rows at or below each quantile",
            "A quantile that is right holds as many rows as it says. Bars are intervals: one that meets the dashed "
            "line shows nothing against it.",
            wide=True,
        )
        for number, output in enumerate(spec.outputs[:_MOST_OUTPUTS]):
            yield pictures.add(
                quantile_band(rows, spec.apart(rows.value)[:, number], number, output, spec.levels),
                f"{output}: quantiles and what came",
                f"{len(rows.y):,} of {result.rows:,} rows, evenly taken.",
                wide=True,
                height=420,
            )
