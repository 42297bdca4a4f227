"""Layers that break exact resume or fleets are refused when a network is built, and those of ours are named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatewise.config.schema import RecurrentConfig
from gatewise.errors import ConfigError
from gatewise.models import registry
from gatewise.models.base import Network, NeuralSpec
from gatewise.models.registry import build_model


class Chain(nn.Sequential, Network):
    @property
    def output_bias(self) -> torch.Tensor:
        return list(self.parameters())[-1]


@pytest.mark.parametrize(
    ("layer", "words", "remedy"),
    [
        (nn.BatchNorm1d(3), "BatchNorm1d at 0: its statistics", "LayerNorm"),
        (nn.SyncBatchNorm(3), "SyncBatchNorm at 0", "GroupNorm"),
        (nn.Dropout(0.1), "Dropout at 0: its masks", "gatewise.nn.dropout"),
        (nn.AlphaDropout(0.1), "AlphaDropout at 0", "gatewise.nn.dropout"),
        (nn.LSTM(3, 3, 2, dropout=0.1), "LSTM at 0: its masks", "gatewise.nn.dropout"),
        (nn.TransformerEncoderLayer(4, 2), "Dropout at 0.self_attn|Dropout at 0.dropout", "gatewise.nn.dropout"),
    ],
)
def test_a_network_with_such_a_layer_is_refused_by_its_place(
    layer: nn.Module, words: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = NeuralSpec("", "", RecurrentConfig, lambda *_: Chain(layer, nn.Linear(3, 1)))
    monkeypatch.setitem(registry.MODELS, "lstm", spec)
    with pytest.raises(ConfigError, match=words) as refused:
        build_model(RecurrentConfig(name="lstm"), 3, 1)
    assert remedy in str(refused.value.hint)


@pytest.mark.parametrize("layer", [nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.Conv1d(3, 3, 1), nn.GELU(), nn.LSTM(3, 3)])
def test_layers_that_look_at_one_window_alone_are_let_be(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.MODELS, "lstm", NeuralSpec("", "", RecurrentConfig, lambda *_: Chain(layer)))
    assert build_model(RecurrentConfig(name="lstm"), 3, 1)
