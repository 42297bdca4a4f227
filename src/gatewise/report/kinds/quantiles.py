"""Pictures of `quantiles`: how many rows lie below each, and the fan that they make in time."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.report.coverage import coverage_table, promise, symbols_apart
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures, paragraph
from gatewise.report.quantile_figures import coverage, fan
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
        spec, newest, rows = report.spec, report.newest[result.part], report.predicted[result.part]
        assert isinstance(spec, Quantiles)
        yield coverage_table(result, spec, "Stated and reached coverage")
        yield from symbols_apart(result, spec, "Coverage symbol by symbol")
        yield paragraph(promise(report.calibrator, report.evaluation.val_chose))
        before = result.uncalibrated.metrics if result.uncalibrated else {}
        yield pictures.add(
            coverage(
                spec.levels,
                {name: result.metrics[f"coverage_{name}"] for name in spec.names},
                {name: before[f"coverage_{name}"] for name in spec.names if before},
            ),
            "Share of rows at or below each quantile",
            "A quantile that is right holds as many rows as it says. Bars are intervals: one that meets the dashed "
            "line shows nothing against it.",
            wide=True,
        )
        for number, output in enumerate(spec.outputs[:_MOST_OUTPUTS]):
            whose = f" of {newest.symbol}" if result.symbols else ""
            drawn = {f"the newest {len(newest.y):,} rows{whose}": newest}
            if len(rows.y) > len(newest.y):
                evenly = f" of {result.rows:,}, evenly taken" if len(rows.y) < result.rows else ""
                drawn[f"{len(rows.y):,} rows{evenly}"] = rows
            for which, some in drawn.items():
                yield pictures.add(
                    fan(some, spec.apart(some.value)[:, number], number, output, spec.levels),
                    f"{output}: {which}",
                    "Bands lie between neighbouring quantiles, each at the moment that it is for; what came beyond the "
                    "outermost ones is orange.",
                    wide=True,
                    height=420,
                )
