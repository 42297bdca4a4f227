"""Numbers: what is added to predictions, once a model is trained, so that they hold what they say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict

from gatewise.targets.outputs.base import Floats, OutputSpec
from gatewise.targets.outputs.quantiles import Quantiles

ShiftMethod = Literal["conformal", "smearing"]


@dataclass(frozen=True)
class Shifts:
    """A shift for each number that is predicted, fitted on validation rows.

    Attributes:
        method: how it was fitted; see `conformal` and `fit`.
        shifts: one for each of `OutputSpec.num_outputs`, in the unit that is learned; `None`: too few rows for it.
        rows: validation rows that it was fitted on.
        independent_rows: how many of these count as independent.
        not_promised: why the stated coverage is not promised; empty where it is, and where none is stated.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    method: ShiftMethod
    shifts: tuple[float | None, ...]
    rows: int
    independent_rows: int
    not_promised: str = ""

    def __call__(self, spec: OutputSpec, predictions: Floats) -> Floats:
        """Calibrated predictions [n, num_outputs] of such, both in the unit that is learned.

        Quantiles that cross after their shifts are moved outwards, so that none of them covers less.
        """
        moved = predictions + np.array([shift or 0.0 for shift in self.shifts])
        return spec.outwards(moved) if isinstance(spec, Quantiles) else moved

    @property
    def moves(self) -> bool:
        """Whether predictions may be others than the model's."""
        return True

    def fits(self, spec: OutputSpec) -> bool:
        """Whether it was fitted on predictions of that kind and width."""
        return len(self.shifts) == spec.num_outputs and (self.method == "conformal") == isinstance(spec, Quantiles)

    def remarks(self, spec: OutputSpec) -> tuple[str, ...]:
        """What people should know of it, a sentence each."""
        if not isinstance(spec, Quantiles):
            return ()
        left = [name for name, shift in zip(spec.names, self.shifts, strict=True) if shift is None]
        remarks = []
        if left:
            remarks.append(
                f"not calibrated: {', '.join(left)}, as {self.independent_rows:,} independent validation rows are too "
                "few for such a level"
            )
        if self.not_promised:
            remarks.append(f"the stated coverage is not promised: {self.not_promised}")
        return tuple(remarks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"shifts": list(self.shifts)}
