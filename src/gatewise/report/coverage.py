"""What quantiles state and what they reach: tables and sentences of a run's report."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from gatewise.calibration.calibrator import Calibrator
from gatewise.calibration.shifts import Shifts
from gatewise.evaluation.base import Interval
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import metric_interval, metric_text
from gatewise.report.html import Cell, Line, table
from gatewise.targets.outputs.quantiles import Quantiles

_MOST_SYMBOLS = 50


def coverage_table(result: PartResult, spec: Quantiles, caption: str) -> Markup:
    """Quantiles and what lies between them down; stated, reached before and after calibration, and widths across."""
    before = result.uncalibrated.metrics if result.uncalibrated else None
    head = ["stated", *(["before calibration"] if before else []), "reached"]
    head += [*(["width before"] if before else []), "width"] if spec.between else []
    lines = []
    for name in (*spec.between, *spec.names):
        measured = [metrics for metrics in (before, result.metrics) if metrics]
        cells = [Cell(f"{spec.stated(name):.1%}", bold=True)]
        cells += [_cell(f"coverage_{name}", metrics[f"coverage_{name}"]) for metrics in measured]
        width = f"width_{name}"
        widths = [_cell(width, metrics[width]) if width in metrics else Cell("–") for metrics in measured]
        cells += widths if spec.between else []
        lines.append(Line(name.replace("_", " "), cells))
    whole = (
        f"{caption}, {result.rows:,} rows, {result.confidence:.0%} intervals: shares of rows between two quantiles, "
        "and at or below each. Widths are in the unit of the target."
    )
    return table(caption, whole, head, lines)


def symbols_apart(result: PartResult, spec: Quantiles, caption: str) -> Iterator[Markup]:
    """Shares between the outermost quantiles symbol by symbol, where some symbol's interval leaves out what is stated:
    one that holds too few and one that holds too many look right together.
    """
    outermost = next(iter(spec.between), None)
    if outermost is None:
        return
    metric, stated = f"coverage_{outermost}", spec.stated(outermost)
    apart = {
        name: part.metrics[metric] for name, part in result.symbols.items() if _leaves(part.metrics[metric], stated)
    }
    if not apart:
        return
    lines = [
        Line(name, [_cell(metric, part.metrics[metric]), Cell("no" if name in apart else "yes")])
        for name, part in list(result.symbols.items())[:_MOST_SYMBOLS]
    ]
    whole = f"{caption}: {stated:.1%} stated. All together {metric_text(metric, result.metrics[metric].value)}."
    yield table(caption, whole, ("reached", "interval holds what is stated"), lines)


def promise(calibrator: Calibrator | None, chose: bool) -> str:
    """Whether the stated coverage is promised, and of what.

    Args:
        chose: validation rows chose the model's epoch, too.
    """
    if not isinstance(calibrator, Shifts):
        return "Nothing is promised: the quantiles are those of the model, which validation rows have not set right."
    if calibrator.not_promised:
        return f"Not promised: {calibrator.not_promised}."
    few = " Quantiles for which these are too few stay as the model says them." if None in calibrator.shifts else ""
    epoch = ", and that the same rows chose the epoch is not counted" * chose
    return (
        "Promised: of rows that come as validation rows came, quantiles hold at least what they state, on average. "
        f"{calibrator.independent_rows:,} moments of {calibrator.rows:,} validation rows share no bar; their errors "
        f"set each quantile right.{few} Another market is no such row{epoch}."
    )


def _leaves(interval: Interval, stated: float) -> bool:
    if interval.low is None or interval.high is None:
        return False
    return not interval.low <= stated <= interval.high


def _cell(metric: str, interval: Interval) -> Cell:
    bounds = metric_interval(metric, interval, abs(interval.value), "{} to {}")
    return Cell(metric_text(metric, interval.value), bounds, bold=True)
