"""`sequences`: the next rows of several columns at once, a number for each column and step, of which the mean is asked.

A label is no row of numbers that is kept: it is read off the columns' own series, see `Labels.steps`. K outputs stand
step by step, all columns of the first step, then of the second: [n, K] is [n, steps, columns].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from gatewise.targets.outputs.base import Floats
from gatewise.targets.outputs.points import Points


@dataclass(frozen=True)
class Sequences(Points):
    """y float64 [rows, steps · columns]; see `OutputSpec`.

    Attributes:
        steps: how many rows ahead, each of them predicted.
        columns: of the table.
    """

    steps: int
    columns: tuple[str, ...]
    unit: str = ""

    kind: ClassVar[str] = "sequences"

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"{name}_{step}" for step in range(1, self.steps + 1) for name in self.columns)

    @property
    def starts(self) -> tuple[str, ...]:
        return self.columns * self.steps

    @property
    def price(self) -> int | None:
        return self.columns.index("close") if "close" in self.columns else None

    @property
    def num_outputs(self) -> int:
        return self.steps * len(self.columns)

    def by_step(self, values: Floats) -> Floats:
        """[n, steps · columns] as [n, steps, columns]."""
        return values.reshape(-1, self.steps, len(self.columns))
