"""Everything that a training run needs to go on: one record, and its form as tensors and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from gatewise.training.optimizers import Optimizer
from gatewise.training.progress import Progress


@dataclass
class TrainState:
    """The record of a run between two epochs.

    Shuffles and dropout masks are pure functions of (seed, epoch), so no generator state is kept.
    """

    # evolving
    model: nn.Module
    optimizer: Optimizer
    progress: Progress
    loss_scale: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_optimizer: dict[str, Tensor] | None = None  # as it was after the best epoch; `None`: it is not kept
    # reported
    batch_size: int = 0

    def keep_best(self) -> None:
        """The epoch that ends here is the best so far."""
        self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        if self.best_optimizer is not None:
            self.best_optimizer.update({name: value.clone() for name, value in self.optimizer.tensors().items()})

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, none before an epoch counts, and JSON values for the rest."""
        tensors: dict[str, Tensor] = {}
        if self.best:
            tensors |= {f"model/{name}": value for name, value in self.model.state_dict().items()}
            tensors |= {f"best/{name}": value for name, value in self.best.items()}
            tensors |= {f"optimizer/{name}": value for name, value in self.optimizer.tensors().items()}
            tensors |= {f"best_optimizer/{name}": value for name, value in (self.best_optimizer or {}).items()}
        values = {
            **self.progress.to_dict(),
            "loss_scale": self.loss_scale,
            "batch_size": self.batch_size,
        }
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, values

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Takes a saved state in; the model, optimizer and device are those of this run.

        With another learning rate the run goes on from its best epoch's weights, and with no momentum: the last ones
        may have run away, and it is for this that people lower the rate.
        """
        device = next(self.model.parameters()).device
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}, "best_optimizer": {}}
        for name, value in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = value.to(device)
        self.progress.load(values)
        self.best = groups["best"]
        if self.best_optimizer is not None:
            self.best_optimizer.update(groups["best_optimizer"])
        lowered = self.progress.takes_another_rate()
        if self.best and lowered:
            self.model.load_state_dict(self.best)
        elif self.best:
            self.model.load_state_dict(groups["model"])
            self.optimizer.load(groups["optimizer"])
        self.loss_scale = values["loss_scale"]
        self.batch_size = values["batch_size"]
