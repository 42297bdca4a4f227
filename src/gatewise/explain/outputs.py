"""What of a prediction is explained, by its kind: one number, as a function of a network's outputs.

Probabilities and quantiles of a network are made of its outputs; what is explained is as near to those as a sum over
inputs can be: a class by the log of its odds, which are not held between 0 and 1, numbers by themselves.

Shapes: N windows, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gatewise.errors import UnknownNameError
from gatewise.evaluation.base import Floats
from gatewise.targets.outputs.base import OutputSpec


@dataclass(frozen=True)
class Explained:
    """A number of a prediction.

    Attributes:
        words: what it is.
        unit: for people; empty where none is known.
        score: outputs [N, K] -> [N], in the unit that is learned.
        share: float64 [K], of each of the predicted numbers in it, whose unit it has; `None`: it has no unit.
    """

    words: str
    unit: str
    score: Callable[[Tensor], Tensor]
    share: Floats | None = None


def explained(spec: OutputSpec, predicted: Floats, floor: Floats, output: str | None = None) -> Explained:
    """What is explained of a prediction.

    Args:
        predicted: float64 [K], of the window at hand. floor: see `OutputSpec.predictions`.
        output: a class, or a column; `None`: the class that is decided on, or where the price goes, else the first.

    Raises:
        UnknownNameError: there is no such class or column.
    """
    known = spec.classes or spec.columns
    if output is not None and output not in known:
        raise UnknownNameError("output", output, known)
    return EXPLAINED[spec.kind](spec, predicted, floor, output)


def _class(spec: OutputSpec, predicted: Floats, floor: Floats, output: str | None) -> Explained:
    """The log of a class's odds among those that training saw; of one that it never saw nothing is learned."""
    seen = [number for number, share in enumerate(floor) if not share]
    chosen = max(seen, key=lambda number: predicted[number])
    if output is not None:
        chosen = spec.classes.index(output)
        if chosen not in seen:
            raise UnknownNameError("class in training", output, [spec.classes[number] for number in seen])
    others = [number for number in seen if number != chosen]

    def log_odds(outputs_NK: Tensor) -> Tensor:
        return outputs_NK[:, chosen] - torch.logsumexp(outputs_NK[:, others], dim=1)

    return Explained(f"log odds of {spec.classes[chosen]}", "", log_odds)


def _value(spec: OutputSpec, predicted: Floats, floor: Floats, output: str | None) -> Explained:
    place = _column(spec, output)
    return _of(spec.columns[place], spec, [place], len(spec.columns))


def _quantile(spec: Any, predicted: Floats, floor: Floats, output: str | None) -> Explained:
    """The quantile that is nearest to the median, of the outputs in rising order, as predictions are."""
    place, levels = _column(spec, output), len(spec.levels)
    middle = int(np.argmin(np.abs(np.asarray(spec.levels) - 0.5)))
    made = _of(f"{spec.levels[middle]:g} quantile of {spec.columns[place]}", spec, [place * levels + middle],
               spec.num_outputs)  # fmt: skip

    def rising(outputs_NK: Tensor) -> Tensor:
        return made.score(outputs_NK.view(-1, len(spec.columns), levels).sort(dim=2).values.flatten(1))

    return Explained(made.words, made.unit, rising, made.share)


def _path(spec: Any, predicted: Floats, floor: Floats, output: str | None) -> Explained:
    """A column's mean over the steps ahead."""
    place, width = _column(spec, output), len(spec.columns)
    words = f"mean of {spec.columns[place]} over {spec.steps} steps"
    return _of(words, spec, range(place, spec.num_outputs, width), spec.num_outputs)


def _column(spec: OutputSpec, output: str | None) -> int:
    return (spec.price or 0) if output is None else spec.columns.index(output)


def _of(words: str, spec: OutputSpec, places: Sequence[int], width: int) -> Explained:
    """The mean of some outputs."""
    share = np.zeros(width)
    share[list(places)] = 1 / len(places)

    def mean(outputs_NK: Tensor) -> Tensor:
        return outputs_NK[:, list(places)].mean(dim=1)

    return Explained(words, spec.unit, mean, share)


EXPLAINED: dict[str, Callable[[Any, Floats, Floats, str | None], Explained]] = {
    "classes": _class,
    "values": _value,
    "quantiles": _quantile,
    "sequences": _path,
    "volatility": _value,
}
