"""Linear maps of windows, or of their steps, that give each the same bits wherever its window stands in a batch.

Libraries' matrix products take rows in blocks, and sum what is left of an inner width that is no multiple of 4 in
another order at a block's edge than inside it (seen with MKL, on each instruction set of its own). Zeros fill it up.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

LANES = 4


def linear_of_steps(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`functional.linear`, x [..., inputs], weight [outputs, inputs]."""
    inputs = weight.shape[-1]
    if inputs > LANES and inputs % LANES:
        padding = (0, -inputs % LANES)
        x, weight = functional.pad(x, padding), functional.pad(weight, padding)
    return functional.linear(x, weight, bias)


class StepsLinear(nn.Linear):
    """`nn.Linear` by it."""

    def forward(self, x: Tensor) -> Tensor:
        return linear_of_steps(x, self.weight, self.bias)
