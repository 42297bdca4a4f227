"""The optimizer and the sum of gradients, against torch's own, bit for bit where they compute the same.

An optimizer that forgets a bias correction still trains, only worse.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from gatewise.training.gradients import Gradients
from gatewise.training.optimizers import Adam, Optimizer, make_optimizer, trainable

TORCHS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
    "sgd without momentum": torch.optim.SGD,
}


def ours_of(name: str, model: nn.Module) -> Optimizer:
    kind, *without = name.split()
    momentum = {"momentum": 0.0 if without else 0.9} if kind == "sgd" else {}
    return make_optimizer(kind, trainable(model), 0.01, weight_decay=0.1, **momentum)


def model_of(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))


def gradients_of(model: nn.Module, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(p.shape, generator=generator) * 10.0 ** (seed % 5 - 3) for p in model.parameters()]


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", TORCHS)
def test_weights_move_as_torchs_fused_optimizer_moves_them_bit_for_bit(name) -> None:
    ours, theirs = model_of(), model_of()
    optimizer = ours_of(name, ours)
    reference = TORCHS[name](theirs.parameters(), 0.01, weight_decay=0.1, fused=True)
    for step in range(20):
        optimizer.learning_rate = reference.param_groups[0]["lr"] = 0.01 / (1 + step)
        for model in (ours, theirs):
            for parameter, gradient in zip(model.parameters(), gradients_of(model, step), strict=True):
                parameter.grad = gradient.clone()
        optimizer.step()
        reference.step()
    assert same(ours, theirs)


@pytest.mark.parametrize("name", TORCHS)
def test_a_scaler_of_gradients_skips_the_same_steps_as_with_torchs_optimizer(name) -> None:
    """fp16 trains so; overflowing gradients must leave weights, moments and the count of steps as they were."""
    ours, theirs = model_of(), model_of()
    optimizer = ours_of(name, ours)
    reference = TORCHS[name](theirs.parameters(), 0.01, weight_decay=0.1, fused=True)
    scalers = [torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3) for _ in range(2)]
    for step in range(12):
        for model, own, scaler in zip((ours, theirs), (optimizer, reference), scalers, strict=True):
            scaler.scale(torch.zeros(()))  # makes its tensors
            for parameter, gradient in zip(model.parameters(), gradients_of(model, step), strict=True):
                parameter.grad = gradient * scaler.get_scale()
            if step % 4 == 1:
                next(model.parameters()).grad[0, 0] = float("inf")
            scaler.unscale_(own)
            scaler.step(own)
            scaler.update()
    assert scalers[0].state_dict() == scalers[1].state_dict()
    if isinstance(optimizer, Adam):
        assert optimizer.steps == 9
    assert same(ours, theirs)


@pytest.mark.parametrize("name", TORCHS)
def test_a_rate_on_the_device_moves_as_the_number_does(name) -> None:
    """A CUDA graph that replays steps reads rates there; a number would stay that of the capture."""
    number, tensor = model_of(), model_of()
    for model, rate in ((number, 2.0**-7), (tensor, torch.tensor(2.0**-7))):
        optimizer = ours_of(name, model)
        for step in range(3):
            optimizer.learning_rate = rate
            for parameter, gradient in zip(model.parameters(), gradients_of(model, step), strict=True):
                parameter.grad = gradient
            optimizer.step()
    assert same(number, tensor)
    assert not same(number, model_of())


def test_a_parameter_without_a_gradient_stays_even_under_decay() -> None:
    model = model_of()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make_optimizer("adamw", trainable(model), 0.01, weight_decay=0.5)
    model[0].weight.grad = torch.ones(7, 5)
    optimizer.step()
    stayed = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert stayed == [False, True, True, True]
    model[0].weight.grad = None
    optimizer.step()
    assert optimizer.steps == 1


@pytest.mark.parametrize("name", TORCHS)
def test_a_saved_state_goes_on_as_if_it_had_not_been_saved(name) -> None:
    one, other = model_of(), model_of(1)
    first, second = (ours_of(name, model) for model in (one, other))
    for step in range(6):
        if step == 3:
            other.load_state_dict(one.state_dict())
            second.load({name: value.clone() for name, value in first.tensors().items()})
        for model, own in ((one, first), (other, second)):
            for parameter, gradient in zip(model.parameters(), gradients_of(model, step), strict=True):
                parameter.grad = gradient
            own.step()
    assert same(one, other)


@pytest.mark.parametrize("norm", [0.5, 1e6])
def test_gradients_are_summed_and_clipped_as_torch_clips(norm) -> None:
    model = model_of()
    total = Gradients([list(model.parameters())])
    for _ in range(2):  # a second batch does not see the first one's
        total.set(gradients_of(model, 3))
        total.add(gradients_of(model, 4))
        total.clip(norm)
    theirs = model_of()
    for parameter, a, b in zip(theirs.parameters(), gradients_of(model, 3), gradients_of(model, 4), strict=True):
        parameter.grad = a + b
    nn.utils.clip_grad_norm_(theirs.parameters(), norm)
    for a, b in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_what_has_no_gradient_has_none_in_the_sum_and_no_part_in_the_norm() -> None:
    model = model_of()
    total = Gradients([list(model.parameters())])
    total.set(gradients_of(model, 3))
    found: list[Tensor | None] = list(gradients_of(model, 2))
    found[1] = None
    total.set(found)
    total.add(found)
    assert model[0].bias.grad is None
    total.clip(1e-3)
    norm = torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_one_tensor_for_two_parameters_is_counted_and_scaled_once_each() -> None:
    """oneDNN hands over one tensor as the gradient of both biases of an LSTM."""
    model = nn.ParameterList([nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))])
    total = Gradients([list(model.parameters())])
    both = torch.tensor([3.0, 0.0, 4.0])
    total.set([both, both])
    total.clip(1.0)
    for parameter in model:
        torch.testing.assert_close(parameter.grad, both / 50**0.5)
    assert both.tolist() == [3.0, 0.0, 4.0]


def test_training_does_not_load_torchs_compiler() -> None:
    """It takes 0.84 s and 75 MB, in each process that trains."""
    train = """
import sys
import numpy as np
import gatewise
x, y = np.zeros((64, 4, 2), np.float32), np.arange(64) % 2
model = gatewise.ModelRegistry.create("lstm", hidden_size=2, max_epochs=1, batch_size=16)
model.fit(x, y, x, y)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", train], check=True)
