"""The training section by the short names that people write."""

from __future__ import annotations

from collections.abc import Mapping

from gatewise.config.load import load_config
from gatewise.config.schema import TrainingConfig


def training_config(usual: Mapping[str, object], **said: object) -> TrainingConfig:
    """What is said on top of what is usual; an option of another optimizer or schedule than is said goes with it."""
    loss = TrainingConfig(loss=said.get("loss", "auto")).loss
    kind = "direction" if "classes" in loss.output_kinds else "forward_return"
    overrides = {"target.kind": kind, **{f"training.{name}": value for name, value in said.items()}}
    return load_config(overrides=overrides, base={"training": dict(usual)}).training
