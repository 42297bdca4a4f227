"""The section `target`: what is predicted, and from when on it is known; `kind` chooses the class."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from gatewise.config.section import LATER, Section
from gatewise.errors import ConfigError
from gatewise.parts import Configs


class TargetSection(Section):
    """Base of the sections of targets: what they share, whoever makes the labels.

    Attributes:
        predicts: `classes` or `values`; where values are predicted, quantiles of them can be asked.
        has_history: what is predicted is measured at every row too, see `targets/history.py`.
    """

    chosen_by: ClassVar[str] = "kind"
    predicts: ClassVar[str] = "values"
    has_history: ClassVar[bool] = False

    kind: str
    horizon: int = Field(20, ge=1)  # rows; a label is known at most so many after its own; next_row: so many ahead
    # of numbers: below which of them it comes with these probabilities; empty: the mean is predicted
    quantiles: Annotated[tuple[float, ...], LATER] = ()
    # forward_return, next_row: so many rows ahead at once, a number for each; `horizon` is the longest. Empty: it alone
    horizons: Annotated[tuple[int, ...], LATER] = ()
    # next_row: the next so many rows, each of them predicted, at once; `horizon` is the same. None: the row at it alone
    steps: Annotated[int | None, Field(ge=1), LATER] = None

    @property
    def output_kind(self) -> str | None:
        """The kind of what is predicted, as `targets/outputs/table.py` names it; `None` where labels are given, which
        say it when they come.
        """
        if self.predicts == "values" and (self.steps or self.quantiles):
            return "sequences" if self.steps else "quantiles"
        return self.predicts

    @property
    def ahead(self) -> tuple[int, ...]:
        """The horizons, in rows, rising."""
        return self.horizons or (self.horizon,)

    @property
    def ahead_field(self) -> str:
        """The field that says how far ahead, for hints."""
        return "target.steps" if self.steps else "target.horizons" if self.horizons else "target.horizon"

    def over(self, horizon: int) -> Self:
        """The same so many rows ahead; of a path its length."""
        return self.model_copy(update={"horizon": horizon, "steps": self.steps and horizon})

    def refuse_fractions(self) -> None:
        """Of a price that may be 0 or negative there is no fraction.

        Raises:
            ConfigError: a field is one.
        """

    @model_validator(mode="before")
    @classmethod
    def _horizon_is_the_longest(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name, rule in (("horizons", "be the longest of target.horizons"), ("steps", "be target.steps")):
            longest = max(_whole_numbers(values.get(name)), default=0)
            if longest and values.get("horizon", longest) != longest:
                raise ConfigError(
                    f"target.horizon must {rule}, {longest}; got {values['horizon']}",
                    f"target.horizon={longest}, or leave one of the two out",
                )
            values = values | ({"horizon": longest} if longest else {})
        return values

    @field_validator("horizons")
    @classmethod
    def _horizons_rise(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if any(ahead < 1 for ahead in horizons) or any(a >= b for a, b in pairwise(horizons)):
            raise ValueError(f"must be rows ahead, rising, such as [1, 5, 20]; got {horizons}")
        return horizons

    @field_validator("quantiles")
    @classmethod
    def _levels_rise(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < level < 1 for level in levels) or any(a >= b for a, b in pairwise(levels)):
            raise ValueError(f"must be probabilities within 0 and 1, rising, such as [0.1, 0.5, 0.9]; got {levels}")
        names = [level_name(level) for level in levels]
        if twice := next((name for name in names if names.count(name) > 1), None):
            close = [level for level, name in zip(levels, names, strict=True) if name == twice]
            raise ConfigError(
                f"target.quantiles must differ in their first six digits, as columns are called by them: {close} are "
                f"all {twice}",
                "leave all but one of them out",
            )
        return levels

    @model_validator(mode="after")
    def _steps_are_levels_of_columns(self) -> Self:
        if self.steps is None:
            return self
        if self.kind != "next_row":
            raise ConfigError(
                f"target.steps are of the columns of next_row; target.kind is {self.kind}",
                'target.kind="next_row", or no target.steps',
            )
        for name in ("horizons", "quantiles"):
            if getattr(self, name):
                raise ConfigError(
                    f"target.steps predicts a path, target.{name} something else; got both", "leave out one of the two"
                )
        if getattr(self, "learn", "levels") != "levels":
            raise ConfigError(
                f'target.steps learns levels; got target.learn="{getattr(self, "learn", "")}"',
                'target.learn="levels"; model.last_value=true has a network predict how they move on',
            )
        return self

    @model_validator(mode="after")
    def _classes_are_one(self) -> Self:
        for name in ("quantiles", "horizons"):
            if getattr(self, name) and self.output_kind in ("classes", None):
                kinds = ["forward_return", "next_row", *["realized_volatility"] * (name == "quantiles")]
                raise ConfigError(
                    f"target.{name} are of the numbers of {', '.join(kinds[:-1])} and {kinds[-1]}; target.kind is "
                    f"{self.kind}",
                    f"target.kind={' or '.join(map(json.dumps, kinds))}, or no target.{name}",
                )
        return self


class TargetConfig(TargetSection):
    """The section of gatewise's own targets: one for all, as 0.1 wrote it."""

    # given: labels come as arrays (`ModelRegistry`), not from a table
    kind: Literal["triple_barrier", "direction", "forward_return", "next_row", "given"] = "triple_barrier"
    barrier: Literal["volatility", "fixed"] = "volatility"
    upper: float = Field(1.0, gt=0)  # multiples of trailing volatility over the horizon, or a fraction of the price
    lower: float = Field(1.0, gt=0)
    volatility_rows: int = Field(60, ge=2)
    on_both: Literal["down", "up", "flat"] = "down"  # a bar that touches both barriers; down is the cautious reading
    cost: float = Field(0.0, ge=0)  # round-trip cost as a fraction of the price, added to both barriers' distance
    columns: tuple[str, ...] = ()  # next_row: the columns to predict; empty: all of the table
    # next_row: what is learned of them: levels, changes from the present value, or those as fractions of it
    learn: Annotated[Literal["levels", "changes", "relative"], LATER] = "levels"

    @property
    def output_kind(self) -> str | None:
        if self.kind == "given":
            return None
        return "classes" if self.kind in ("triple_barrier", "direction") else super().output_kind

    def refuse_fractions(self) -> None:
        if self.kind != "triple_barrier":
            return
        if self.barrier == "fixed":
            raise ConfigError(
                "target.barrier fixed is a fraction of the price, which data.prices any has none of",
                'target.barrier="volatility" is in units of what the price moves',
            )
        if self.cost:
            raise ConfigError(
                f"target.cost is a fraction of the price, which data.prices any has none of; got {self.cost:g}",
                "target.cost=0",
            )


