"""What ships as a model's usual settings: the flat values of config/models/NAME.yaml."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

from gatewise.config.model_base import ModelConfig
from gatewise.config.names import long_name


def model_preset(model: str) -> dict[str, Any]:
    """By short names; of one's own model its fields' defaults, by dotted names.

    Raises:
        UnknownNameError: no model of that name.
    """
    fields = ModelConfig.options[model].model_fields.items()
    usual = {f"model.{name}": info.default for name, info in fields if not info.is_required()}
    return dict(_shipped(model) or usual)


def preset_section(model: str, section: str) -> dict[str, Any]:
    """A preset's values of one section, by dotted names: {"training.learning_rate": 0.001}."""
    named = ((long_name(name), value) for name, value in model_preset(model).items())
    return {name: value for name, value in named if name.startswith(f"{section}.")}


@cache  # an ensemble asks its members' each time that it is asked
def _shipped(model: str) -> dict[str, Any]:
    file = resources.files("gatewise.config").joinpath("models", f"{model}.yaml")
    if not (model.isidentifier() and file.is_file()):
        return {}
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values
