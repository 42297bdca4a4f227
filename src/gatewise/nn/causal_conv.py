"""Residual blocks of dilated causal convolutions: a step reads itself and steps before it, at fixed distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import conv1d


class CausalBlock(nn.Module):
    """x [batch, channels, steps] -> [batch, num_outputs, steps]: two convolutions, each with ReLU and dropout, and x.

    The layers are named as in the authors' code (Bai, Kolter & Koltun 2018). Weight normalisation is left out: it
    changes how weights are written, not what can be computed, and optimizers that scale steps make up for it.

    Args:
        kernel_size, dilation: a convolution reads so many steps, so far apart; the last of them is the step itself.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        kernel_size: int,
        dilation: int,
        dropout: float,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.conv1 = conv1d(num_inputs, num_outputs, kernel_size, generator, dilation)
        self.dropout1 = Dropout(dropout)
        self.conv2 = conv1d(num_outputs, num_outputs, kernel_size, generator, dilation)
        self.dropout2 = Dropout(dropout)
        self.downsample = conv1d(num_inputs, num_outputs, 1, generator) if num_inputs != num_outputs else None

    def forward(self, x_BCT: Tensor) -> Tensor:
        out_BCT = self.dropout1(_causal(self.conv1, x_BCT).relu())
        out_BCT = self.dropout2(_causal(self.conv2, out_BCT).relu())
        skip_BCT = x_BCT if self.downsample is None else self.downsample(x_BCT)
        summed: Tensor = out_BCT + skip_BCT
        return summed.relu()


def _causal(conv: nn.Conv1d, x_BCT: Tensor) -> Tensor:
    """The convolution with zeros before the first step, so that a step reads none after it.

    Of its weights those that would read nothing but such zeros are left out: windows may be shorter than its reach.
    """
    dilation, steps = conv.dilation[0], x_BCT.shape[-1]
    taps = min(conv.kernel_size[0], 1 + (steps - 1) // dilation)
    padded_BCT = functional.pad(x_BCT, ((taps - 1) * dilation, 0))
    return functional.conv1d(padded_BCT, conv.weight[..., -taps:], conv.bias, dilation=dilation)
