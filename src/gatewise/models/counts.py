"""How many weights a network has, part by part."""

from __future__ import annotations

from torch import nn

from gatewise.config.model_base import ModelConfig
from gatewise.models.base import Forecast
from gatewise.models.frame import Framed
from gatewise.models.registry import build_model
from gatewise.models.symbol import WithSymbol


def weight_counts(
    config: ModelConfig, num_features: int, num_outputs: int, forecast: Forecast | None = None
) -> dict[str, int]:
    """{part: weights} of the network that a config describes, as its module has them; those without any are left out.

    Args:
        num_features, num_outputs, forecast: see `build_model`; of symbols' vectors one is counted.

    Raises:
        ConfigError: it is no network, or can't be built of such widths.
    """
    symbols = 1 if config.learned_width else 0
    return _counts(build_model(config, num_features, num_outputs, num_symbols=symbols, forecast=forecast))


def _counts(module: nn.Module) -> dict[str, int]:
    counts = {name: parameter.numel() for name, parameter in module.named_parameters(recurse=False)}
    for name, part in module.named_children():
        if name == "model" and isinstance(module, Framed | WithSymbol):
            counts |= {f"model.{inner}": count for inner, count in _counts(part).items()}
        else:
            counts[name] = sum(parameter.numel() for parameter in part.parameters())
    return {name: count for name, count in counts.items() if count}
