"""Attention against torch's own layers: with heads swapped, a mask shifted or a scale left out it trains all the same.

The same weights in torch's modules are the truth; causality is tried by moving later steps.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatewise.config.load import load_config
from gatewise.errors import ConfigError
from gatewise.models.transformer import EncoderLayer, Transformer
from gatewise.nn.attention import MultiheadAttention, sinusoidal_positions
from gatewise.nn.dropout import drawing
from gatewise.nn.initial import seeded, steps_linear

STEPS, WIDTH, HEADS = 7, 12, 3
MASK = nn.Transformer.generate_square_subsequent_mask(STEPS)


def steps_x(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, STEPS, WIDTH, generator=seeded(seed))


def shaken(module: nn.Module) -> nn.Module:
    """With random numbers in every parameter: biases of 0 would hide where they are added."""
    generator = seeded(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_the_weights_of_torchs_layer_give_its_outputs_and_its_attention(causal: bool) -> None:
    theirs = shaken(nn.MultiheadAttention(WIDTH, HEADS, batch_first=True))
    ours = MultiheadAttention(WIDTH, HEADS, causal=causal)
    ours.load_state_dict(theirs.state_dict())
    x = steps_x()
    read, weights = theirs(x, x, x, attn_mask=MASK if causal else None, average_attn_weights=False)
    assert close(ours(x), read)
    of_heads: list[torch.Tensor] = []
    assert close(ours(x, of_heads), read)
    assert close(of_heads[0], weights)


def test_initial_weights_are_spread_as_torchs_are() -> None:
    torch.manual_seed(1)
    theirs, ours = nn.MultiheadAttention(64, 4), MultiheadAttention(64, 4, generator=seeded(1))
    for name, value in theirs.state_dict().items():
        mine = ours.state_dict()[name]
        assert mine.shape == value.shape
        assert abs(float(mine.std() - value.std())) <= 0.03 * float(value.std())
        assert abs(float(mine.abs().max() - value.abs().max())) <= 0.03 * float(value.abs().max())


def test_dropped_weights_are_those_of_the_key_and_training_without_dropout_is_prediction() -> None:
    x = steps_x()
    layer = MultiheadAttention(WIDTH, HEADS, dropout=0.5, generator=seeded(1)).train()
    with drawing(5):
        first = layer(x)
    with drawing(5):
        again = layer(x)
    with drawing(6):
        other = layer(x)
    assert torch.equal(first, again)
    assert not close(first, other)
    kept = torch.stack([_with_key(layer, x, key) for key in range(400)]).mean(dim=0)
    assert (kept - layer.eval()(x)).abs().max() < 0.1  # what stays is scaled up, so that the mean is the undropped


def _with_key(layer: MultiheadAttention, x: torch.Tensor, key: int) -> torch.Tensor:
    with drawing(key):
        read: torch.Tensor = layer(x)
    return read.detach()


def test_positions_are_those_of_the_paper() -> None:
    positions = sinusoidal_positions(50, 8, torch.device("cpu"))
    for place, column in ((0, 0), (0, 1), (7, 2), (49, 5), (3, 7)):
        angle = torch.tensor(place / 10_000 ** (column // 2 * 2 / 8), dtype=torch.float64)
        expected = angle.sin() if column % 2 == 0 else angle.cos()
        assert abs(float(positions[place, column]) - float(expected)) < 1e-5
    assert sinusoidal_positions(5, 7, torch.device("cpu")).shape == (5, 7)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_layer_with_torchs_weights_is_torchs_encoder_layer_under_a_causal_mask(norm_first: bool) -> None:
    theirs = shaken(nn.TransformerEncoderLayer(WIDTH, HEADS, 20, batch_first=True, norm_first=norm_first)).eval()
    ours = EncoderLayer(WIDTH, HEADS, 20, norm_first=norm_first)
    ours.load_state_dict(theirs.state_dict())
    x = steps_x()
    assert close(ours(x), theirs(x, src_mask=MASK, is_causal=True))


@pytest.mark.parametrize("norm_first", [False, True])
def test_steps_of_a_transformer_do_not_move_with_later_ones_and_do_with_earlier_ones(norm_first: bool) -> None:
    module = Transformer(5, 2, WIDTH, HEADS, 2, 20, 0.0, norm_first, "every", seeded(1)).train()
    x = torch.randn(3, STEPS, 5, generator=seeded(2))
    before = module(x)
    for step in range(STEPS):
        moved = x.clone()
        moved[:, step] += 5
        apart = (module(moved) - before).abs().amax(dim=(0, 2))
        assert not apart[:step].any()
        assert (apart[step:] > 1e-4).all()


@pytest.mark.parametrize(("hidden_size", "num_heads", "hint"), [(100, 8, "model.num_heads=5"), (6, 8, "num_heads=6")])
def test_a_width_that_heads_cannot_share_is_refused_with_one_that_they_can(
    hidden_size: int, num_heads: int, hint: str
) -> None:
    fields = {"model.name": "transformer", "model.hidden_size": hidden_size, "model.num_heads": num_heads}
    with pytest.raises(ConfigError, match=f"multiple of model.num_heads, {num_heads}; got {hidden_size}") as caught:
        load_config(overrides=fields)
    assert hint in str(caught.value.hint)
    load_config(overrides=fields | {"model.num_heads": int(hint[-1])})


@pytest.mark.parametrize(("inputs", "outputs", "steps"), [(3, 8, 10), (5, 8, 3), (9, 64, 3), (13, 32, 60), (39, 1, 60)])
def test_a_linear_map_of_steps_gives_a_window_the_same_bits_wherever_it_stands(
    inputs: int, outputs: int, steps: int
) -> None:
    layer = steps_linear(inputs, outputs, seeded(1))
    x_TBF = torch.randn(steps, 64, inputs, generator=seeded(2))
    order = torch.randperm(64, generator=seeded(3))
    there, here = layer(x_TBF[:, order].transpose(0, 1)), layer(x_TBF.transpose(0, 1))[order]
    assert torch.equal(there, here)
    plain = nn.functional.linear(x_TBF.double(), layer.weight.double(), layer.bias.double()).transpose(0, 1)
    assert close(here.double(), plain[order])
