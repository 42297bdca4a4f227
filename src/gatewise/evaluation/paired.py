"""One predictor beside another on the same rows: metrics side by side, and how sure their difference is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewise.evaluation.base import Interval, Ints, Scores
from gatewise.evaluation.intervals import Influence, difference, too_few
from gatewise.evaluation.judge import Precise
from gatewise.evaluation.moments import moments
from gatewise.evaluation.verdict import Judgement, judge_differences

# Of these a difference has no interval for the reason that they have none themselves (`intervals`).
_WITHOUT = ("coverage_error", "ece", "r2", "log_r2", "mz_r2")


@dataclass(frozen=True)
class Paired:
    """What two predictors are worth on the same rows.

    Attributes:
        values, other_values: by metric.
        differences: the first predictor's metric less the other's, paired over moments, by metric.
        judgement: of the first beside the other, by the deciding metric.
    """

    values: dict[str, float]
    other_values: dict[str, float]
    differences: dict[str, Interval]
    judgement: Judgement


def pair(
    scores: Scores,
    other: Scores,
    metrics: Iterable[str],
    deciding_metric: str,
    *,
    time_us: Ints,
    symbol: Ints,
    horizon: int,
    confidence: float,
    memory_rows: int | None = None,
    other_name: str = "the other",
) -> Paired:
    """Compares scores of the same n rows, by the intervals by which a run is judged beside its baselines.

    Args:
        metrics: whose differences are asked for.
        deciding_metric: lower is better.
        time_us, symbol, horizon, confidence, memory_rows: see `judge_part`.
    """
    when = moments(time_us, symbol)
    reason = too_few(when, horizon)
    one, two = Influence(scores, when), Influence(other, when)
    precision = Precise(when, horizon, memory_rows, {"model": scores, "other": other}).of_difference("other")

    def apart(metric: str) -> Interval:
        if reason or metric.startswith(_WITHOUT):
            return Interval(one.values[metric] - two.values[metric], reason=reason)
        return difference(one, two, metric, precision, confidence)

    differences = {metric: apart(metric) for metric in metrics}
    judgement = judge_differences({other_name: apart(deciding_metric)}, precision.few)
    return Paired(one.values, two.values, differences, judgement)
