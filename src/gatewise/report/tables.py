"""The tables of a run's report: metrics beside baselines, column by column, symbol by symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from markupsafe import Markup

from gatewise.evaluation.base import Interval, decimals, fixed, shown
from gatewise.evaluation.diebold_mariano import p_text
from gatewise.evaluation.interval_words import bounds_text, without_interval
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.loss_tests import MODEL, LossTests
from gatewise.evaluation.metric_names import best_of, metric_interval, metric_places, metric_text, metric_words
from gatewise.evaluation.verdict import TONES, Tone, column_tone
from gatewise.report.html import Cell, Line, table

_MOST_SYMBOLS = 50


def metric_table(
    result: PartResult, metrics: Sequence[str], caption: str, differences: bool = False, unit: str | None = None
) -> Markup:
    """Metrics down, model and baselines across, each with its interval; `differences` adds the paired ones.

    Args:
        unit: of errors, where it is known.
    """
    columns = {"model": result.metrics, **result.baselines}
    lines = [_metric_line(metric, {name: values[metric] for name, values in columns.items()}) for metric in metrics]
    if differences:
        label = f"{metric_words(result.deciding_metric)}: model minus baseline, paired"
        places = metric_places(result.deciding_metric, result.metrics[result.deciding_metric].value)
        cells = [_difference_cell(result.differences[name], places) for name in result.baselines]
        lines.append(Line(label, [Cell("–", style="model"), *cells], "difference"))
        lines += _test_lines(result.tests) if result.tests else []
    some = any(values[name].low is not None for values in columns.values() for name in metrics)
    intervals = f", {result.confidence:.0%} intervals." if some else "."
    intervals_text = " ".join([intervals, *without_interval(columns, metrics)])
    whole = f"{caption}, {result.rows:,} rows{intervals_text} Underlined: the best of the row."
    if unit:
        whole += f" Errors are in {unit}."
    return table(caption, whole, columns, lines)


def _test_lines(tests: LossTests) -> list[Line]:
    pairs, kept = tests.diebold_mariano.values(), tests.confidence_set
    cells = [Cell("–" if test.p is None else p_text(test.p)) for test in pairs]
    lines = [Line("Diebold-Mariano p, model beside it", [Cell("–", style="model"), *cells])]
    if kept.reason is None:
        sets = [Cell("yes" if name in kept.included else "no") for name in (MODEL, *tests.diebold_mariano)]
        lines.append(Line("in the model confidence set", [replace(sets[0], style="model"), *sets[1:]]))
    return lines


def column_table(result: PartResult, caption: str, units: str) -> Markup:
    """Predicted columns down; the verdict, errors of the model and of the last value, and their difference across.

    Args:
        units: of each, in words.
    """
    head = ("verdict", "RMSE", "last value's", "difference, paired", "MAE", "last value's", "direction", "outside")
    lines = []
    for name, column in result.columns.items():
        model, last = column.metrics, column.persistence
        rmse, mae = (decimals(max(metrics[name].value for metrics in (model, last))) for name in ("rmse", "mae"))
        cells = [
            _verdict_cell(column.words, column_tone(column.words)),
            Cell(shown(model["rmse"].value, rmse, ","), bold=True),
            Cell(shown(last["rmse"].value, rmse, ",")),
            _difference_cell(column.difference, rmse),
            Cell(shown(model["mae"].value, mae, ","), bold=True),
            Cell(shown(last["mae"].value, mae, ",")),
            Cell(metric_text("directional_accuracy", model["directional_accuracy"].value)),
            Cell(f"{column.outside_training:.0%}"),
        ]
        lines.append(Line(name, cells))
    whole = (
        f"{caption}; {units}; differences in RMSE with {result.confidence:.0%} intervals. Direction: "
        "share of rows that moved whose move has the predicted sign. Outside: share of rows whose true value lies "
        "outside of the range that training showed."
    )
    return table(caption, whole, head, lines)


def symbol_table(result: PartResult, metrics: Sequence[str], caption: str) -> Markup:
    """Symbols down, all of them at the head; the verdict, the deciding metric beside the best baseline's, and more."""
    deciding = result.deciding_metric
    more = [name for name in metrics if name != deciding]
    lines = []
    for name, part in {"all": result, **dict(list(result.symbols.items())[:_MOST_SYMBOLS])}.items():
        best = part.baselines[part.best_baseline][deciding]
        size = max(part.metrics[deciding].value, best.value)
        cells = [
            _verdict_cell(part.short, TONES[part.verdict]),
            Cell(f"{part.rows:,}"),
            _cell(deciding, part.metrics[deciding], size),
            Cell(metric_text(deciding, best.value, size), part.best_baseline, bold=True),
            _difference_cell(part.differences[part.best_baseline], metric_places(deciding, size)),
            *(Cell(metric_text(metric, part.metrics[metric].value)) for metric in more),
        ]
        lines.append(Line(name, cells))
    compared = (metric_words(deciding), "best baseline's", "difference, paired")
    rest = len(result.symbols) - _MOST_SYMBOLS
    left = f" {rest} more symbols are in metrics.json." if rest > 0 else ""
    whole = f"{caption}, each on its own rows beside the same baselines, {result.confidence:.0%} intervals.{left}"
    return table(caption, whole, ("verdict", "rows", *compared, *map(metric_words, more)), lines)


def _metric_line(metric: str, columns: Mapping[str, Interval]) -> Line:
    values = [interval.value for interval in columns.values()]
    best = best_of(metric, values)
    size = max(abs(value) for value in values)
    cells = [
        _cell(metric, interval, size, " ".join(["model"] * (name == "model") + ["best"] * (interval.value == best)))
        for name, interval in columns.items()
    ]
    return Line(metric_words(metric), cells)


def _cell(metric: str, interval: Interval, size: float, style: str = "") -> Cell:
    bounds = metric_interval(metric, interval, size, "{} to {}")
    return Cell(metric_text(metric, interval.value, size), bounds, bold=True, style=style)


def _difference_cell(interval: Interval, places: int) -> Cell:
    return Cell(fixed(interval.value, places, "+,"), bounds_text(interval, places, "{} to {}", "+,"), bold=True)


def _verdict_cell(text: str, tone: Tone) -> Cell:
    return Cell(text, style=f"tone {tone}")
