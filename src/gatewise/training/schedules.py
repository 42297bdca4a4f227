"""Learning-rate schedules: pure functions of how far training is, and the plateau rule with its small state.

A pure schedule needs nothing saved to resume and can differ from member to member of a fleet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gatewise.errors import entry

# epochs gone by, as a fraction within the epoch -> factor on the learning rate
Schedule = Callable[[float], float]


def cosine(warmup_epochs: int, max_epochs: int) -> Schedule:
    """Linear from 0 over `warmup_epochs`, then half a cosine to 0 at `max_epochs` (Loshchilov & Hutter 2017).

    A run shorter than its warm-up spends at most half of itself warming up.
    """
    warmup = min(float(warmup_epochs), max_epochs / 2)

    def factor(epochs: float) -> float:
        if epochs < warmup:
            return epochs / warmup
        progress = (epochs - warmup) / (max_epochs - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))

    return factor


def step(step_size: int, gamma: float) -> Schedule:
    """Times `gamma` every `step_size` epochs."""
    return lambda epochs: gamma ** (math.floor(epochs) // step_size)


def exponential(gamma: float) -> Schedule:
    """Times `gamma` every epoch."""
    return lambda epochs: gamma ** math.floor(epochs)


def constant() -> Schedule:
    """Always 1."""
    return lambda epochs: 1.0


@dataclass
class Plateau:
    """Times `factor` after more than `patience` epochs without a lower monitored number (torch's ReduceLROnPlateau).

    Attributes:
        threshold: an improvement counts from this fraction below the best on.
        scale, best, bad_epochs: evolving state.
    """

    factor: float
    patience: int
    threshold: float = 1e-4
    scale: float = 1.0
    best: float = math.inf
    bad_epochs: int = 0

    def observe(self, monitored: float) -> None:
        """Takes an epoch's monitored number in."""
        if monitored < self.best * (1 - self.threshold):
            self.best, self.bad_epochs = monitored, 0
        else:
            self.bad_epochs += 1
        if self.bad_epochs > self.patience:
            self.scale *= self.factor
            self.bad_epochs = 0


def make_schedule(name: str, max_epochs: int, **options: float) -> Schedule:
    """The pure part of a schedule by name, with its own options; of `plateau` it is constant, `Plateau` does the work.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return entry("schedule", name, SCHEDULES)(max_epochs, **options)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "cosine": lambda max_epochs, warmup_epochs: cosine(warmup_epochs, max_epochs),
    "step": lambda _, step_size, gamma: step(step_size, gamma),
    "exponential": lambda _, gamma: exponential(gamma),
    "plateau": lambda _, **__: constant(),
    "constant": lambda _: constant(),
}
