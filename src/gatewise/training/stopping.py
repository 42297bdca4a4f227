"""When to stop, and which epoch was best."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Stops after `patience` epochs in which what is monitored did not fall more than `min_delta` below the reference.

    The best epoch is the one with the lowest number, however small its lead: patience and choice are two questions.
    """

    patience: int
    min_delta: float
    reference: float = math.inf
    bad_epochs: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0

    def observe(self, epoch: int, loss: float) -> bool:
        """Takes an epoch's monitored number in; true if it is the lowest yet."""
        if loss < self.reference - self.min_delta:
            self.reference, self.bad_epochs = loss, 0
        else:
            self.bad_epochs += 1
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            return True
        return False

    @property
    def should_stop(self) -> bool:
        return self.bad_epochs >= self.patience
