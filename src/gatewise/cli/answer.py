"""What `gatewise train` answers: the verdict in one line, a table that fits a screen, files and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.cli.flags import translate
from gatewise.cli.output import (
    newer_rows,
    print_headline,
    print_looks,
    print_places,
    print_sentence,
    print_table,
    verdict_text,
)
from gatewise.data.origin import stamp_words
from gatewise.evaluation.base import decimals, shown, signed
from gatewise.evaluation.interval_words import bounds_text, without_interval
from gatewise.evaluation.metric_names import metric_head, metric_places, metric_text, metric_words
from gatewise.evaluation.side_by_side import against, best_first, in_tables, side_by_side
from gatewise.report.backtest import account_words
from gatewise.report.data import thinned
from gatewise.report.decisions import decision_cells, decision_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.judge import PartResult
    from gatewise.evaluation.sequence_metrics import StepErrors
    from gatewise.outcome import Outcome
    from gatewise.registry.looks import RunLooks
    from gatewise.report.members import MemberResult

_MOST_STEPS = 6
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


def print_outcome(run_id: str, name: str, outcome: Outcome, data: DataConfig, looks: RunLooks | None) -> None:
    """Of the newest part all, of an earlier one, which chose the epoch, its table."""
    *earlier, newest = outcome.evaluation.parts.values()
    print()
    judgement = outcome.evaluation.judgement
    print_headline(judgement, against(judgement, newest.metrics, newest.baselines))
    print()
    for result in (newest, *earlier):
        head, lines = side_by_side(result.metrics, result.baselines, result.confidence, best_first(newest.baselines))
        print_table("", [f"{result.part}, {result.rows:,} rows", *head], lines)
        print()
    if columns := [row for result in (*earlier, newest) for row in _column_rows(result)]:
        title = f"column by column, beside the last value; {outcome.evaluation.units.of_columns}"
        print_table(title, list(_COLUMN_HEAD), columns)
        print()
    if newest.steps is not None:
        print_steps(newest.part, newest.steps)
        print()
    if symbols := _symbol_rows(newest):
        metric = metric_words(newest.deciding_metric)
        head = ["symbol", "rows", metric, "best baseline's", "difference", "verdict"]
        print_table(f"symbol by symbol on {newest.part} rows, beside the best baseline", head, symbols)
        print()
    if decisions := outcome.decisions:
        rows = [[part, *decision_cells(decisions, part)] for part in reversed([*decisions.parts])]
        print_table("decisions", ["", *decision_head(decisions)], rows)
        print_sentence(f"The rule {decisions.rule.words}.")
        print()
    if outcome.members:
        print_members(newest, outcome.members)
        print()
    if unit := outcome.evaluation.units.errors:
        print_sentence(f"Errors are in {unit}.")
    print_sentence(newest.summary)
    if newest.backtest is not None and len(newest.backtest.account.trades):
        print_sentence(account_words(newest.backtest))
    for line in without_interval({newest.part: newest.metrics}, in_tables(newest.metrics)):
        print_sentence(line)
    if outcome.curves:
        print_sentence(f"{translate(outcome.curves.sentence)}.")
    for remark in outcome.remarks:
        print_sentence(f"note: {translate(remark)}")
    print_looks(looks)
    print_sentence(f"predictions hold {stamp_words(outcome.stamps)}")
    print_places(
        {"run": f"{run_id}  {name}"},
        outcome.files,
        f"gatewise predict --model {run_id[:8]} {newer_rows(data)} -o predictions.csv",
        *([f"gatewise evaluate --model {run_id[:8]}"] if newest.part == "test" else []),
        f"gatewise runs show {run_id[:8]}",
        "gatewise ui",
    )


def print_steps(part: str, errors: StepErrors) -> None:
    """How errors grow with the steps ahead: MSE at some of these, the first and the last among them."""
    steps = thinned(errors.num_steps, _MOST_STEPS)
    values = {who: errors.steps(who, "mse")[steps] for who in errors.by_step}
    size = max(float(some.max()) for some in values.values())
    rows = [[who, *(metric_text("mse", float(value), size) for value in some)] for who, some in values.items()]
    print_table(f"MSE on {part} rows by the steps ahead", ["", *(f"{step + 1:,}" for step in steps)], rows)


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


def print_members(result: PartResult, members: Sequence[MemberResult]) -> None:
    """An ensemble and its members, line by line, on the rows of one part."""
    shown = list(in_tables(result.metrics))
    ensemble = {name: result.metrics[name].value for name in shown}
    rows = {"ensemble": ensemble} | {one.member.label: one.metrics[result.part] for one in members}
    lines = [[label, *(metric_text(name, values[name], ensemble[name]) for name in shown)]
             for label, values in rows.items()]  # fmt: skip
    print_table(f"members on the same {result.part} rows", ["", *map(metric_head, shown)], lines)


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
