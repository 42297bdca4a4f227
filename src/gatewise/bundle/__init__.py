"""A trained thing as a folder, and the only thing that predicts."""

from gatewise.bundle.bundle import Bundle
from gatewise.bundle.calibrate import calibrated
from gatewise.bundle.decide import decided, judged_decisions, traded_sides
from gatewise.bundle.learned import with_learned
from gatewise.bundle.predictions import frames_with_targets, predicted_parts, with_targets
from gatewise.bundle.record import Record
from gatewise.bundle.scorer import Scorer

__all__ = [
    "Bundle",
    "Record",
    "Scorer",
    "calibrated",
    "decided",
    "frames_with_targets",
    "judged_decisions",
    "predicted_parts",
    "traded_sides",
    "with_learned",
    "with_targets",
]
