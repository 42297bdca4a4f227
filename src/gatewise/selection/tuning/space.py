"""Search spaces: which fields of a config are tuned, and over which values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import Any

from gatewise.config.load import change_config
from gatewise.config.names import long_name
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError

Params = Mapping[str, Any]
Scalar = str | int | float | bool | None
MOST_POINTS = 100_000


@dataclass(frozen=True)
class Choice:
    """One of some values, in no order."""

    name: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[Scalar, ...]:
        """One scalar a value, as a storage keeps them: lists as their JSON."""
        return tuple(value if isinstance(value, Scalar) else json.dumps(value) for value in self.values)

    @property
    def points(self) -> tuple[Scalar, ...]:
        """What a grid holds of it: all."""
        return self.labels

    @property
    def description(self) -> str:
        """For people: `none, balanced`."""
        return ", ".join(label if isinstance(label, str) else json.dumps(label) for label in self.labels)

    def to_dict(self) -> Any:
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, ends included; `whole` ones alone for a field of integers."""

    name: str
    low: float
    high: float
    log: bool
    step: float | None
    whole: bool

    @property
    def points(self) -> tuple[float, ...]:
        """What a grid holds of it: every step, of whole numbers each.

        Raises:
            ConfigError: it has no steps.
        """
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            raise ConfigError(
                f"a grid takes lists and ranges with a step; {self.name} is {self.description}",
                f'{self.name} as a list in the space or with a step (and no log), or sampler="random"',
            )
        # In decimals, as 0.1 + 0.1 + 0.1 is not 0.3.
        low, high, by = (Decimal(str(number)) for number in (self.low, self.high, step))
        kind = int if self.whole else float
        return tuple(kind(low + index * by) for index in range(int((high - low) // by) + 1))

    @property
    def description(self) -> str:
        """For people: `0.0001 to 0.01, in log`, `0 to 0.5 by 0.1`."""
        step = "" if self.step is None else f" by {self.step}"
        return f"{self.low} to {self.high}{step}{', in log' if self.log else ''}"

    def to_dict(self) -> Any:
        values: dict[str, Any] = {"low": self.low, "high": self.high}
        return values | ({"log": True} if self.log else {}) | ({} if self.step is None else {"step": self.step})


@dataclass(frozen=True)
class SearchSpace:
    """What is tuned, in the order in which it was written. Names are flat where there is a flat one."""

    parameters: tuple[Choice | Range, ...]

    def decode(self, labels: Params) -> dict[str, Any]:
        """Values by name from what a storage keeps."""
        values = dict(labels)
        for parameter in self.parameters:
            if isinstance(parameter, Choice) and parameter.name in values:
                values[parameter.name] = parameter.values[parameter.labels.index(values[parameter.name])]
        return values

    def configure(self, base: ExperimentConfig, values: Params) -> ExperimentConfig:
        """The config with the values put in; those of another optimizer or schedule than is drawn are left out.

        Raises:
            ConfigError: values that exclude each other.
        """
        names = {name: value for name, value in values.items() if long_name(name).endswith(".name")}
        return change_config(base, {name: value for name, value in values.items() if name not in names}, names)

    @property
    def num_points(self) -> int:
        """Of its grid.

        Raises:
            ConfigError: a range has no steps, or they are more than a search could begin to try.
        """
        count = prod(len(parameter.points) for parameter in self.parameters)
        if count > MOST_POINTS:
            raise ConfigError(
                f"a grid must have at most {MOST_POINTS:,} points; this search space has {count:,}",
                'fewer values in the space, or sampler="random"',
            )
        return count

    def point(self, index: int) -> dict[str, Scalar]:
        """One of the grid, in the order in which the last parameter changes first: labels as a storage keeps them."""
        values: list[Scalar] = []
        for parameter in reversed(self.parameters):
            index, place = divmod(index, len(parameter.points))
            values.append(parameter.points[place])
        return dict(zip((parameter.name for parameter in self.parameters), reversed(values), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `parse_space` reads them back."""
        return {parameter.name: parameter.to_dict() for parameter in self.parameters}

    def candidates(self, dotted: str, otherwise: Any) -> tuple[Any, ...]:
        """The values of a field, of a range its ends; `otherwise` alone where it is not tuned."""
        for parameter in self.parameters:
            if long_name(parameter.name) == dotted:
                return parameter.values if isinstance(parameter, Choice) else (parameter.low, parameter.high)
        return (otherwise,)
