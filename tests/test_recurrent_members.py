"""The recurrent op mapped over members against the op run alone, member by member: outputs and gradients.

A batching rule that hands one member another's gradient, or the first member's masks, still trains.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from fleet_members import require_bf16
from gatewise.nn.dropout import Drop
from gatewise.nn.initial import seeded
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_members import recurrent_members
from gatewise.nn.recurrent_op import Cell, StackShape, recurrent

MEMBERS, BATCH, STEPS, FEATURES, HIDDEN, LAYERS = 3, 4, 6, 5, 8, 2

stacks = pytest.mark.parametrize(
    ("cell", "bidirectional", "readout"),
    [(cell, both, readout) for cell in ("lstm", "gru") for both in (False, True) for readout in ("last", "every")],
)


def members(cell: Cell, bidirectional: bool) -> tuple[StackShape, list[Tensor]]:
    """The stacks' shape, and their weights with a member axis in front."""
    torch.manual_seed(2)
    generator = seeded(2)
    stacks = [Recurrent(cell, FEATURES, HIDDEN, LAYERS, bidirectional, generator=generator) for _ in range(MEMBERS)]
    weights = [torch.stack(values) for values in zip(*(m.state_dict().values() for m in stacks), strict=True)]
    return stacks[0].shape, weights


def draws() -> tuple[Tensor, Tensor]:
    return torch.tensor([3, 1, 4]), torch.tensor([0.1, 0.0, 0.6])


def states(shape: StackShape) -> list[Tensor]:
    count = 2 if shape.cell == "lstm" else 1
    return [torch.randn(MEMBERS, LAYERS * shape.num_directions, BATCH, HIDDEN) for _ in range(count)]


@stacks
def test_each_members_output_and_every_gradient_are_those_of_the_op_alone(cell, bidirectional, readout) -> None:
    shape, weights = members(cell, bidirectional)
    x, initial, (keys, rates) = torch.randn(MEMBERS, BATCH, STEPS, FEATURES), states(shape), draws()

    def loss(op, x, weights, initial, key, rate):
        out = op(x, weights, tuple(initial), shape, readout, True, Drop(key, rate))
        return (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum(), out

    def mapped(x, weights, initial, key, rate):
        return loss(recurrent_members, x, weights, initial, key, rate)

    found, out = vmap(grad(mapped, argnums=(0, 1, 2), has_aux=True))(x, weights, initial, keys, rates)
    for k in range(MEMBERS):
        own = [t[k].clone().requires_grad_() for t in (x, *weights, *initial)]
        value, alone = loss(recurrent, own[0], own[1 : 1 + len(weights)], own[1 + len(weights) :], keys[k], rates[k])
        torch.testing.assert_close(out[k], alone, rtol=0, atol=1e-6)
        for together, expected in zip([found[0], *found[1], *found[2]], torch.autograd.grad(value, own), strict=True):
            torch.testing.assert_close(together[k], expected, rtol=1e-4, atol=1e-5)


@stacks
def test_without_gradients_nothing_is_recorded_and_the_outputs_are_the_same(cell, bidirectional, readout) -> None:
    shape, weights = members(cell, bidirectional)
    x = torch.randn(MEMBERS, BATCH, STEPS, FEATURES)

    def op(x, weights):
        return recurrent_members(x, weights, None, shape, readout, False)

    with torch.no_grad():
        out = vmap(op)(x, weights)
    assert not out.requires_grad
    for k in range(MEMBERS):
        torch.testing.assert_close(out[k], recurrent(x[k], [w[k] for w in weights], None, shape, readout, False))


def test_what_members_share_may_come_without_a_member_axis() -> None:
    shape, weights = members("lstm", False)
    x = torch.randn(BATCH, STEPS, FEATURES)

    def op(weights):
        return recurrent_members(x, weights, None, shape, "last", True).square().sum()

    together = vmap(grad(op))(weights)
    for k in range(MEMBERS):
        own = [w[k].clone().requires_grad_() for w in weights]
        value = recurrent(x, own, None, shape, "last", True).square().sum()
        for found, expected in zip(together, torch.autograd.grad(value, own), strict=True):
            torch.testing.assert_close(found[k], expected, rtol=1e-4, atol=1e-6)


def test_members_keep_their_gradients_under_autocast() -> None:
    require_bf16()
    shape, weights = members("lstm", True)
    x = torch.randn(MEMBERS, BATCH, STEPS, FEATURES)

    def loss(op, x, weights):
        with torch.autocast("cpu", torch.bfloat16):
            out = op(x, weights, None, shape, "last", True)
        return out.float().square().sum()

    together = vmap(grad(lambda x, w: loss(recurrent_members, x, w), argnums=1))(x, weights)
    for k in range(MEMBERS):
        own = [w[k].clone().requires_grad_() for w in weights]
        for found, expected in zip(together, torch.autograd.grad(loss(recurrent, x[k], own), own), strict=True):
            torch.testing.assert_close(found[k], expected, rtol=2e-2, atol=1e-3)
