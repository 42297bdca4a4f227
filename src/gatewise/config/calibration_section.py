"""The section `calibration`: what is set right in predictions by validation rows, once a model is trained."""

from __future__ import annotations

from typing import Literal

from gatewise.config.section import Section
from gatewise.errors import ConfigError

# Of each method the kind of predictions that it is for, as `targets/outputs/table.py` names it.
CALIBRATES = {"conformal": "quantiles", "smearing": "volatility"}


class CalibrationConfig(Section):
    """How a trained model's predictions are calibrated; `auto` takes the method of their kind, if there is one."""

    method: Literal["auto", "none", "conformal", "smearing"] = "auto"

    def require(self, output_kind: str) -> None:
        """Refuses a method that is for predictions of another kind.

        Raises:
            ConfigError: it is.
        """
        if CALIBRATES.get(self.method, output_kind) != output_kind:
            raise ConfigError(
                f"calibration.method {self.method} is for {CALIBRATES[self.method]}; this target is of {output_kind}",
                'calibration.method="auto"',
            )

    def method_for(self, output_kind: str, calibrated: bool) -> str | None:
        """The method to use; `None` for none.

        Args:
            calibrated: what is predicted comes calibrated already, so `auto` leaves it alone.
        """
        if self.method != "auto":
            return None if self.method == "none" else self.method
        if calibrated:
            return None
        return next((method for method, kind in CALIBRATES.items() if kind == output_kind), None)
