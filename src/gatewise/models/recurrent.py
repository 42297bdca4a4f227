"""lstm and gru: a recurrent stack, dropout, and a head on the last step or on each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatewise.errors import ConfigError
from gatewise.models.base import Network
from gatewise.nn.dropout import Dropout
from gatewise.nn.head import stacked_head
from gatewise.nn.initial import steps_linear
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_op import Cell, Readout


class RecurrentNet(Network):
    """x [batch, steps, features] -> outputs [batch, outputs], or [batch, steps, outputs] with `readout="every"`.

    Outputs are logits for classes and scaled values for regression; no activation is applied.

    Args:
        head_hidden: units of a second layer in the head, with ReLU and dropout after it; `None`: one layer.
        single_logit: the head gives one number z, and outputs are (0, z): cross entropy of these is binary cross
            entropy of z.
        generator: of the initial weights; `None` leaves them zero.

    Raises:
        ConfigError: `single_logit` and other than two outputs.
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
        head_hidden: int | None = None,
        single_logit: bool = False,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.rnn = Recurrent(cell, num_features, hidden_size, num_layers, bidirectional, dropout, generator)
        self.dropout = Dropout(dropout)
        if single_logit and num_outputs != 2:
            raise ConfigError(
                f"model.single_logit is for two classes; this target has {num_outputs} outputs",
                'model.single_logit=false, or target.kind="direction"',
            )
        self.single_logit = single_logit
        given = 1 if single_logit else num_outputs
        width = self.rnn.output_size
        self.head: nn.Module = (
            stacked_head(width, given, head_hidden, dropout, generator)
            if head_hidden
            else steps_linear(width, given, generator)
        )

    def forward(self, x_BTF: Tensor) -> Tensor:
        readout: Readout = self.readout if self.training else "last"
        out: Tensor = self.head(self.dropout(self.rnn(x_BTF, readout)))
        return functional.pad(out, (1, 0)) if self.single_logit else out

    @property
    def output_bias(self) -> Tensor:
        last = self.head[-1] if isinstance(self.head, nn.Sequential) else self.head
        assert isinstance(last, nn.Linear)
        return last.bias

    def hidden_states(self, x_BTF: Tensor) -> Tensor:
        """The top layer's states [batch, steps, hidden_size · directions]."""
        states: Tensor = self.rnn(x_BTF, "every")
        return states
