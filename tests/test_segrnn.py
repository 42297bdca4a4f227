"""segrnn against plain torch layers: its decoding computes once what is the same for all places and windows, and
columns and places must come out where they belong.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatewise.config.load import load_config
from gatewise.models.base import Forecast
from gatewise.models.frame import Framed
from gatewise.models.registry import build_model
from gatewise.models.segrnn import SegRNN
from gatewise.nn.initial import seeded

STEPS, SEGMENT, HIDDEN, COLUMNS = 12, 4, 6, 3


def plain(module: SegRNN, x_BTC: Tensor) -> Tensor:
    """The paper's network, place by place and column by column: [batch, steps ahead, columns]."""
    gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
    gru.load_state_dict(module.rnn.state_dict())
    columns = []
    for column in range(x_BTC.shape[2]):
        segments = x_BTC[..., column].reshape(len(x_BTC), -1, SEGMENT)
        _, state = gru(module.embedding(segments).relu())
        places = []
        for place in module.position:
            vector = place if module.channel is None else torch.cat((place, module.channel[column]))
            _, decoded = gru(vector.expand(len(x_BTC), 1, -1), state)
            places.append(module.head(decoded[0]))
        columns.append(torch.cat(places, dim=1))
    return torch.stack(columns, dim=2)


@pytest.mark.parametrize("ahead", [8, 9, 2])
def test_every_column_and_place_is_the_papers(ahead: int) -> None:
    fields = {"hidden_size": HIDDEN, "segment_length": SEGMENT, "dropout": 0.0}
    overrides = {"model.name": "segrnn", "target.kind": "given", "windows.sequence_length": STEPS}
    config = load_config(overrides=overrides | {f"model.{name}": value for name, value in fields.items()}).model
    forecast = Forecast(ahead, tuple(range(COLUMNS)))
    framed = build_model(config, COLUMNS, ahead * COLUMNS, generator=seeded(1), forecast=forecast).eval()
    assert isinstance(framed, Framed)
    assert isinstance(framed.model, SegRNN)
    x_BTC = torch.randn(5, STEPS, COLUMNS, generator=seeded(2))
    last = x_BTC[:, -1:]
    expected = plain(framed.model, x_BTC - last)[:, :ahead] + last
    torch.testing.assert_close(framed(x_BTC).view(5, ahead, COLUMNS), expected)


def test_a_single_series_has_no_vector_of_its_column() -> None:
    module = SegRNN(1, 8, HIDDEN, SEGMENT, 0.0, channels=1, generator=seeded(1)).eval()
    x_BTC = torch.randn(5, STEPS, 1, generator=seeded(2))
    assert module.channel is None
    torch.testing.assert_close(module(x_BTC), plain(module, x_BTC)[..., 0])


def test_outputs_that_are_no_series_have_one_place() -> None:
    module = SegRNN(3, 10, HIDDEN, SEGMENT, 0.0, generator=seeded(1))
    assert module.position.shape == (1, HIDDEN)
    assert module(torch.randn(5, STEPS, 3)).shape == (5, 10)


def test_a_window_that_segments_do_not_divide_begins_with_zeros() -> None:
    module = SegRNN(2, 3, HIDDEN, SEGMENT, 0.0, generator=seeded(1)).eval()
    x_BTF = torch.randn(5, STEPS - 3, 2, generator=seeded(2))
    torch.testing.assert_close(module(x_BTF), module(torch.cat((torch.zeros(5, 3, 2), x_BTF), dim=1)))


def test_the_frame_stands_where_columns_are_forecast_and_nowhere_else() -> None:
    config = load_config(overrides={"model.name": "segrnn", "target.kind": "given", "model.hidden_size": 4}).model
    bare = build_model(config, COLUMNS, 2)
    assert isinstance(bare, SegRNN)
    all_of_them = build_model(config, COLUMNS, 6, forecast=Forecast(2, (0, 2, 1)))
    assert isinstance(all_of_them, Framed)
    assert (all_of_them.channels, all_of_them.level is None) == (COLUMNS, False)
    some = build_model(config, COLUMNS, 4, forecast=Forecast(2, (2, 0)))
    assert isinstance(some, Framed)
    assert (some.channels, some.level is None) == (1, False)
    assert some.eval()(torch.randn(5, STEPS, COLUMNS)).shape == (5, 4)
