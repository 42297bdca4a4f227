"""Search spaces: which fields of a config are tuned, and over which values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewise.config.load import change_config
from gatewise.config.names import long_name
from gatewise.config.schema import ExperimentConfig

Params = Mapping[str, Any]
Scalar = str | int | float | bool | None


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

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `parse_space` reads them back."""
        return {parameter.name: parameter.to_dict() for parameter in self.parameters}

    def candidates(self, dotted: str, otherwise: Any) -> tuple[Any, ...]:
        """The values of a field, of a range its ends; `otherwise` alone where it is not tuned."""
        for parameter in self.parameters:
            if long_name(parameter.name) == dotted:
                return parameter.values if isinstance(parameter, Choice) else (parameter.low, parameter.high)
        return (otherwise,)
