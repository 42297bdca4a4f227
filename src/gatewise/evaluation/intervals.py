"""How far a metric could have come out otherwise, from the slow part of what each moment adds to it.

Every metric is a function of sums over rows, so a moment's influence on it is linear to first order. The variance of
the sum of dependent influences is their spectrum at frequency zero. It is estimated from the lowest cosines alone,
equally weighted, and the interval is Student's t with as many degrees of freedom as there are cosines (Müller 2007;
Lazarus, Lewis, Stock and Watson 2018): where moments remember each other for long, few cosines are slow enough, and the
interval widens by itself. Nothing is drawn, so the same rows give the same interval on every machine.

`make bench` counts how often the intervals hold the truth. A block bootstrap with blocks from the memory of the loss,
which this replaces, held a class's recall 56 % of the time on 500 rows (docs/evaluation.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewise.evaluation.base import Floats, Interval, Scores
from gatewise.evaluation.metric_names import metric_bounds
from gatewise.evaluation.moments import Moments
from gatewise.loading import load_scipy

LEAST_MOMENTS = 30
LEAST_HORIZONS = 10
FEW = 3.0  # cosines slow enough for what is remembered; with fewer an interval that holds zero says that rows are few
_LEAST_COSINES, _MOST = 2, 0.4
_STRETCHES, _RARE, _ENOUGH = 15, 0.15, 300  # what is rarer than that share of the moments takes so many of them
_SLOW = 0.8  # of the frequency at which a geometrically fading memory has lost half of its variance
_NO_SPREAD = "every row adds the same to it"


def student(confidence: float, freedom: float) -> float:
    """Student's t: how many standard errors an interval of that confidence reaches to either side."""
    load_scipy()
    from scipy import stats  # a third of a second, which the first step of a training need not wait for

    return float(stats.t.ppf((1 + confidence) / 2, freedom))


_WITHOUT = {
    "brier_skill": "there is no prior beside it",
    "coverage_error": "a mean of gaps is biased upwards by chance, so no interval around it holds",
    "ece": "a gap between binned shares is biased upwards by chance, so no interval around it holds",
    **dict.fromkeys(
        ("r2", "log_r2", "mz_r2"),
        "the spread of few true values with a mood is biased downwards, so no interval around it holds",
    ),
}


@dataclass(frozen=True)
class Precision:
    """How much independent evidence some moments hold.

    Attributes:
        memory: moments after which what happens counts as independent.
        cosines: how many of the moments' cosines are slow beside the memory; a fraction below one is possible.
        freedom: of Student's t; at least 2.
    """

    memory: float
    cosines: float
    freedom: int

    @classmethod
    def of(cls, count: int, memory: float) -> Precision:
        """Of `count` moments; never more cosines than 0.4 · √count, for a memory that noise has hidden."""
        slow = 2 * _SLOW / np.pi * count / memory
        freedom = int(max(_LEAST_COSINES, min(slow, _MOST * np.sqrt(count))))
        return cls(memory, slow, min(freedom, count - 1))

    @property
    def few(self) -> bool:
        """Whether the moments hold fewer than about six memories."""
        return self.cosines < FEW


def too_few(when: Moments, horizon: int) -> str | None:
    """Why no interval can be given whatever the rows say; `None` where one can.

    It depends on nothing that is measured on the rows: to refuse where the memory looks long would keep those samples
    whose memory was underestimated, and their intervals fail.
    """
    least = max(LEAST_MOMENTS, int(np.ceil(LEAST_HORIZONS * horizon * when.a_row)))
    if when.count >= least:
        return None
    return (
        f"it takes {LEAST_HORIZONS} horizons and at least {LEAST_MOMENTS} moments, here {least:,}; got {when.count:,}"
    )


