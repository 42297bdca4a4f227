"""Everything that a fleet needs to go on between two epochs: one record, and its form as tensors and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gatewise.config.schema import TrainingConfig
from gatewise.errors import DivergedError
from gatewise.training.fleet.stack import Stack
from gatewise.training.progress import Progress


@dataclass
class FleetState:
    """K members; what is done keeps its row and is no longer computed.

    Attributes:
        best: float32 [K, D], each member's weights of its best epoch.
        diverged: members without one finite epoch, and what was said of it.
    """

    stack: Stack
    best: Tensor
    progress: list[Progress]
    diverged: dict[int, DivergedError] = field(default_factory=dict)

    @classmethod
    def start(cls, stack: Stack, settings: Sequence[TrainingConfig]) -> FleetState:
        """Before the first epoch."""
        return cls(stack, stack.weights.clone(), [Progress.start(own) for own in settings])

    @property
    def running(self) -> list[int]:
        """Members that have epochs before them."""
        return [k for k, own in enumerate(self.progress) if not own.finished and k not in self.diverged]

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and JSON values for the rest."""
        tensors = {**self.stack.tensors(), "best": self.best}
        values = {
            "members": [own.to_dict() for own in self.progress],
            "diverged": {str(k): [error.message, error.hint] for k, error in self.diverged.items()},
        }
        return {name: value.cpu() for name, value in tensors.items()}, values

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Takes a saved state in; settings and device are those of this run."""
        members = torch.arange(len(self.progress), device=self.best.device)
        moved = {name: value.to(self.best.device) for name, value in tensors.items()}
        self.best = moved.pop("best")
        self.stack.put(members, Stack(**moved))
        for own, saved in zip(self.progress, values["members"], strict=True):
            own.load(saved)
        self.diverged = {int(k): DivergedError(*said) for k, said in values["diverged"].items()}
