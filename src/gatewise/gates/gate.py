"""A gate: which figure of a run, where it is read, and the bound that it must keep."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, NamedTuple, get_args

from gatewise.config.durations import parse_duration
from gatewise.errors import ConfigError, UnknownNameError

End = Literal["point", "low", "high"]


class Bound(NamedTuple):
    """A kind of bound: how it is kept, its sign, and in words what keeps it and what does not."""

    keeps: Callable[[float, float], bool]
    sign: str
    holds: str
    fails: str


BOUNDS: Mapping[str, Bound] = {
    "at_least": Bound(operator.ge, "≥", "is at least", "is below"),
    "at_most": Bound(operator.le, "≤", "is at most", "is above"),
    "above": Bound(operator.gt, ">", "is above", "is not above"),
    "below": Bound(operator.lt, "<", "is below", "is not below"),
}
CHECKS = ("verified", "audit")  # these hold or don't, and take no bound
AGES = ("max_age", "max_run_age")  # in days
_PLACES = ("pooled", "every_symbol", "symbol:NAME", "class:NAME")
_EXAMPLE = "{metric: accuracy, at_least: 0.55, of: low}"


@dataclass(frozen=True)
class Gate:
    """One figure and its bound; see docs/gates.md for what `metric` may be.

    Attributes:
        metric: of the run's test rows, or one of gates' own, such as gain_over_best_baseline.
        at_least, at_most, above, below: exactly one is given, in the metric's unit (log loss in nats, shares from 0 to
            1, ages in days or as 30d); none for `verified` and `audit`.
        of: the point, or an end of its interval; a figure without an interval then fails.
        on: pooled: all test rows; symbol:NAME; class:NAME: with precision, recall or f1; every_symbol: each must pass.
        required: false: passed over where there is nothing to read, as an audit that was never made.

    Raises:
        ConfigError: no such gate.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    of: End = "point"
    on: str = "pooled"
    required: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise ConfigError(f"a gate must name a metric; got {self.metric!r}", f"like {_EXAMPLE}")
        if self.of not in get_args(End):
            raise UnknownNameError(f"end of the gate on {self.metric}", str(self.of), get_args(End))
        kind, _, name = str(self.on).partition(":")
        if self.on not in _PLACES[:2] and not (kind in ("symbol", "class") and name):
            raise UnknownNameError(f"place of the gate on {self.metric}", str(self.on), _PLACES)
        if not isinstance(self.required, bool):
            raise ConfigError(f"required of the gate on {self.metric} must be true or false", f"like {_EXAMPLE}")
        self._settle_bound()

    def _settle_bound(self) -> None:
        given = [name for name in BOUNDS if getattr(self, name) is not None]
        if self.metric in CHECKS:
            if given not in ([], ["at_least"]) or self.at_least not in (None, 1):
                raise ConfigError(f"{self.metric} holds or does not; it takes no bound", f"{{metric: {self.metric}}}")
            object.__setattr__(self, "at_least", 1.0)
            return
        if len(given) != 1:
            came = " and ".join(given) or "none"
            raise ConfigError(
                f"the gate on {self.metric} takes one bound of {', '.join(BOUNDS)}; got {came}", f"like {_EXAMPLE}"
            )
        object.__setattr__(self, given[0], self._number(given[0]))

    def _number(self, name: str) -> float:
        value: Any = getattr(self, name)
        if self.metric in AGES and isinstance(value, str):
            try:
                value = parse_duration(value)
            except ValueError as error:
                raise ConfigError(f"{name} of {self.metric}: {error}; got {value!r}", f"{name}: 30d") from error
        if isinstance(value, timedelta):
            value = value / timedelta(days=1)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(
                f"{name} of the gate on {self.metric} must be a number; got {value!r}", f"like {_EXAMPLE}"
            )
        return float(value)

    @property
    def bound_name(self) -> str:
        """at_least, at_most, above or below."""
        return next(name for name in BOUNDS if getattr(self, name) is not None)

    @property
    def bound(self) -> float:
        """In the metric's unit."""
        return float(getattr(self, self.bound_name))

    @property
    def strict_end(self) -> End:
        """The end of an interval that asks for more than the point does."""
        return "low" if self.bound_name in ("at_least", "above") else "high"

    def holds(self, value: float | None) -> bool:
        """Whether a number keeps the bound; one that is missing or not finite never does."""
        return value is not None and math.isfinite(value) and BOUNDS[self.bound_name].keeps(value, self.bound)

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, without what is as usual."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}
        return {name: value for name, value in kept.items() if not (self.metric in CHECKS and name == "at_least")}

    @classmethod
    def from_dict(cls, values: Any) -> Gate:
        """A gate as YAML and JSON write it.

        Raises:
            ConfigError: no mapping, a key that is not known, or a value that can't be.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"a gate must be a mapping; got {values!r}", f"like {_EXAMPLE}")
        values = {"on" if key is True else key: value for key, value in values.items()}  # as YAML 1.1 reads that word
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise UnknownNameError("key of a gate", str(key), known)
        return cls(**{"metric": "", **values})
