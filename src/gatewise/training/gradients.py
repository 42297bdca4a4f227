"""The gradients of models as rows of one block of memory, so that sums and clipping are one operation for all of it.

A model alone is a row; a fleet has one for each member. Shapes: K models, D weights each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

NORM_EPSILON = 1e-6  # of torch's clip_grad_norm_


class Gradients:
    """The gradients of K models; each parameter's `grad` is a view into its model's row.

    Args:
        models: the parameters of each, of the same shapes, one dtype and one device.

    Attributes:
        rows_KD: a fleet copies what it computed in here; a model alone sums its batch's pieces up by `set` and `add`.
    """

    def __init__(self, models: Sequence[Sequence[Tensor]]) -> None:
        self.parameters = list(models[0])
        first, sizes = self.parameters[0], [parameter.numel() for parameter in self.parameters]
        self.rows_KD = torch.zeros(len(models), sum(sizes), dtype=first.dtype, device=first.device)
        views = []
        for row_D, parameters in zip(self.rows_KD, models, strict=True):
            views = [piece.view_as(parameter) for piece, parameter in zip(row_D.split(sizes), parameters, strict=True)]
            for parameter, view in zip(parameters, views, strict=True):
                parameter.grad = view
        self._views = views

    def set(self, gradients: Sequence[Tensor | None]) -> None:
        """Begins a batch with its first piece's gradients; a parameter that has none is left out of this batch.

        Copied, because oneDNN gives one tensor as the gradient of both biases, and clipping scales it.
        """
        if any(gradient is None for gradient in gradients):
            self.rows_KD.zero_()
        torch._foreach_copy_(*self._pairs(gradients))
        for parameter, view, gradient in zip(self.parameters, self._views, gradients, strict=True):
            parameter.grad = None if gradient is None else view

    def add(self, gradients: Sequence[Tensor | None]) -> None:
        """Adds a further piece's, in which the same parameters have one."""
        torch._foreach_add_(*self._pairs(gradients))

    def clip(self, norm: float | Tensor) -> None:
        """Scales each row down to a norm of at most `norm`, as torch's `clip_grad_norm_`; waits for no device.

        Args:
            norm: of every row, or float32 [K, 1], of each; infinite for none.
        """
        norm_K1 = torch.linalg.vector_norm(self.rows_KD, dim=1, keepdim=True)
        self.rows_KD.mul_((norm_K1 + NORM_EPSILON).reciprocal_().mul_(norm).clamp_(max=1.0))

    def _pairs(self, gradients: Sequence[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
        given = [gradient for gradient in gradients if gradient is not None]
        if len(given) == len(self._views):
            return self._views, given
        return [view for view, gradient in zip(self._views, gradients, strict=True) if gradient is not None], given
