"""A search's verdict: is its best trial better than the prior, with the choice among all trials counted?

The best of many was chosen on the very folds that it is judged on. So its interval is widened on the side towards
worse until it holds for all trials at once (Šidák 1967): with K of them at 95 %, each by itself at 0.95 ** (1 / K). The
other side stays as it is, for the choice can only flatter: a best trial that even so looks worse than the prior is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatewise.evaluation.base import Floats, Interval, shown, signed
from gatewise.evaluation.metric_names import metric_places, metric_words
from gatewise.evaluation.scoring import PRIOR
from gatewise.evaluation.verdict import Judgement, judge_differences
from gatewise.selection.luck.fold_interval import LEAST_FOLDS, corrected_half_width


@dataclass(frozen=True)
class TuneVerdict:
    """How a search's best trial stands beside the prior.

    Attributes:
        judgement: on the inner folds; the test part may say otherwise.
        against_prior: mean over folds of the deciding metric less the prior's; no bounds from fewer than three folds.
        trials: how many the best was chosen among.
        confidence: of the interval, the choice counted.
    """

    judgement: Judgement
    against_prior: Interval
    trials: int
    confidence: float

    @property
    def headline(self) -> str:
        """The verdict as a sentence without a full stop."""
        return self.judgement.headline

    def line(self, number: int, metric: str, prior_value: float) -> str:
        """The numbers behind it in a sentence; `number` is the best trial's."""
        places = metric_places(metric, prior_value)
        apart = self.against_prior
        how = f"at {self.confidence:.0%}, the choice counted"
        if apart.low is None:
            how = f"no interval: {apart.reason}"
        return (
            f"Trial {number}, the best of {self.trials}: {metric_words(metric)} "
            f"{shown(prior_value + apart.value, places)} against "
            f"the prior's {prior_value:.{places}f}, difference {signed(apart, places)} ({how})."
        )


def judge_best(
    scores: Sequence[float], prior: Sequence[float], *, test_to_train: float, trials: int, confidence: float
) -> TuneVerdict:
    """Judges the best trial of a search.

    Args:
        scores, prior: of the best trial and of the prior, fold by fold; lower is better.
        test_to_train: samples scored for each one trained on.
        trials: how many were scored, pruned ones too: each could have been the best.
        confidence: such as 0.95.
    """
    by_fold: Floats = np.subtract(scores, prior, dtype=np.float64)
    mean = float(by_fold.mean())
    if by_fold.size < LEAST_FOLDS:
        apart = Interval(mean, None, None, f"a verdict takes {LEAST_FOLDS} inner folds; got {by_fold.size}")
    else:
        below = corrected_half_width(by_fold, test_to_train, confidence)
        above = corrected_half_width(by_fold, test_to_train, confidence ** (1 / trials))
        apart = Interval(mean, mean - below, mean + above)
    return TuneVerdict(judge_differences({PRIOR: apart}), apart, trials, confidence)
