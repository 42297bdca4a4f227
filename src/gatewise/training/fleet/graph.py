"""A step as a CUDA graph: the host issues it once and then only replays it.

Small models are bound by the host, which issues hundreds of kernels a step; a replay is one call. The step must keep
its shapes, read nothing back and take its inputs from tensors alone. Written to what torch.cuda documents and tested
where a GPU is (tests/test_fleet_cuda.py); no speed has been measured yet, so fleets use it only where asked.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP_STEPS = 3  # on a side stream, before capture: libraries choose algorithms and take workspaces then


class Graph:
    """Calls `step` eagerly three times, captures it, and replays it from then on.

    Every call counts as a step: the first three are run, the later ones replayed, none is repeated.

    Args:
        step: changes tensors in place and returns nothing; all its inputs keep shape and dtype.
    """

    def __init__(self, step: Callable[..., None]) -> None:
        self.step = step
        self.calls = 0
        self.inputs: tuple[Tensor, ...] = ()
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> None:
        self.calls += 1
        if self.calls <= WARM_UP_STEPS:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                self.step(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            return
        if self.graph is None:
            self.inputs = tuple(tensor.clone() for tensor in inputs)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.step(*self.inputs)
        for kept, given in zip(self.inputs, inputs, strict=True):
            kept.copy_(given)
        self.graph.replay()
