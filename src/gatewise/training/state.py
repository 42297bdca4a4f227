"""Everything that a training run needs to go on: one record, and its form as tensors and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gatewise.training.schedules import Plateau
from gatewise.training.stopping import EarlyStopping


@dataclass
class TrainState:
    """The record of a run between two epochs.

    Shuffles and dropout masks are pure functions of (seed, epoch), so no generator state is kept.
    """

    # evolving
    model: nn.Module
    optimizer: torch.optim.Optimizer
    stopping: EarlyStopping
    plateau: Plateau
    epoch: int = 0
    loss_scale: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    # reported
    history: list[dict[str, float]] = field(default_factory=list)
    batch_size: int = 0
    threads: int = 0

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and JSON values for the rest."""
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{slot}": torch.as_tensor(value) for slot, value in slots.items()}
        values = {
            "epoch": self.epoch,
            "stopping": asdict(self.stopping),
            "plateau": asdict(self.plateau),
            "loss_scale": self.loss_scale,
            "history": self.history,
            "batch_size": self.batch_size,
            "threads": self.threads,
        }
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, values

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Takes a saved state in; the model, optimizer and device are those of this run."""
        device = next(self.model.parameters()).device
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for name, value in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = value.to(device)
        self.model.load_state_dict(groups["model"])
        self.best = groups["best"]
        saved = self.optimizer.state_dict()
        saved["state"] = {}
        for name, value in groups["optimizer"].items():
            index, slot = name.split("/")
            saved["state"].setdefault(int(index), {})[slot] = value
        self.optimizer.load_state_dict(saved)
        self.stopping = EarlyStopping(**values["stopping"])
        self.plateau = Plateau(**values["plateau"])
        self.epoch = values["epoch"]
        self.loss_scale = values["loss_scale"]
        self.history = values["history"]
        self.batch_size = values["batch_size"]
        self.threads = values["threads"]
