"""The section `training`: the loop, and its optimizer and schedule, each chosen by name with fields of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny

from gatewise.config.loss_section import AutoLoss, LossConfig
from gatewise.config.section import LATER, Fraction, Section

# What models of one row read of the section: they know no epochs.
READ_BY_ALL = ("seed", "sample_weights", "time_decay")
MOST_SEEDS = 2**63  # what a column of tables and torch both hold
Decay = Annotated[float, Field(ge=0)]


class AdamWConfig(Section):
    """Adam with a decay apart from the gradient."""

    name: Literal["adamw"] = "adamw"
    weight_decay: Decay = 1e-4


class AdamConfig(Section):
    """Adam with a decay that is added to the gradient."""

    name: Literal["adam"] = "adam"
    weight_decay: Decay = 1e-4


class SgdConfig(Section):
    """Stochastic gradient descent with a decay that is added to the gradient."""

    name: Literal["sgd"] = "sgd"
    weight_decay: Decay = 1e-4
    momentum: Fraction = 0.9


class CosineConfig(Section):
    """To 0 at the last epoch, after a linear warm-up."""

    name: Literal["cosine"] = "cosine"
    warmup_epochs: int = Field(5, ge=0)


class StepConfig(Section):
    """Times `gamma` every `step_size` epochs."""

    name: Literal["step"] = "step"
    step_size: int = Field(30, ge=1)
    gamma: float = Field(0.1, gt=0, le=1)


class ExponentialConfig(Section):
    """Times `gamma` every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: float = Field(0.95, gt=0, le=1)


class PlateauConfig(Section):
    """Times `factor` after more than `patience` epochs without a fall of what is monitored."""

    name: Literal["plateau"] = "plateau"
    patience: int = Field(10, ge=0)
    factor: float = Field(0.5, gt=0, lt=1)


class ConstantConfig(Section):
    """Always the same rate."""

    name: Literal["constant"] = "constant"


OptimizerConfig = AdamWConfig | AdamConfig | SgdConfig
ScheduleConfig = CosineConfig | StepConfig | ExponentialConfig | PlateauConfig | ConstantConfig


class TrainingConfig(Section):
    """The loop: optimizer, schedule, stopping, precision, device."""

    batch_size: int = Field(512, ge=1)
    auto_batch_size: bool = False
    max_epochs: int = Field(100, ge=1)
    windows_per_epoch: int | None = Field(None, ge=1)  # a fresh random sample each epoch; None: all
    # Of the validation rows so many, evenly spaced, judge an epoch; None: all.
    validation_windows: Annotated[int | None, Field(ge=1), LATER] = None
    learning_rate: float = Field(1e-3, gt=0)
    gradient_clip: float | None = Field(1.0, gt=0)
    optimizer: OptimizerConfig = AdamWConfig()
    schedule: ScheduleConfig = CosineConfig()
    early_stopping_patience: int = Field(15, ge=1)
    min_delta: float = Field(1e-4, ge=0)
    # auto: cross_entropy for classes, mse for values, pinball for quantiles.
    loss: SerializeAsAny[LossConfig] = AutoLoss(name="auto")
    # What epochs are compared by, of validation rows. auto: the loss of `loss: auto`; loss: the one that is trained on.
    monitor: Annotated[Literal["auto", "loss", "cross_entropy", "mse", "mae", "qlike", "accuracy", "f1"], LATER] = (
        "auto"
    )
    # By the training rows, a number a class in their order, or a number for each by its name.
    class_weights: Literal["none", "balanced"] | tuple[float, ...] | dict[str, float] = "none"
    # By how much labels overlap in training, and by their age (sample_weights.py).
    sample_weights: Annotated[Literal["none", "uniqueness", "uniqueness_decay"], LATER] = "none"
    # Of uniqueness_decay: what is left of the oldest label. Below 0 the oldest would be left out, which a window does.
    time_decay: Annotated[float, Field(ge=0, le=1), LATER] = 0.5
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    seed: int = Field(42, ge=0, lt=MOST_SEEDS)
    per_symbol: bool = False  # one model for each symbol, each a run of its own, instead of one for all
    # A first look: settings that are left open take small values (config/quick.py).
    quick: Annotated[bool, LATER] = False
    checkpoint_every_epochs: int = Field(1, ge=1)
    tensorboard: bool = False  # event files in the run's folder; the extra tensorboard
