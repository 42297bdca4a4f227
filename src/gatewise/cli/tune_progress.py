"""A search on a terminal: one bar with the time left, one line for each trial gone by. On stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gatewise.cli.output import progress_console
from gatewise.config.durations import rough_duration

if TYPE_CHECKING:
    from gatewise.selection.tuning.trials import TrialRow


class TuneProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet, self.clock = quiet, clock
        self.console = progress_console()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self.task = self.bar.add_task("", visible=False)
        self._num_trials = 0
        self._num_folds = 1
        self._metric = ""
        self._best: TrialRow | None = None
        self._began = 0.0
        self._ended = 0  # in this process

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_study(self, num_trials: int, num_folds: int, rows: list[TrialRow], metric: str) -> None:
        self._num_trials, self._num_folds, self._began = num_trials, num_folds, self.clock()
        self._metric = metric
        ended = [row for row in rows if row.state != "RUNNING"]
        for row in ended:
            self._note(row)
        # The time left is reckoned from what this process does, so what is done already is no part of the bar.
        self.bar.update(self.task, description="tuning", total=max(num_trials - len(ended), 0), visible=True)

    def on_epoch(self, trial: int, fold: int, epoch: int) -> None:
        self.bar.update(self.task, description=f"trial {trial}, fold {fold}/{self._num_folds}, epoch {epoch}")

    def on_trial(self, row: TrialRow) -> None:
        self._note(row)
        self.bar.advance(self.task)
        if self.quiet:
            return
        if self._ended == 0 and (left := self.bar.tasks[self.task].remaining):
            each = self.clock() - self._began
            self.console.print(
                f"About {rough_duration(each)} a trial, at most {rough_duration(each * left)} more; "
                "trials may be pruned or stop early",
                markup=False,
            )
        self._ended += 1
        best = f"  best {_value(self._metric, self._best)} (trial {self._best.number})" if self._best else ""
        self.console.print(
            f"Trial {row.number} of {self._num_trials}:  {_what(self._metric, row)}{best}  {_settings(row)}",
            markup=False,
        )

    def _note(self, row: TrialRow) -> None:
        if row.state == "COMPLETE" and row.value is not None:
            leads = self._best is None or self._best.value is None or row.value < self._best.value
            self._best = row if leads else self._best


def _what(metric: str, row: TrialRow) -> str:
    if row.error:
        return f"failed: {row.error['message']}"
    text = f"pruned after fold {len(row.scores)}" if row.value is None else _value(metric, row)
    return text + (f" (fold {' and '.join(map(str, row.diverged))} diverged)" if row.diverged else "")


def _value(metric: str, row: TrialRow) -> str:
    from gatewise.evaluation.metric_names import metric_text

    return "" if row.value is None else metric_text(metric, row.value)


def _settings(row: TrialRow) -> str:
    from gatewise.cli.output import setting_words

    return "  ".join(f"{name}={setting_words(value)}" for name, value in row.params.items())
