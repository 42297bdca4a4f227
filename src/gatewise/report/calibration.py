"""How calibrated class probabilities are, before and after validation rows set them right: tables of a run's report."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from gatewise.calibration.calibrator import Calibrator
from gatewise.calibration.class_calibrator import ClassCalibrator
from gatewise.evaluation.base import Interval
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.metric_names import metric_difference, metric_interval, metric_text, metric_words
from gatewise.report.html import Cell, Line, paragraph, table

_METRICS = ("log_loss", "brier", "brier_skill", "ece", "ece_width", "ece_classwise")


def calibration_pieces(calibrator: Calibrator | None, result: PartResult, chose: bool) -> Iterator[Markup]:
    """What the choice was made by, then what it did on the rows of a part.

    Args:
        chose: validation rows chose the model's epoch, too.
    """
    if isinstance(calibrator, ClassCalibrator) and calibrator.scores:
        yield _methods(calibrator)
    yield paragraph(_sentence(calibrator, chose))
    yield _before_and_after(result)


def _sentence(calibrator: Calibrator | None, chose: bool) -> str:
    if not isinstance(calibrator, ClassCalibrator):
        return "Probabilities are those of the model: calibration is off."
    epoch = " The same rows chose the epoch, which flatters the model's own line." * chose
    if not calibrator.moves:
        return f"Probabilities are those of the model: {calibrator.reason}.{epoch}"
    how = "" if calibrator.temperature is None else f" (temperature {calibrator.temperature:.3g})"
    return f"Calibrated by {calibrator.method} scaling{how}: {calibrator.reason}.{epoch}".replace(
        "isotonic scaling", "isotonic regression"
    )


def _methods(calibrator: ClassCalibrator) -> Markup:
    plain = calibrator.scores["none"].log_loss
    lines = [
        Line(
            f"{name} (taken)" if name == calibrator.method else name,
            [
                Cell(metric_text("log_loss", score.log_loss), bold=name == calibrator.method),
                Cell(
                    ""
                    if name == "none"
                    else metric_difference("log_loss", Interval(score.difference, score.low, score.high), plain)
                ),
            ],
        )
        for name, score in calibrator.scores.items()
    ]
    caption = (
        f"Methods of calibration on {calibrator.rows:,} validation rows, each by a fit to other blocks of time: "
        "what is better than none by more than its standard error is taken."
    )
    return table("Methods of calibration", caption, ("log loss", "less none's, one standard error"), lines)


def _before_and_after(result: PartResult) -> Markup:
    before = result.uncalibrated
    columns = {"model": result} if before is None else {"before calibration": before, "calibrated": result}
    fitted = " The map was fitted to these very rows, which flatters it." * (
        before is not None and result.part == "val"
    )
    lines = [
        Line(metric_words(name), [_cell(name, part.metrics[name]) for part in columns.values()])
        for name in _METRICS
        if name in result.metrics
    ]
    for name in ("reliability", "resolution", "uncertainty", "within_bins"):
        parts = [getattr(part.brier_parts, name) for part in columns.values()]
        lines.append(Line(f"Brier: {name.replace('_', ' ')}", [Cell(metric_text("brier", part)) for part in parts]))
    caption = (
        f"Calibration on {result.rows:,} {result.part} rows. The Brier score is reliability (0 is perfect) less "
        "resolution (more is better) plus uncertainty, and what differs within bins. Chance alone keeps calibration "
        f"errors and reliability above 0.{fitted}"
    )
    return table("Calibration", caption, columns, lines)


def _cell(metric: str, interval: Interval) -> Cell:
    bounds = metric_interval(metric, interval, abs(interval.value), "{} to {}")
    return Cell(metric_text(metric, interval.value), bounds, bold=True)
