"""Optimizers by name; each is torch's own, in its fused form where it has one."""

from __future__ import annotations

import torch
from torch import nn


def make_optimizer(name: str, model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (decoupled decay, Loshchilov & Hutter 2019) or Adam (decay added to the gradient, Kingma & Ba 2015)."""
    if name == "adamw":
        return torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=weight_decay, fused=True)
    return torch.optim.Adam(model.parameters(), learning_rate, weight_decay=weight_decay, fused=True)
