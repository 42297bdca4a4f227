"""What is taken off a window before a network reads it, and how its forecasts get it back.

x [batch, steps, columns] -> (x without it, a function that gives it back to forecasts [batch, steps ahead, columns])
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Restore = Callable[[Tensor], Tensor]
EPSILON = 1e-5  # of the variance, as RevIN's authors have it


class LastValue(nn.Module):
    """Each column's last value in the window (Zeng et al. 2023, NLinear): a column's shift shifts its forecasts."""

    def forward(self, x_BTC: Tensor) -> tuple[Tensor, Restore]:
        last_B1C = x_BTC[:, -1:]
        return x_BTC - last_B1C, lambda forecasts_BSC: forecasts_BSC + last_B1C


class RevIN(nn.Module):
    """Each column's mean and standard deviation over the window, with a learned affine map (Kim et al. 2022).

    Args:
        columns: how many.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.affine_weight = nn.Parameter(torch.ones(columns, dtype=torch.float32, device="cpu"))
        self.affine_bias = nn.Parameter(torch.zeros(columns, dtype=torch.float32, device="cpu"))

    def forward(self, x_BTC: Tensor) -> tuple[Tensor, Restore]:
        mean_B1C = x_BTC.mean(dim=1, keepdim=True)
        spread_B1C = (x_BTC.var(dim=1, correction=0, keepdim=True) + EPSILON).sqrt()

        def restore(forecasts_BSC: Tensor) -> Tensor:
            return (forecasts_BSC - self.affine_bias) / self.affine_weight * spread_B1C + mean_B1C

        return (x_BTC - mean_B1C) / spread_B1C * self.affine_weight + self.affine_bias, restore
