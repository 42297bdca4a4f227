"""Losses as one value a sample, so that weights and uneven batches need no special case.

A loss joins by one entry here (its fields, where it has any, in config/loss_section.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gatewise.config.loss_section import LOSS_CONFIGS, LossConfig, LossPart, require_computable
from gatewise.parts import find_part
from gatewise.targets.outputs.table import OUTPUTS

# (outputs [N, K], y) -> [N]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossSpec(LossPart):
    """What there is to know of a loss.

    Attributes:
        summary, source: one line for people, and the paper.
        build: makes it of its parameters.
    """

    summary: str
    source: str
    build: Callable[..., Loss]


def cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Of logits and class numbers, of which `label_smoothing` is spread over all classes."""
    return partial(functional.cross_entropy, reduction="none", label_smoothing=label_smoothing)


def mse() -> Loss:
    """Mean over outputs of squared errors."""
    return _mean_over_outputs(functional.mse_loss)


def mae() -> Loss:
    """Mean over outputs of absolute errors."""
    return _mean_over_outputs(functional.l1_loss)


def huber(delta: float = 1.0) -> Loss:
    """Mean over outputs of half the squared error up to `delta`, and of delta (|error| - delta / 2) beyond it."""
    return _mean_over_outputs(partial(functional.huber_loss, delta=delta))


def pinball(levels: Sequence[float] = (0.5,)) -> Loss:
    """Mean over outputs of level · error where y lies above, and of (1 - level) · error below.

    Args:
        levels: of the quantiles that are the outputs, one after another for each column of y.
    """

    def loss(outputs_NK: Tensor, y_NC: Tensor) -> Tensor:
        above_NCQ = y_NC[..., None] - outputs_NK.unflatten(-1, (-1, len(levels)))
        errors = zip(levels, above_NCQ.unbind(-1), strict=True)
        each = [torch.maximum(level * error_NC, (level - 1) * error_NC) for level, error_NC in errors]
        return torch.stack(each).mean(dim=(0, -1))

    return loss


def qlike() -> Loss:
    """Mean over outputs of exp(d) - d - 1, where d is y less the output, both logs of variances plus one constant.

    It is least, on average, where the output's variance is the mean one (Patton 2011): a forecast that is too low costs
    more than one that is as much too high.
    """

    def loss(outputs_NK: Tensor, y_NK: Tensor) -> Tensor:
        apart_NK = y_NK - outputs_NK
        return (torch.expm1(apart_NK) - apart_NK).mean(dim=1)

    return loss


def _mean_over_outputs(each: Callable[..., Tensor]) -> Loss:
    return lambda outputs_NK, y_NK: each(outputs_NK, y_NK, reduction="none").mean(dim=1)


LOSSES: dict[str, LossSpec] = {
    "cross_entropy": LossSpec(
        "Log loss, with smoothed labels where asked for", "Good 1952; Szegedy et al. 2016", cross_entropy
    ),
    "mse": LossSpec("Squared error", "Gauss 1809", mse),
    "mae": LossSpec("Absolute error", "Laplace 1774", mae),
    "huber": LossSpec("Squared error of small errors, absolute of large ones", "Huber 1964", huber),
    "pinball": LossSpec("Of quantiles: errors weighed by their side", "Koenker & Bassett 1978", pinball),
    "qlike": LossSpec("Of variances: their ratio, less its log, less 1", "Patton 2011", qlike),
}
assert LOSSES.keys() == LOSS_CONFIGS.keys() - {"auto"}


def make_loss(config: LossConfig, output_kind: str, fields: Mapping[str, Any] | None = None) -> Loss:
    """The loss of a config; `auto` is the kind's own.

    Args:
        fields: of the kind's own loss, which the outputs say: see `OutputSpec.loss_fields`.

    Raises:
        ConfigError: it can't be computed of this kind of outputs; UnknownNameError: there is none of that name.
    """
    require_computable(config, "auto", output_kind, f"outputs are {output_kind}")
    usual = OUTPUTS[output_kind].loss
    name = usual if config.name == "auto" else config.name
    options = {field: value for field, value in config if field != "name"}
    return find_part("loss", name, LOSSES, LossSpec).build(**options, **((fields or {}) if name == usual else {}))
