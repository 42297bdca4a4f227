"""Sections of the reference models of volatility: the HAR family, and GARCH by arch."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gatewise.config.model_base import Reads, TabularConfig


class HarConfig(TabularConfig):
    """har and har_log: least squares on means of realised variance, or on their logs."""

    reads: ClassVar[Reads] = "history"
    targets: ClassVar = ("volatility",)
    calibrated: ClassVar = True

    # a forecast outside of the range of training targets becomes their mean; None: of a line in levels, not in logs
    insanity_filter: bool | None = None


class HarqConfig(HarConfig):
    """harq: with the quarticity that `target.quarticity` names."""

    reads: ClassVar[Reads] = "quarticity"


class GarchConfig(TabularConfig):
    """garch, gjr: the variance of each return from those before it."""

    reads: ClassVar[Reads] = "returns"
    targets: ClassVar = ("volatility",)
    calibrated: ClassVar = True
    tiny: ClassVar = {"newest_returns": 2_000}
    most_updates: ClassVar = 50  # of parameters; between them its forecasts are filtered, as always

    distribution: Literal["normal", "t"] = "normal"  # of the shocks, in the likelihood
    newest_returns: int = Field(20_000, ge=100)  # of training, that parameters are fitted to
