"""The section `calibration`: what is set right in predictions by validation rows, once a model is trained."""

from __future__ import annotations

from typing import Literal, get_args

from gatewise.config.section import Section
from gatewise.errors import ConfigError

ClassMethod = Literal["temperature", "vector", "isotonic"]
CLASS_METHODS: tuple[ClassMethod, ...] = get_args(ClassMethod)

# Of each kind of predictions, as `targets/outputs/table.py` names it, the methods that there are.
METHODS: dict[str, tuple[str, ...]] = {
    "classes": CLASS_METHODS,
    "quantiles": ("conformal",),
    "volatility": ("smearing",),
}


class CalibrationConfig(Section):
    """How a trained model's predictions are calibrated; `auto` takes the method of their kind, if there is one, and of
    several the best, if one is better than none.
    """

    method: Literal["auto", "none", "temperature", "vector", "isotonic", "conformal", "smearing"] = "auto"

    def require(self, output_kind: str) -> None:
        """Refuses a method that is for predictions of another kind.

        Raises:
            ConfigError: it is.
        """
        kinds = [kind for kind, methods in METHODS.items() if self.method in methods]
        if kinds and output_kind not in kinds:
            raise ConfigError(
                f"calibration.method {self.method} is for {kinds[0]}; this target is of {output_kind}",
                'calibration.method="auto"',
            )

    def methods_for(self, output_kind: str, calibrated: bool) -> tuple[str, ...]:
        """The method to use, or those to choose from; none: predictions stay as they are.

        Args:
            calibrated: what is predicted comes calibrated already, so `auto` leaves it alone.
        """
        if self.method != "auto":
            return () if self.method == "none" else (self.method,)
        return () if calibrated else METHODS.get(output_kind, ())