class Influence:
    """One predictor's metrics on some moments, and the slow part of what each moment adds to them.

    Args:
        scores: of the n rows.
        when: their moments.
    """

    def __init__(self, scores: Scores, when: Moments) -> None:
        self.scores, self.when = scores, when
        self.by_moment = when.sums(scores.contributions)
        self.sums = self.by_moment.sum(axis=0)
        self.values = {name: float(value) for name, value in scores.metrics(self.sums).items()} | scores.unsummed()
        self._gradients = self._gradients_of(scores)
        load_scipy()
        from scipy import fft

        slow = fft.dct(self.by_moment, axis=0)[1 : 1 + Precision.of(when.count, 1.0).freedom]
        self.slow: Floats = np.asarray(slow) / np.sqrt(2)

    def components(self, metric: str, freedom: int) -> Floats:
        """[freedom], each an estimate of the metric's standard error."""
        return np.asarray(self.slow[:freedom] @ self._gradients[metric])

    def interval(self, metric: str, precision: Precision, confidence: float) -> Interval:
        """The metric's interval, inside its range: Wilson's (1927) form for shares, on a log scale for losses."""
        value, (low, high) = self.values[metric], metric_bounds(metric)
        for name, reason in _WITHOUT.items():
            if metric.startswith(name):
                return Interval(value, reason=reason)
        if (low, high) == (0.0, 1.0):
            return self._share(metric, precision, confidence)
        error = _standard_error(self.components(metric, precision.freedom))
        quantile = student(confidence, precision.freedom)
        if (low, high) == (-np.inf, np.inf):
            return Interval(value, value - quantile * error, value + quantile * error)
        if not error or not value:
            return Interval(value, reason=_NO_SPREAD)
        factor = float(np.exp(min(quantile * error / value, 700.0)))
        return Interval(value, value / factor, min(value * factor, high))

    def _share(self, metric: str, precision: Precision, confidence: float) -> Interval:
        """Wilson's interval of a share whose standard error stands for so many independent rows.

        What clusters in few stretches, as a rare class does, gives no more degrees of freedom than a third of them.
        Where every row or none is a hit the standard error is zero, and the stretches are counted instead.
        """
        value = self.values[metric]
        stretches, rarest = self._stretches(metric, precision.memory)
        if rarest < _RARE * self.when.count and (rarest < _ENOUGH or stretches < _STRETCHES):
            wanted = f"{_ENOUGH} rows in {_STRETCHES} stretches that are independent of each other"
            return Interval(value, reason=f"a class comes or is decided on in {rarest:,} rows only; it takes {wanted}")
        freedom = max(_LEAST_COSINES, min(precision.freedom, stretches // 3))
        error = _standard_error(self.components(metric, freedom))
        quantile = student(confidence, freedom)
        variance = value * (1 - value)
        rows = variance / error**2 if error > 0 and variance > 0 else float(stretches)
        square = quantile**2 / rows
        centre, half = value + square / 2, quantile * np.sqrt(variance / rows + square / rows / 4)
        low, high = (float((centre + sign * half) / (1 + square)) for sign in (-1, 1))
        return Interval(value, max(0.0, min(value, low)), min(1.0, max(value, high)))

    def _stretches(self, metric: str, memory: float) -> tuple[int, int]:
        """Of the rarest kind of row that it needs: in how many stretches as long as the memory it occurs, and moments.

        Mostly the moments decide whether there is an interval, and they are counted. The stretches are measured: where
        they decided, those samples would get an interval whose memory was underestimated.
        """
        counted = self.when.sums(self.scores.basis(metric)) > 0
        stretches = [len(np.unique(np.floor(np.flatnonzero(column) / memory))) for column in counted.T]
        return min(stretches), int(counted.sum(axis=0).min())

    def _gradients_of(self, scores: Scores) -> dict[str, Floats]:
        size = np.maximum(np.abs(self.sums), np.sqrt(np.square(self.by_moment).sum(axis=0)))
        step = 1e-6 * np.where(size > 0, size, 1.0)
        moved = scores.metrics(np.concatenate([self.sums + np.diag(step), self.sums - np.diag(step)]))
        return {name: (both[: len(step)] - both[len(step) :]) / (2 * step) for name, both in moved.items()}


def difference(model: Influence, baseline: Influence, metric: str, precision: Precision, confidence: float) -> Interval:
    """Model minus baseline, paired: over the same moments."""
    value = model.values[metric] - baseline.values[metric]
    slow = model.components(metric, precision.freedom) - baseline.components(metric, precision.freedom)
    error = _standard_error(slow)
    if error <= 1e-12 * abs(model.values[metric]) and abs(value) > 1e-12 * abs(model.values[metric]):
        return Interval(value, reason=_NO_SPREAD)
    half = student(confidence, precision.freedom) * error
    return Interval(value, value - half, value + half)


def skill(model: Influence, reference: Influence, loss: str, precision: Precision, confidence: float) -> Interval:
    """What is gained on a reference, 1 - loss / its loss, paired: over the same moments."""
    lost, whole = model.values[loss], reference.values[loss]
    slow = reference.components(loss, precision.freedom) * (lost / whole) - model.components(loss, precision.freedom)
    error = _standard_error(slow) / whole
    if error <= 1e-12:
        return Interval(1 - lost / whole, reason=_NO_SPREAD)
    half = student(confidence, precision.freedom) * error
    return Interval(1 - lost / whole, 1 - lost / whole - half, min(1.0, 1 - lost / whole + half))


def _standard_error(components: Floats) -> float:
    return float(np.sqrt(np.square(components).mean()))
