"""The kinds of predictions by name, and a spec as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.targets.outputs.sequences import Sequences
from gatewise.targets.outputs.values import Values
from gatewise.targets.outputs.volatility import Volatility

OUTPUTS: dict[str, type[Classes | Values | Quantiles | Sequences | Volatility]] = {
    "classes": Classes,
    "values": Values,
    "quantiles": Quantiles,
    "sequences": Sequences,
    "volatility": Volatility,
}


def spec_to_dict(spec: OutputSpec) -> dict[str, Any]:
    """The kind's name and the spec's fields."""
    made = OUTPUTS[spec.kind]
    return {"kind": spec.kind} | {field.name: getattr(spec, field.name) for field in fields(made)}


def spec_from_dict(values: Mapping[str, Any]) -> OutputSpec:
    """What `spec_to_dict` gave, also after a round trip through JSON.

    Raises:
        KeyError, TypeError: the values are no spec's.
    """
    own = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name != "kind"}
    made: Callable[..., OutputSpec] = OUTPUTS[values["kind"]]
    return made(**own)
