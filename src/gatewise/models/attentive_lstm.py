"""attentive_lstm: convolutions of several widths, a stack of LSTM layers with attention between them, a pooled head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatewise.models.base import Network
from gatewise.nn.attention import MultiheadAttention, masked_softmax, sinusoidal_positions
from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import conv1d, layer_norm, steps_linear, uniform
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_op import Readout


class AttentiveLstm(Network):
    """Input projection and positions, then parts that each add to what they read and are normed, then the head.

    The head reads a mean of the steps by weights that it learns. Where the LSTM layers are bidirectional every part
    reads the whole window; else each reads a step and those before it.

    Args:
        hidden_size: width of a step, of both directions together; a multiple of num_heads.
        attention_after: LSTM layers, counted from 1, that attention follows.
        kernel_sizes: steps that each convolution reads.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        hidden_size: int = 256,
        num_heads: int = 8,
        num_layers: int = 4,
        attention_after: Sequence[int] = (2, 4),
        kernel_sizes: Sequence[int] = (3, 5, 7),
        dropout: float = 0.3,
        bidirectional: bool = True,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.causal = not bidirectional
        width = hidden_size

        def added(layer: nn.Module) -> Added:
            return Added(layer, width, dropout)

        self.input_proj = steps_linear(num_features, width, generator)
        self.dropout = Dropout(dropout)
        self.convolutions = added(Convolutions(width, kernel_sizes, self.causal, generator))
        units = width // (2 if bidirectional else 1)
        self.lstm = nn.ModuleList(
            added(Recurrent("lstm", width, units, bidirectional=bidirectional, generator=generator))
            for _ in range(num_layers)
        )
        self.attention = nn.ModuleDict(
            {
                str(layer): added(MultiheadAttention(width, num_heads, dropout, self.causal, generator))
                for layer in attention_after
            }
        )
        self.pool = uniform((width,), width**-0.5, generator)
        self.hidden = steps_linear(width, width, generator)
        self.head_dropout = Dropout(dropout)
        self.head = steps_linear(width, num_outputs, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        states_BTE = self.states(x_BTF)
        if self.training and self.readout == "every":
            scores_BTT = (states_BTE @ self.pool)[:, None].expand(-1, states_BTE.shape[1], -1)
            pooled = masked_softmax(scores_BTT, causal=True) @ states_BTE
        else:
            pooled = (self._pooling(states_BTE)[:, None] @ states_BTE)[:, 0]
        out: Tensor = self.head(self.head_dropout(self.hidden(pooled).relu()))
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def states(self, x_BTF: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """What the head pools, [batch, steps, hidden_size].

        Args:
            weights: takes each attention's, [batch, heads, steps, steps].
        """
        projected_BTE = self.input_proj(x_BTF)
        positions_TE = sinusoidal_positions(x_BTF.shape[1], projected_BTE.shape[-1], x_BTF.device)
        x_BTE: Tensor = self.convolutions(self.dropout(projected_BTE + positions_TE.to(projected_BTE.dtype)))
        for number, lstm in enumerate(self.lstm, start=1):
            x_BTE = lstm(x_BTE, "every")
            if str(number) in self.attention:
                x_BTE = self.attention[str(number)](x_BTE, weights)
        return x_BTE

    def attention_weights(self, x_BTF: Tensor) -> Tensor:
        """How much each step reads of each, [batch, attention layers, heads, steps, steps]."""
        weights: list[Tensor] = []
        self.states(x_BTF, weights)
        return torch.stack(weights, dim=1)

    def step_weights(self, x_BTF: Tensor) -> Tensor:
        """How much each step counts for what the head reads, [batch, steps]."""
        return self._pooling(self.states(x_BTF))

    def _pooling(self, states_BTE: Tensor) -> Tensor:
        return (states_BTE @ self.pool).softmax(dim=-1)


class Added(nn.Module):
    """A layer that keeps the width, what it reads added to what it gives (He et al. 2016), and a layer norm."""

    def __init__(self, layer: nn.Module, width: int, dropout: float) -> None:
        super().__init__()
        self.layer = layer
        self.dropout = Dropout(dropout)
        self.norm = layer_norm(width)

    def forward(self, x_BTE: Tensor, *read: object) -> Tensor:
        """The next part's steps; `read` goes to the layer."""
        out: Tensor = self.norm(x_BTE + self.dropout(self.layer(x_BTE, *read)))
        return out


class Convolutions(nn.Module):
    """Convolutions of several widths side by side, each of half the channels, and a linear map that joins them.

    Args:
        causal: whether a step reads itself and those before it, or as many on both sides.
    """

    def __init__(
        self, width: int, kernel_sizes: Sequence[int], causal: bool, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        channels = max(1, width // 2)
        self.causal = causal
        self.sizes = tuple(kernel_sizes)
        self.parts = nn.ModuleList(conv1d(width, channels, size, generator) for size in kernel_sizes)
        self.join = steps_linear(channels * len(self.parts), width, generator)

    def forward(self, x_BTE: Tensor) -> Tensor:
        x_BET = x_BTE.transpose(1, 2)
        pads = [(size - 1, 0) if self.causal else ((size - 1) // 2, size // 2) for size in self.sizes]
        read = [part(functional.pad(x_BET, pad)) for part, pad in zip(self.parts, pads, strict=True)]
        out: Tensor = self.join(torch.cat(read, dim=1).relu().transpose(1, 2))
        return out
