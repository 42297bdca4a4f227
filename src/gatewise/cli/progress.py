"""A training run on a terminal: one bar for the epoch at hand, one line for each epoch gone by. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gatewise.config.loss_section import MONITORS


class EpochProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, max_epochs: int, quiet: bool) -> None:
        self.max_epochs = max_epochs
        self.quiet = quiet
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self.task = self.bar.add_task("", visible=False)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        if not self.bar.disable:
            title = f"Epoch {epoch}/{self.max_epochs}"
            self.bar.update(self.task, description=title, completed=step, total=num_steps, visible=step < num_steps)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        shown = ("train_loss", *(f"val_{name}" for name in MONITORS if name != "accuracy"))
        names = [name for name in shown if name in values]
        text = "  ".join(f"{name}={values[name]:.4f}" for name in names)
        self._say(f"Epoch {epoch}/{self.max_epochs}:  {text}  time={values['seconds']:.1f}s")

    def on_message(self, text: str) -> None:
        self._say(text)

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)
