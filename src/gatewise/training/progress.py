"""How far a run is, and what its losses decide: the learning rate, the best epoch, the end."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from gatewise.config.schema import TrainingConfig
from gatewise.config.training_section import PlateauConfig
from gatewise.errors import DivergedError
from gatewise.training.budget import STOPS, Stop
from gatewise.training.monitor import LOSS, monitored_number
from gatewise.training.schedules import Plateau, make_schedule
from gatewise.training.stopping import EarlyStopping

Ending = Literal["max_epochs", "early_stopping", "diverged", "interrupted", "fitted"] | Stop
GROWTH = 1e-3  # of the first epoch's training loss; less is noise


@dataclass(frozen=True)
class FitResult:
    """How a fit ended; the model itself carries the best epoch's weights.

    Attributes:
        history: one dict an epoch: train_loss, val_loss, learning_rate, seconds, ... (classes: val_f1, val_accuracy).
        best_epoch, best_loss: the epoch that is kept, and its number of what is monitored.
        windows_per_second: median over epochs of training windows a second, validation not counted.
        ended: why there are no further epochs; `fitted`: the model knows none, and is fitted once; `interrupted`:
            Ctrl-C came after the first whole epoch; `diverged`: a loss was no longer finite, and the epochs before it
            count; `max_time`, `stop_after_epoch`: the budget, see `training.budget`.
        remarks: what people should know of it, a sentence each.
        diverged_epochs: those whose loss was no longer finite, counted from 1: of the end, and of ends before it that a
            lower learning rate went on from.
        monitor: what epochs were compared by; see `training.monitor`.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best_loss: float
    windows_per_second: float
    ended: Ending
    remarks: tuple[str, ...] = ()
    diverged_epochs: tuple[int, ...] = ()
    monitor: str = LOSS

    @property
    def epochs(self) -> int:
        return len(self.history)


