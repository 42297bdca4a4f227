"""From a target's section and the names of its classes or columns to what a model of it predicts."""

from __future__ import annotations

import numpy as np

from gatewise.config.target_section import TargetSection
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.targets.outputs.sequences import Sequences
from gatewise.targets.outputs.values import Values
from gatewise.targets.outputs.volatility import Volatility


def output_spec(target: TargetSection, names: tuple[str, ...], unit: str = "") -> OutputSpec:
    """What a model of a target predicts.

    Args:
        names: of the classes, or of the columns of y: of several horizons each name ends with the rows ahead.
        unit: of y, for people.
    """
    if target.output_kind == "classes":
        return Classes(names)
    if target.output_kind == "volatility":
        return Volatility(names, unit)
    if target.steps:
        columns = names[: len(names) // target.steps]
        return Sequences(target.steps, tuple(name.removesuffix("_1") for name in columns), unit)
    starts: tuple[str, ...] = ()
    price: int | None = 0 if target.kind == "forward_return" else None
    several = len(target.ahead) > 1
    if target.kind == "next_row":
        ahead = np.repeat(target.ahead, len(names) // len(target.ahead))
        starts = tuple(name.removesuffix(f"_{rows}" * several) for name, rows in zip(names, ahead, strict=True))
        price = starts.index("close") if "close" in starts else None
    if target.quantiles:
        return Quantiles(names, target.quantiles, unit, starts, price)
    return Values(names, unit, starts, price)
