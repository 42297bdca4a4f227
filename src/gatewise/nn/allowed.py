"""Which layers a network may hold: those whose work is a function of weights, window and key alone."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gatewise.errors import ConfigError


def require_allowed(module: nn.Module, name: str) -> None:
    """Refuses layers under which a run could not be gone on with exactly, nor trained in a fleet or in pieces.

    Args:
        name: of the model, for the words.

    Raises:
        ConfigError: the layer by its place, and what does its work.
    """
    for place, layer in module.named_modules():
        at = f"{name} holds {type(layer).__name__}{f' at {place}' if place else ''}"
        if isinstance(layer, _BatchNorm):
            raise ConfigError(
                f"{at}: its statistics depend on the order of batches and on what else is in a batch",
                "nn.LayerNorm or nn.GroupNorm, which look at one window alone",
            )
        if isinstance(layer, _DropoutNd) or (isinstance(layer, nn.RNNBase) and layer.dropout > 0):
            raise ConfigError(
                f"{at}: its masks come from torch's generator, which a checkpoint does not hold",
                "gatewise.nn.dropout.Dropout, whose masks follow from seed, step and row",
            )
