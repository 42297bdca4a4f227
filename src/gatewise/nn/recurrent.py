"""The recurrent layer as a module: torch's parameter names and initialisation, our op underneath."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import uniform
from gatewise.nn.members import MemberLayer
from gatewise.nn.recurrent_members import recurrent_members
from gatewise.nn.recurrent_op import GATES, Cell, Readout, StackShape, State, recurrent


class Recurrent(MemberLayer):
    """A stack of LSTM or GRU layers whose state dict is that of `nn.LSTM` or `nn.GRU` (batch first).

    Not to be confused with `nn.LSTM`: it returns what was asked to be read, not (output, state).

    Args:
        cell: `lstm` (Hochreiter & Schmidhuber 1997, with Gers' forget gate) or `gru` (Cho et al. 2014).
        input_size, hidden_size, num_layers: as in torch.
        bidirectional: adds a reverse direction, which sees the whole window at every step.
        dropout: between layers, in training.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.shape = StackShape(cell, hidden_size, num_layers, bidirectional)
        self.between = Dropout(dropout)
        bound = 1 / math.sqrt(hidden_size)
        rows = GATES[cell] * hidden_size
        self.names: list[str] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self.shape.num_directions
            for suffix in [f"l{layer}", f"l{layer}_reverse"][: self.shape.num_directions]:
                sizes = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size), "bias_ih": (rows,)}
                for kind, size in {**sizes, "bias_hh": (rows,)}.items():
                    self.names.append(f"{kind}_{suffix}")
                    self.register_parameter(self.names[-1], uniform(size, bound, generator))

    @property
    def output_size(self) -> int:
        """Width of a read step: hidden_size · directions."""
        return self.shape.hidden_size * self.shape.num_directions

    def forward(self, x_BTF: Tensor, readout: Readout = "last", initial: State | None = None) -> Tensor:
        """[B, D·H] of the last step, or [B, T, D·H] of every step."""
        # Not get_parameter: under torch.func weights are tensors that are no Parameters.
        weights = [getattr(self, name) for name in self.names]
        places = self.shape.num_layers - 1
        drop = self.between.draw(places) if places else None
        op = recurrent_members if self.over_members else recurrent
        return op(x_BTF, weights, initial, self.shape, readout, self.training, drop)
