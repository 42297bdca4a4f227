"""Several steps of a window folded into one."""

from __future__ import annotations

from torch import Tensor


def folded(x_BTF: Tensor, steps: int) -> Tensor:
    """[batch, T / steps, steps · features]; time-major in memory where x is, as recurrent backends work."""
    if steps == 1:
        return x_BTF
    x_TBF = x_BTF.transpose(0, 1)
    return x_TBF.reshape(-1, steps, *x_TBF.shape[1:]).transpose(1, 2).flatten(2).transpose(0, 1)
