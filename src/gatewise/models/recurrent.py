"""lstm and gru: a recurrent stack, dropout, and a linear head on the last step or on each."""

from __future__ import annotations

import torch
from torch import Tensor

from gatewise.models.base import Network
from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import linear
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_op import Cell, Readout


class RecurrentNet(Network):
    """x [batch, steps, features] -> outputs [batch, outputs], or [batch, steps, outputs] with `readout="every"`.

    Outputs are logits for classes and scaled values for regression; no activation is applied.

    Args:
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        cell: Cell,
        num_features: int,
        num_outputs: int,
        hidden_size: int = 256,
        num_layers: int = 2,
        dropout: float = 0.3,
        bidirectional: bool = False,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.rnn = Recurrent(cell, num_features, hidden_size, num_layers, bidirectional, dropout, generator)
        self.dropout = Dropout(dropout)
        self.head = linear(self.rnn.output_size, num_outputs, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        readout: Readout = self.readout if self.training else "last"
        out: Tensor = self.head(self.dropout(self.rnn(x_BTF, readout)))
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def hidden_states(self, x_BTF: Tensor) -> Tensor:
        """The top layer's states [batch, steps, hidden_size · directions]."""
        states: Tensor = self.rnn(x_BTF, "every")
        return states
