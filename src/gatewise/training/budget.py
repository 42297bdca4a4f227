"""How far a training goes in one sitting: to an epoch, or for a length of time.

No number depends on it. The weights after epoch N are those of every run of the config that is stopped after N, and a
run that was stopped goes on as if it had not been. A clock decides nothing that is computed: the record says the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gatewise.config.durations import seconds_of
from gatewise.errors import ConfigError

Stop = Literal["max_time", "stop_after_epoch"]
STOPS: tuple[Stop, ...] = ("max_time", "stop_after_epoch")


@dataclass(frozen=True)
class Budget:
    """Ends a training between two epochs; the first epoch of a sitting (`over_sittings`: of all) is always trained.

    Attributes:
        max_seconds: from the beginning of `fit`. No epoch is begun that would pass it if it took as long as the last.
        stop_after_epoch: counted from 1, over all sittings of a run. The schedule stays that of `max_epochs`.
        over_sittings: whether `max_seconds` holds for all sittings together, by what their epochs took.
        clock: seconds that only grow.
    """

    max_seconds: float | None = None
    stop_after_epoch: int | None = None
    over_sittings: bool = False
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, max_time: object = None, stop_after_epoch: int | None = None) -> Budget:
        """From what people say.

        Args:
            max_time: a text like 10m, or a timedelta.

        Raises:
            ConfigError: no length of time above 0, or no epoch.
        """
        if stop_after_epoch is not None and stop_after_epoch < 1:
            raise ConfigError(f"stop_after_epoch counts from 1; got {stop_after_epoch}", "stop_after_epoch=1 or more")
        return cls(None if max_time is None else seconds_of("max_time", max_time), stop_after_epoch)

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON values, for a process elsewhere, which has a clock of its own."""
        return {"max_seconds": self.max_seconds, "stop_after_epoch": self.stop_after_epoch}

    def require_ahead(self, max_epochs: int, done: int = 0) -> None:
        """Of a run of so many epochs at most, with so many behind it.

        Raises:
            ConfigError: the epoch to stop after can't come any more.
        """
        if self.stop_after_epoch is not None and not done < self.stop_after_epoch <= max_epochs:
            raise ConfigError(
                f"stop_after_epoch must be one of the epochs to come, {done + 1} to {max_epochs}; "
                f"got {self.stop_after_epoch}",
                f"stop_after_epoch={max_epochs}, or leave it out"
                if done < max_epochs
                else "leave it out: the run has had all its epochs",
            )

    def spent(self, history: Sequence[Mapping[str, float]]) -> float:
        """Seconds that count already when a sitting begins after these epochs."""
        return sum(epoch["seconds"] for epoch in history) if self.over_sittings else 0.0

    def stop(self, epoch: int, seconds: float, epoch_seconds: float) -> Stop | None:
        """Why no epoch follows this one, if so.

        Args:
            epoch: done, counted from 1.
            seconds: since this sitting began; `over_sittings` with those of earlier ones.
            epoch_seconds: that the last epoch took.
        """
        if self.stop_after_epoch is not None and epoch >= self.stop_after_epoch:
            return "stop_after_epoch"
        if self.max_seconds is not None and seconds + epoch_seconds > self.max_seconds:
            return "max_time"
        return None


WHOLE = Budget()
