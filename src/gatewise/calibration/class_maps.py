"""From class probabilities to class probabilities, each row by itself: what calibration of classes fits and keeps.

A row's result depends on nothing but the row, to the bit, so a live bar gets what the whole file gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from gatewise.targets.outputs.base import Floats
from gatewise.targets.outputs.classes import probabilities

_LEAST = float(np.finfo(np.float64).eps)  # a probability of 0 has no logarithm
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Scaling:
    """Softmax of slope · c + offset, where c is the logarithm of a class's probability less the mean over all classes.

    With one slope for all and no offset it is temperature scaling, T = 1 / slope; with a slope and an offset for each
    class vector scaling (Guo et al. 2017, arXiv 1706.04599), of two classes Platt's (1999): only slopes' sum counts.

    Attributes:
        slopes, offsets: one for each class.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def __call__(self, prob: Floats) -> Floats:
        """float64 [n, classes] of such; rows sum to 1."""
        return probabilities(centred_logs(prob) * np.array(self.slopes) + np.array(self.offsets))

    def fits(self, num_classes: int) -> bool:
        return len(self.slopes) == len(self.offsets) == num_classes


@dataclass(frozen=True)
class Isotonic:
    """A rising line of straight pieces for each class, and rows brought to sum to 1 (Zadrozny & Elkan 2002).

    Attributes:
        said: for each class, rising probabilities as the model gives them.
        seen: what they become; flat beyond both ends.
        least: what no class gets less of, before rows are brought to sum to 1: shares of few rows are soon 0.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    said: tuple[tuple[float, ...], ...]
    seen: tuple[tuple[float, ...], ...]
    least: float

    def __call__(self, prob: Floats) -> Floats:
        """float64 [n, classes] of such; rows sum to 1."""
        columns = zip(np.ascontiguousarray(prob.T), self.said, self.seen, strict=True)
        raised = np.stack([np.interp(column, said, seen) for column, said, seen in columns], axis=1)
        raised = np.maximum(raised, self.least)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def fits(self, num_classes: int) -> bool:
        return [len(one) for one in self.said] == [len(one) for one in self.seen] and len(self.said) == num_classes


ClassMap = Scaling | Isotonic


def centred_logs(prob: Floats) -> Floats:
    """Logarithms of probabilities less their mean over the classes, float64 [n, classes]."""
    logs = np.log(np.maximum(prob, _LEAST))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
