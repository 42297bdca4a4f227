"""The section `model`: one class a family of models, chosen by name."""

from __future__ import annotations

from pydantic import Field

from gatewise.config.section import Fraction, Section
from gatewise.errors import ConfigError, UnknownNameError


class ModelConfig(Section):
    """Base of the per-model sections; `name` chooses the class through MODEL_CONFIGS."""

    name: str
    symbol_embedding: int = Field(0, ge=0)  # width of a learned vector a symbol, joined to every step's input; 0: none


class RecurrentConfig(ModelConfig):
    """lstm and gru."""

    hidden_size: int = Field(256, ge=1)
    num_layers: int = Field(2, ge=1)
    dropout: Fraction = 0.3
    bidirectional: bool = False
    input_features: int | None = Field(None, ge=1)  # None: as many as the features give; else it must agree


class TabularConfig(ModelConfig):
    """Models of one row, the window's last."""


class LogisticConfig(TabularConfig):
    """logistic: for classes."""

    strength: float | None = Field(None, gt=0)  # C, the inverse of the penalty; None: one of five, by the newest rows


class RidgeConfig(TabularConfig):
    """ridge: for numbers."""

    penalty: float | None = Field(None, gt=0)  # None: one of five, by the newest rows


class XgboostConfig(TabularConfig):
    """xgboost: for classes and numbers."""

    rounds: int | None = Field(None, ge=1)  # None: as many as serve the newest rows best
    most_rounds: int = Field(150, ge=1)  # tried where rounds is None
    learning_rate: float = Field(0.05, gt=0, le=1)
    max_leaves: int = Field(15, ge=2)
    min_rows: int | None = Field(None, ge=1)  # in a leaf; None: a 500th of the training rows, within 20 and 200
    max_bins: int = Field(64, ge=2, le=65_536)
    l2: float = Field(1.0, ge=0)


MODEL_CONFIGS: dict[str, type[ModelConfig]] = {
    "lstm": RecurrentConfig,
    "gru": RecurrentConfig,
}


def require_model(name: object) -> str:
    """The name, if it is a model's.

    Raises:
        ConfigError: no text; UnknownNameError where it is text.
    """
    if not isinstance(name, str):
        raise ConfigError(f"model.name must be text; got {name!r}", f"valid: {', '.join(sorted(MODEL_CONFIGS))}")
    if name not in MODEL_CONFIGS:
        raise UnknownNameError("model", name, MODEL_CONFIGS)
    return name
