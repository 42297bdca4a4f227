"""A causal convolution that pads on the wrong side looks ahead, one that pads too much sees less; both train well."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gatewise.config.model_section import TcnConfig
from gatewise.models.registry import build_model
from gatewise.models.tcn import TcnNet
from gatewise.nn.initial import seeded

FEATURES, OUTPUTS = 3, 2


def network(steps_seen: str = "last", **fields: int) -> tuple[TcnConfig, TcnNet]:
    config = TcnConfig(name="tcn", channels=8, **fields)
    built = build_model(config, FEATURES, OUTPUTS, "every" if steps_seen == "every" else "last", generator=seeded(4))
    assert isinstance(built, TcnNet)
    return config, built


def noise(steps: int) -> Tensor:
    return torch.randn(1, steps, FEATURES, generator=seeded(7))


@pytest.mark.parametrize(
    ("num_layers", "kernel_size", "steps"), [(1, 2, 3), (1, 3, 5), (2, 3, 13), (3, 2, 15), (4, 3, 61)]
)
def test_the_last_output_depends_on_exactly_the_steps_of_the_receptive_field(
    num_layers: int, kernel_size: int, steps: int
) -> None:
    config, net = network(num_layers=num_layers, kernel_size=kernel_size)
    assert config.receptive_field == net.receptive_field == steps
    with torch.no_grad():  # no ReLU is shut where inputs and weights are positive, so that nothing is hidden
        for parameter in net.eval().parameters():
            parameter.abs_()
    length = steps + 4
    x_BTF = noise(length).abs().repeat(length, 1, 1)
    before = net(x_BTF)
    each = torch.arange(length)
    x_BTF[each, each] += 1
    assert (net(x_BTF) != before).any(dim=1).tolist() == [False] * 4 + [True] * steps


def test_it_is_what_plain_convolutions_give_when_their_ends_are_cut_off() -> None:
    _, net = network("every", num_layers=2, kernel_size=3)
    x_BTF = noise(20)
    weights = {name: value.double() for name, value in net.state_dict().items()}
    x_BCT = x_BTF.double().transpose(1, 2)
    for layer, dilation in enumerate((1, 2)):
        place = f"blocks.{layer}"
        out = x_BCT
        for conv in ("conv1", "conv2"):
            weight, bias = weights[f"{place}.{conv}.weight"], weights[f"{place}.{conv}.bias"]
            out = functional.conv1d(out, weight, bias, padding=2 * dilation, dilation=dilation)
            out = out[..., : -2 * dilation].relu()
        skip = x_BCT
        if layer == 0:
            skip = functional.conv1d(x_BCT, weights[f"{place}.downsample.weight"], weights[f"{place}.downsample.bias"])
        x_BCT = (out + skip).relu()
    expected = functional.linear(x_BCT.transpose(1, 2), weights["head.weight"], weights["head.bias"])
    with torch.no_grad():
        every = net.eval().head(net.hidden_states(x_BTF))
        last = net(x_BTF)
    torch.testing.assert_close(every.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last.double(), expected[:, -1], atol=1e-5, rtol=1e-5)


def test_initial_weights_are_drawn_as_torch_draws_them() -> None:
    _, net = network(num_layers=1, kernel_size=3)
    state = torch.get_rng_state()
    try:
        torch.manual_seed(4)
        theirs = torch.nn.Conv1d(FEATURES, 8, 3)
    finally:
        torch.set_rng_state(state)
    torch.testing.assert_close(net.blocks[0].conv1.weight, theirs.weight, rtol=0, atol=0)
    torch.testing.assert_close(net.blocks[0].conv1.bias, theirs.bias, rtol=0, atol=0)
