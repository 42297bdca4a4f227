"""From a model and a batch to a loss for each sample: what a step, a fleet's step and a timed one have in common.

A model returns one tensor. What returns more one day (attention maps, auxiliary heads) is unpacked in `__call__` and
nowhere else; a module never leaves it on `self`, which the crew's threads share.

Shapes: B windows of T steps, N scored samples (B, or window by window B times the scored steps), K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gatewise.config.loss_section import LOSS_CONFIGS
from gatewise.config.schema import TrainingConfig
from gatewise.errors import TrainingError
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.device import Precision
from gatewise.training.losses import Loss, make_loss
from gatewise.training.monitor import LOSS
from gatewise.windows import Batch


@dataclass(frozen=True)
class Objective:
    """What a model is trained on.

    Attributes:
        loss: one value a sample.
        precision: of the forward pass; losses are computed in float32.
        outputs_a_column: of y, where these are numbers; several for quantiles.
        num_classes: of y, where these are class numbers; `None`: as many as there are outputs.
        measures: what epochs are told by beside the loss, by name.
    """

    loss: Loss
    precision: Precision
    outputs_a_column: int = 1
    num_classes: int | None = None
    measures: Mapping[str, Loss] = field(default_factory=dict)

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of what `sums` adds up, but for the last, which counts."""
        return (LOSS, *self.measures)

    def __call__(self, model: Callable[..., Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of each sample as it is trained on, float32 [N], and the outputs, float32 [N, K].

        The loss is that of outputs raised by the classes' log weights; the outputs are not. See `training.prior`.

        Raises:
            TrainingError: the model's outputs do not fit the labels; nothing is ever broadcast.
        """
        with self.precision.autocast(batch.x_BTF.device):
            outputs = model(*batch.inputs)
        outputs_NK = scored_outputs(outputs, batch, self.outputs_a_column, self.num_classes).float()
        raised_NK = outputs_NK if batch.log_weight is None else outputs_NK + batch.log_weight
        return self.loss(raised_NK, batch.y), outputs_NK

    def sums(self, loss_N: Tensor, outputs_NK: Tensor, batch: Batch) -> Tensor:
        """What people are told and epochs are judged by, float32 [reported + 1]: the loss and the measures summed over
        labelled samples, and how many these are. Each counts once, and classes are not weighted.

        Args:
            loss_N, outputs_NK: what the call gave, detached.
        """
        plain_N = loss_N if batch.log_weight is None else self.loss(outputs_NK, batch.y)
        labelled_N = batch.weight.sign()
        losses = (plain_N, *(measure(outputs_NK, batch.y) for measure in self.measures.values()))
        return torch.stack((*((each_N * labelled_N).sum() for each_N in losses), labelled_N.sum()))


def make_objective(settings: TrainingConfig, precision: Precision, spec: OutputSpec, monitor: str = LOSS) -> Objective:
    """What a section `training` asks for.

    Args:
        spec: what is predicted.
        monitor: the resolved name; see `training.monitor`.

    Raises:
        ConfigError: a loss that can't be computed of such outputs.
    """
    loss = make_loss(settings.loss, spec.kind, spec.loss_fields)
    measures: dict[str, Loss] = {}
    if monitor in LOSS_CONFIGS:
        measures[monitor] = make_loss(LOSS_CONFIGS[monitor](name=monitor), spec.kind, spec.loss_fields)
    a_column, num_classes = spec.num_outputs // max(1, len(spec.outputs)), len(spec.classes) or None
    return Objective(loss, precision, a_column, num_classes, measures)


def scored_outputs(outputs: Tensor, batch: Batch, outputs_a_column: int = 1, num_classes: int | None = None) -> Tensor:
    """Outputs [B, K], or of each step [B, T, K], as [N, K].

    Raises:
        TrainingError: another shape than the labels need: [N, classes] for class numbers [N], else the labels' own,
            or so many times their columns as there are outputs a column.
    """
    windows, steps = batch.x_BTF.shape[:2]
    samples = len(batch.y)
    if outputs.dim() == 3 and outputs.shape[:2] == (windows, steps):
        outputs = outputs[:, -(samples // windows) :].flatten(0, 1)
    wanted = (samples, num_classes or outputs.shape[-1])
    if batch.y.is_floating_point():
        wanted = (*batch.y.shape[:-1], batch.y.shape[-1] * outputs_a_column)
    if outputs.shape != wanted:
        raise TrainingError(
            f"outputs must be {list(wanted)} for labels {list(batch.y.shape)} of {windows} windows of {steps} steps; "
            f"the model gave {list(outputs.shape)}",
            "a model returns [windows, outputs], or [windows, steps, outputs] where every step is scored",
        )
    return outputs
