"""What stands between a network's state and its outputs."""

from __future__ import annotations

import torch
from torch import nn

from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import steps_linear


def stacked_head(
    width: int, num_outputs: int, hidden: int, dropout: float, generator: torch.Generator | None
) -> nn.Sequential:
    """Linear-ReLU-Dropout-Linear, with `hidden` units between."""
    first, last = steps_linear(width, hidden, generator), steps_linear(hidden, num_outputs, generator)
    return nn.Sequential(first, nn.ReLU(), Dropout(dropout), last)
