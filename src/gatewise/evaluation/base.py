"""The nouns of judging: a value with its interval, a class prediction, and scores that add up over rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError, LabelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A number measured on evaluation rows and where it could have come out otherwise; low <= value <= high.

    Attributes:
        low, high: `None` where the rows can't give an interval that holds.
        reason: why there is none.
    """

    value: float
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Estimate:
    """A metric over folds and seeds; `None` where one value has no spread, or one fold no interval.

    Attributes:
        mean: over folds, each the mean over its seeds.
        std: standard deviation over all folds and seeds, divisor n - 1.
        low, high: where the mean may lie.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return {"mean": self.mean, "std": self.std, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class ClassPrediction:
    """What is said about n rows.

    Attributes:
        prob: float64 [n, classes], rows sum to 1.
        label: int64 [n], the class decided on; the most probable one unless the predictor decides otherwise.
    """

    prob: Floats
    label: Ints


class Scores(Protocol):
    """Per-row contributions whose sum over any multiset of rows settles every metric on those rows."""

    @property
    def contributions(self) -> Floats:
        """[n, q]."""

    @property
    def signals(self) -> Floats:
        """[n, s], what the predictor does: the series whose memory its metrics have, and their differences too."""

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics [...] from sums [..., q] of contributions."""

    @property
    def truth(self) -> Floats:
        """[n, t], what of the labels metrics depend on beside `signals`; t may be 0."""

    def unsummed(self) -> dict[str, float]:
        """Metrics over all rows that no sums settle; they have no interval."""

    def basis(self, metric: str) -> Floats:
        """[n, kinds], above 0 on the rows of each kind that a share needs, such as those of its class."""

    def on_rows(self, at: Ints, scale: Floats | None = None) -> Scores:
        """The scores of the rows `at`; `scale` is the unit of their own in which outputs are put together."""


class PredictionScores(Scores, Protocol):
    """Scores of predictions, which have a loss on every row."""

    @property
    def loss(self) -> Floats:
        """[n], a proper one; over several outputs, of all together."""


def metrics_of(scores: Scores) -> dict[str, float]:
    """Metrics by name over all rows that are scored, and `n`, how many those are."""
    metrics = scores.metrics(scores.contributions.sum(axis=0))
    values = {name: float(value) for name, value in metrics.items()}
    return values | scores.unsummed() | {"n": float(len(scores.contributions))}


def beats(difference: Interval) -> bool | None:
    """Whether model minus baseline, lower is better, lies below zero as a whole; false: above; `None`: neither."""
    if difference.low is None or difference.high is None:
        return None
    if difference.high < 0:
        return True
    return False if difference.low > 0 else None


def decimals(size: float) -> int:
    """Places after the point that show a number of this size to about four digits."""
    digits = math.floor(math.log10(abs(size))) if size and math.isfinite(size) else 0
    return min(12, max(0, 4 - digits if digits >= 0 else 4 if digits == -1 else 3 - digits))


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def fixed(value: float, places: int, sign: str = "") -> str:
    """The number with that many places, and no minus where all that is left of it is zero.

    Args:
        sign: what stands before the places in the format: `+` shows it always, a comma sets thousands apart.
    """
    return f"{round(value, places) + 0.0:{sign}.{places}f}"


def enough(value: float, places: int) -> int:
    """So many places, or as many more as leave three digits of a number that they would leave less than two of.

    Numbers side by side share the places of the largest; one that is much smaller than that is no 0 for it.
    """
    if not value or not math.isfinite(value) or abs(value) >= 10.0 ** (1 - places):
        return places
    return max(places, 2 - math.floor(math.log10(abs(value))))


def shown(value: float, places: int, sign: str = "") -> str:
    """`fixed` with `enough` places."""
    return fixed(value, enough(value, places), sign)


def signed(difference: Interval, places: int) -> str:
    """`-0.12 [-0.20, -0.04]`; the value alone where it has no interval."""
    value = fixed(difference.value, places, "+")
    if difference.low is None or difference.high is None:
        return value
    return f"{value} [{fixed(difference.low, places, '+')}, {fixed(difference.high, places, '+')}]"


def class_prediction(prob: npt.ArrayLike, label: Ints | None = None) -> ClassPrediction:
    """Checks probabilities and decides.

    Args:
        prob: [n, classes], finite, not negative; rows are brought to sum to 1 exactly.
        label: int64 [n]; `None`: the most probable class, the lowest number on a tie.

    Raises:
        DivergedError: a probability is negative or not finite.
    """
    p = np.asarray(prob, dtype=np.float64)
    total = p.sum(axis=1, keepdims=True)
    bad = int(np.sum(~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (total[:, 0] > 0))))
    if bad:
        raise DivergedError(
            f"predicted probabilities must be finite and not negative; {bad} of {len(p)} rows are not",
            "lower training.learning_rate or set training.gradient_clip",
        )
    return ClassPrediction(p / total, np.argmax(p, axis=1) if label is None else label)


def check_labels(y: Ints, num_classes: int) -> Ints:
    """Class numbers as int64 [n].

    Raises:
        LabelError: one lies outside 0..classes-1, or there is none at all.
    """
    if not len(y):
        raise LabelError("evaluation needs at least one labelled row; got none")
    if y.min() < 0 or y.max() >= num_classes:
        raise LabelError(f"labels must lie in 0..{num_classes - 1}; got {y.min()}..{y.max()}")
    return y.astype(np.int64, copy=False)
