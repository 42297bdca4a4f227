"""The parallel scan is the recurrence of the paper's equations: a slip of one step, or digits lost, would train on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gatewise.models.minlstm import MinLstm
from gatewise.nn.initial import seeded
from gatewise.nn.scan import scan


def recurrence(f_BTH: Tensor, v_BTH: Tensor) -> Tensor:
    h_BH, states = torch.zeros_like(v_BTH[:, 0]), []
    for step in range(v_BTH.shape[1]):
        h_BH = f_BTH[:, step] * h_BH + v_BTH[:, step]
        states.append(h_BH)
    return torch.stack(states, dim=1)


def drawn(steps: int, dtype: torch.dtype, spread: float) -> tuple[Tensor, Tensor]:
    f, v = torch.randn(2, 2, steps, 3, generator=seeded(steps), dtype=torch.float64)
    return (spread * f).sigmoid().to(dtype), v.exp().to(dtype)


@pytest.mark.parametrize("steps", [1, 2, 3, 60, 2_000])
@pytest.mark.parametrize("spread", [1.0, 30.0])  # 30: gates that are shut or open to the last digit
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 5e-6)])
def test_the_scan_is_the_recurrence_step_by_step(
    steps: int, spread: float, dtype: torch.dtype, tolerance: float
) -> None:
    f_BTH, v_BTH = drawn(steps, dtype, spread)
    exact = recurrence(f_BTH.double(), v_BTH.double())
    torch.testing.assert_close(scan(f_BTH, v_BTH).double(), exact, rtol=tolerance, atol=0)


def test_its_gradient_is_that_of_the_recurrence() -> None:
    ours, theirs = ([value.requires_grad_() for value in drawn(37, torch.float64, 1.0)] for _ in range(2))
    weights = torch.randn(2, 37, 3, generator=seeded(1), dtype=torch.float64)
    (scan(*ours) * weights).sum().backward()
    (recurrence(*theirs) * weights).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        assert other.grad is not None
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("steps", [7, 2_000])
def test_the_layer_is_the_papers_equations_step_by_step(steps: int) -> None:
    layer = MinLstm(4, 5, seeded(2)).double()
    x_BTF = 3 * torch.randn(2, steps, 4, generator=seeded(3), dtype=torch.float64)
    h_BH, states = torch.zeros(2, 5, dtype=torch.float64), []
    weight_f, weight_i, weight_h = layer.gates.weight.chunk(3)
    bias_f, bias_i, bias_h = layer.gates.bias.chunk(3)
    for step in range(steps):
        x_BF = x_BTF[:, step]
        f = torch.sigmoid(x_BF @ weight_f.T + bias_f)
        i = torch.sigmoid(x_BF @ weight_i.T + bias_i)
        candidate = x_BF @ weight_h.T + bias_h
        candidate = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        h_BH = f / (f + i) * h_BH + i / (f + i) * candidate
        states.append(h_BH)
    torch.testing.assert_close(layer(x_BTF), torch.stack(states, dim=1), rtol=1e-11, atol=1e-12)


def test_gates_that_are_both_shut_are_no_zero_by_zero() -> None:
    layer = MinLstm(1, 1, None)
    with torch.no_grad():
        layer.gates.bias.copy_(torch.tensor([-200.0, -200.0, 1.0]))
    states = layer(torch.zeros(1, 3, 1))
    torch.testing.assert_close(states.flatten(), torch.tensor([0.75, 1.125, 1.3125]))  # half of 1.5, and half of before
    states.sum().backward()
    assert layer.gates.weight.grad is not None
    assert layer.gates.weight.grad.isfinite().all()
