"""A model's weights as a row [D]: where in it each of its parameters lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """Parameters by name, in the order of the model."""

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
