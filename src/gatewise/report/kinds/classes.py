"""Pictures of `classes`: which are taken for which, and whether probabilities keep what they promise."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.evaluation.judge import PartResult
from gatewise.report import figures
from gatewise.report.calibration import calibration_pieces
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures
from gatewise.targets.outputs.base import OutputSpec


class ClassesDrawing:
    """See `Drawing`."""

    brief = ("log_loss", "accuracy", "balanced_accuracy", "macro_f1", "brier", "ece")
    by_symbol = ("accuracy", "macro_f1")
    rest = "Precision, recall and F1, by class too"

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        return ("log_loss", "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "brier", "ece")

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        assert result.confusion is not None
        assert result.reliability is not None
        yield pictures.add(
            figures.confusion(result.confusion, report.spec.classes),
            "Confusion matrix",
            "Each row is a true class; its shares add up to 100%.",
        )
        before = result.uncalibrated.reliability if result.uncalibrated else None
        yield pictures.add(
            figures.reliability_diagram(result.reliability, before),
            "Reliability",
            "Where the model says 40%, is it right 40% of the time? Below the dashed line it promises too much. Each "
            "dot stands for a bin of rows, by how sure the model was; bars are intervals, where bins give them.",
        )
        yield from calibration_pieces(report.calibrator, result, report.evaluation.val_chose)
