"""The sections of models that hold multi-head attention."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

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


class AttentiveLstmConfig(HeadsConfig):
    """attentive_lstm."""

    tiny: ClassVar = {**HeadsConfig.tiny, "attention_after": None, "kernel_sizes": (3,)}

    num_layers: int = Field(4, ge=1, le=1_000)
    # LSTM layers, counted from 1, that attention follows; None: every second one, or the only one.
    attention_after: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    kernel_sizes: tuple[Annotated[int, Field(ge=1, le=1_000)], ...] = Field((3, 5, 7), min_length=1)
    bidirectional: bool = True

    @property
    def is_causal(self) -> bool:
        return super().is_causal and not self.bidirectional

    @property
    def architecture(self) -> dict[str, Any]:
        return super().architecture | {"attention_after": self.attended_layers}

    @property
    def attended_layers(self) -> tuple[int, ...]:
        """The LSTM layers that attention follows."""
        if self.attention_after is None:
            return tuple(range(2, self.num_layers + 1, 2)) or (1,)
        return self.attention_after

    @model_validator(mode="after")
    def _layers_are_there(self) -> Self:
        after = self.attended_layers
        if not after or len(set(after)) < len(after) or max(after) > self.num_layers:
            raise ConfigError(
                f"model.attention_after must name one or more of the {self.num_layers} LSTM layers, each once; "
                f"got {list(after)}",
                "model.attention_after=null for every second one",
            )
        if self.bidirectional and self.hidden_size % 2:
            raise ConfigError(
                f"model.hidden_size must be even, half of it for each direction; got {self.hidden_size}",
                f"model.hidden_size={self.hidden_size + self.num_heads}, or model.bidirectional=false",
            )
        return self
