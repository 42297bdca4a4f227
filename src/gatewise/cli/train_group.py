"""What `gatewise train --per-symbol` and `--seeds` draw and print: a bar a member at work, a line for each done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gatewise.cli.output import progress_console
from gatewise.config.durations import rough_duration

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.group.task import GroupFailure, GroupListener, GroupRun
    from gatewise.group.train import GroupOutcome

_MOST_REMARKS = 10
_NOT_SHOWN = ("brier", "ece")  # a line is long


def train_and_print(
    train: Callable[[GroupListener], GroupOutcome], data: DataConfig, quiet: bool, as_json: bool
) -> None:
    """Trains a group of runs and says what came of them.

    Args:
        train: what trains them, with what listens.
        data: of all.

    Raises:
        GatewiseError: some members failed, the first of them; the others' results are printed before.
    """
    from gatewise.cli.output import print_json

    with GroupProgress(quiet) as progress:
        outcome = train(progress)
    from gatewise.group.train import failure_words
    from gatewise.jobs.jobs import error_to_dict

    error = failure_words(outcome.failures, outcome.noun) if outcome.failures else None
    if as_json:
        import typer

        print_json(outcome.to_dict() | ({"error": error_to_dict(error)} if error else {}))
        if error:
            raise typer.Exit(2)
    else:
        _print_outcome(outcome, data)
        if error:
            raise error


class GroupProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet, self.clock = quiet, clock
        self.console = progress_console()
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
        self.done: dict[str, int] = {}  # epochs
        self.began = 0.0
        self.is_estimated = False

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_plan(self, members: Sequence[str], max_epochs: int, compute: str) -> None:
        self.total, self.max_epochs = len(members), max_epochs
        self.overall = self.bar.add_task("all", total=self.total, words=f"0/{self.total}")

    def on_start(self, member: str) -> None:
        if not self.done:  # what came before was workers getting ready
            self.began = self.clock()
        self.done[member] = 0
        self.running[member] = self.bar.add_task(member, total=self.max_epochs, words="")

    def on_epoch(self, member: str, epoch: int) -> None:
        self.bar.update(self.running[member], completed=epoch, words=f"epoch {epoch}/{self.max_epochs}")
        self.done[member] = epoch
        if not self.is_estimated and all(self.done.values()):  # each that runs has told of its pace
            self.is_estimated = True
            done = sum(self.done.values())
            seconds = (self.clock() - self.began) * (self.total * self.max_epochs - done) / done
            if seconds and not self.quiet:
                left = rough_duration(max(seconds, 1))
                self.console.print(f"At this pace at most {left} left; trainings may stop early", markup=False)

    def on_end(self, member: str, answer: GroupRun | GroupFailure) -> None:
        self.ended += 1
        self.done[member] = self.max_epochs
        if member in self.running:
            self.bar.remove_task(self.running.pop(member))
        if self.overall is not None:
            self.bar.update(self.overall, completed=self.ended, words=f"{self.ended}/{self.total}")
        if not self.quiet:
            self.console.print(f"[{self.ended}/{self.total}] {member}: {_words(answer)}", markup=False)


def _words(answer: GroupRun | GroupFailure) -> str:
    from gatewise.evaluation.metric_names import deciding_among, metric_text, metric_words
    from gatewise.group.task import GroupFailure

    if isinstance(answer, GroupFailure):
        return f"FAILED: {answer.error.message}"
    part, metrics = _judged(answer.result)
    metric = deciding_among(metrics)
    epochs = f"{answer.result['epochs']} epoch{'' if answer.result['epochs'] == 1 else 's'}"
    ended = {"diverged": ", then diverged", "max_time": ", then time was up"}.get(answer.result["ended"], "")
    epochs += f", best {answer.result['best_epoch']}{ended}"
    value = metric_text(metric, metrics[metric]["value"])
    return f"{part} {metric_words(metric)} {value}, {epochs}, run {answer.run_id[:8]}"


def _judged(result: dict[str, Any]) -> tuple[str, dict[str, dict[str, float]]]:
    part = result["judged_on"]
    return part, result["metrics"][part]


def _print_outcome(outcome: GroupOutcome, data: DataConfig) -> None:
    from rich.console import Console

    from gatewise.cli.flags import translate
    from gatewise.cli.output import newer_rows, print_looks, print_places, print_sentence, print_table, verdict_text
    from gatewise.evaluation.metric_names import (
        IN_TABLES,
        deciding_among,
        metric_head,
        metric_spread,
        metric_text,
        metric_words,
    )
    from gatewise.evaluation.verdict import COLOURS, TONES, read_judgement
    from gatewise.registry.looks import known_looks

    judged = [_judged(run.result) for run in outcome.runs]
    metrics_shown = [name for name in IN_TABLES if name not in _NOT_SHOWN]
    shown = [name for name in metrics_shown if all(name in metrics for _, metrics in judged)]
    overall, part, noun = outcome.overall(), judged[0][0], outcome.noun
    means, spreads = overall["mean"][part], overall.get("std", {}).get(part, {})
    deciding, better = deciding_among(shown), overall["verdict"]["better"]
    tones = {TONES[verdict] for verdict, count in overall["verdict"].items() if count}
    print()
    Console(highlight=False, markup=False).print(
        f"{better} of {len(outcome.runs)} {noun}s better: {metric_words(deciding)} "
        f"{metric_spread(deciding, means[deciding], spreads.get(deciding))} on {part}",
        style=f"bold {COLOURS[tones.pop() if len(tones) == 1 else 'open'].terminal}",
        soft_wrap=True,
    )
    print()
    sizes = {name: max(abs(metrics[name]["value"]) for _, metrics in judged) for name in shown}
    rows: list[list[str | Text]] = []
    for run, (run_part, metrics) in zip(outcome.runs, judged, strict=True):
        cells = [metric_text(name, metrics[name]["value"], sizes[name]) for name in shown]
        windows = f"{run.result['windows'].get(run_part, 0):,}"
        verdict = verdict_text(read_judgement(run.result["verdict"], run.result["headline"]))
        rows.append([run.member, windows, *cells, verdict, run.run_id[:8]])
    rows.append(["mean", "", *(metric_text(name, means[name], sizes[name]) for name in shown), "", ""])
    if spreads:  # of one seed there is none
        stds = {name: "" if spreads[name] is None else metric_text(name, spreads[name], sizes[name]) for name in shown}
        rows.append(["std", "", *stds.values(), "", ""])
    print_table("", [noun, f"{part} rows", *map(metric_head, shown), "verdict", "run"], rows)
    print()
    if spreads and len(outcome.runs) > 1:
        print_sentence(
            "std: what another seed changes on these rows; how far other rows would move the numbers, each run's own "
            "intervals say."
        )
    timed = [str(run.result["epochs"]) for run in outcome.runs if run.result["ended"] == "max_time"]
    if timed:
        print_sentence(
            f"note: --max-time ended {len(timed)} of {len(outcome.runs)} trainings, after {', '.join(timed)} epochs: "
            f"the {noun}s differ by what the clock allowed too; --stop-after-epoch ends all alike"
        )
    remarked = [(run.member, remark) for run in outcome.runs for remark in run.result["remarks"]]
    for member, remark in remarked[:_MOST_REMARKS]:
        print_sentence(f"note: {noun} {member}: {translate(remark)}")
    if len(remarked) > _MOST_REMARKS:
        print_sentence(f"note: {len(remarked) - _MOST_REMARKS} more such notes are in the runs' reports")
    first = outcome.runs[0]
    if outcome.kind == "seeds":  # which are judged on the same rows, so that the best of them flatters
        print_looks(known_looks(Path(first.result["report"]).parent))
    print_places(
        {f"{noun} {first.member}": first.run_id},
        [Path(first.result[name]) for name in ("report", "predictions", "bundle")],
        f"gatewise runs show {first.run_id[:8]}",
        f"gatewise predict --model {first.run_id[:8]} {newer_rows(data)} -o predictions.csv",
    )
