"""What validation rows set right in predictions, once a model is trained: told apart by its method."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gatewise.calibration.class_calibrator import ClassCalibrator
from gatewise.calibration.shifts import Shifts

Calibrator = Annotated[Shifts | ClassCalibrator, Field(discriminator="method")]
