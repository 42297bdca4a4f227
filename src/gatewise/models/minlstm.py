"""minlstm: an LSTM whose gates read the input alone, so that all steps are computed at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatewise.models.base import Network
from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import layer_norm, steps_linear
from gatewise.nn.recurrent_op import Readout
from gatewise.nn.scan import scan


class MinLstm(nn.Module):
    """x [batch, steps, inputs] -> the states h [batch, steps, units] (Feng et al. 2024, arXiv 2410.01201, section 3.2).

        f, i = σ(W_f x), σ(W_i x), normalised so that they sum to 1      c = g(W_h x)
        h[t] = f[t] · h[t-1] + i[t] · c[t], of h[-1] = 0

    with biases, and g(x) = x + 1/2 from 0 up and σ(x) below, so that states are positive. The three projections
    are one, in the order f, i, h.
    """

    def __init__(self, num_inputs: int, num_units: int, generator: torch.Generator | None) -> None:
        super().__init__()
        self.gates = steps_linear(num_inputs, 3 * num_units, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        f_BTH, i_BTH, c_BTH = self.gates(x_BTF).chunk(3, dim=-1)
        # f / (f + i) by logarithms: where both gates are shut, their sum is 0.
        apart_BTH = functional.logsigmoid(f_BTH) - functional.logsigmoid(i_BTH)
        candidate_BTH = torch.where(c_BTH >= 0, c_BTH + 0.5, c_BTH.sigmoid())
        return scan(apart_BTH.sigmoid(), (-apart_BTH).sigmoid() * candidate_BTH)


class MinLstmBlock(nn.Module):
    """x -> x + dropout(projection of `MinLstm` of x normed), all [batch, steps, width]."""

    def __init__(self, width: int, expansion: int, dropout: float, generator: torch.Generator | None) -> None:
        super().__init__()
        self.norm = layer_norm(width)
        self.rnn = MinLstm(width, width * expansion, generator)
        self.projection = steps_linear(width * expansion, width, generator)
        self.dropout = Dropout(dropout)

    def forward(self, x_BTH: Tensor) -> Tensor:
        out_BTH: Tensor = x_BTH + self.dropout(self.projection(self.rnn(self.norm(x_BTH))))
        return out_BTH


class MinLstmNet(Network):
    """Residual blocks of `MinLstm` between two linear layers.

    Args:
        hidden_size: width between blocks. expansion: units of a block's state for each of that width.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        hidden_size: int = 128,
        num_layers: int = 3,
        expansion: int = 1,
        dropout: float = 0.2,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.input = steps_linear(num_features, hidden_size, generator)
        self.blocks = nn.Sequential(
            *(MinLstmBlock(hidden_size, expansion, dropout, generator) for _ in range(num_layers))
        )
        self.norm = layer_norm(hidden_size)
        self.head = steps_linear(hidden_size, num_outputs, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        states = self.hidden_states(x_BTF)
        if not (self.training and self.readout == "every"):
            states = states[:, -1]
        out: Tensor = self.head(states)
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def hidden_states(self, x_BTF: Tensor) -> Tensor:
        """What the top block leaves, normed: [batch, steps, hidden_size]."""
        states: Tensor = self.norm(self.blocks(self.input(x_BTF)))
        return states
