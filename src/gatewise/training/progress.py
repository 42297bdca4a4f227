"""How far a run is, and what its losses decide: the learning rate, the best epoch, the end."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from gatewise.config.schema import TrainingConfig
from gatewise.errors import DivergedError
from gatewise.training.schedules import Plateau, make_schedule
from gatewise.training.stopping import EarlyStopping


@dataclass(frozen=True)
class FitResult:
    """How a fit ended; the model itself carries the best epoch's weights.

    Attributes:
        history: one dict an epoch: train_loss, val_loss, learning_rate, seconds, ... (classes: val_f1, val_accuracy).
        windows_per_second: median over epochs of training windows a second, validation not counted.
        interrupted: Ctrl-C came after the first whole epoch.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best_loss: float
    windows_per_second: float
    interrupted: bool

    @property
    def epochs(self) -> int:
        return len(self.history)


@dataclass
class Progress:
    """Evolves once an epoch, and is all that a run's decisions depend on.

    Attributes:
        news: what the last epoch decided that people should know.
    """

    settings: TrainingConfig
    stopping: EarlyStopping
    plateau: Plateau
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    news: str | None = None

    @classmethod
    def start(cls, settings: TrainingConfig) -> Progress:
        """Before the first epoch."""
        stopping = EarlyStopping(settings.early_stopping_patience, settings.min_delta)
        return cls(settings, stopping, Plateau(settings.plateau_factor, settings.plateau_patience))

    def __post_init__(self) -> None:
        s = self.settings
        self._schedule = make_schedule(s.scheduler, s.max_epochs, s.warmup_epochs, s.step_size, s.gamma)

    @property
    def finished(self) -> bool:
        return self.epoch >= self.settings.max_epochs or self.stopping.should_stop

    def learning_rate(self, position: float) -> float:
        """The rate when `position`, in [0, 1), of the epoch under way has gone by."""
        return self.settings.learning_rate * self.plateau.scale * self._schedule(self.epoch + position)

    def observe(
        self, trained: dict[str, float], validated: dict[str, float], seconds: float, windows_per_second: float
    ) -> bool:
        """Takes an epoch's numbers in; true if its validation loss is the lowest yet.

        Raises:
            DivergedError: a loss is not finite; nothing is taken in.
        """
        if not math.isfinite(trained["loss"]) or not math.isfinite(validated["loss"]):
            raise DivergedError(
                f"the loss must stay finite; epoch {self.epoch + 1} gave train {trained['loss']}, "
                f"val {validated['loss']}",
                "lower --learning-rate or --set training.gradient_clip=0.5",
            )
        learning_rate = self.learning_rate(0.5)
        self.epoch += 1
        self.news = self._lower_rate(validated["loss"]) if self.settings.scheduler == "plateau" else None
        self.history.append(
            {f"train_{name}": value for name, value in trained.items()}
            | {f"val_{name}": value for name, value in validated.items()}
            | {"learning_rate": learning_rate, "seconds": seconds, "windows_per_second": windows_per_second}
        )
        return self.stopping.observe(self.epoch, validated["loss"])

    def _lower_rate(self, val_loss: float) -> str | None:
        before = self.plateau.scale
        self.plateau.observe(val_loss)
        if self.plateau.scale == before:
            return None
        patience = self.settings.plateau_patience
        return f"Learning rate lowered to {self.settings.learning_rate * self.plateau.scale:g} (patience={patience})"

    def result(self, interrupted: bool) -> FitResult:
        """What a run that ends here has to say; at least one epoch must be done."""
        speed = median(epoch["windows_per_second"] for epoch in self.history)
        return FitResult(self.history, self.stopping.best_epoch, self.stopping.best_loss, speed, interrupted)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "epoch": self.epoch,
            "stopping": asdict(self.stopping),
            "plateau": asdict(self.plateau),
            "history": self.history,
        }

    def load(self, values: dict[str, Any]) -> None:
        """Takes what `to_dict` gave."""
        self.stopping = EarlyStopping(**values["stopping"])
        self.plateau = Plateau(**values["plateau"])
        self.epoch = values["epoch"]
        self.history = values["history"]
