"""`values`: one number for each column of y, of which the mean is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.targets.outputs.points import Points


@dataclass(frozen=True)
class Values(Points):
    """y float64 [rows, outputs]; see `OutputSpec`."""

    outputs: tuple[str, ...]
    unit: str = ""
    starts: tuple[str, ...] = ()
    price: int | None = None

    kind: ClassVar[str] = "values"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.outputs

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)
