"""The section `training.loss`: one class a loss, chosen by name. `loss: huber` is short for `loss: {name: huber}`.

And what `training.monitor` may name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field

from gatewise.config.section import OUTPUT_KINDS, Fraction, Section, kind_words
from gatewise.errors import ConfigError
from gatewise.parts import Configs


class LossConfig(Section):
    """Base of the per-loss sections; `name` chooses the class through LOSS_CONFIGS.

    Attributes:
        output_kinds: of targets that it can be computed of.
    """

    output_kinds: ClassVar[tuple[str, ...]] = ("values", "sequences", "volatility")
    name: str

    @property
    def is_usual(self) -> bool:
        """Whether all but its name is at its default."""
        return self == type(self)(name=self.name)


class AutoLoss(LossConfig):
    """What the kind of target is judged by."""

    output_kinds: ClassVar = OUTPUT_KINDS


class CrossEntropyLoss(LossConfig):
    """Of class probabilities."""

    output_kinds: ClassVar = ("classes",)
    label_smoothing: Fraction = 0.0  # the share of each label that is spread over all classes


class HuberLoss(LossConfig):
    """Quadratic up to `delta`, linear beyond it."""

    delta: float = Field(1.0, gt=0)  # of scaled targets


class PinballLoss(LossConfig):
    """Of quantiles, whose levels are the target's."""

    output_kinds: ClassVar = ("quantiles",)


class QlikeLoss(LossConfig):
    """Of variances, whose logs are predicted."""

    output_kinds: ClassVar = ("volatility",)


LOSS_CONFIGS: dict[str, type[LossConfig]] = {
    "auto": AutoLoss,
    "cross_entropy": CrossEntropyLoss,
    "mse": LossConfig,
    "mae": LossConfig,
    "huber": HuberLoss,
    "pinball": PinballLoss,
    "qlike": QlikeLoss,
}


@dataclass(frozen=True)
class LossPart:
    """What is read of a loss before anything is built; `training.losses` declares the rest.

    Attributes:
        config: the class of its section, which says the kinds of outputs that it is for.
    """

    config: type[LossConfig] = field(default=LossConfig, kw_only=True)


LossConfig.options = Configs("loss", LOSS_CONFIGS, LossPart, LossConfig)

CLASS_METRICS = ("accuracy", "f1")
# {name: kinds of outputs}: the kind's own proper loss, the one that is trained on, and what else there is a number of.
MONITORS: dict[str, tuple[str, ...]] = {
    "auto": AutoLoss.output_kinds,
    "loss": AutoLoss.output_kinds,
    **{name: LOSS_CONFIGS[name].output_kinds for name in ("cross_entropy", "mse", "mae", "qlike")},
    **dict.fromkeys(CLASS_METRICS, ("classes",)),
}


def require_computable(
    loss: LossConfig, monitor: str, output_kind: str, predicted: str, hint: str | None = None
) -> None:
    """Refuses a loss or what is monitored, if it can't be computed of what is predicted.

    Args:
        predicted: what that is, for the words: `target.kind is direction`.
        hint: what to do; `None`: the names that can be.

    Raises:
        ConfigError: it can't.
    """
    losses = {name: config.output_kinds for name, config in LOSS_CONFIGS.items()} | {loss.name: loss.output_kinds}
    for setting, name, kinds in (("loss", loss.name, losses), ("monitor", monitor, MONITORS)):
        if output_kind not in kinds[name]:
            able = ", ".join(entry for entry, of_kinds in kinds.items() if output_kind in of_kinds)
            raise ConfigError(
                f"training.{setting} {name} is for {kind_words(kinds[name])}; {predicted}",
                hint or f"for {output_kind}: {able}",
            )
