"""The section `broker`: how sides become trades. What a fill costs beside `slippage` is `evaluation.cost`, the fee."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from gatewise.config.section import Section
from gatewise.config.target_section import TargetSection
from gatewise.errors import ConfigError


class BrokerConfig(Section):
    """Orders, fills and limits of the account that a model is judged by."""

    fill: Literal["open", "close"] = "open"  # the next row's open, or the close of the row that decides
    slippage: float = Field(0.0, ge=0)  # one way, fraction of the price (any prices: their unit), beside the fee
    sides: Literal["both", "long"] = "both"  # long: what would be a short trade is none
    hold: int | None = Field(
        None, ge=1
    )  # rows that a trade is held; None: the target's horizon, the shortest of several
    size: float | None = Field(None, gt=0)  # a trade, in shares of its symbol's capital; None: 1 / hold, or the limit
    max_position: float = Field(1.0, gt=0)  # a trade that would take its symbol beyond this, either way, is not taken

    @model_validator(mode="after")
    def _one_trade_fits(self) -> Self:
        if self.size is not None and self.size > self.max_position:
            raise ConfigError(
                f"broker.size must be at most broker.max_position, {self.max_position:g}, or nothing is ever traded; "
                f"got {self.size:g}",
                f"broker.size={self.max_position:g}, or a larger broker.max_position",
            )
        return self

    def trade_size(self, hold: int) -> float:
        """Of a trade that is held so many rows; never beyond the limit, or nothing would be traded."""
        return min(1 / hold, self.max_position) if self.size is None else self.size

    def holding(self, target: TargetSection) -> int:
        """Rows that a trade is held."""
        return self.hold or (1 if target.steps else target.ahead[0])
