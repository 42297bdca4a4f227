"""The frame around a network: what is taken off a window before it, and put back on its forecasts after it.

A level that wanders is no news to a network that never sees it: with its last value taken off a window, a model that
has learned nothing repeats the last row, and shifting a column shifts its forecasts by as much.

Shapes: B windows of T steps and F features, C forecast columns, S steps ahead, P steps folded into one; N = B · C where
each column is a series of its own, else B.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gatewise.config.model_base import NetworkConfig
from gatewise.errors import ConfigError
from gatewise.models.base import SMALLEST_PIECE, Forecast, Network, StepShape
from gatewise.models.symbol import WithSymbol
from gatewise.nn.dropout import cut_rows
from gatewise.nn.level import LastValue, Restore, RevIN
from gatewise.nn.patch import folded


class Framed(Network):
    """x_BTF -> outputs [batch, outputs], of a network that reads [N, T/P, features · P].

    Args:
        model: the network, with a symbol's vector where it is told one.
        config: says what is done; see its fields.
        forecast: see `require_forecast`; needed where `config.continues`, and else unread.
        num_features: F.
    """

    columns: Tensor

    def __init__(self, model: Network, config: NetworkConfig, forecast: Forecast | None, num_features: int) -> None:
        super().__init__()
        self.patch = config.input_patch
        self.channels = channels_of(config, num_features)
        columns = forecast.columns if forecast and config.continues else ()
        self.in_order = columns == tuple(range(num_features))
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.int64, device="cpu"), persistent=False)
        self.level: LastValue | RevIN | None = None
        if config.last_value or config.revin:
            self.level = RevIN(len(columns)) if config.revin else LastValue()
        self.model = model

    @property
    def output_bias(self) -> Tensor:
        """That of the network: of a series' outputs where each column is one."""
        return self.model.output_bias

    @property
    def least_piece(self) -> int:
        return max(SMALLEST_PIECE, -(-self.model.least_piece // self.channels))

    def forward(self, x_BTF: Tensor, *symbol_B: Tensor) -> Tensor:
        inputs, restore = self.entered(x_BTF, *symbol_B)
        with cut_rows(self.channels):
            outputs: Tensor = self.model(*inputs)
        if self.channels > 1:
            outputs = outputs.view(-1, self.channels, *outputs.shape[1:]).movedim(1, -1).flatten(-2)
        return outputs if restore is None else restore(outputs.view(len(outputs), -1, len(self.columns))).flatten(1)

    def entered(self, x_BTF: Tensor, *symbol_B: Tensor) -> tuple[tuple[Tensor, ...], Restore | None]:
        """What the network within is called with, and what gives its forecasts their level back."""
        restore = None  # all below leaves memory time-major, as windows come and as recurrent backends work
        if self.level is not None or self.channels > 1:
            x_BTC = x_BTF
            if not self.in_order:
                x_BTC = x_BTF.transpose(0, 1).index_select(-1, self.columns).transpose(0, 1)
            if self.level is not None:
                x_BTC, restore = self.level(x_BTC)
            read_alone = self.in_order or self.channels > 1
            x_BTF = x_BTC if read_alone else x_BTF.index_copy(-1, self.columns, x_BTC)
        x_NTF = x_BTF
        if self.channels > 1:
            x_NTF = x_BTF.transpose(0, 1).reshape(x_BTF.shape[1], -1, 1).transpose(0, 1)
            symbol_B = tuple(number_B[:, None].expand(-1, self.channels).flatten() for number_B in symbol_B)
        return (folded(x_NTF, self.patch), *symbol_B), restore


def settled(config: NetworkConfig, forecast: Forecast | None, num_features: int) -> NetworkConfig:
    """The config with what it leaves to the outputs decided."""
    able = {"last_value": forecast is not None, "channel_independent": forecast is not None}
    able["channel_independent"] &= forecast is None or _is_of_all(forecast, num_features)
    return config.model_copy(update={name: can for name, can in able.items() if getattr(config, name) is None})


def _is_of_all(forecast: Forecast, num_features: int) -> bool:
    return sorted(forecast.columns) == list(range(num_features))


def channels_of(config: NetworkConfig, num_features: int) -> int:
    """How many series the network reads of each window: the features, where each is one."""
    return num_features if config.channel_independent else 1


def inner_widths(config: NetworkConfig, num_features: int, num_outputs: int) -> tuple[int, int]:
    """Features, before a symbol's vector, and outputs of the network within a frame."""
    channels = channels_of(config, num_features)
    return num_features // channels * config.input_patch, max(1, num_outputs // channels)


def inner_shape(config: NetworkConfig, shape: StepShape) -> StepShape:
    """What a training step is made of for the network within a frame."""
    channels = channels_of(config, shape.features)
    features, _ = inner_widths(config, shape.features, channels)
    steps = max(1, shape.steps // config.input_patch)
    return StepShape(shape.windows * channels, steps, features, shape.element_bytes, shape.device_type)


def require_forecast(config: NetworkConfig, forecast: Forecast | None, num_features: int) -> Forecast:
    """The forecast that a frame continues.

    Raises:
        ConfigError: there is none, or it is not all of the features where each is to be a series of its own.
    """
    setting = f"model.{config.continues}"
    if forecast is None:
        raise ConfigError(
            f"{setting} is for columns of the rows ahead at their levels, each of them among the features",
            f'target.kind="next_row" with target.learn="levels" and features.columns, or {setting}=false',
        )
    if config.channel_independent and not _is_of_all(forecast, num_features):
        raise ConfigError(
            f"model.channel_independent needs that the features are the forecast columns; of {num_features} features "
            f"{len(forecast.columns)} are",
            "features.sets=[] with features.columns as target.columns, or model.channel_independent=false",
        )
    return forecast


def reads_symbol(module: Network) -> bool:
    """Whether it is called with symbols' numbers."""
    return isinstance(module.model if isinstance(module, Framed) else module, WithSymbol)


def unwrapped(module: Network, x_BTF: Tensor, *symbol_B: Tensor) -> tuple[Network, Tensor]:
    """The network that its spec speaks of, and what it eats: [N, steps, features]."""
    if isinstance(module, Framed):
        inputs, _ = module.entered(x_BTF, *symbol_B)
        return unwrapped(module.model, *inputs)
    if isinstance(module, WithSymbol):
        return module.model, module.joined(x_BTF, *symbol_B)
    return module, x_BTF


def side_by_side(states_NTH: Tensor, windows: int) -> Tensor:
    """States of each series as one of each window, [windows, T, width · series]."""
    return states_NTH.view(windows, -1, *states_NTH.shape[1:]).transpose(1, 2).flatten(2)
