"""What is monitored: the number of the validation rows that epochs are compared by, lower being better.

It decides when to stop, which epoch is kept and when a plateau lowers the rate. By default it is the proper loss of the
kind of outputs, whatever was trained on: huber and smoothed labels shape gradients, and are no measure of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatewise.config.loss_section import CLASS_METRICS
from gatewise.config.schema import TrainingConfig
from gatewise.targets.outputs.base import OutputSpec

LOSS = "loss"  # what is trained on; all that 0.1 knew


def choose_monitor(settings: TrainingConfig, spec: OutputSpec) -> str:
    """The name of the number: `loss`, another loss's name, accuracy or f1."""
    name = spec.loss if settings.monitor == "auto" else settings.monitor
    trained = spec.loss if settings.loss.name == "auto" else settings.loss.name
    return LOSS if name == trained and settings.loss.is_usual else name


def monitored_number(name: str, validated: Mapping[str, float]) -> float:
    """The number, of an epoch's validation; of accuracy and f1, which are better when higher, what they lack to 1."""
    return 1 - validated[name] if name in CLASS_METRICS else validated[name]
