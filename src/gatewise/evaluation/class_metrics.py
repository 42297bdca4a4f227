"""Classification metrics as functions of sums over rows.

Support, predictions and hits of each class, log loss, Brier score and the signed calibration gap of each confidence
bin are sums over rows, and every metric follows from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError
from gatewise.evaluation.base import ClassPrediction, Floats, Ints, check_labels, class_prediction, metrics_of
from gatewise.evaluation.reliability import BINS, classwise_error, equal_mass_bins, width_error

SKILL = "brier_skill"


@dataclass(frozen=True)
class ClassScores:
    """Contributions [n, 3 + bins + 3·classes]: 1, log loss, Brier, gap by bin; support, predicted, hit by class.

    Attributes:
        prob: float64 [n, classes].
        prior_brier: float64 [n], what the prior's Brier is; `None`: there is no prior.
    """

    contributions: Floats
    classes: tuple[str, ...]
    prob: Floats
    prior_brier: Floats | None = None

    @property
    def loss(self) -> Floats:
        """[n], log loss."""
        return self.contributions[:, 1]

    @property
    def signals(self) -> Floats:
        """Probabilities, decisions and log loss: a decision may remember for longer than the loss shows."""
        return np.concatenate([self.prob, self._by_class(1), self.contributions[:, 1:2]], axis=1)

    @property
    def truth(self) -> Floats:
        """The classes that came, one column each."""
        return self._by_class(0)

    def basis(self, metric: str) -> Floats:
        """The rows of the class, those that are said to be of it, or both; of averages those of every class."""
        support, predicted = self._by_class(0), self._by_class(1)
        average = metric.startswith(("balanced_", "macro_", "weighted_")) and metric != "weighted_recall"
        name, _, label = metric.partition("_")
        if average:
            occurs = (support + predicted).any(axis=0)
            name = "recall" if metric in ("balanced_accuracy", "macro_recall") else "f1"
            at = np.flatnonzero(support.any(axis=0) if name == "recall" else occurs)
        elif label in self.classes and name in ("precision", "recall", "f1"):
            at = np.array([self.classes.index(label)])
        else:
            return self.contributions[:, :1]
        kinds = {"precision": [predicted], "recall": [support], "f1": [support, predicted]}[name]
        return np.concatenate([kind[:, at] for kind in kinds], axis=1)

    def on_rows(self, at: Ints, scale: Floats | None = None) -> ClassScores:
        """The scores of some rows; classes have no `scale`."""
        prior = None if self.prior_brier is None else self.prior_brier[at]
        return replace(self, contributions=self.contributions[at], prob=self.prob[at], prior_brier=prior)

    def _by_class(self, number: int) -> Floats:
        first = 3 + BINS + number * len(self.classes)
        return self.contributions[:, first : first + len(self.classes)]

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics [...] of sums [..., q]; see `classification_metrics` for what each is."""
        num_classes = len(self.classes)
        n = sums[..., 0]
        gaps = sums[..., 3 : 3 + BINS]
        support, predicted, hits = np.moveaxis(sums[..., 3 + BINS :].reshape(*sums.shape[:-1], 3, num_classes), -2, 0)
        by_class = {
            "precision": _ratio(hits, predicted),
            "recall": _ratio(hits, support),
            "f1": _ratio(2 * hits, support + predicted),
        }
        occurs = (support + predicted) > 0
        metrics = {
            "accuracy": hits.sum(-1) / n,
            "balanced_accuracy": by_class["recall"].sum(-1) / (support > 0).sum(-1),
        }
        metrics |= {f"macro_{name}": (v * occurs).sum(-1) / occurs.sum(-1) for name, v in by_class.items()}
        metrics |= {f"weighted_{name}": (v * support).sum(-1) / n for name, v in by_class.items()}
        metrics |= {"log_loss": sums[..., 1] / n, "brier": sums[..., 2] / n, "ece": np.abs(gaps).sum(-1) / n}
        for number, label in enumerate(self.classes):
            metrics |= {f"{name}_{label}": v[..., number] for name, v in by_class.items()}
        return metrics

    def unsummed(self) -> dict[str, float]:
        """`ece` over bins of equal width, and of each class; what is gained on the prior's Brier score."""
        truth, said = self._by_class(0), self._by_class(1).astype(bool)
        right = (truth * said).sum(axis=1)
        prior = self.prior_brier
        skill = {} if prior is None else {SKILL: float(1 - self.contributions[:, 2].sum() / prior.sum())}
        return skill | {
            "ece_width": width_error(self.prob[said], right),
            "ece_classwise": classwise_error(self.prob, truth.argmax(axis=1)),
        }


