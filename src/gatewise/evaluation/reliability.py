"""Whether class probabilities keep what they say: binned gaps, a Brier score in its parts, said against seen.

A binned gap is never below what chance alone makes of so many rows, so none of these errors has an interval; what was
seen in a bin has one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gatewise.evaluation.base import ClassPrediction, Floats, Interval, Ints
from gatewise.evaluation.intervals import Influence, Precision
from gatewise.evaluation.moments import Moments

BINS = 15
LEAST_BIN_ROWS = 100  # few rows take fewer bins: a bin of 20 is off by 0.09 by luck alone


def equal_mass_bins(prob: Floats) -> Ints:
    """int64 [n], each row's bin, up to 15 of equal row count."""
    bins = min(BINS, max(1, len(prob) // LEAST_BIN_ROWS))
    edges = np.quantile(prob, np.arange(1, bins) / bins)
    return np.searchsorted(edges, prob, side="right").astype(np.int64)


def width_error(prob: Floats, came: Floats) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017, arXiv 1706.04599).

    Args:
        prob: float64 [n], of what is said. came: float64 [n], 1 where it was so.
    """
    bins = np.minimum((prob * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(bins, prob - came, BINS)).sum() / len(prob))


def classwise_error(prob: Floats, y: Ints) -> float:
    """The mean of `width_error` over the classes, each class's probability against how often it came (Kull et al. 2019,
    arXiv 1910.12656): it also sees classes that are never decided on.

    Args:
        prob: float64 [n, classes]. y: int64 [n].
    """
    return float(np.mean([width_error(prob[:, k], (y == k).astype(float)) for k in range(prob.shape[1])]))


@dataclass(frozen=True)
class BrierParts:
    """A Brier score as reliability - resolution + uncertainty (Murphy 1973, J. Appl. Meteorology 12) + within_bins.

    Attributes:
        reliability: how far what is said lies from what is seen, bin by bin; 0 is perfect.
        resolution: how far bins lie apart in what is seen; more is better.
        uncertainty: of a prediction that knows the shares of the classes on these very rows.
        within_bins: what differs inside a bin, variance less covariance (Stephenson, Coelho & Jolliffe 2008, Weather
            and Forecasting 23).
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def brier_parts(prob: Floats, y: Ints) -> BrierParts:
    """Summed over the classes, each with up to 15 bins of equal row count over its own probability.

    Args:
        prob: float64 [n, classes]. y: int64 [n].
    """
    reliability, resolution, uncertainty, brier = 0.0, 0.0, 0.0, 0.0
    for k in range(prob.shape[1]):
        said, came = prob[:, k], (y == k).astype(float)
        bins, share = equal_mass_bins(said), came.mean()
        rows = np.bincount(bins, minlength=BINS)
        held = rows > 0
        mean_said, mean_came = (np.bincount(bins, each, BINS)[held] / rows[held] for each in (said, came))
        weight = rows[held] / len(y)
        reliability += float(weight @ np.square(mean_said - mean_came))
        resolution += float(weight @ np.square(mean_came - share))
        uncertainty += float(share * (1 - share))
        brier += float(np.square(said - came).mean())
    return BrierParts(reliability, resolution, uncertainty, brier - (reliability - resolution + uncertainty))


@dataclass(frozen=True)
class Reliability:
    """Said against seen, by bins of equal row count over the probability of the decided class.

    Attributes:
        confidence: float64 [bins], the mean of each bin that holds rows.
        accuracy: of each, with its interval where the rows give one.
        rows: int64 [bins].
    """

    confidence: Floats
    accuracy: tuple[Interval, ...]
    rows: Ints

    def to_dict(self) -> dict[str, list[float | None]]:
        return {
            "confidence": self.confidence.tolist(),
            "accuracy": [each.value for each in self.accuracy],
            "low": [each.low for each in self.accuracy],
            "high": [each.high for each in self.accuracy],
            "rows": self.rows.tolist(),
        }


def reliability(
    y: Ints, prediction: ClassPrediction, when: Moments | None = None, memory: float = 1.0, confidence: float = 0.95
) -> Reliability:
    """The bins behind `ece`.

    Args:
        y: int64 [n].
        when: the rows' moments; `None`: without intervals.
        memory: moments after which what happens counts as independent. confidence: of the intervals.
    """
    said, right = prediction.prob[np.arange(len(y)), prediction.label], prediction.label == y
    bins = equal_mass_bins(said)
    held = np.unique(bins)
    member = bins[:, None] == held
    rows = member.sum(axis=0)
    mean = np.bincount(bins, said)[held] / rows
    scores = _Bins(np.concatenate([member, member & right[:, None]], axis=1).astype(float))
    if when is None:
        shares = scores.metrics(scores.contributions.sum(axis=0))
        return Reliability(mean, tuple(Interval(float(share)) for share in shares.values()), rows)
    influence, precision = Influence(scores, when), Precision.of(when.count, memory)
    seen = tuple(influence.interval(name, precision, confidence) for name in influence.values)
    return Reliability(mean, seen, rows)


@dataclass(frozen=True)
class _Bins:
    """Scores whose metrics are the shares that were right, bin by bin; [n, 2·bins]: in the bin, and right there."""

    contributions: Floats

    @property
    def signals(self) -> Floats:
        return self.contributions

    @property
    def truth(self) -> Floats:
        return self.contributions[:, :0]

    def basis(self, metric: str) -> Floats:
        number = int(metric)
        return self.contributions[:, number : number + 1]

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        rows, right = np.split(sums, 2, axis=-1)
        return {str(number): right[..., number] / rows[..., number] for number in range(rows.shape[-1])}

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> _Bins:
        return replace(self, contributions=self.contributions[at])
