"""What was mended, as checks and bundles tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Repair:
    """What was mended, of one symbol.

    Attributes:
        kind: hundredfold or splits.
        start, end: stamps of the first and the last row that were changed.
        rows: how many were.
        columns: the prices that were multiplied, and columns that go with them.
        factor: by which.
        divided: columns that count shares, which were divided by it.
        left: other columns that may be in units of before and were left, as their values do not tell.
    """

    kind: str
    symbol: str
    start: datetime
    end: datetime
    rows: int
    columns: tuple[str, ...]
    factor: float
    divided: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """One entry of `repairs` in `gatewise data check --json`."""
        span = {"start": f"{self.start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{self.end:%Y-%m-%dT%H:%M:%SZ}"}
        names = {"columns": list(self.columns), "divided": list(self.divided), "left": list(self.left)}
        return {**vars(self), **span, **names}
