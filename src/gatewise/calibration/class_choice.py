"""Which calibration of classes, if any: by log loss on validation rows that it was not fitted on.

The rows are cut into blocks of time. A method is fitted on all blocks but one, less the rows whose label shares a bar
with one of that block's, and tried there; so each row is judged by a map that has not seen its label. Where no method
is better than the model as it is by more than a standard error, which allows for labels that overlap and for moods,
predictions stay what the model says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gatewise.calibration.class_calibrator import ClassCalibrator, Score
from gatewise.calibration.class_fits import fit_map
from gatewise.config.calibration_section import CLASS_METHODS, ClassMethod
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.base import class_prediction
from gatewise.evaluation.class_metrics import ClassScores, class_scores
from gatewise.evaluation.intervals import too_few
from gatewise.evaluation.moments import moments
from gatewise.evaluation.paired import pair
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.splits.purge import purge
from gatewise.targets.outputs.base import Floats, Ints

BLOCKS = 5
_DECIDES = "log_loss"
_ONE_ERROR = 0.6827  # of a normal number lie within one standard error


def fit_classes(
    methods: Sequence[str],
    samples: Samples,
    rows: Rows,
    prob: Floats,
    y: Ints,
    horizon: int,
    unseen: Sequence[str] = (),
) -> ClassCalibrator:
    """By the one method that is asked for, or by the best of several.

    Args:
        rows: validation rows. prob: float64 [rows, classes], what the model says. y: int64 [rows], what came.
        unseen: classes that training never saw; what they are given stays as it is, and so does all else.
    """
    candidates = [method for method in CLASS_METHODS if method in methods]
    if unseen:
        return ClassCalibrator("none", None, len(rows), {}, f"training never saw {' and '.join(unseen)}")
    scores, few = _scores(candidates, samples, rows, prob, y, horizon)
    if len(candidates) > 1:
        method, reason = _best_of(candidates, scores) if scores else (None, few)
    else:
        method = candidates[0]
        reason = f"asked for; {_numbers(scores[method], scores['none']) if scores else few}"
    if method is None:
        return ClassCalibrator("none", None, len(rows), scores, reason)
    return ClassCalibrator(method, fit_map(method, prob, y), len(rows), scores, reason)


def cross_fitted(method: str, samples: Samples, rows: Rows, prob: Floats, y: Ints) -> Floats:
    """What a method makes of each row, fitted on other blocks of time: float64 [rows, classes]."""
    time_us = samples.table.time_us
    of_row, known_us = time_us[rows], time_us[samples.labels.known_at[rows]]
    labels = Spans(rows, of_row, of_row, known_us)
    times = np.unique(of_row)
    block = np.searchsorted(times, of_row) * BLOCKS // len(times)
    made = np.empty_like(prob)
    for number in range(BLOCKS):
        here = block == number
        others = purge(labels, ~here, here).kept
        made[here] = fit_map(method, prob[others], y[others])(prob[here])
    return made


def _scores(
    methods: Sequence[str], samples: Samples, rows: Rows, prob: Floats, y: Ints, horizon: int
) -> tuple[dict[str, Score], str]:
    """(By method, `none` first, what it is worth; why there is nothing to choose by, then without scores)."""
    when: dict[str, Any] = {
        "time_us": samples.table.time_us[rows],
        "symbol": block_numbers(samples.table.frame[SYMBOL])[rows],
    }
    if reason := too_few(moments(**when), horizon):
        return {}, f"the validation rows are too few to choose by: {reason}"
    how = when | {"horizon": horizon, "confidence": _ONE_ERROR}

    def losses(said: Floats) -> ClassScores:
        return class_scores(y, class_prediction(said), samples.labels.classes)

    plain = losses(prob)
    scores = {"none": Score(float(plain.loss.mean()))}
    for method in methods:
        made = losses(cross_fitted(method, samples, rows, prob, y))
        paired = pair(made, plain, (_DECIDES,), _DECIDES, **how)
        apart = paired.differences[_DECIDES]
        scores[method] = Score(paired.values[_DECIDES], apart.value, apart.low, apart.high)
    return scores, ""


def _best_of(methods: Sequence[ClassMethod], scores: Mapping[str, Score]) -> tuple[ClassMethod | None, str]:
    """(The one of the least log loss among those that are better by more than a standard error, why)."""
    better = [method for method in methods if (high := scores[method].high) is not None and high < 0]
    if not better:
        return None, "no method is better than the model as it is by more than a standard error"
    best = min(better, key=lambda method: scores[method].log_loss)
    return best, _numbers(scores[best], scores["none"])


def _numbers(score: Score, plain: Score) -> str:
    error = "" if score.low is None or score.high is None else f" ± {(score.high - score.low) / 2:.4f}"
    return (
        f"cross-fitted on validation rows its log loss is {score.log_loss:.4f}, the model's own {plain.log_loss:.4f}, "
        f"difference {score.difference:+.4f}{error} (one standard error)"
    )
