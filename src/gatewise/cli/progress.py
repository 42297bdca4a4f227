"""A training run on a terminal: one bar for the epoch at hand, one line for each epoch gone by. On stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TextColumn

from gatewise.cli.flags import translate
from gatewise.cli.output import progress_console
from gatewise.config.durations import rough_duration
from gatewise.config.loss_section import CLASS_METRICS, MONITORS

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

_BAR_WIDTH = 20  # beside "Epoch 100/100" and the longest words it fits 80 columns


class EpochProgress:
    """A listener that draws; off a terminal, as in a notebook, it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, settings: TrainingConfig, quiet: bool, words: Callable[[str], str] = translate) -> None:
        self.max_epochs = settings.max_epochs
        self.monitor = settings.monitor
        self.quiet = quiet
        self.words = words
        self.console = progress_console()
        columns = (TextColumn("{task.description}"), BarColumn(_BAR_WIDTH), TextColumn("{task.fields[words]}"))
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self.task = self.bar.add_task("", visible=False, words="")
        self.began = 0.0  # the epoch's first step
        self.epoch_seconds = 0.0  # that the last one took, validation included
        self.best: tuple[float, int] | None = None  # what epochs are compared by, lower being better; its epoch

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        if self.bar.disable:
            return
        now = time.monotonic()
        if step == 1:
            self.began = now
            self.bar.reset(self.task, total=num_steps, description=f"Epoch {epoch}/{self.max_epochs}")
        done = step / num_steps
        words = "validating" if step == num_steps else ""
        if 1 < step < num_steps:
            left = (now - self.began) * (num_steps - step) / (step - 1)
            total = left + (self.epoch_seconds or (now - self.began) / done) * (self.max_epochs - epoch)
            words = f"{rough_duration(left)} left, at most {rough_duration(total)} in all"
        if self.best:
            words += f"{', ' * bool(words)}best: {self.best[1]}"
        self.bar.update(self.task, completed=step, visible=True, words=words)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.bar.update(self.task, visible=False)
        self.epoch_seconds = values["seconds"]
        number = self._monitored(values)
        if epoch == 1 or (self.best and number < self.best[0]):  # of a run that goes on, the best is not known here
            self.best = number, epoch
        shown = ("train_loss", *(f"val_{name}" for name in MONITORS if name != "accuracy"))
        names = [name for name in shown if name in values]
        text = "  ".join(f"{name}={values[name]:.4f}" for name in names)
        what = f"Epoch {epoch}/{self.max_epochs}" if "train_loss" in values else "Ensemble"
        self._say(f"{what}:  {text}  time={values['seconds']:.1f}s")

    def on_message(self, text: str) -> None:
        self._say(self.words(text))

    def _monitored(self, values: Mapping[str, float]) -> float:
        """See `training.monitor`: an epoch tells of the loss that it was trained on, and of another if that decides."""
        if self.monitor in CLASS_METRICS:
            return -values[f"val_{self.monitor}"]
        others = (name for name in MONITORS if name not in ("auto", "loss", *CLASS_METRICS))
        name = next((name for name in others if f"val_{name}" in values), "loss") if self.monitor != "loss" else "loss"
        return values[f"val_{name}"]

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)
