"""What a run says while it trains: numbers as rows (step, name, value); bars, trackers and files listen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Listener(Protocol):
    """Hears a training run. Epochs count from 1."""

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """A training step was issued; must be cheap and must not touch device memory."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch ended with these numbers."""

    def on_message(self, text: str) -> None:
        """Something a person should know: a batch halved, training stopped early."""


class Listeners:
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.listeners = tuple(listeners)

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        for listener in self.listeners:
            listener.on_step(epoch, step, num_steps)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        for listener in self.listeners:
            listener.on_epoch(epoch, values)

    def on_message(self, text: str) -> None:
        for listener in self.listeners:
            listener.on_message(text)
