"""`volatility`: the log of a volatility, of which half the log of the mean variance is asked.

Scaled by 1/2, what is learned is the log of a variance less a constant: so a loss needs no other unit, and what it says
of a scaled output, a metric says of the variance itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gatewise.targets.outputs.base import Floats
from gatewise.targets.outputs.points import Points


@dataclass(frozen=True)
class Volatility(Points):
    """y float64 [rows, 1]; see `OutputSpec`."""

    outputs: tuple[str, ...]
    unit: str = ""

    kind: ClassVar[str] = "volatility"
    scale: ClassVar[float | None] = 0.5
    starts: ClassVar[tuple[str, ...]] = ()
    price: ClassVar[int | None] = None
    num_outputs: ClassVar[int] = 1

    @property
    def columns(self) -> tuple[str, ...]:
        return self.outputs

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        """The volatility itself, a number for people; what is judged is its log."""
        return {"volatility": np.exp(predictions[:, 0])}


def smearing(predictions: Floats, y: Floats) -> Floats:
    """What to add to predicted logs so that exp(y - predictions) is 1 on average, [outputs] of [n, outputs].

    Duan (1983), "Smearing Estimate", JASA 78(383): the mean of a log is not the log of a mean. QLIKE is least with it.
    """
    apart = y - predictions
    most = apart.max(axis=0)
    return np.asarray(most + np.log(np.exp(apart - most).mean(axis=0)))
