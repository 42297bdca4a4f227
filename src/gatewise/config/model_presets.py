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
    text = _text(model)
    if text is None:
        return {f"model.{name}": info.default for name, info in fields if not info.is_required()}
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def preset_section(model: str, section: str) -> dict[str, Any]:
    """A preset's values of one section, by dotted names: {"training.learning_rate": 0.001}."""
    named = ((long_name(name), value) for name, value in model_preset(model).items())
    return {name: value for name, value in named if name.startswith(f"{section}.")}


@cache
def _text(model: str) -> str | None:
    file = resources.files("gatewise.config").joinpath("models", f"{model}.yaml")
    return file.read_text(encoding="utf-8") if model.isidentifier() and file.is_file() else None
