"""What a step is trained on: shapes that do not fit are refused, and a symbol's number is no feature.

A loss of outputs [B, 1] against labels [B, H] broadcasts, trains and falls; it is the wrong loss.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gatewise.config.schema import RecurrentConfig
from gatewise.errors import TrainingError
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.training.device import choose_precision
from gatewise.training.losses import LOSSES
from gatewise.training.objective import Objective, scored_outputs
from gatewise.windows import Batch, Windows

FP32 = choose_precision("fp32", torch.device("cpu"))
MSE = LOSSES["mse"].build()
WINDOWS, STEPS, FEATURES = 6, 5, 3


def values_batch(outputs: int, steps_scored: int = 1) -> Batch:
    samples = WINDOWS * steps_scored
    random = torch.Generator().manual_seed(1)
    x = torch.randn(WINDOWS, STEPS, FEATURES, generator=random)
    return Batch(x, torch.randn(samples, outputs, generator=random), torch.ones(samples))


def classes_batch(steps_scored: int = 1) -> Batch:
    batch = values_batch(1, steps_scored)
    return replace(batch, y=(batch.y[:, 0] > 0).long())


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "cross_entropy"])
@pytest.mark.parametrize(
    ("given_shape", "labels"),
    [
        ((WINDOWS, 4, 1), 4),  # a step for each of several horizons, with a last axis of one
        ((WINDOWS, 1), 4),
        ((WINDOWS, 4), 1),
        ((WINDOWS, STEPS, 1), 4),
        ((WINDOWS,), 1),
        ((1, 1), 1),
        ((WINDOWS + 1, 1), 1),
        ((WINDOWS, 4, 4, 1), 4),
    ],
)
def test_outputs_that_would_be_broadcast_against_labels_are_refused_by_shape(loss, given_shape, labels) -> None:
    batch = values_batch(labels)
    with pytest.raises(TrainingError, match=r"the model gave \[") as refused:
        Objective(LOSSES[loss].build(), FP32)(lambda x: torch.zeros(given_shape), batch)
    assert str([WINDOWS, labels]) in str(refused.value)


@pytest.mark.parametrize("given_shape", [(WINDOWS, 2), (WINDOWS, STEPS - 1, 2), (STEPS, WINDOWS, 2), (WINDOWS * 2, 2)])
def test_where_several_steps_are_scored_outputs_of_another_number_of_steps_are_refused(given_shape) -> None:
    with pytest.raises(TrainingError, match=r"labels \[18\] of 6 windows of 5 steps"):
        Objective(LOSSES["cross_entropy"].build(), FP32)(
            lambda x: torch.zeros(given_shape), classes_batch(steps_scored=3)
        )


def test_labels_of_numbers_have_an_axis_of_outputs() -> None:
    batch = values_batch(1)
    with pytest.raises(TrainingError, match="labels"):
        Objective(MSE, FP32)(lambda x: torch.zeros(WINDOWS, 1), replace(batch, y=batch.y[:, 0]))


@given(st.integers(1, STEPS), st.integers(1, 4), st.booleans())
def test_each_scored_step_stands_beside_its_own_label(steps_scored, outputs, classes) -> None:
    batch = classes_batch(steps_scored) if classes else values_batch(outputs, steps_scored)
    each = torch.arange(WINDOWS * STEPS * outputs, dtype=torch.float32).view(WINDOWS, STEPS, outputs)
    found = scored_outputs(each, batch)
    by_hand = [each[window, step] for window in range(WINDOWS) for step in range(STEPS - steps_scored, STEPS)]
    assert torch.equal(found, torch.stack(by_hand))


def test_sums_count_each_labelled_sample_once_whatever_it_weighs_in_training() -> None:
    batch, objective = values_batch(2), Objective(MSE, FP32)
    weight = torch.tensor([0.0, 0.5, 3.0, 0.0, 1.0, 7.0])
    loss_N, outputs = objective(lambda x: x[:, -1, :2], replace(batch, weight=weight))
    total, count = objective.sums(loss_N, outputs, replace(batch, weight=weight)).tolist()
    assert count == 4
    assert total == pytest.approx(float(loss_N[[1, 2, 4, 5]].sum()))


class Listening(nn.Module):
    """Gives back the symbol's number and nothing of x."""

    def forward(self, x_BTF: Tensor, symbol_B: Tensor) -> Tensor:
        return symbol_B.to(x_BTF.dtype)[:, None]


@pytest.mark.parametrize("change", [torch.zeros_like, torch.rand_like, lambda x: x.flip(0) * 1e6, lambda x: x / 0])
def test_the_symbols_number_survives_any_change_of_x(change) -> None:
    random = torch.Generator().manual_seed(2)
    symbol = torch.arange(40, dtype=torch.int32) // 10
    matrix = torch.randn(40, FEATURES, generator=random)
    told = Windows(matrix, torch.zeros(FEATURES), torch.ones(FEATURES), STEPS, symbol=symbol, tells_symbol=True)
    told = replace(told, y=torch.zeros(40, 1), row_weight=torch.ones(40))
    batch = told.batch(torch.tensor([5, 17, 39]))
    assert batch.x_BTF.shape == (3, STEPS, FEATURES), "features and nothing else"
    changed = replace(batch, x_BTF=change(batch.x_BTF))
    _, outputs = Objective(MSE, FP32)(Listening(), changed)
    assert outputs[:, 0].tolist() == [0, 1, 3]
    embedding = build_model(
        RecurrentConfig(name="lstm", hidden_size=2, num_layers=1, symbol_embedding=4),
        FEATURES, 1, num_symbols=4, symbol_onehot=True, generator=seeded(1),
    )  # fmt: skip
    joined = embedding.joined(*changed.inputs)
    assert torch.equal(joined[:, 0, FEATURES:-4], torch.eye(4)[[0, 1, 3]])
    assert torch.equal(joined[:, 0, -4:], embedding.embedding.weight[[0, 1, 3]])


def test_a_model_that_reads_no_symbols_is_called_with_x_alone() -> None:
    center, symbol = torch.zeros(FEATURES), torch.zeros(20, dtype=torch.int32)
    plain = Windows(torch.zeros(20, FEATURES), center, torch.ones(FEATURES), STEPS, symbol=symbol)
    assert [tensor.shape for tensor in plain.inputs(torch.tensor([7, 9]))] == [(2, STEPS, FEATURES)]


@pytest.mark.parametrize("given_shape", [(WINDOWS, 2), (WINDOWS, 4), (WINDOWS, 3, 1)])
def test_outputs_are_as_many_as_there_are_classes(given_shape) -> None:
    objective = Objective(LOSSES["cross_entropy"].build(), FP32, num_classes=3)
    with pytest.raises(TrainingError, match=r"must be \[6, 3\] for labels"):
        objective(lambda x: torch.zeros(given_shape), classes_batch())
