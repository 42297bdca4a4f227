"""Skill: how well what a trial says goes with what comes true.

The correlation of the two over some rows, outputs taken together, where what is said is counted from what the same
model has said so far, and what comes from what the benchmark expected. Unlike a loss, skill does not fall because a
model is too sure of itself or leans to one side: where there is nothing to know it is zero on average for every trial,
so that which of them is ahead is luck alone. Over one output it is an information coefficient (Grinold 1989).

Counted from the mean over all rows, past and future, it would not be zero: a model that bets on reversals would look
good on any random walk (the small-sample bias of Stambaugh 1999). Counted from nothing, a model whose lean happens to
be nearer to the truth than the benchmark's would be ahead for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.evaluation.base import Floats, Ints

LEAST_PROBABILITY = 1e-6
_ROUNDING = 1e-9


def class_skill(prob: Floats, prior: Floats, y: npt.NDArray[Any], source: Ints) -> tuple[Floats, Floats]:
    """(forecast, what came), float64 [n, classes]: log p / prior, and whether the class came less the prior.

    Args:
        prob, prior: [n, classes].
        y: [n], the number of the class that came.
        source: int64 [n], rows of one number are predicted by one fitted model for one symbol, in order of time.
    """
    predicted, expected = (np.asarray(values, dtype=np.float64) for values in (prob, prior))
    logs = [np.log(np.maximum(values, LEAST_PROBABILITY)) for values in (predicted, expected)]
    return _from_so_far(logs[0] - logs[1], source), np.eye(expected.shape[1])[y.astype(np.int64)] - expected


def value_skill(predicted: Floats, benchmark: Floats, y: npt.NDArray[Any], source: Ints) -> tuple[Floats, Floats]:
    """(forecast, what came) of numbers, float64 [n, outputs], in units of how far each output usually moves.

    A missing number counts as one that the benchmark foretold.
    """
    start = np.asarray(benchmark, dtype=np.float64)
    forecast, came = (np.asarray(values, dtype=np.float64) - start for values in (predicted, y))
    there = np.isfinite(forecast) & np.isfinite(came)
    came = np.where(there, came, 0.0)
    spread = np.sqrt(np.square(came).mean(axis=0))
    unit = np.where(spread > 0, spread, 1.0)
    return np.where(there, _from_so_far(np.where(there, forecast, 0.0), source), 0.0) / unit, came / unit


def quantile_skill(
    levels: tuple[float, ...], predicted: Floats, benchmark: Floats, y: npt.NDArray[Any], source: Ints
) -> tuple[Floats, Floats]:
    """(forecast, what came) of quantiles, float64 [n, C·Q]: how far off the benchmark's, and on which side y lay.

    What came is whether y lay above the benchmark's quantile, less the probability of that: zero on average where the
    benchmark is right. The forecast is in units of how far y usually lies from the benchmark's.

    Args:
        predicted, benchmark: [n, C·Q], column by column, level by level. y: [n, C].
    """
    truth = np.repeat(np.asarray(y, np.float64), len(levels), axis=1)
    came = (truth > benchmark) - (1 - np.tile(levels, y.shape[1]))
    spread = np.sqrt(np.square(truth - benchmark).mean(axis=0))
    return _from_so_far(predicted - benchmark, source) / np.where(spread > 0, spread, 1.0), came


# By the kind of prediction: (spec, predictions, benchmark, y, source) -> (forecast, what came).
SKILLS: dict[str, Callable[..., tuple[Floats, Floats]]] = {
    "classes": lambda spec, *rows: class_skill(*rows),
    "values": lambda spec, *rows: value_skill(*rows),
    "sequences": lambda spec, *rows: value_skill(*rows),
    "volatility": lambda spec, *rows: value_skill(*rows),
    "quantiles": lambda spec, *rows: quantile_skill(spec.levels, *rows),
}


def skill_parts(forecast: Floats, came: Floats) -> Floats:
    """What `skill_of_sums` wants the sums of, float64 [n, 3]."""
    return np.column_stack([(a * b).sum(axis=1) for a, b in ((forecast, came), (forecast, forecast), (came, came))])


def skill_of_sums(sums: Floats) -> Floats:
    """The skill [splits, trials] from sums [splits, 3, trials]; 0 where nothing is forecast or nothing comes."""
    product, forecast, came = (sums[:, number] for number in range(3))
    both = forecast * came
    return np.where(both > 0, product / np.sqrt(np.where(both > 0, both, 1.0)), 0.0)


def _from_so_far(values: Floats, source: Ints) -> Floats:
    """Each row less the mean of the rows before it with the same number; the first counts as no forecast."""
    order = np.argsort(source, kind="stable")
    ordered, groups = values[order], source[order]
    begins = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
    lengths = np.diff(np.append(begins, len(groups)))
    place = np.arange(len(groups)) - np.repeat(begins, lengths)
    sums = np.zeros_like(ordered)
    for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True):
        np.cumsum(ordered[begin : begin + length - 1], axis=0, out=sums[begin + 1 : begin + length])
    mean = sums / np.maximum(place, 1)[:, None]
    less = ordered - mean
    less[(place == 0)[:, None] | (np.abs(less) <= _ROUNDING * np.abs(ordered))] = 0.0
    result = np.empty_like(less)
    result[order] = less
    return result
