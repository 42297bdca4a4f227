"""How many weights a network has, part by part."""

from __future__ import annotations

from torch import nn

from gatewise.config.model_base import ModelConfig, NetworkConfig
from gatewise.errors import ConfigError
from gatewise.models.base import Forecast
from gatewise.models.frame import Framed
from gatewise.models.registry import build_model, network_spec
from gatewise.models.symbol import WithSymbol


def weight_counts(config: ModelConfig, num_features: int, num_outputs: int) -> dict[str, int]:
    """{part: weights} of the network that a config describes, as its module has them; those without any are left out.

    Args:
        num_features: of the matrix; of one symbol's vector where it learns them.
        num_outputs: where forecasts continue the features (`config.continues`), of all steps and columns.

    Raises:
        ConfigError: it is no network, or can't be built of such widths.
    """
    network_spec(config)
    assert isinstance(config, NetworkConfig)
    forecast = None
    if config.continues:
        if num_outputs % num_features:
            raise ConfigError(
                f"with model.{config.continues} each feature is forecast, so outputs are a multiple of {num_features} "
                f"features; got {num_outputs}",
                f"num_outputs={-(-num_outputs // num_features) * num_features}",
            )
        forecast = Forecast(num_outputs // num_features, tuple(range(num_features)))
    symbols = 1 if config.symbol_embedding else 0
    return _counts(build_model(config, num_features, num_outputs, num_symbols=symbols, forecast=forecast))


def _counts(module: nn.Module) -> dict[str, int]:
    counts = {name: parameter.numel() for name, parameter in module.named_parameters(recurse=False)}
    for name, part in module.named_children():
        if name == "model" and isinstance(module, Framed | WithSymbol):
            counts |= {f"model.{inner}": count for inner, count in _counts(part).items()}
        else:
            counts[name] = sum(parameter.numel() for parameter in part.parameters())
    return {name: count for name, count in counts.items() if count}
