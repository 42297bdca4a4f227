"""A model that is told which symbol a window is of: whatever the zoo holds, with a few more numbers at every step.

The symbol comes as a number beside x, and is joined to each step's features as a one-hot row, as a learned vector, or
as both. The table of vectors is trained with the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gatewise.models.base import Network
from gatewise.nn.initial import embedding as make_embedding


class WithSymbol(Network):
    """x [batch, steps, features], symbol int [batch] -> what `model` makes of [batch, steps, features + `told_width`].

    Args:
        model: eats sequences.
        num_symbols: how many there are; numbers run from 0 to one below.
        onehot: joins a 0/1 number a symbol.
        embedding: width of the learned vector that is joined; 0 for none.
        generator: of its initial values; `None` leaves them zero.
    """

    def __init__(
        self,
        model: Network,
        num_symbols: int,
        onehot: bool,
        embedding: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_symbols = num_symbols
        self.onehot = onehot
        self.embedding = make_embedding(num_symbols, embedding, generator) if embedding else None
        self.model = model

    def forward(self, x_BTF: Tensor, symbol_B: Tensor) -> Tensor:
        out: Tensor = self.model(self.joined(x_BTF, symbol_B))
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.model.output_bias

    @property
    def least_piece(self) -> int:
        return self.model.least_piece

    def joined(self, x_BTF: Tensor, symbol_B: Tensor) -> Tensor:
        """What the model eats."""
        vectors = []
        if self.onehot:  # not functional.one_hot, which reads its input back and so can't be mapped over members
            vectors.append((symbol_B[:, None] == torch.arange(self.num_symbols, device=x_BTF.device)).to(x_BTF.dtype))
        if self.embedding is not None:
            vectors.append(self.embedding(symbol_B))
        # Time-major in memory, as windows come and as recurrent backends work.
        x_TBF = x_BTF.transpose(0, 1)
        parts = [x_TBF, *(vector_BE.expand(len(x_TBF), *vector_BE.shape) for vector_BE in vectors)]
        return torch.cat(parts, dim=-1).transpose(0, 1)


def told_width(num_symbols: int, onehot: bool, embedding: int) -> int:
    """How many numbers a step gains."""
    return (num_symbols if onehot else 0) + embedding
