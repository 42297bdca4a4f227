"""A model that is told which symbol a window is of: whatever the zoo holds, with a few more numbers at every step.

The symbol comes as the last column of x, so that batches, fleets and bundles stay as they are, and leaves as a one-hot
row, as a learned vector, or as both, joined to each step's features. The table of vectors is trained with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from gatewise.nn.initial import embedding as make_embedding


class WithSymbol(nn.Module):
    """x [batch, steps, features + 1] -> what `model` makes of [batch, steps, features + `width`].

    Args:
        model: eats sequences.
        num_symbols: how many there are; x ends with a number from 0 to one below.
        onehot: joins a 0/1 number a symbol.
        embedding: width of the learned vector that is joined; 0 for none.
        generator: of its initial values; `None` leaves them zero.
    """

    def __init__(
        self,
        model: nn.Module,
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

    def forward(self, x_BTF: Tensor) -> Tensor:
        out: Tensor = self.model(self.joined(x_BTF))
        return out

    def hidden_states(self, x_BTF: Tensor) -> Tensor:
        """The model's own, [batch, steps, width]."""
        read = cast(Callable[[Tensor], Tensor], self.model.hidden_states)  # nn.Module types no methods
        return read(self.joined(x_BTF))

    def shift_outputs(self, by_K: Tensor) -> None:
        """The model's own."""
        shift = cast(Callable[[Tensor], None], self.model.shift_outputs)
        shift(by_K)

    def joined(self, x_BTF: Tensor) -> Tensor:
        """What the model eats."""
        symbol_B = x_BTF[:, -1, -1].long()
        told = []
        if self.onehot:  # not functional.one_hot, which reads its input back and so can't be mapped over members
            told.append((symbol_B[:, None] == torch.arange(self.num_symbols, device=x_BTF.device)).to(x_BTF.dtype))
        if self.embedding is not None:
            told.append(self.embedding(symbol_B))
        # Time-major in memory, as windows come and as recurrent backends work.
        x_TBF = x_BTF.transpose(0, 1)
        parts = [x_TBF[..., :-1], *(vector_BE.expand(len(x_TBF), *vector_BE.shape) for vector_BE in told)]
        return torch.cat(parts, dim=-1).transpose(0, 1)


def told_width(num_symbols: int, onehot: bool, embedding: int) -> int:
    """How many numbers a step gains."""
    return (num_symbols if onehot else 0) + embedding
