"""What a run says while it trains: numbers as rows (step, name, value); bars, trackers and files listen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Listener(Protocol):
    """Hears a training run. Epochs count from 1."""

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """A training step was issued; must be cheap and must not touch device memory."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch ended with these numbers."""

    def on_message(self, text: str) -> None:
        """Something a person should know: a batch halved, training stopped early."""


@dataclass(frozen=True)
class Callbacks:
    """A listener made of functions, for who runs many trainings: `epoch` takes the number of epochs done."""

    epoch: Callable[[int], None] | None = None
    step: Callable[[], None] | None = None
    message: Callable[[str], None] | None = None

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        if self.step is not None:
            self.step()

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        if self.epoch is not None:
            self.epoch(epoch)

    def on_message(self, text: str) -> None:
        if self.message is not None:
            self.message(text)


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