@dataclass
class Progress:
    """Evolves once an epoch, and is all that a run's decisions depend on.

    Attributes:
        monitor: what decides; see `training.monitor`.
        rates: (epochs done, learning rate from there on) for each rate that trained; a run that goes on may be given a
            lower one.
        diverged: which losses the epoch after the last gave, where they were no longer finite; those before it count.
        divergences: (epoch, the same) of each such end that a lower rate went on from.
        news: what the last epoch decided that people should know.
    """

    settings: TrainingConfig
    stopping: EarlyStopping
    plateau: Plateau | None
    monitor: str = LOSS
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    rates: list[tuple[int, float]] = field(default_factory=list)
    diverged: str | None = None
    divergences: list[tuple[int, str]] = field(default_factory=list)
    news: str | None = None

    @classmethod
    def start(cls, settings: TrainingConfig, monitor: str = LOSS) -> Progress:
        """Before the first epoch."""
        stopping = EarlyStopping(settings.early_stopping_patience, settings.min_delta)
        schedule = settings.schedule
        plateau = Plateau(schedule.factor, schedule.patience) if isinstance(schedule, PlateauConfig) else None
        return cls(settings, stopping, plateau, monitor, rates=[(0, settings.learning_rate)])

    def __post_init__(self) -> None:
        self._schedule = make_schedule(max_epochs=self.settings.max_epochs, **dict(self.settings.schedule))

    @property
    def finished(self) -> bool:
        return self.epoch >= self.settings.max_epochs or self.stopping.should_stop or self.diverged is not None

    def learning_rate(self, position: float) -> float:
        """The rate when `position`, in [0, 1), of the epoch under way has gone by."""
        scale = self.plateau.scale if self.plateau else 1.0
        return self.settings.learning_rate * scale * self._schedule(self.epoch + position)

    def observe(
        self, trained: dict[str, float], validated: dict[str, float], seconds: float, windows_per_second: float
    ) -> bool:
        """Takes an epoch's numbers in; true if what is monitored is the lowest yet.

        An epoch with such a number or a loss that is not finite is not taken in: it ends the run, and those before it
        count.

        Raises:
            DivergedError: a loss is not finite and there is no epoch before.
        """
        monitored = monitored_number(self.monitor, validated)
        if not all(map(math.isfinite, (trained[LOSS], validated[LOSS], monitored))):
            self.news = f"epoch {self.epoch + 1} gave train {trained[LOSS]}, val {validated[LOSS]}"
            if self.monitor != LOSS:
                self.news += f" ({self.monitor} {validated[self.monitor]})"
            if not self.epoch:
                raise nothing_finite(self.news)
            self.diverged = self.news
            self.news = self._diverged_remark
            return False
        learning_rate = self.learning_rate(0.5)
        self.epoch += 1
        self.news = self._lower_rate(self.plateau, monitored) if self.plateau else None
        self.history.append(
            {f"train_{name}": value for name, value in trained.items()}
            | {f"val_{name}": value for name, value in validated.items()}
            | {"learning_rate": learning_rate, "seconds": seconds, "windows_per_second": windows_per_second}
        )
        return self.stopping.observe(self.epoch, monitored)

    def _lower_rate(self, plateau: Plateau, monitored: float) -> str | None:
        before = plateau.scale
        plateau.observe(monitored)
        if plateau.scale == before:
            return None
        return f"Learning rate lowered to {self.settings.learning_rate * plateau.scale:g} (patience={plateau.patience})"

    def result(self, cut: Literal["interrupted"] | Stop | None = None) -> FitResult:
        """What a run that ends here has to say; at least one epoch must be done.

        Args:
            cut: why it ends, if not by itself.
        """
        speed = median(epoch["windows_per_second"] for epoch in self.history)
        ended: Ending = cut or (
            "diverged" if self.diverged else "early_stopping" if self.stopping.should_stop else "max_epochs"
        )
        stopped = (self.stop_remark,) if cut in STOPS else ()
        best = self.stopping
        diverged = tuple(epoch for epoch, _ in self.divergences) + ((self.epoch + 1,) if self.diverged else ())
        return FitResult(
            self.history,
            best.best_epoch,
            best.best_loss,
            speed,
            ended,
            (*self.remarks, *stopped),
            diverged,
            self.monitor,
        )

    @property
    def ending(self) -> tuple[str, ...]:
        """The last lines of a log: why it ended early, the epoch that is kept with its numbers, and what was odd."""
        patience, best = self.settings.early_stopping_patience, self.stopping.best_epoch
        early = (f"Early stopping triggered (patience={patience})",) if self.stopping.should_stop else ()
        values = self.history[best - 1]
        names = [name for name in dict.fromkeys((f"val_{self.monitor}", "val_f1")) if name in values]
        numbers = "".join(f", {name}={values[name]:.4f}" for name in names)
        growth = (self.growth_remark,) if self.growth_remark else ()
        return (*early, f"Best epoch: {best}{numbers}", *growth)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people should know of the epochs so far."""
        return (*self.past_remarks, *(remark for remark in (self._diverged_remark, self.growth_remark) if remark))

    @property
    def past_remarks(self) -> tuple[str, ...]:
        """What people should know of how a run went before it was gone on with."""
        before = (f"Training diverged on the way: {words}" for _, words in self.divergences)
        return (*((self._rates_remark,) if self._rates_remark else ()), *before)

    @property
    def _diverged_remark(self) -> str | None:
        if self.diverged is None:
            return None
        return f"Training diverged: {self.diverged}. Kept is the best epoch before it, {self.stopping.best_epoch}"

    @property
    def _rates_remark(self) -> str | None:
        """Which learning rates the run was given, where it is more than one."""
        if len(self.rates) < 2:
            return None
        given = ", ".join(f"{rate:g} from epoch {done + 1}" for done, rate in self.rates)
        return f"The learning rate was lowered on the way, each time from the best epoch's weights: {given}"

    @property
    def growth_remark(self) -> str | None:
        """Of a training loss that was never again as low as at first, or grew from a first epoch that stayed best."""
        first, *later = (epoch["train_loss"] for epoch in self.history)
        bound = first + GROWTH * abs(first)
        if later and (min(later) > bound or (self.stopping.best_epoch == 1 and later[-1] > bound)):
            return f"The training loss only grew, from {first:.4g} to {later[-1]:.4g}: lower the learning rate"
        return None

    @property
    def stop_remark(self) -> str:
        """Of a training that its budget ended."""
        return (
            f"The training was stopped after epoch {self.epoch} of at most {self.settings.max_epochs}: "
            f"stop_after_epoch={self.epoch} with the same settings repeats it, gatewise train --resume goes on with it"
        )

    def takes_another_rate(self) -> bool:
        """Whether the settings hold another learning rate than the record and there are epochs left to train with it.

        It is noted then, and patience starts anew.
        """
        before = self.rates[-1][1]
        if before == self.settings.learning_rate or self.epoch >= self.settings.max_epochs:
            return False
        if self.diverged is not None:
            self.divergences.append((self.epoch + 1, f"{self.diverged} at a learning rate of {before:g}"))
            self.diverged = None
        if self.rates[-1][0] == self.epoch:  # no epoch of it counts
            self.rates.pop()
        self.rates.append((self.epoch, self.settings.learning_rate))
        self.stopping.bad_epochs = 0
        if self.plateau:
            self.plateau.bad_epochs = 0
        return True

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "epoch": self.epoch,
            "stopping": asdict(self.stopping),
            "plateau": asdict(self.plateau) if self.plateau else None,
            "monitor": self.monitor,
            "history": self.history,
            "rates": self.rates,
            "diverged": self.diverged,
            "divergences": self.divergences,
        }

    def load(self, values: dict[str, Any]) -> None:
        """Takes what `to_dict` gave.

        That of 0.1 tells of no rates or divergence, of a plateau in any schedule, and monitored the loss.
        """
        self.stopping = EarlyStopping(**values["stopping"])
        self.plateau = Plateau(**values["plateau"]) if self.plateau else None
        self.monitor = values.get("monitor", LOSS)
        self.epoch = values["epoch"]
        self.history = values["history"]
        self.rates = [(int(done), float(rate)) for done, rate in values.get("rates", self.rates)]
        self.diverged = values.get("diverged")
        self.divergences = [(int(epoch), str(words)) for epoch, words in values.get("divergences", ())]


def nothing_finite(words: str) -> DivergedError:
    """Of a training without one epoch that counts; `words` say what the first gave."""
    return DivergedError(
        f"the loss must stay finite; {words}", "lower training.learning_rate, or set training.gradient_clip to 0.5"
    )
