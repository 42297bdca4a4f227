"""How much each label counts in training where labels overlap: average uniqueness, and a decay with age.

A label that is read off rows which many other labels are read off too says little that they do not. It counts by its
average uniqueness: the mean, over the rows that it is read off, of one over how many labels are (López de Prado 2018,
*Advances in Financial Machine Learning*, ch. 4). Unlike there, each class keeps its share: labels of a barrier that is
reached early are the most unique, and a model that heard them most would say of all rows that barriers are reached.
Two cumulative sums: 390,000 labels take 50 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.training_section import TrainingConfig
from gatewise.rows import rows_in_windows
from gatewise.samples import Samples
from gatewise.splits.base import Rows

Floats = npt.NDArray[np.float64]

_EVEN = 0.99  # of the rows are effective: next to nothing changes


@dataclass(frozen=True)
class SampleWeights:
    """Of the labels that are learned from.

    Attributes:
        rows, time_us: int64 [n], theirs.
        uniqueness: float64 [n], above 0 and at most 1.
        weight: float64 [n], above 0, with mean 1.
    """

    rows: Rows
    time_us: Rows
    uniqueness: Floats
    weight: Floats

    @property
    def effective_rows(self) -> float:
        """How many rows of one weight would leave a mean as uncertain (Kish 1965), were all independent."""
        return float(self.weight.sum() ** 2 / np.square(self.weight).sum())

    def over(self, num_rows: int) -> npt.NDArray[np.float32]:
        """float32 [table rows], 1 for all rows that are not learned from: what is judged counts alike."""
        weight = np.ones(num_rows, np.float32)
        weight[self.rows] = self.weight
        return weight

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": len(self.rows),
            "effective_rows": self.effective_rows,
            "mean_uniqueness": float(self.uniqueness.mean()),
            "smallest": float(self.weight.min()),
            "largest": float(self.weight.max()),
        }


def average_uniqueness(rows: Rows, known_at: Rows) -> Floats:
    """float64 [n], of labels that are read off the rows after their own, up to the one at which they are known.

    So labels of which one begins at the row that settles another share no return, and one that is known at its own row
    is unique. Labels of different symbols are read off different rows, so each symbol has its own concurrency.

    Args:
        rows, known_at: int64 [n], in any order.
    """
    if not len(rows):
        return np.empty(0)
    last = int(known_at.max()) + 2
    labels_on_row = np.cumsum(np.bincount(rows + 1, minlength=last) - np.bincount(known_at + 1, minlength=last))
    share = np.cumsum(1 / np.maximum(labels_on_row, 1))  # rows that no label is read off are in no difference
    length = known_at - rows
    return np.where(length > 0, (share[known_at] - share[rows]) / np.maximum(length, 1), 1.0)


def time_decay(uniqueness: Floats, time_us: Rows, oldest: float) -> Floats:
    """float64 [n], what each label's age leaves of it: 1 for the newest, on a line over the uniqueness that has
    cumulated since the start, towards `oldest` there. Labels of one moment are of one age.
    """
    order = np.argsort(time_us, kind="stable")
    cumulated = np.cumsum(uniqueness[order])
    until = cumulated[np.searchsorted(time_us[order], time_us, side="right") - 1]
    return np.asarray(oldest + (1 - oldest) * until / cumulated[-1])


def weigh(
    training: TrainingConfig, rows: Rows, known_at: Rows, time_us: Rows, classes: Rows | None = None
) -> SampleWeights | None:
    """What `training.sample_weights` makes of labels; `None` where all count alike.

    Args:
        rows, known_at, time_us: int64 [n]; the row that each label is of, the one at which it is known, its time.
        classes: int64 [n], their numbers; `None` where labels are none.
    """
    if training.sample_weights == "none":
        return None
    uniqueness = average_uniqueness(rows, known_at)
    weight = uniqueness if classes is None else _within_classes(uniqueness, classes)
    if training.sample_weights == "uniqueness_decay":
        weight = weight * time_decay(uniqueness, time_us, training.time_decay)
    return SampleWeights(rows, time_us, uniqueness, weight / weight.mean())


def _within_classes(weight: Floats, classes: Rows) -> Floats:
    """With mean 1 in each class."""
    return np.asarray(weight * (np.bincount(classes) / np.maximum(np.bincount(classes, weight), 1e-300))[classes])


def fit_sample_weights(
    training: TrainingConfig, samples: Samples, rows: Rows, steps_scored: int = 1
) -> SampleWeights | None:
    """The weights of what is learned from `rows`, fitted on these and on no other row; `None` where all count alike.

    Args:
        rows: int64, samples that are learned from.
        steps_scored: how many of a window's last steps are; the labels of all of them count.
    """
    if training.sample_weights == "none":
        return None
    if steps_scored > 1:
        rows = rows_in_windows(rows, steps_scored, samples.table.num_rows)
        rows = rows[samples.labels.valid[rows]]
    if samples.weight is not None:
        rows = rows[samples.weight[rows] > 0]
    labels = samples.labels
    classes = labels.at(rows) if labels.classes else None
    return weigh(training, rows, labels.known_at[rows], samples.table.time_us[rows], classes)


def even_remark(weights: SampleWeights | None) -> str | None:
    """A sentence where weights are nearly all alike, as of one horizon for all labels; `None` where they are not, or
    there are none.
    """
    if weights is None or weights.effective_rows < _EVEN * len(weights.rows):
        return None
    return (
        "training.sample_weights change next to nothing here, as all labels overlap nearly alike: "
        f"{len(weights.rows):,} rows count as {weights.effective_rows:,.0f}"
    )


def decay_remark(training: TrainingConfig) -> str | None:
    """A sentence where a decay is set and no weight is made with it; `None` where all is read."""
    unread = training.time_decay != type(training)().time_decay and training.sample_weights != "uniqueness_decay"
    if not unread:
        return None
    return 'training.time_decay changes nothing here: it is read with training.sample_weights="uniqueness_decay" alone'
