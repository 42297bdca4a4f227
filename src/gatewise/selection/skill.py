"""Skill: how well what a trial says goes with what comes true, each counted from what the benchmark says.

The correlation of the two over some rows, outputs taken together. Unlike a loss it does not fall because a trial is too
sure of itself, or leans to one side: where there is nothing to know it is zero on average for every trial, so that
which of them is ahead is luck alone. Over one output it is the information coefficient (Grinold 1989).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.evaluation.base import Floats

LEAST_PROBABILITY = 1e-6
_NO_SPREAD = 1e-12


def class_skill(prob: npt.ArrayLike, prior: npt.ArrayLike, y: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(what is said, what came), float64 [n, classes]: log p / prior, and whether the class came less the prior.

    Args:
        prob, prior: [n, classes].
        y: int64 [n], the class that came.
    """
    said, expected = (np.asarray(of, dtype=np.float64) for of in (prob, prior))
    logs = [np.log(np.maximum(of, LEAST_PROBABILITY)) for of in (said, expected)]
    return logs[0] - logs[1], np.eye(expected.shape[1])[y] - expected


def value_skill(predicted: npt.ArrayLike, benchmark: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """(what is said, what came) of numbers, float64 [n, outputs], in units of how far each output usually moves.

    A missing number counts as one that the benchmark foretold.
    """
    start = np.asarray(benchmark, dtype=np.float64)
    said, came = (np.asarray(of, dtype=np.float64) - start for of in (predicted, y))
    spread = np.sqrt(np.nanmean(np.square(came), axis=0))
    unit = np.where(spread > 0, spread, 1.0)
    there = np.isfinite(said) & np.isfinite(came)
    return np.where(there, said, 0.0) / unit, np.where(there, came, 0.0) / unit


def skill_parts(said: Floats, came: Floats) -> Floats:
    """What `skill_of_sums` wants the sums of, float64 [n, 4 + 2 outputs]."""
    products = [(a * b).sum(axis=1) for a, b in ((said, came), (said, said), (came, came))]
    return np.column_stack([np.ones(len(said)), *products, said, came])


def skill_of_sums(sums: Floats) -> Floats:
    """The correlation [splits, trials] from sums [splits, 4 + 2 outputs, trials]; 0 where nothing varies."""
    outputs = (sums.shape[1] - 4) // 2
    n, product, said_squared, came_squared = (sums[:, number] for number in range(4))
    said, came = sums[:, 4 : 4 + outputs], sums[:, 4 + outputs :]
    together = product - (said * came).sum(axis=1) / n
    of_said = said_squared - np.square(said).sum(axis=1) / n
    of_came = came_squared - np.square(came).sum(axis=1) / n
    varies = (of_said > _NO_SPREAD * said_squared) & (of_came > _NO_SPREAD * came_squared)
    return np.where(varies, together / np.sqrt(np.where(varies, of_said * of_came, 1.0)), 0.0)
