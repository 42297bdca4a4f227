"""What `gatewise train` answers: the verdict in one line, a table that fits a screen, files and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.cli.flags import translate
from gatewise.cli.output import newer_rows, print_headline, print_places, print_sentence, print_table, verdict_text
from gatewise.data.origin import stamp_words
from gatewise.evaluation.base import decimals, shown, signed
from gatewise.evaluation.interval_words import bounds_text, without_interval
from gatewise.evaluation.metric_names import (
    IN_TABLES,
    metric_head,
    metric_interval,
    metric_places,
    metric_text,
    metric_words,
)

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.judge import PartResult
    from gatewise.outcome import Outcome

_COLUMN_HEAD = (
    "part",
    "column",
    "verdict",
    "RMSE",
    "last value's RMSE",
    "difference",
    "MAE",
    "last value's MAE",
    "direction",
)


def print_outcome(run_id: str, outcome: Outcome, data: DataConfig) -> None:
    """Of the newest part all, of an earlier one, which chose the epoch, its table."""
    *earlier, newest = outcome.evaluation.parts.values()
    print()
    print_headline(outcome.evaluation.judgement, _numbers(newest))
    print()
    for result in (newest, *earlier):
        _print_part(result)
    if columns := [row for result in (*earlier, newest) for row in _column_rows(result)]:
        title = f"column by column, beside the last value; {outcome.evaluation.units.of_columns}"
        print_table(title, list(_COLUMN_HEAD), columns)
        print()
    if symbols := _symbol_rows(newest):
        metric = metric_words(newest.deciding_metric)
        head = ["symbol", "rows", metric, "best baseline's", "difference", "verdict"]
        print_table(f"symbol by symbol on {newest.part} rows, beside the best baseline", head, symbols)
        print()
    if unit := outcome.evaluation.units.errors:
        print_sentence(f"Errors are in {unit}.")
    print_sentence(newest.summary)
    for line in without_interval({newest.part: newest.metrics}, _shown(newest)):
        print_sentence(line)
    if outcome.curves:
        print_sentence(f"{translate(outcome.curves.sentence)}.")
    for remark in outcome.remarks:
        print_sentence(f"note: {translate(remark)}")
    print_sentence(f"predictions hold {stamp_words(outcome.stamps)}")
    print_places(
        {"run": run_id},
        (outcome.report, outcome.predictions.with_suffix(".csv"), outcome.predictions, outcome.bundle),
        f"gatewise predict --model {run_id[:8]} {newer_rows(data)} -o predictions.csv",
        f"gatewise runs show {run_id[:8]}",
        "gatewise ui",
    )


def _numbers(result: PartResult) -> str:
    """The two numbers behind a verdict, in as many words as a line has room for."""
    metric, beside = result.deciding_metric, result.judgement.baseline or result.best_baseline
    model, other = result.metrics[metric].value, result.baselines[beside][metric].value
    whose = "" if result.judgement.baseline else f"{beside}'s "
    numbers = (metric_text(metric, value, max(model, other)) for value in (model, other))
    return f"{metric_words(metric)} {next(numbers)} against {whose}{next(numbers)}"


def _shown(result: PartResult) -> list[str]:
    return [name for name in IN_TABLES if name in result.metrics]


def _print_part(result: PartResult) -> None:
    """Metrics down, the model with its interval and the baselines across."""
    everyone = {"model": result.metrics, **result.baselines}
    rows, some = [], False
    for name in _shown(result):
        intervals = {who: metrics[name] for who, metrics in everyone.items()}
        size = max(abs(interval.value) for interval in intervals.values())
        texts = [metric_text(name, interval.value, size) for interval in intervals.values()]
        bounds = metric_interval(name, intervals["model"], size)
        some |= bool(bounds)
        rows.append([metric_head(name), texts[0], bounds, *texts[1:]])
    head = [f"{result.part}, {result.rows:,} rows", "model", f"{result.confidence:.0%} interval", *result.baselines]
    if not some:
        head, rows = [head[0], head[1], *head[3:]], [[row[0], row[1], *row[3:]] for row in rows]
    print_table("", head, rows)
    print()


def _column_rows(result: PartResult) -> list[list[str]]:
    """Errors of each predicted column beside persistence's; none where no column is predicted."""
    rows = []
    for name, column in result.columns.items():
        model, last, by = column.metrics, column.persistence, column.difference
        cells = []
        for metric in ("rmse", "mae"):
            places = decimals(max(model[metric].value, last[metric].value))
            cells += [shown(metrics[metric].value, places, ",") for metrics in (model, last)]
            if metric == "rmse":
                cells.append(f"{by.value:+,.{places}f} {bounds_text(by, places, sign='+,')}".rstrip())
        direction = metric_text("directional_accuracy", model["directional_accuracy"].value)
        rows.append([result.part, name, column.words, *cells, direction])
    return rows


def _symbol_rows(newest: PartResult) -> list[list[str | Text]]:
    """The verdict for each symbol; none where there is but one."""
    rows: list[list[str | Text]] = []
    for name, judged in newest.symbols.items():
        deciding = judged.deciding_metric
        metric, best = judged.metrics[deciding].value, judged.baselines[judged.best_baseline][deciding].value
        size = max(metric, best)
        difference = signed(judged.differences[judged.best_baseline], metric_places(deciding, size))
        beside = f"{metric_text(deciding, best, size)} {judged.best_baseline}"
        verdict = verdict_text(judged.judgement)
        rows.append([name, f"{judged.rows:,}", metric_text(deciding, metric, size), beside, difference, verdict])
    return rows
