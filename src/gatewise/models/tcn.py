"""tcn: blocks of causal convolutions whose reach doubles from one to the next, and a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gatewise.models.base import Network
from gatewise.nn.causal_conv import CausalBlock
from gatewise.nn.initial import steps_linear
from gatewise.nn.recurrent_op import Readout


class TcnNet(Network):
    """A temporal convolutional network (Bai, Kolter & Koltun 2018, arXiv 1803.01271).

    The last step's output depends on the last `receptive_field` steps and on no others, so where it alone is read,
    earlier ones are not computed with.

    Args:
        channels: width of every block.
        num_layers: blocks; the convolutions of block n, counted from 0, read steps that lie 2^n apart.
        kernel_size: steps that a convolution reads.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        channels: int = 64,
        num_layers: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.2,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.readout: Readout = readout
        self.blocks = nn.Sequential(
            *(
                CausalBlock(channels if layer else num_features, channels, kernel_size, 2**layer, dropout, generator)
                for layer in range(num_layers)
            )
        )
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**num_layers - 1)
        self.head = steps_linear(channels, num_outputs, generator)

    def forward(self, x_BTF: Tensor) -> Tensor:
        if self.training and self.readout == "every":
            states = self.hidden_states(x_BTF)
        else:
            states = self.hidden_states(x_BTF[:, -self.receptive_field :])[:, -1]
        out: Tensor = self.head(states)
        return out

    @property
    def output_bias(self) -> Tensor:
        return self.head.bias

    def hidden_states(self, x_BTF: Tensor) -> Tensor:
        """The top block's outputs [batch, steps, channels]."""
        states_BCT: Tensor = self.blocks(x_BTF.transpose(1, 2))
        return states_BCT.transpose(1, 2)
