"""The recurrent op over a member axis: what `torch.func.vmap` needs to train many stacks as one.

torch has no batching rule for oneDNN's and cuDNN's recurrent layers, so this op brings its own. Its tensors carry a
member axis that vmap hides. Backends run a member at a time; each member's graph is recorded on a tape in the forward
pass and walked in the backward pass, so that nothing is computed twice. A kernel that takes all members in one launch
would stand where `_Tape.forward` and `_Tape.backward` loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gatewise.nn.dropout import Drop
from gatewise.nn.recurrent_op import Readout, StackShape, State, recurrent

InDims = tuple[int | None, ...]


def recurrent_members(
    x_BTF: Tensor,
    weights: Sequence[Tensor],
    initial: State | None,
    shape: StackShape,
    readout: Readout,
    training: bool,
    drop: Drop | None = None,
) -> Tensor:
    """`recurrent` inside a function that `vmap`, or `vmap` of `grad`, maps over members; the arguments are its own."""
    num_weights, num_states = len(weights), len(initial or ())
    drops: tuple[Tensor, ...] = ()
    if drop is not None:
        assert isinstance(drop.key, Tensor), "each member has its own"
        drops = (drop.key, drop.rate)
    first_row = 0 if drop is None else drop.first_row

    def of_one(tensors: Sequence[Tensor]) -> Tensor:
        x, params, others = tensors[0], tensors[1 : 1 + num_weights], tensors[1 + num_weights :]
        states = tuple(others[:num_states]) or None
        own_drop = None if drop is None else Drop(others[-2], others[-1], first_row)
        return recurrent(x, params, states, shape, readout, training, own_drop)

    tape = _Tape(of_one, num_differentiable=1 + num_weights + num_states, recording=torch.is_grad_enabled())
    out: Tensor = _apply(_Forward, tape, x_BTF, *weights, *(initial or ()), *drops)
    return out


class _Tape:
    """The members' forward passes, each with the graph that its backward pass walks."""

    def __init__(self, of_one: Callable[[Sequence[Tensor]], Tensor], num_differentiable: int, recording: bool) -> None:
        self.of_one = of_one
        self.num_differentiable = num_differentiable
        self.recording = recording
        self.passes: list[tuple[Tensor, list[Tensor]]] = []

    def forward(self, members: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Each member's output, from each member's tensors."""
        if not self.recording:
            return [self.of_one(tensors) for tensors in members]
        for tensors in members:
            leaves = [
                tensor.detach().requires_grad_(index < self.num_differentiable) for index, tensor in enumerate(tensors)
            ]
            with torch.enable_grad():
                self.passes.append((self.of_one(leaves), leaves))
        return [out.detach() for out, _ in self.passes]

    def backward(self, grads: Sequence[Tensor], wanted: Sequence[int]) -> list[tuple[Tensor, ...]]:
        """For each member the gradients of those of its tensors that are wanted."""
        return [
            torch.autograd.grad(out, [leaves[index] for index in wanted], grad)
            for (out, leaves), grad in zip(self.passes, grads, strict=True)
        ]


class _Forward(torch.autograd.Function):
    """(tape, tensors ...) -> output."""

    @staticmethod
    def forward(tape: _Tape, *tensors: Tensor) -> Tensor:
        return tape.forward([tensors])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.tape = inputs[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        wanted = [index for index, need in enumerate(ctx.needs_input_grad[1:]) if need]
        grads = dict(zip(wanted, _apply(_Backward, ctx.tape, tuple(wanted), grad), strict=True))
        return (None, *(grads.get(index) for index in range(len(ctx.needs_input_grad) - 1)))

    @staticmethod
    def vmap(info: Any, in_dims: InDims, tape: _Tape, *tensors: Tensor) -> tuple[Tensor, int]:
        members = zip(*(_unstacked(t, dim, info) for t, dim in zip(tensors, in_dims[1:], strict=True)), strict=True)
        return torch.stack(tape.forward(list(members))), 0


class _Backward(torch.autograd.Function):
    """(tape, indices of the tensors whose gradients are wanted, gradient of the output) -> gradients."""

    @staticmethod
    def forward(tape: _Tape, wanted: tuple[int, ...], grad: Tensor) -> tuple[Tensor, ...]:
        return tape.backward([grad], wanted)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Nothing is kept: a gradient of gradients is not offered."""

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], tape: _Tape, wanted: tuple[int, ...], grad: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        by_member = tape.backward(_unstacked(grad, in_dims[2], info), wanted)
        return tuple(torch.stack(grads) for grads in zip(*by_member, strict=True)), (0,) * len(wanted)


def _apply(function: Any, *inputs: Any) -> Any:
    """torch leaves `Function.apply` without types."""
    return function.apply(*inputs)


def _unstacked(tensor: Tensor, dim: int | None, info: Any) -> Sequence[Tensor]:
    """A tensor's part for each member; the same one for all if it has no member axis."""
    return [tensor] * info.batch_size if dim is None else tensor.unbind(dim)
