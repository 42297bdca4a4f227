"""The recurrent op against torch's own layers: numbers, not shapes.

Swapped gates, a reverse direction read at the wrong end, or a state that leaks would keep every shape and train on.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatewise.nn.dropout import drawing
from gatewise.nn.initial import seeded
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_op import Cell

REFERENCES: dict[Cell, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU}
stacks = pytest.mark.parametrize(
    ("cell", "num_layers", "bidirectional"),
    [(cell, layers, both) for cell in REFERENCES for layers in (1, 2, 3) for both in (False, True)],
)


def pair(cell: Cell, num_layers: int, bidirectional: bool) -> tuple[Recurrent, nn.RNNBase]:
    torch.manual_seed(7)
    ours = Recurrent(cell, 5, 8, num_layers, bidirectional, generator=seeded(7))
    theirs = REFERENCES[cell](5, 8, num_layers, batch_first=True, bidirectional=bidirectional)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(out: Tensor, x: Tensor, module: nn.Module) -> list[Tensor]:
    seed = torch.linspace(-1, 1, out.numel()).view_as(out)
    return list(torch.autograd.grad(out, [x, *module.parameters()], seed))


@stacks
@pytest.mark.parametrize("readout", ["last", "every"])
def test_outputs_and_gradients_are_those_of_torch(cell, num_layers, bidirectional, readout) -> None:
    ours, theirs = pair(cell, num_layers, bidirectional)
    x = torch.randn(4, 9, 5, requires_grad=True)
    mine = ours(x, readout)
    reference = theirs(x)[0]
    reference = reference[:, -1] if readout == "last" else reference
    torch.testing.assert_close(mine, reference, rtol=0, atol=1e-6)
    for ours_grad, their_grad in zip(gradients(mine, x, ours), gradients(reference, x, theirs), strict=True):
        torch.testing.assert_close(ours_grad, their_grad, rtol=1e-4, atol=1e-5)


@stacks
def test_an_initial_state_is_used_as_torch_uses_it(cell, num_layers, bidirectional) -> None:
    ours, theirs = pair(cell, num_layers, bidirectional)
    x = torch.randn(3, 6, 5)
    states = tuple(torch.randn(ours.shape.num_directions * num_layers, 3, 8) for _ in range(2 if cell == "lstm" else 1))
    reference = theirs(x, states if cell == "lstm" else states[0])[0][:, -1]
    torch.testing.assert_close(ours(x, initial=states), reference, rtol=0, atol=1e-6)


def test_a_hand_computed_lstm_step_pins_the_order_of_the_gates() -> None:
    layer = Recurrent("lstm", 1, 1)
    with torch.no_grad():
        for name, values in {
            "weight_ih_l0": [0.1, 0.2, 0.3, 0.4],
            "weight_hh_l0": [0.0] * 4,
            "bias_ih_l0": [0.5, -0.5, 0.25, -0.25],
            "bias_hh_l0": [0.0] * 4,
        }.items():
            layer.get_parameter(name).copy_(torch.tensor(values).view_as(layer.get_parameter(name)))
    x = 2.0
    gate_i, gate_f, gate_g, gate_o = (
        torch.tensor(w * x + b) for w, b in [(0.1, 0.5), (0.2, -0.5), (0.3, 0.25), (0.4, -0.25)]
    )
    del gate_f  # the state it keeps is zero
    expected = torch.sigmoid(gate_o) * torch.tanh(torch.sigmoid(gate_i) * torch.tanh(gate_g))
    torch.testing.assert_close(layer(torch.full((1, 1, 1), x)).view(()), expected)


@stacks
def test_time_major_memory_gives_the_same_bits(cell, num_layers, bidirectional) -> None:
    ours, _ = pair(cell, num_layers, bidirectional)
    x = torch.randn(4, 9, 5)
    assert torch.equal(ours(x), ours(x.transpose(0, 1).contiguous().transpose(0, 1)))


def test_dropout_between_layers_is_on_in_training_alone_and_keeps_the_mean() -> None:
    torch.manual_seed(1)
    layer = Recurrent("lstm", 5, 8, 2, bidirectional=True, dropout=0.5, generator=seeded(1))
    x, drawn = torch.randn(2, 4, 5), []
    for key in (1, 2):
        with drawing(key):
            drawn.append(layer(x))
    assert not torch.equal(*drawn)
    layer.eval()
    assert torch.equal(layer(x), layer(x))
