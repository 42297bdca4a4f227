"""The gradients of a batch as one block of memory, so that sums and clipping are one operation for all parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

NORM_EPSILON = 1e-6  # of torch's clip_grad_norm_


class Gradients:
    """The sum of the gradients of a batch's pieces; each parameter's `grad` is a view into it.

    Args:
        parameters: of one device and dtype; those that ask for a gradient count.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._block = torch.cat([torch.zeros_like(parameter).view(-1) for parameter in self.parameters])
        pieces = self._block.split([parameter.numel() for parameter in self.parameters])
        self._views = [piece.view_as(own) for piece, own in zip(pieces, self.parameters, strict=True)]

    def set(self, found: Sequence[Tensor | None]) -> None:
        """Begins a batch with its first piece's gradients; a parameter that has none is left out of this batch.

        Copied, because oneDNN gives one tensor as the gradient of both biases, and clipping scales it.
        """
        if any(gradient is None for gradient in found):
            self._block.zero_()
        torch._foreach_copy_(*self._pairs(found))
        for parameter, view, gradient in zip(self.parameters, self._views, found, strict=True):
            parameter.grad = None if gradient is None else view

    def add(self, found: Sequence[Tensor | None]) -> None:
        """Adds a further piece's, in which the same parameters have one."""
        torch._foreach_add_(*self._pairs(found))

    def clip(self, norm: float) -> None:
        """Scales all down to a norm of at most `norm`, as torch's `clip_grad_norm_`; waits for no device."""
        factor = (norm / (torch.linalg.vector_norm(self._block) + NORM_EPSILON)).clamp_(max=1.0)
        self._block.mul_(factor)

    def _pairs(self, found: Sequence[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
        given = [gradient for gradient in found if gradient is not None]
        if len(given) == len(self._views):
            return self._views, given
        return [view for view, gradient in zip(self._views, found, strict=True) if gradient is not None], given
