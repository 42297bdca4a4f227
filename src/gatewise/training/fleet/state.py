"""Everything that a fleet needs to go on between two epochs: one record, and its form as tensors and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gatewise.config.schema import TrainingConfig
from gatewise.errors import DivergedError
from gatewise.training.fleet.layout import Layout
from gatewise.training.monitor import LOSS
from gatewise.training.optimizers import Optimizer, make_optimizer
from gatewise.training.progress import Progress


@dataclass
class FleetState:
    """K members; what is done keeps its row and is no longer computed.

    Attributes:
        weights: float32 [K, D], a row a member.
        optimizers: each member's, of the parameters that are views of its row.
        best: float32 [K, D], each member's weights of its best epoch.
        diverged: members without one finite epoch, and what was said of it.
    """

    layout: Layout
    weights: Tensor
    optimizers: list[Optimizer]
    best: Tensor
    progress: list[Progress]
    diverged: dict[int, DivergedError] = field(default_factory=dict)

    @classmethod
    def start(
        cls, models: Sequence[nn.Module], layout: Layout, settings: Sequence[TrainingConfig], monitor: str = LOSS
    ) -> FleetState:
        """Before the first epoch."""
        weights = torch.stack([layout.flatten(model) for model in models])
        parameters = [list(layout.unflatten(row).values()) for row in weights]
        optimizers = [
            make_optimizer(parameters=part, learning_rate=member.learning_rate, **dict(member.optimizer))
            for member, part in zip(settings, parameters, strict=True)
        ]
        return cls(
            layout, weights, optimizers, weights.clone(), [Progress.start(member, monitor) for member in settings]
        )

    @property
    def running(self) -> list[int]:
        """Members that have epochs before them."""
        return [k for k, member in enumerate(self.progress) if not member.finished and k not in self.diverged]

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and JSON values for the rest."""
        tensors = {"weights": self.weights, "best": self.best}
        for k, optimizer in enumerate(self.optimizers):
            tensors |= {f"optimizer/{k}/{name}": value for name, value in optimizer.tensors().items()}
        values = {
            "members": [member.to_dict() for member in self.progress],
            "diverged": {str(k): [error.message, error.hint] for k, error in self.diverged.items()},
        }
        return {name: value.cpu() for name, value in tensors.items()}, values

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Takes a saved state in; settings and device are those of this run."""
        self.weights.copy_(tensors["weights"])  # in place: the optimizers' parameters are views
        self.best.copy_(tensors["best"])
        for k, optimizer in enumerate(self.optimizers):
            start = f"optimizer/{k}/"
            optimizer.load(
                {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
            )
        for member, saved in zip(self.progress, values["members"], strict=True):
            member.load(saved)
        self.diverged = {int(k): DivergedError(*words) for k, words in values["diverged"].items()}
