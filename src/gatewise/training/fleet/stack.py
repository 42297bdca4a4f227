"""Many models' weights as one matrix, a row a member, and the optimizer that moves all rows at once.

Adam, AdamW and SGD as torch computes them, with each member's own learning rate, decay, momentum, clipping and step
count. Every operation goes along rows, so no member's numbers reach another's.

Shapes: K members, A of them at work, D weights a member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gatewise.errors import UnknownNameError

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults
NORM_EPSILON = 1e-6  # of torch's clip_grad_norm_

_STACKED = ("adamw", "adam", "sgd")


@dataclass(frozen=True)
class Layout:
    """Where in a row each of a model's parameters lies."""

    shapes: Mapping[str, torch.Size]

    @classmethod
    def of(cls, model: nn.Module) -> Layout:
        """A model's own, in the order of its parameters."""
        return cls({name: parameter.shape for name, parameter in model.named_parameters()})

    def flatten(self, model: nn.Module) -> Tensor:
        """A copy of a model's weights as a row [D]."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])

    def unflatten(self, row_D: Tensor) -> dict[str, Tensor]:
        """Parameters by name, as views of a row."""
        pieces = row_D.split([shape.numel() for shape in self.shapes.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}

    def put(self, row_D: Tensor, model: nn.Module) -> None:
        """Writes a row into a model."""
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), self.unflatten(row_D).values(), strict=True):
                parameter.copy_(value)


@dataclass(frozen=True)
class Rates:
    """What a step is taken with, one number a member, float64 [A].

    Attributes:
        clip: largest norm of a member's gradient; infinite for none.
        momentum: SGD's.
    """

    learning_rate: Tensor
    weight_decay: Tensor
    clip: Tensor
    momentum: Tensor


@dataclass(frozen=True)
class Stack:
    """Weights and optimizer state, one row a member.

    Attributes:
        weights, first, second: float32 [K, D]; the moments are Adam's, the first one SGD's velocity.
        steps: float64 [K], updates so far.
    """

    weights: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor

    @classmethod
    def of(cls, models: Sequence[nn.Module], layout: Layout) -> Stack:
        """The models' weights, before any step."""
        weights = torch.stack([layout.flatten(model) for model in models])
        steps = torch.zeros(len(models), dtype=torch.float64, device=weights.device)
        return cls(weights, torch.zeros_like(weights), torch.zeros_like(weights), steps)

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {"weights": self.weights, "first": self.first, "second": self.second, "steps": self.steps}

    def take(self, members_A: Tensor) -> Stack:
        """A copy of some rows."""
        return Stack(**{name: tensor[members_A] for name, tensor in self.tensors().items()})

    def put(self, members_A: Tensor, part: Stack) -> None:
        """Writes rows back."""
        for name, tensor in self.tensors().items():
            tensor[members_A] = part.tensors()[name]

    def update(self, gradients_KD: Tensor, rates: Rates, optimizer: str) -> None:
        """One step of every row, in place; nothing is read back from the device.

        Args:
            optimizer: adamw, whose decay is decoupled; adam or sgd, whose decay joins the gradient.
        """
        if optimizer not in _STACKED:
            raise UnknownNameError("optimizer of a fleet", optimizer, _STACKED)
        norm = torch.linalg.vector_norm(gradients_KD, dim=1)
        gradients = gradients_KD * _column((rates.clip / (norm + NORM_EPSILON)).clamp(max=1.0))
        if optimizer == "adamw":
            self.weights.mul_(_column(1 - rates.learning_rate * rates.weight_decay))
        else:
            gradients = gradients + _column(rates.weight_decay) * self.weights
        self.steps.add_(1)
        if optimizer == "sgd":
            self.first.mul_(_column(rates.momentum)).add_(gradients)
            self.weights.sub_(_column(rates.learning_rate) * self.first)
            return
        self.first.lerp_(gradients, 1 - FIRST_DECAY)
        self.second.mul_(SECOND_DECAY).addcmul_(gradients, gradients, value=1 - SECOND_DECAY)
        size = rates.learning_rate / (1 - FIRST_DECAY**self.steps)
        root = (1 - SECOND_DECAY**self.steps).sqrt()
        self.weights.sub_(_column(size) * self.first / (self.second.sqrt() / _column(root) + EPSILON))


def _column(values_K: Tensor) -> Tensor:
    return values_K.to(torch.float32)[:, None]
