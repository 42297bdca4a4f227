"""The section `training.loss`: one class a loss, chosen by name. `loss: huber` is short for `loss: {name: huber}`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from gatewise.config.section import OUTPUT_KINDS, Fraction, Section
from gatewise.errors import ConfigError


class LossConfig(Section):
    """Base of the per-loss sections; `name` chooses the class through LOSS_CONFIGS.

    Attributes:
        output_kinds: of targets that it can be computed of.
    """

    output_kinds: ClassVar[tuple[str, ...]] = ("values",)
    name: str

    def require(self, output_kind: str, predicted: str, hint: str | None = None) -> None:
        """Refuses what is predicted, if it is of a kind that this loss can't be computed of.

        Args:
            predicted: what it is, for the words: `target.kind is direction`.
            hint: what to do; `None`: the losses of this kind.

        Raises:
            ConfigError: it is.
        """
        if output_kind not in self.output_kinds:
            able = [name for name, config in LOSS_CONFIGS.items() if output_kind in config.output_kinds]
            raise ConfigError(
                f"training.loss {self.name} is for {' and '.join(self.output_kinds)}; {predicted}",
                hint or f"losses for {output_kind}: {', '.join(able)}",
            )


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


LOSS_CONFIGS: dict[str, type[LossConfig]] = {
    "auto": AutoLoss,
    "cross_entropy": CrossEntropyLoss,
    "mse": LossConfig,
    "mae": LossConfig,
    "huber": HuberLoss,
    "pinball": PinballLoss,
}
LossConfig.options = LOSS_CONFIGS
