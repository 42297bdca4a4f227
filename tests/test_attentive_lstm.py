"""attentive_lstm against the same layers of torch, put together: a residual or a norm left out trains as well."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gatewise.config.attention_models import AttentiveLstmConfig
from gatewise.config.load import load_config
from gatewise.errors import ConfigError
from gatewise.models.attentive_lstm import AttentiveLstm
from gatewise.models.counts import weight_counts
from gatewise.nn.attention import sinusoidal_positions
from gatewise.nn.initial import seeded

STEPS, FEATURES, WIDTH, HEADS = 9, 5, 8, 2


def small(**fields: Any) -> AttentiveLstm:
    shape: dict[str, Any] = {"hidden_size": WIDTH, "num_heads": HEADS, "dropout": 0.0, "kernel_sizes": (3, 5)}
    return AttentiveLstm(FEATURES, 3, generator=seeded(1), **shape | fields)


def windows(seed: int = 2) -> Tensor:
    return torch.randn(4, STEPS, FEATURES, generator=seeded(seed))


def part(module: AttentiveLstm, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in module.state_dict().items() if name.startswith(prefix)}


def by_hand(module: AttentiveLstm, x: Tensor) -> Tensor:
    """The outputs of one whose LSTMs go both ways, by torch's layers alone."""

    def loaded(layer: nn.Module, prefix: str) -> Any:
        layer.load_state_dict(part(module, prefix))
        return layer

    def normed(x: Tensor, prefix: str) -> Tensor:
        out: Tensor = loaded(nn.LayerNorm(WIDTH), f"{prefix}norm.")(x)
        return out

    x = loaded(nn.Linear(FEATURES, WIDTH), "input_proj.")(x) + sinusoidal_positions(STEPS, WIDTH, x.device)
    read = [
        loaded(nn.Conv1d(WIDTH, WIDTH // 2, size, padding="same"), f"convolutions.layer.parts.{k}.")(x.transpose(1, 2))
        for k, size in enumerate((3, 5))
    ]
    joined = loaded(nn.Linear(WIDTH, WIDTH), "convolutions.layer.join.")(torch.cat(read, 1).relu().transpose(1, 2))
    x = normed(x + joined, "convolutions.")
    for number in range(1, 5):
        prefix = f"lstm.{number - 1}."
        lstm = loaded(nn.LSTM(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True), f"{prefix}layer.")
        x = normed(x + lstm(x)[0], prefix)
        if number in (2, 4):
            prefix = f"attention.{number}."
            attention = loaded(nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), f"{prefix}layer.")
            x = normed(x + attention(x, x, x)[0], prefix)
    weights = (x @ part(module, "pool")[""]).softmax(1)
    pooled = (weights[..., None] * x).sum(1)
    hidden = loaded(nn.Linear(WIDTH, WIDTH), "hidden.")(pooled).relu()
    out: Tensor = loaded(nn.Linear(WIDTH, 3), "head.")(hidden)
    return out


def test_outputs_are_those_of_torchs_layers_put_together_by_hand() -> None:
    module, x = small().eval(), windows()
    assert torch.allclose(module(x), by_hand(module, x), atol=1e-5)


def test_one_direction_reads_no_later_step_and_two_read_all() -> None:
    for bidirectional in (False, True):
        module = small(bidirectional=bidirectional, readout="last" if bidirectional else "every").train()
        x = windows()
        read = module.states if bidirectional else module
        before = read(x)
        for step in range(STEPS):
            moved = x.clone()
            moved[:, step] += 3
            apart = (read(moved) - before).abs().amax(dim=(0, 2))
            assert (apart[step:] > 1e-6).all()
            assert bool(apart[:step].any()) == (bidirectional and step > 0)


def test_the_last_of_every_steps_outputs_is_what_is_predicted() -> None:
    module, x = small(bidirectional=False, readout="every"), windows()
    assert torch.allclose(module.train()(x)[:, -1], module.eval()(x), atol=1e-5)


def test_its_parts_hold_as_many_weights_as_the_seed_estimated() -> None:
    """Nine features, three classes, by hand; estimated were 2 to 5 million in all (docs/settings.md)."""
    h = 256
    expected = {
        "pool": h,
        "input_proj": 9 * h + h,
        "convolutions": h * (h // 2) * (3 + 5 + 7) + 3 * (h // 2) + (3 * h // 2) * h + h + 2 * h,
        "lstm": 4 * (2 * 4 * (h // 2) * (h + h // 2 + 2) + 2 * h),
        "attention": 2 * (4 * h * h + 4 * h + 2 * h),
        "hidden": h * h + h,
        "head": 3 * h + 3,
    }
    assert weight_counts(AttentiveLstmConfig(name="attentive_lstm"), 9, 3) == expected
    assert 2_000_000 < sum(expected.values()) < 5_000_000


@pytest.mark.parametrize(
    ("fields", "words", "remedy"),
    [
        ({"hidden_size": 250}, "multiple of model.num_heads, 8; got 250", {"num_heads": 5}),
        ({"hidden_size": 9, "num_heads": 3}, "must be even", {"hidden_size": 12}),
        ({"attention_after": [2, 5]}, "of the 4 LSTM layers, each once; got .2, 5", {"attention_after": None}),
        ({"attention_after": [2, 2]}, "each once", {"attention_after": None}),
        ({"attention_after": []}, "one or more", {"attention_after": None}),
        ({"kernel_sizes": []}, "kernel_sizes", {"kernel_sizes": [1]}),
        ({"kernel_sizes": [0]}, "kernel_sizes", {"kernel_sizes": [1]}),
    ],
)  # fmt: skip
def test_shapes_that_cannot_be_built_are_refused_and_the_hint_can(
    fields: dict[str, Any], words: str, remedy: dict[str, Any]
) -> None:
    def load(fields: dict[str, Any]) -> Any:
        named = {f"model.{name}": value for name, value in fields.items() if value is not None}
        return load_config(overrides={"model.name": "attentive_lstm", **named})

    with pytest.raises(ConfigError, match=words):
        load(fields)
    load(fields | remedy)


@pytest.mark.parametrize(("layers", "after"), [(1, (1,)), (2, (2,)), (3, (2,)), (4, (2, 4)), (6, (2, 4, 6))])
def test_attention_follows_every_second_layer_where_nothing_is_said(layers: int, after: tuple[int, ...]) -> None:
    config = load_config(overrides={"model.name": "attentive_lstm", "model.num_layers": layers})
    assert isinstance(config.model, AttentiveLstmConfig)
    assert config.model.attended_layers == after
