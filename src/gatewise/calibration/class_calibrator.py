"""Classes: the map that probabilities go through, by which method, and the numbers that chose it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict
from pydantic_core import to_jsonable_python

from gatewise.calibration.class_maps import ClassMap, Scaling
from gatewise.config.calibration_section import ClassMethod
from gatewise.targets.outputs.base import Floats, OutputSpec
from gatewise.targets.outputs.classes import Classes


@dataclass(frozen=True)
class Score:
    """What a method is worth on validation rows that it was not fitted on.

    Attributes:
        log_loss: over all of them.
        difference: less that of the model as it is; low, high: one standard error around it, `None`: there is none.
    """

    log_loss: float
    difference: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ClassCalibrator:
    """A map of class probabilities, fitted on validation rows.

    Attributes:
        method: `none`: predictions are what the model says.
        map: of all validation rows; `None` of `none`.
        rows: validation rows that it was fitted on.
        scores: by method, cross-fitted over blocks of time; empty where the rows are too few.
        reason: why this method.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    method: ClassMethod | Literal["none"]
    map: ClassMap | None
    rows: int
    scores: Mapping[str, Score]
    reason: str

    def __call__(self, spec: OutputSpec, predictions: Floats) -> Floats:
        """Calibrated probabilities [n, classes] of such."""
        return predictions if self.map is None else self.map(predictions)

    @property
    def moves(self) -> bool:
        """Whether predictions may be others than the model's."""
        return self.map is not None

    @property
    def temperature(self) -> float | None:
        """That of temperature scaling: above 1 where the model was too sure."""
        return 1 / self.map.slopes[0] if self.method == "temperature" and isinstance(self.map, Scaling) else None

    def fits(self, spec: OutputSpec) -> bool:
        """Whether it was fitted on predictions of that kind and width."""
        if not isinstance(spec, Classes) or (self.map is None) != (self.method == "none"):
            return False
        return self.map is None or self.map.fits(spec.num_outputs)

    def remarks(self, spec: OutputSpec) -> tuple[str, ...]:
        """What people should know of it, a sentence each."""
        if not self.moves:
            return ()
        how = self.method if self.temperature is None else f"{self.method} {self.temperature:.2f}"
        return (f"probabilities are calibrated ({how}): {self.reason}",)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values: dict[str, Any] = to_jsonable_python(asdict(self))
        return values
