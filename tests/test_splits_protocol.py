"""Purged splits where scikit-learn drives: its own cross_val_score is the judge of the form."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor

from gatewise.config.schema import CvConfig
from gatewise.errors import DataError, NotEnoughRowsError
from gatewise.splits.protocol import PurgedFolds, PurgedHoldout, purged_pair
from span_tables import plain_spans


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


@pytest.mark.parametrize(
    ("cv", "num_folds"),
    [
        (CvConfig(), 5),
        (CvConfig(splitter="sliding", n_splits=4), 4),
        (CvConfig(splitter="kfold"), 5),
        (CvConfig(splitter="combinatorial", n_splits=6), 15),
    ],
)
def test_cross_val_score_and_grid_search_run_on_every_splitter(cv: CvConfig, num_folds: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ np.array([1.0, -2.0, 0.5])
    folds = PurgedFolds(plain_spans(307, 4, 3), cv, timedelta(minutes=5))
    assert check_cv(folds) is folds
    assert folds.get_n_splits(X, y) == num_folds
    scores = cross_val_score(Ridge(alpha=1e-6), X, y, cv=folds)
    assert scores == pytest.approx(np.ones(num_folds))
    search = GridSearchCV(Ridge(), {"alpha": [1e-6, 1e6]}, cv=folds).fit(X, y)
    assert search.best_params_ == {"alpha": 1e-6}


def test_cross_val_predict_gives_each_sample_of_a_k_fold_one_prediction_that_its_own_label_took_no_part_in() -> None:
    # Sums over overlapping futures of pure noise: only a neighbour that shares most of them would predict.
    rng = np.random.default_rng(1)
    y = np.convolve(rng.normal(size=2_019), np.ones(20), "valid")
    X = np.arange(2_000, dtype=float)[:, None]
    knn = KNeighborsRegressor(3)
    blocks = CvConfig(splitter="kfold", n_splits=200)  # ten samples each, half a horizon
    honest = cross_val_predict(knn, X, y, cv=PurgedFolds(plain_spans(2_020, 0, 20), blocks))
    leaky = cross_val_predict(knn, X, y, cv=PurgedFolds(plain_spans(2_001, 0, 1), blocks))
    assert np.corrcoef(leaky, y)[0, 1] > 0.7
    assert abs(np.corrcoef(honest, y)[0, 1]) < 0.2


def test_folds_whose_training_is_purged_away_and_another_length_are_refused() -> None:
    spans = plain_spans(60, 10, 10)
    with pytest.raises(NotEnoughRowsError, match="training side"):
        list(PurgedFolds(spans, CvConfig(n_splits=4)).split())
    with pytest.raises(DataError, match="one row a span, 40; got 41"):
        next(PurgedFolds(spans).split(np.zeros((41, 2))))
