"""How long a training may take, from its first steps.

Only what training does itself is timed: real steps, of which the first, which builds what a shape needs, is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from gatewise.config.durations import rough_duration

TIMED_SECONDS = 2.0  # at least, before anything is said; an epoch that is shorter is timed whole
LONG_SECONDS = 300.0  # in all; below it nobody asks what would be quicker
FORWARD_SHARE = 1 / 3  # of a training step: forward is one of three products with each weight, backward two


class Estimate:
    """A listener that says once how long an epoch and all of them may take, and of long ones what would be quicker.

    Args:
        say: takes the words.
        train_windows, val_windows: of an epoch.
        epochs: at most, that this sitting trains.
        quicker: (what would be done, the windows that an epoch would train on then).
        max_seconds: that this sitting may take; `None`: as many as it takes.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        train_windows: int,
        val_windows: int,
        epochs: int,
        quicker: Sequence[tuple[str, int]] = (),
        clock: Callable[[], float] = time.perf_counter,
        max_seconds: float | None = None,
    ) -> None:
        self.say, self.clock, self.max_seconds = say, clock, max_seconds
        self.train_windows, self.val_windows, self.epochs = train_windows, val_windows, epochs
        self.quicker = quicker
        self._began = 0.0
        self._steps = 0
        self._is_said = False

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        if self._is_said:
            return
        now = self.clock()
        self._steps = step
        if step == 1:
            self._began = now
        elif now - self._began >= TIMED_SECONDS:
            windows = self.train_windows * (step - 1) / num_steps
            self._say((now - self._began) / windows)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        # Models that are fitted once have no steps, an ensemble's one epoch, of all its trainings, no training loss.
        if self._steps and not self._is_said and "train_loss" in values:
            self._say(values["seconds"] / self._weighed(self.train_windows))

    def on_message(self, text: str) -> None:
        pass

    def _weighed(self, train_windows: int) -> float:
        """Windows of an epoch, those that are only validated by their share."""
        return train_windows + FORWARD_SHARE * self.val_windows

    def _say(self, window_seconds: float) -> None:
        self._is_said = True
        epoch_seconds = window_seconds * self._weighed(self.train_windows)
        total = epoch_seconds * self.epochs
        text = f"About {rough_duration(max(epoch_seconds, 1))} an epoch"
        if self.epochs > 1:
            ends = f"{self.epochs} epochs; it may stop early"
            if self.max_seconds is not None and total > self.max_seconds:
                total, ends = self.max_seconds, f"the time that it is given; {self.epochs} epochs would take longer"
            text += f", up to {rough_duration(max(total, 1))} in all ({ends})"
        self.say(text)
        if total >= LONG_SECONDS and self.quicker:
            seconds = [(what, window_seconds * self._weighed(windows)) for what, windows in self.quicker]
            ways = ", ".join(f"{what} (about {rough_duration(max(each, 1))} an epoch)" for what, each in seconds)
            self.say(f"Quicker: {ways}; training.auto_batch_size=true measures which batch size is fastest")
