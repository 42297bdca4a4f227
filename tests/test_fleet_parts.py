"""The parts of a fleet: rows of weights against models alone, batches of one size, labels held once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from fleet_members import series, small_model, various
from gatewise.errors import ConfigError
from gatewise.nn.dropout import Dropout
from gatewise.training.fleet.layout import Layout
from gatewise.training.fleet.state import FleetState
from gatewise.training.fleet.step import Ensemble
from gatewise.training.fleet.windows import FleetWindows, batches, stretches
from gatewise.training.gradients import Gradients
from gatewise.training.optimizers import OPTIMIZERS, make_optimizer, trainable
from training_configs import training_config


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_row_moves_to_the_bits_that_its_model_alone_moves_to(name) -> None:
    """Each with its own rate, decay, clipping and momentum; alone it is torch's (tests/test_optimizers.py)."""
    models = [small_model("lstm", seed, 0.0, 3, hidden_size=7) for seed in range(3)]  # parameters end within a vector
    decay, clip, momentum = (0.1, 0.0, 0.01), (1.0, None, 0.05), (0.9, 0.0, 0.5)
    own = [{"momentum": part} if name == "sgd" else {} for part in momentum]
    settings = [
        training_config({}, optimizer=name, weight_decay=d, **more).model_copy(update={"gradient_clip": c})
        for d, c, more in zip(decay, clip, own, strict=True)
    ]
    state = FleetState.start(models, Layout.of(models[0]), settings)
    rows = Gradients([optimizer.parameters for optimizer in state.optimizers])
    lone = [
        make_optimizer(parameters=trainable(model), learning_rate=0.1, **dict(config.optimizer))
        for model, config in zip(models, settings, strict=True)
    ]
    alone = [Gradients([optimizer.parameters]) for optimizer in lone]
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        drawn = torch.randn(state.weights.shape, generator=generator) * 10.0 ** (step % 5 - 4)
        rows.rows_KD.copy_(drawn)
        rows.clip(torch.tensor([[limit or float("inf")] for limit in clip]))
        for k, rate in enumerate((0.01 / (1 + step), 0.003, 0.0 if step < 2 else 0.02)):
            alone[k].set(list(state.layout.unflatten(drawn[k]).values()))
            if clip[k] is not None:
                alone[k].clip(clip[k])
            for optimizer in (lone[k], state.optimizers[k]):
                optimizer.learning_rate = rate
                optimizer.step()
    for row, model in zip(state.weights, models, strict=True):
        assert torch.equal(row, state.layout.flatten(model))


def test_a_row_laid_out_and_put_back_is_the_model() -> None:
    source, target = small_model("gru", 1, 0.0, 2), small_model("gru", 2, 0.0, 2)
    layout = Layout.of(source)
    row = layout.flatten(source)
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in layout.unflatten(row).items())
    layout.put(row, target)
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


@given(st.integers(1, 200), st.integers(1, 40))
def test_batches_of_one_size_hold_every_row_once_in_order_and_the_rest_is_not_live(count, size) -> None:
    rows = torch.arange(count) + 7
    filled, live = batches(rows, size)
    assert filled.shape == live.shape == (-(-count // size), size)
    assert torch.equal(filled[live], rows)
    assert torch.all(filled[~live] == rows[0])
    assert torch.equal(live.flatten(), torch.arange(live.numel()) < count)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_stretches_give_every_place_each_of_its_steps_once(counts) -> None:
    taken: list[list[int]] = [[] for _ in counts]
    for places, steps in stretches(counts):
        for place in places:
            taken[place] += steps
    assert taken == [list(range(count)) for count in counts]


def test_a_members_batch_is_that_of_its_own_windows_and_filling_has_no_weight() -> None:
    members = various(steps_scored=2)
    fleet = FleetWindows.of([member.windows for member in members])
    rows = torch.stack([torch.from_numpy(member.train_rows[:6]) for member in members])
    live = torch.ones(rows.shape, dtype=torch.bool)
    live[:, 4:] = False
    batch = fleet.batch(rows, live)
    for k, member in enumerate(members):
        own = member.windows.batch(rows[k])
        assert torch.equal(batch.stacked.x_BTF[k], own.x_BTF)
        assert torch.equal(batch.stacked.y[k], own.y)
        assert torch.equal(batch.stacked.weight[k, :8], own.weight[:8])
        assert torch.all(batch.stacked.weight[k, 8:] == 0)
        assert batch.live[k].tolist() == [True] * 8 + [False] * 4


def test_labels_and_weights_that_members_share_are_held_once() -> None:
    windows = series()
    assert windows.row_weight is not None
    heavier = replace(windows, row_weight=windows.row_weight * 2)
    fleet = FleetWindows.of([windows, heavier, windows, heavier, windows])
    assert fleet.labels.shape[0] == 1
    assert fleet.weights.shape[0] == 2
    assert fleet.take(torch.tensor([1, 4])).weight.tolist() == [1, 0]


class Scaled(nn.Module):
    """A model with a buffer that no member may have to itself."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(3, 2), Dropout(0.1)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x_BTF: Tensor) -> Tensor:
        out: Tensor = self.drop(self.linear(x_BTF[:, -1])) * self.scale
        return out


def test_buffers_other_than_dropouts_rates_must_be_equal() -> None:
    assert list(Ensemble([Scaled(1.0), Scaled(1.0)]).rates) == ["drop.rate"]
    with pytest.raises(ConfigError, match="scale"):
        Ensemble([Scaled(1.0), Scaled(2.0)])


def test_the_models_handed_over_are_not_changed_by_making_an_ensemble_of_them() -> None:
    models = [small_model("lstm", seed, 0.5 * seed, 2) for seed in range(2)]
    ensemble = Ensemble(models)
    assert [module.p for model in models for module in model.modules() if isinstance(module, Dropout)] == [
        0,
        0,
        0.5,
        0.5,
    ]
    assert not any(getattr(module, "over_members", False) for model in models for module in model.modules())
    assert {name: rate.tolist() for name, rate in ensemble.rates.items()} == {
        "rnn.between.rate": [0.0, 0.5],
        "dropout.rate": [0.0, 0.5],
    }