class RealizedVolatilityConfig(TargetSection):
    """realized_volatility: the log of the volatility that the rows ahead turn out to have had."""

    has_history: ClassVar[bool] = True

    kind: Literal["realized_volatility"] = "realized_volatility"
    # returns: squared log returns of the rows ahead, added up; day: those within each of the next sessions, of which
    # `horizon` is the number (1 unless given); range: of each bar's open, high, low and close; column: one holds it
    measure: Literal["returns", "day", "range", "column"] = "returns"
    range: Literal["parkinson", "garman_klass", "rogers_satchell"] = "garman_klass"  # what measure range makes of a bar
    column: str | None = None  # measure column: its name
    holds: Literal["variance", "volatility"] = "variance"  # measure column: what it holds
    quarticity: str | None = None  # measure column: a column of the root of realised quarticity, which harq reads

    @property
    def output_kind(self) -> str | None:
        return "quantiles" if self.quantiles else "volatility"

    def refuse_fractions(self) -> None:
        if self.measure != "column":
            raise ConfigError(
                f"target.kind {self.kind} takes logs of prices, which data.prices any has none of",
                'data.prices="positive", or target.measure="column" where a column holds the measure',
            )

    @model_validator(mode="before")
    @classmethod
    def _a_day_is_one_session(cls, values: Any) -> Any:
        of_days = isinstance(values, dict) and values.get("measure") == "day"
        return {"horizon": 1} | values if of_days else values

    @model_validator(mode="after")
    def _fields_are_of_the_measure(self) -> Self:
        for name, measure in (("column", "column"), ("quarticity", "column"), ("holds", "column"), ("range", "range")):
            if self.measure != measure and getattr(self, name) != type(self).model_fields[name].default:
                raise ConfigError(
                    f'target.{name} is of target.measure="{measure}"; got target.measure="{self.measure}"',
                    f'target.measure="{measure}", or leave out target.{name}',
                )
        if self.measure == "column" and self.column is None:
            raise ConfigError(
                'target.measure="column" must know which; target.column names none',
                'target.column="rv", and target.holds="volatility" where it is no variance',
            )
        if self.horizons:
            raise ConfigError(
                f"target.kind {self.kind} predicts one horizon; got target.horizons",
                f"target.horizon={self.horizon}; gatewise cv --horizons compares several, one after another",
            )
        return self


@dataclass(frozen=True)
class TargetPart:
    """What is read of a target before anything is built; `targets.make` declares the rest.

    Attributes:
        config: the class of its section.
        short: a word for it in names of runs, ahead of the horizon: `tb20`.
    """

    config: type[TargetSection] = field(default=TargetSection, kw_only=True)
    short: str = field(default="", kw_only=True)


TARGET_CONFIGS: dict[str, type[TargetSection]] = {
    **dict.fromkeys(get_args(TargetConfig.model_fields["kind"].annotation), TargetConfig),
    "realized_volatility": RealizedVolatilityConfig,
}
TargetSection.options = Configs("target", TARGET_CONFIGS, TargetPart, TargetSection)


def level_name(level: float) -> str:
    """0.1 -> q10; 0.025 -> q2.5."""
    return f"q{100 * level:g}"


def _whole_numbers(value: Any) -> list[int]:
    """Those of what is not checked yet, a number or a list of them."""
    return [item for item in (value if isinstance(value, list | tuple) else [value]) if isinstance(item, int)]
