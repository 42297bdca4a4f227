"""What a training step of any network holds in tensors, asked of small steps that are watched operation by operation.

Each storage that forward and backward make counts by what it grows with a window more, so weights' gradients and other
tensors of one size count nothing, and the moment of the peak is that of large batches. It takes some 0.1 s. What a
library allocates and frees within one operation is not seen. glibc's heap keeps holes between blocks that come and go:
peaks of resident memory were 1.0 to 1.6 times the tensors that lived, with every block mapped by itself 0.9 to 1.0.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from gatewise.isolation import one_core, plain_numbers
from gatewise.models.base import Network, StepBytes, StepShape
from gatewise.nn.dropout import drawing
from gatewise.training.optimizers import trainable

_FEW, _MORE = 2, 4  # windows
_HOLES = 0.3  # of what lives, on a CPU


def live_bytes(module: Network, steps: int, features: int) -> Callable[[StepShape], StepBytes]:
    """What tells for any number of windows what forward keeps for backward, and what backward takes on top of that.

    Args:
        module: on the CPU; comes out in training mode.
    """
    module.train()
    with plain_numbers(), one_core():
        _watched(module, (_FEW, steps, features))  # makes what is made once
        few = _watched(module, (_FEW, steps, features))
        more = _watched(module, (_MORE, steps, features), few.sizes)

    def step_bytes(shape: StepShape) -> StepBytes:
        windows = shape.windows / (_MORE - _FEW) * shape.element_bytes / 4
        holes = _HOLES * more.peak if shape.device_type == "cpu" else 0.0
        return round(more.kept * windows), round((more.peak - more.kept + holes) * windows)

    return step_bytes


def _watched(module: Network, size: tuple[int, int, int], smaller: Sequence[int] = ()) -> _Watch:
    """A step, the batch among what it holds."""
    watch = _Watch(smaller)
    with watch, drawing(0):
        outputs = module(torch.zeros(size, dtype=torch.float32, device="cpu"))
        watch.kept = watch.alive
        torch.autograd.grad(outputs.sum(), trainable(module), allow_unused=True)
    return watch


class _Watch(TorchDispatchMode):
    """Notes the storages that operations make.

    Attributes:
        sizes: bytes of each, in the order in which they are made.
        alive, peak: bytes above those of the `smaller` step's in the same place: now, and at most so far.
        kept: those after forward.
    """

    def __init__(self, smaller: Sequence[int]) -> None:
        TorchDispatchMode.__init__(self)
        self.sizes: list[int] = []
        self.alive, self.peak, self.kept = 0, 0, 0
        self._smaller = smaller
        self._references: dict[int, weakref.ref[UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for storage in _storages((args, kwargs, made)):  # what operations are given may come from elsewhere: NumPy
            if id(storage) not in self._references:
                self._note(storage)
        self.peak = max(self.peak, self.alive)
        return made

    def _note(self, storage: UntypedStorage) -> None:
        """A storage's Python object lives as long as its bytes do."""
        key, place = id(storage), len(self.sizes)
        self.sizes.append(storage.nbytes())
        growth = storage.nbytes() - (self._smaller[place] if place < len(self._smaller) else 0)

        def end(_: object) -> None:
            del self._references[key]
            self.alive -= growth

        self._references[key] = weakref.ref(storage, end)
        self.alive += growth


def _storages(values: Any) -> Iterator[UntypedStorage]:
    return (value.untyped_storage() for value in tree_iter(values) if isinstance(value, Tensor))
