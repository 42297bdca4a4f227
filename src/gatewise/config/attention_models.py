"""The sections of models that hold multi-head attention."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from gatewise.config.model_base import WIDEST, NetworkConfig, widest_divisor
from gatewise.config.section import Fraction
from gatewise.errors import ConfigError


class HeadsConfig(NetworkConfig):
    """Base of them: a width that heads share evenly."""

    tiny: ClassVar = {**NetworkConfig.tiny, "num_heads": 2}

    hidden_size: int = Field(256, ge=1, le=WIDEST)
    num_heads: int = Field(8, ge=1, le=WIDEST)
    dropout: Fraction = 0.3

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        width, heads = self.hidden_size, self.num_heads
        if width % heads:
            raise ConfigError(
                f"model.hidden_size must be a multiple of model.num_heads, {heads}; got {width}",
                f"model.num_heads={widest_divisor(width, heads)}, or model.hidden_size={-(-width // heads) * heads}",
            )
        return self


class TransformerConfig(HeadsConfig):
    """transformer: always causal."""

    hidden_size: int = Field(128, ge=1, le=WIDEST)
    num_layers: int = Field(2, ge=1, le=1_000)
    feedforward_size: int | None = Field(None, ge=1, le=WIDEST)  # inner, of a layer's linear maps; None: 4 hidden_size
    dropout: Fraction = 0.1
    norm_first: bool = True  # layer norm before attention and feed-forward; else after, as Vaswani et al. had it
