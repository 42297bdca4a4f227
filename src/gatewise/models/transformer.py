"""transformer: a causal encoder over a window's steps, read at the last step or at each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gatewise.models.base import Network
from gatewise.nn.attention import MultiheadAttention, sinusoidal_positions
from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import layer_norm, steps_linear
from gatewise.nn.recurrent_op import Readout


class EncoderLayer(nn.Module):
    """Attention and a feed-forward part, each with a residual and a layer norm; causal.

    Its state dict is that of `nn.TransformerEncoderLayer`, and so are its numbers (batch first, ReLU, causal mask).
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        feedforward_size: int,
        dropout: float = 0.0,
        norm_first: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = MultiheadAttention(hidden_size, num_heads, dropout, True, generator)
        self.linear1 = steps_linear(hidden_size, feedforward_size, generator)
        self.dropout = Dropout(dropout)
        self.linear2 = steps_linear(feedforward_size, hidden_size, generator)
        self.norm1 = layer_norm(hidden_size)
        self.norm2 = layer_norm(hidden_size)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)

    def forward(self, x_BTE: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """The next layer's steps; `weights` as of `MultiheadAttention`."""
        if self.norm_first:
            x_BTE = x_BTE + self._attended(self.norm1(x_BTE), weights)
            return x_BTE + self._fed_forward(self.norm2(x_BTE))
        x_BTE = self.norm1(x_BTE + self._attended(x_BTE, weights))
        out: Tensor = self.norm2(x_BTE + self._fed_forward(x_BTE))
        return out

    def _attended(self, x_BTE: Tensor, weights: list[Tensor] | None) -> Tensor:
        out: Tensor = self.dropout1(self.self_attn(x_BTE, weights))
        return out

    def _fed_forward(self, x_BTE: Tensor) -> Tensor:
        out: Tensor = self.dropout2(self.linear2(self.dropout(self.linear1(x_BTE).relu())))
        return out


class Transformer(Network):
    """Input projection, sinusoidal positions, encoder layers, layer norm, linear head.

    Args:
        hidden_size: width of a step, a multiple of num_heads.
        feedforward_size: inner width of a layer's linear maps; `None`: four times hidden_size.
        norm_first: whether layer norm comes before attention and linear maps, or after them.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        hidden_size: int = 128,
        num_heads: int = 8,
        num_layers: int = 2,
        feedforward_size: int | None = None,
        dropout: float = 0.1,
        norm_first: bool = True,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.input_proj = steps_linear(num_features, hidden_size, generator)
        self.dropout = Dropout(dropout)
        inner = feedforward_size or 4 * hidden_size
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_size, num_heads, inner, dropout, norm_first, generator) for _ in range(num_layers)
        )
        self.norm = layer_norm(hidden_size)
        self.head = steps_linear(hidden_size, num_outputs, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        states_BTE = self.states(x_BTF)
        every = self.training and self.readout == "every"
        out: Tensor = self.head(states_BTE if every else states_BTE[:, -1])
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def states(self, x_BTF: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """What the head reads, [batch, steps, hidden_size]; `weights` takes those of each layer."""
        x_BTE = self.input_proj(x_BTF)
        positions_TE = sinusoidal_positions(x_BTF.shape[1], x_BTE.shape[-1], x_BTF.device).to(x_BTE.dtype)
        x_BTE = self.dropout(x_BTE + positions_TE)
        for layer in self.layers:
            x_BTE = layer(x_BTE, weights)
        out: Tensor = self.norm(x_BTE)
        return out

    def attention_weights(self, x_BTF: Tensor) -> Tensor:
        """How much each step reads of each, [batch, layers, heads, steps, steps]."""
        weights: list[Tensor] = []
        self.states(x_BTF, weights)
        return torch.stack(weights, dim=1)

    def step_weights(self, x_BTF: Tensor) -> Tensor:
        """How much the last step, which the head reads, takes of each in the top layer, [batch, steps]."""
        return self.attention_weights(x_BTF)[:, -1, :, -1].mean(dim=1)