def class_scores(
    y: Ints, prediction: ClassPrediction, classes: Sequence[str], prior: Floats | None = None
) -> ClassScores:
    """Per-row contributions of a prediction.

    Args:
        y: int64 [n].
        prior: float64 [classes], shares that training labels have; `None`: there is no Brier skill.
    """
    y = check_labels(y, len(classes))
    prob, label = prediction.prob, prediction.label
    if prob.shape != (len(y), len(classes)):
        raise DivergedError(f"a prediction must have shape {(len(y), len(classes))}; got {prob.shape}")
    n, rows = len(y), np.arange(len(y))
    confidence, prob_of_y = prob[rows, label], prob[rows, y]
    bins = equal_mass_bins(confidence)
    out = np.zeros((n, 3 + BINS + 3 * len(classes)))
    out[:, 0] = 1
    out[:, 1] = -np.log(np.maximum(prob_of_y, np.finfo(np.float64).eps))
    out[:, 2] = np.square(prob).sum(axis=1) - 2 * prob_of_y + 1
    out[rows, 3 + bins] = confidence - (label == y)
    first = 3 + BINS
    out[rows, first + y] = 1
    out[rows, first + len(classes) + label] = 1
    hit = rows[label == y]
    out[hit, first + 2 * len(classes) + y[hit]] = 1
    prior_brier = None if prior is None else np.square(prior).sum() - 2 * prior[y] + 1
    return ClassScores(out, tuple(classes), prob, prior_brier)


def classification_metrics(
    y: Ints, prob: npt.ArrayLike, classes: Sequence[str], label: Ints | None = None
) -> dict[str, float]:
    """How good class probabilities are.

    Args:
        y: int64 [n], true classes.
        prob: [n, classes].
        classes: names in order of their numbers.
        label: int64 [n], the classes decided on; `None`: the most probable.

    Returns:
        accuracy; balanced_accuracy (mean recall of the classes that occur); macro_ and weighted_ precision, recall, f1
        (macro: over classes that occur or are predicted; 0 where a ratio has no denominator, as scikit-learn);
        precision_<class>, recall_<class>, f1_<class>; log_loss (natural, probabilities floored at 2.2e-16); brier
        (Brier 1950, summed over classes, 0 to 2); ece: expected calibration error, the mean over rows of
        |mean confidence - accuracy| of the row's bin, with up to 15 bins of equal row count (100 or more) over the
        probability of the decided class (Nguyen and O'Connor 2015), since weak models' confidences crowd into a few
        equal-width bins; ece_width: over these; ece_classwise: likewise, the mean over the classes' own probabilities;
        n.

    Raises:
        LabelError: a label outside the classes, or no rows.
        DivergedError: probabilities negative or not finite.
    """
    return metrics_of(class_scores(y, class_prediction(prob, label), classes))


def confusion_counts(y: Ints, label: Ints, num_classes: int) -> Ints:
    """int64 [classes, classes]: rows true, columns decided."""
    return np.bincount(y * num_classes + label, minlength=num_classes**2).reshape(num_classes, num_classes)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above, dtype=np.float64), where=below > 0)
