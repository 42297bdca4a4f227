"""What `gatewise train --per-symbol` draws and prints: a bar a symbol at work, a line for each done, a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.config.schema import DataConfig, ExperimentConfig
    from gatewise.per_symbol.task import SymbolFailure, SymbolRun
    from gatewise.per_symbol.train import SymbolRuns
    from gatewise.training.budget import Budget

_MOST_REMARKS = 10
_NOT_SHOWN = ("brier", "ece")  # a symbol's line is long


def train_per_symbol(
    config: ExperimentConfig,
    fleet: str,
    workers: int | None,
    name: str | None,
    quiet: bool,
    as_json: bool,
    budget: Budget,
) -> None:
    """Trains one model for each symbol and says what came of them.

    Raises:
        GatewiseError: some symbols failed, the first of them; the others' results are printed before.
    """
    from gatewise.cli.output import print_json
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.per_symbol.train import failure_words, train_symbols

    with SymbolsProgress(quiet) as progress:
        runs = train_symbols(config, progress, fleet=fleet, workers=workers, name=name, budget=budget)
    error = failure_words(runs.failures) if runs.failures else None
    if as_json:
        import typer

        print_json(runs.to_dict() | ({"error": error_to_dict(error)} if error else {}))
        if error:
            raise typer.Exit(2)
    else:
        _print_runs(runs, config.data)
        if error:
            raise error


class SymbolsProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=not sys.stderr.isatty())
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        self.bar = Progress(
            *columns,
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self.overall: TaskID | None = None
        self.running: dict[str, TaskID] = {}
        self.total = self.ended = self.max_epochs = 0

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_plan(self, symbols: Sequence[str], max_epochs: int, compute: str) -> None:
        self.total, self.max_epochs = len(symbols), max_epochs
        self.overall = self.bar.add_task("all", total=self.total, words=f"0/{self.total} symbols")

    def on_start(self, symbol: str) -> None:
        self.running[symbol] = self.bar.add_task(symbol, total=self.max_epochs, words="")

    def on_epoch(self, symbol: str, epoch: int) -> None:
        self.bar.update(self.running[symbol], completed=epoch, words=f"epoch {epoch}/{self.max_epochs}")

    def on_end(self, symbol: str, answer: SymbolRun | SymbolFailure) -> None:
        self.ended += 1
        if symbol in self.running:
            self.bar.remove_task(self.running.pop(symbol))
        if self.overall is not None:
            self.bar.update(self.overall, completed=self.ended, words=f"{self.ended}/{self.total} symbols")
        if not self.quiet:
            self.console.print(f"[{self.ended}/{self.total}] {symbol}: {_words(answer)}", markup=False)


def _words(answer: SymbolRun | SymbolFailure) -> str:
    from gatewise.evaluation.metric_names import deciding_among, metric_text, metric_words
    from gatewise.per_symbol.task import SymbolFailure

    if isinstance(answer, SymbolFailure):
        return f"FAILED: {answer.error.message}"
    part, metrics = _judged(answer.result)
    metric = deciding_among(metrics)
    epochs = f"{answer.result['epochs']} epoch{'' if answer.result['epochs'] == 1 else 's'}"
    epochs += f", best {answer.result['best_epoch']}{', then diverged' * (answer.result['ended'] == 'diverged')}"
    value = metric_text(metric, metrics[metric]["value"])
    return f"{part} {metric_words(metric)} {value}, {epochs}, run {answer.run_id[:8]}"


def _judged(result: dict[str, Any]) -> tuple[str, dict[str, dict[str, float]]]:
    part = result["judged_on"]
    return part, result["metrics"][part]


def _print_runs(runs: SymbolRuns, data: DataConfig) -> None:
    from gatewise.cli.flags import translate
    from gatewise.cli.output import newer_rows, print_sentence, print_table, verdict_text
    from gatewise.evaluation.metric_names import IN_TABLES, metric_head, metric_text
    from gatewise.evaluation.verdict import read_judgement

    judged = [_judged(run.result) for run in runs.runs]
    metrics_shown = [name for name in IN_TABLES if name not in _NOT_SHOWN]
    shown = [name for name in metrics_shown if all(name in metrics for _, metrics in judged)]
    rows: list[list[str | Text]] = []
    for run, (part, metrics) in zip(runs.runs, judged, strict=True):
        cells = [metric_text(name, metrics[name]["value"]) for name in shown]
        windows = f"{run.result['windows'].get(part, 0):,}"
        verdict = verdict_text(read_judgement(run.result["verdict"], run.result["headline"]))
        rows.append([run.symbol, part, windows, *cells, verdict, run.run_id[:8]])
    overall = runs.overall()
    means = overall["mean"][judged[0][0]]
    count = f"{overall['verdict']['better']} of {overall['symbols']} better"
    rows.append(["mean", judged[0][0], "", *(metric_text(name, means[name]) for name in shown), count, ""])
    print()
    print_table("", ["symbol", "part", "windows", *map(metric_head, shown), "verdict", "run"], rows)
    remarked = [(run.symbol, remark) for run in runs.runs for remark in run.result["remarks"]]
    for symbol, remark in remarked[:_MOST_REMARKS]:
        print_sentence(f"note: {symbol}: {translate(remark)}")
    if len(remarked) > _MOST_REMARKS:
        print_sentence(f"note: {len(remarked) - _MOST_REMARKS} more such notes are in the runs' reports")
    first = runs.runs[0]
    print(
        f"\neach run has its own report and bundle, such as {first.result['report']}"
        "\n\nnext:"
        f"\n  gatewise runs show {first.run_id[:8]}"
        f"\n  gatewise predict --model {first.run_id[:8]} {newer_rows(data)} -o predictions.csv"
    )
