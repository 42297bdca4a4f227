"""How far the mean over folds could have come out otherwise; see `selection.cv.summary` for what it holds."""

from __future__ import annotations

import numpy as np

from gatewise.evaluation.base import Floats
from gatewise.loading import load_scipy

# Of folds that share the noise of their training parts in full, the worst case, an interval over two lies on one side
# of the truth every second time, as the two hardly differ; over three it does in one of nine.
LEAST_FOLDS = 3


def corrected_half_width(by_fold: Floats, test_to_train: float, confidence: float) -> float:
    """Half the interval around the mean of folds: t_{J-1} · s · sqrt(1/J + n_test/n_train).

    Args:
        by_fold: float64 [J], J >= 2.
        test_to_train: samples tested for each one trained on.
        confidence: such as 0.95.

    Source: C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52 (2003), 239-281.
    """
    load_scipy()
    from scipy import stats

    spread = float(np.std(by_fold, ddof=1))
    quantile = float(stats.t.ppf((1 + confidence) / 2, by_fold.size - 1))
    return quantile * spread * float(np.sqrt(1 / by_fold.size + test_to_train))
