"""The frame around a network: what it takes off a window it gives back, and what it folds comes out where it belongs.

A column that is put back in another's place, or a level off by a step, trains and scores like a model that is a little
worse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from gatewise.config.load import load_config
from gatewise.config.model_base import NetworkConfig
from gatewise.errors import ConfigError
from gatewise.models.base import Forecast, Network, StepShape
from gatewise.models.frame import Framed, inner_shape, side_by_side, unwrapped
from gatewise.models.registry import build_model
from gatewise.models.sound import sound_network
from gatewise.nn.dropout import Dropout, drawing
from gatewise.nn.initial import seeded

STEPS, AHEAD, FEATURES = 8, 3, 3
ALL = Forecast(AHEAD, (0, 1, 2))
SOME = Forecast(AHEAD, (2, 0))
KINDS = ("last_value", "revin", "channel_independent")


def config_of(**fields: Any) -> NetworkConfig:
    small = {"hidden_size": 5, "num_layers": 1, "dropout": 0.0} | fields
    config = load_config(overrides={f"model.{name}": value for name, value in small.items()}, base=GIVEN)
    assert isinstance(config.model, NetworkConfig)
    return config.model


GIVEN = {"model": {"name": "gru"}, "target": {"kind": "given"}, "windows": {"sequence_length": STEPS}}


def framed(forecast: Forecast = ALL, readout: Any = "last", **fields: Any) -> Network:
    outputs = forecast.steps * len(forecast.columns)
    return build_model(config_of(**fields), FEATURES, outputs, readout, generator=seeded(1), forecast=forecast).eval()


def noise(count: int = 4) -> Tensor:
    return torch.randn(count, STEPS, FEATURES, generator=seeded(2))


def by_step(outputs: Tensor, forecast: Forecast = ALL) -> Tensor:
    return outputs.view(len(outputs), forecast.steps, len(forecast.columns))


@pytest.mark.parametrize("together", [{}, {"channel_independent": True}, {"input_patch": 4}])
@pytest.mark.parametrize("level", ["last_value", "revin"])
def test_a_shift_of_a_column_shifts_its_forecasts_and_no_others(level: str, together: dict[str, Any]) -> None:
    module, x_BTF = framed(**{level: True}, **together), noise()
    shift = torch.tensor([5.0, 0.0, -3.0])
    moved = by_step(module(x_BTF + shift)) - by_step(module(x_BTF))
    torch.testing.assert_close(moved, shift.expand_as(moved), rtol=0, atol=1e-4)


def test_of_other_features_no_level_is_taken_off_and_columns_keep_their_order() -> None:
    module, x_BTF = framed(SOME, last_value=True), noise()
    shifted = x_BTF + torch.tensor([1.0, 0.0, 4.0])
    moved = by_step(module(shifted), SOME) - by_step(module(x_BTF), SOME)
    torch.testing.assert_close(moved, torch.tensor([4.0, 1.0]).expand_as(moved), rtol=0, atol=1e-5)
    assert not torch.allclose(module(x_BTF + torch.tensor([0.0, 1.0, 0.0])), module(x_BTF))


def test_revin_stretches_forecasts_as_the_window_is_stretched() -> None:
    module, x_BTF = framed(revin=True), 10 * noise()
    stretched, plain = by_step(module(7 * x_BTF)), by_step(module(x_BTF))
    torch.testing.assert_close(stretched, 7 * plain, rtol=1e-3, atol=1e-3)


def test_revin_is_its_formula() -> None:
    module, x_BTF = framed(revin=True), noise()
    assert isinstance(module, Framed)
    weight, bias = torch.tensor([2.0, 0.5, 1.5]), torch.tensor([0.1, -0.2, 0.3])
    module.load_state_dict(module.state_dict() | {"level.affine_weight": weight, "level.affine_bias": bias})
    mean, spread = x_BTF.mean(1), (x_BTF.var(1, correction=0) + 1e-5).sqrt()
    inner = by_step(module.model((x_BTF - mean[:, None]) / spread[:, None] * weight + bias))
    expected = (inner - bias) / weight * spread[:, None] + mean[:, None]
    torch.testing.assert_close(by_step(module(x_BTF)), expected)


def test_columns_in_another_order_give_the_same_forecasts_in_that_order() -> None:
    module, order = framed(channel_independent=True, last_value=True, input_patch=2), [2, 0, 1]
    x_BTF = noise()
    torch.testing.assert_close(by_step(module(x_BTF[..., order])), by_step(module(x_BTF))[..., order])
    reordered = framed(Forecast(AHEAD, tuple(order)), channel_independent=True, last_value=True, input_patch=2)
    torch.testing.assert_close(by_step(reordered(x_BTF)), by_step(module(x_BTF))[..., order])


def test_each_column_is_forecast_from_itself_alone_as_a_series_of_one_feature() -> None:
    module, x_BTF = framed(channel_independent=True), noise()
    assert isinstance(module, Framed)
    for column in range(FEATURES):
        torch.testing.assert_close(by_step(module(x_BTF))[..., column], module.model(x_BTF[..., [column]]))


def test_every_step_is_forecast_where_columns_are_series_of_their_own() -> None:
    module, x_BTF = framed(channel_independent=True, readout="every"), noise()
    with drawing(1):
        every = module.train()(x_BTF)
    assert every.shape == (4, STEPS, AHEAD * FEATURES)
    torch.testing.assert_close(every[:, -1], module.eval()(x_BTF))


def test_a_patch_is_its_steps_side_by_side() -> None:
    module, x_BTF = framed(input_patch=4), noise()
    assert isinstance(module, Framed)
    torch.testing.assert_close(module(x_BTF), module.model(x_BTF.reshape(4, 2, 4 * FEATURES)))


def test_a_model_that_has_learned_nothing_says_the_last_value_again() -> None:
    module, x_BTF = framed(last_value=True, channel_independent=True), noise()
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(by_step(module(x_BTF)), x_BTF[:, -1:].expand(-1, AHEAD, -1))


@pytest.mark.parametrize("together", [{"last_value": True}, {"revin": True}, {"channel_independent": True}])
def test_every_parameter_is_reached_whatever_the_window_holds(together: dict[str, Any]) -> None:
    for x_BTF in (noise(), torch.zeros(4, STEPS, FEATURES), 1e3 * noise()):
        module = framed(input_patch=2, **together).train()
        with drawing(1):
            grads = torch.autograd.grad(module(x_BTF).square().sum(), list(module.parameters()))
        assert all(grad.isfinite().all() for grad in grads)


def test_a_column_drops_the_same_however_a_batch_is_cut_and_columns_drop_apart() -> None:
    class Drops(Network):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = Dropout(0.5)

        @property
        def output_bias(self) -> Tensor:
            raise NotImplementedError

        def forward(self, x_BTF: Tensor) -> Tensor:
            out: Tensor = self.dropout(torch.ones(len(x_BTF), 64))
            return out

    module = Framed(Drops(), config_of(channel_independent=True), ALL, FEATURES).train()
    with drawing(1):
        whole = module(noise(8))
    with drawing(1, first_row=4):
        second = module(noise(4))
    assert torch.equal(whole[4:], second)
    rows = whole.view(8, 64, FEATURES).transpose(1, 2).reshape(-1, 64)
    assert len({tuple(row.tolist()) for row in rows}) == len(rows)


def test_members_of_a_fleet_compute_what_each_computes_alone() -> None:
    fields = {"last_value": True, "channel_independent": True, "input_patch": 2}
    for forecast, more in ((ALL, fields), (SOME, {"revin": True}), (SOME, {"last_value": True})):
        from gatewise.training.fleet.step import Ensemble

        members = [framed(forecast, **more) for _ in range(2)]
        for number, parameter in enumerate(members[1].parameters()):
            torch.nn.init.uniform_(parameter, 0.1, 0.9, generator=seeded(number))
        ensemble, x_BTF = Ensemble(members), noise()
        weights = torch.stack([ensemble.layout.flatten(member) for member in members])
        together = torch.func.vmap(ensemble, in_dims=(0, 0, None))(weights, {}, x_BTF)
        for member, outputs in zip(members, together, strict=True):
            torch.testing.assert_close(outputs, member(x_BTF), rtol=1e-4, atol=1e-5)


def test_states_of_columns_stand_side_by_side_a_window() -> None:
    module, x_BTF = framed(channel_independent=True, input_patch=4), noise()
    network, eaten = unwrapped(module, x_BTF)
    states = side_by_side(network.hidden_states(eaten), len(x_BTF))  # type: ignore[operator]
    assert states.shape == (4, 2, FEATURES * 5)
    assert isinstance(module, Framed)
    second = module.model.hidden_states(x_BTF[..., [1]].reshape(4, 2, 4))  # type: ignore[operator]
    torch.testing.assert_close(states[..., 5:10], second)


def test_symbols_reach_every_column_of_their_window() -> None:
    config = config_of(channel_independent=True, symbol_embedding=2)
    module = build_model(config, FEATURES, 9, num_symbols=3, generator=seeded(1), forecast=ALL).eval()
    x_BTF = noise()
    first, second = (module(x_BTF, torch.tensor([number, 0, 0, 0])) for number in (1, 2))
    assert (by_step(first)[0] != by_step(second)[0]).all()
    assert torch.equal(first[1:], second[1:])


def test_a_framed_network_is_exported() -> None:
    module, x_BTF = framed(channel_independent=True, last_value=True, input_patch=2), noise()
    program = torch.export.export(module, (x_BTF,), strict=False)
    torch.testing.assert_close(program.module()(x_BTF), module(x_BTF))


def test_memory_is_that_of_more_and_shorter_windows() -> None:
    config, shape = config_of(channel_independent=True, input_patch=4), StepShape(10, 96, 7)
    assert inner_shape(config, shape) == StepShape(70, 24, 4)
    assert inner_shape(config_of(), shape) == shape


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model.input_patch": 7}, "model.input_patch"),
        ({"model.last_value": True, "model.revin": True}, "model.revin"),
        ({"model.last_value": True, "windows.supervise": "every"}, "windows.supervise"),
        ({"model.input_patch": 2, "windows.supervise": "every"}, "windows.supervise"),
        ({"model.revin": True, "target.quantiles": [0.1, 0.9]}, "model.revin"),
        ({"model.channel_independent": True, "target.kind": "direction"}, "model.channel_independent"),
        ({"model.last_value": True, "features.drop_correlated": 0.9}, "features.drop_correlated"),
    ],
)
def test_what_does_not_go_together_is_refused_when_a_config_is_read(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        load_config(overrides={"target.kind": "next_row", "windows.sequence_length": 96} | fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_without_a_forecast_to_continue_is_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"model.{kind} is for columns"):
        build_model(config_of(**{kind: True}), FEATURES, 9)


def test_a_series_for_each_feature_needs_each_to_be_forecast() -> None:
    with pytest.raises(ConfigError, match="of 3 features 2 are"):
        framed(SOME, channel_independent=True)


def test_what_came_later_leaves_hashes_of_earlier_configs_as_they_were() -> None:
    values = config_of().without_later()
    assert not values.keys() & {"last_value", "revin", "input_patch", "channel_independent"}
    assert replace(ALL, steps=1).steps == 1


@pytest.mark.parametrize("fields", [{"channel_independent": True}, {"last_value": True, "input_patch": 2}])
def test_a_framed_network_is_found_sound_and_one_that_is_not_is_not(fields: dict[str, Any]) -> None:
    def built() -> Network:
        return framed(**fields)

    sound_network("mine", built, STEPS, FEATURES, AHEAD * FEATURES)
    with pytest.raises(ConfigError, match=rf"must give \[4, {AHEAD * FEATURES + 1}\] when it predicts"):
        sound_network("mine", built, STEPS, FEATURES, AHEAD * FEATURES + 1)
