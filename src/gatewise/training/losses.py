"""Losses as one value a sample, so that weights and uneven batches need no special case."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

# (outputs [N, K], y) -> [N]
Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(outputs_NK: Tensor, y_N: Tensor) -> Tensor:
    """Of logits and class numbers."""
    return functional.cross_entropy(outputs_NK, y_N, reduction="none")


def mse(outputs_NK: Tensor, y_NK: Tensor) -> Tensor:
    """Mean over outputs of squared errors."""
    return functional.mse_loss(outputs_NK, y_NK, reduction="none").mean(dim=1)


def mae(outputs_NK: Tensor, y_NK: Tensor) -> Tensor:
    """Mean over outputs of absolute errors."""
    return functional.l1_loss(outputs_NK, y_NK, reduction="none").mean(dim=1)


def huber(outputs_NK: Tensor, y_NK: Tensor) -> Tensor:
    """Mean over outputs of Huber's loss with delta 1 (Huber 1964)."""
    return functional.huber_loss(outputs_NK, y_NK, reduction="none").mean(dim=1)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "mse": mse, "mae": mae, "huber": huber}


def choose_loss(name: str, is_classes: bool) -> str:
    """`auto` -> cross_entropy for classes, mse for numbers; other names stand."""
    if name == "auto":
        return "cross_entropy" if is_classes else "mse"
    return name
