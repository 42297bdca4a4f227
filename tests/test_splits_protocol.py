"""Purged splits where scikit-learn drives: its own cross_val_score is the judge of the form."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import check_cv, cross_val_score
from sklearn.neighbors import KNeighborsRegressor

from gatewise.errors import DataError, NotEnoughRowsError
from gatewise.splits.base import Spans
from gatewise.splits.protocol import PurgedHoldout, purged_pair

MINUTE_US = 60_000_000


def plain_spans(num_rows: int, reach: int, horizon: int) -> Spans:
    row = np.arange(reach, num_rows - horizon)
    return Spans(row, (row - reach) * MINUTE_US, row * MINUTE_US, (row + horizon) * MINUTE_US)


def test_cross_val_score_runs_on_a_purged_holdout() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ np.array([1.0, -2.0, 0.5])
    cv = PurgedHoldout(plain_spans(307, 4, 3), fraction=0.25, embargo=timedelta(minutes=5))
    assert check_cv(cv) is cv
    assert cv.get_n_splits(X, y) == 1
    scores = cross_val_score(Ridge(alpha=1e-6), X, y, cv=cv)
    assert scores.shape == (1,)
    assert scores[0] == pytest.approx(1.0)


def test_the_holdout_gives_exactly_these_positions() -> None:
    cv = PurgedHoldout(plain_spans(25, 2, 3), fraction=0.15, embargo=timedelta(minutes=1))
    ((train, evaluated),) = cv.split()
    assert evaluated.tolist() == [17, 18, 19]  # positions; rows 19, 20, 21
    assert train.tolist() == list(range(11))  # row 12 + 3 = 15 = one whole row before 17, where the input begins


def test_neighbours_that_share_labels_score_only_without_the_purge() -> None:
    # Sums over overlapping futures of pure noise: a neighbour in time knows most of the label.
    rng = np.random.default_rng(1)
    noise = rng.normal(size=2_020)
    y = np.convolve(noise, np.ones(20), "valid")[:2_000]
    X = np.arange(2_000, dtype=float)[:, None]
    spans = plain_spans(2_020, 0, 20)
    evaluated = (np.arange(2_000) // 10) % 10 == 5
    knn = KNeighborsRegressor(3)
    leaky = cross_val_score(knn, X, y, cv=[(np.flatnonzero(~evaluated), np.flatnonzero(evaluated))])[0]
    honest = cross_val_score(knn, X, y, cv=[purged_pair(spans, ~evaluated, evaluated)])[0]
    assert leaky > 0.5
    assert honest < 0.1


def test_a_side_left_empty_and_another_length_are_refused() -> None:
    spans = plain_spans(60, 10, 10)
    with pytest.raises(NotEnoughRowsError, match="training side"):
        next(PurgedHoldout(spans, 0.9).split())
    with pytest.raises(NotEnoughRowsError, match="evaluated side"):
        next(PurgedHoldout(spans, 0.001).split())
    with pytest.raises(DataError, match="one row a span, 40; got 41"):
        next(PurgedHoldout(spans).split(np.zeros((41, 2))))
