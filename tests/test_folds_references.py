"""Folds beside those of scikit-learn and skfolio where the definitions coincide, and the book's table of paths.

They count a purge in samples, gatewise measures it from spans: without gaps, inputs that reach r rows back and labels
that settle h rows on cost r + h samples beside a test block.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from math import comb

import numpy as np
import pytest
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward
from sklearn.model_selection import KFold, TimeSeriesSplit

from gatewise.config.schema import CvConfig, SplitConfig
from gatewise.splits.base import Spans
from gatewise.splits.combinatorial import combinatorial, combinatorial_paths
from gatewise.splits.folds import backtest_paths, fold_masks, make_folds
from gatewise.splits.protocol import PurgedFolds, purged_pair
from span_tables import MINUTE, MINUTE_US, as_lists, plain_spans

SPANS = [(0, 1), (3, 2), (0, 7)]


def samples(size: int, reach: int, horizon: int) -> Spans:
    return plain_spans(size + reach + horizon, reach, horizon)


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize(("reach", "horizon"), SPANS)
@pytest.mark.parametrize(("size", "n_splits"), [(100, 5), (97, 3), (120, 2), (200, 11)])
def test_walk_forward_is_that_of_skfolio(size: int, n_splits: int, reach: int, horizon: int, sliding: bool) -> None:
    purged, test_size = reach + horizon, size // (n_splits + 1)
    theirs = WalkForward(
        test_size=test_size,
        train_size=size - n_splits * test_size - purged,
        expand_train=not sliding,
        purged_size=purged,
    )
    cv = CvConfig(splitter="sliding" if sliding else "expanding", n_splits=n_splits)
    ours = PurgedFolds(samples(size, reach, horizon), cv)
    assert as_lists(ours.split()) == as_lists(theirs.split(np.zeros((size, 1))))


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize(("reach", "horizon"), SPANS)
@pytest.mark.parametrize(
    ("size", "n_splits", "test_size"), [(100, 5, None), (97, 3, None), (120, 2, None), (97, 3, 20)]
)
def test_walk_forward_is_that_of_scikit_learn(
    size: int, n_splits: int, test_size: int | None, reach: int, horizon: int, sliding: bool
) -> None:
    gap = reach + horizon
    longest = size - n_splits * (test_size or size // (n_splits + 1)) - gap if sliding else None
    theirs = TimeSeriesSplit(n_splits, gap=gap, max_train_size=longest, test_size=test_size)
    cv = CvConfig(splitter="sliding" if sliding else "expanding", n_splits=n_splits, test_size=test_size)
    ours = PurgedFolds(samples(size, reach, horizon), cv)
    assert as_lists(ours.split()) == as_lists(theirs.split(np.zeros((size, 1))))


@pytest.mark.parametrize(("size", "n_splits"), [(100, 5), (97, 4), (10, 10)])
def test_k_folds_before_the_purge_are_those_of_scikit_learn(size: int, n_splits: int) -> None:
    masks = fold_masks(samples(size, 0, 1), CvConfig(splitter="kfold", n_splits=n_splits))
    ours = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in masks]
    assert as_lists(ours) == as_lists(KFold(n_splits).split(np.zeros((size, 1))))


@pytest.mark.parametrize(("reach", "horizon"), SPANS)
@pytest.mark.parametrize("embargo", [0, 4])
@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 3), (8, 4), (10, 8)])
def test_combinatorial_folds_are_those_of_skfolio(
    groups: int, tested: int, embargo: int, reach: int, horizon: int
) -> None:
    size = groups * 20
    theirs = CombinatorialPurgedCV(groups, tested, purged_size=reach + horizon, embargo_size=embargo)
    spans = samples(size, reach, horizon)
    ours = [
        purged_pair(spans, train, test, embargo_after=timedelta(minutes=embargo))
        for train, test in combinatorial(spans.time_us, groups, tested)
    ]
    expected = [(train, np.concatenate(tests)) for train, tests in theirs.split(np.zeros((size, 1)))]
    assert as_lists(ours) == as_lists(expected)


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 3), (8, 4), (10, 8)])
def test_backtest_paths_are_those_of_skfolio(groups: int, tested: int) -> None:
    paths = combinatorial_paths(groups, tested)
    theirs = CombinatorialPurgedCV(groups, tested)
    assert paths.shape == (theirs.n_splits, groups)
    assert paths.max() + 1 == theirs.n_test_paths == comb(groups, tested) * tested // groups
    assert [row[row >= 0].tolist() for row in paths] == theirs.get_path_ids().tolist()


def test_the_books_example_has_fifteen_splits_and_five_paths_as_printed() -> None:
    # Advances in Financial Machine Learning, 12.4.1: figure 12.1 marks the groups that each split tests, figure 12.2
    # numbers the path that each goes to, and the text spells out paths 1 and 2.
    printed = {
        "S1": {"G1": 1, "G2": 1}, "S2": {"G1": 2, "G3": 1}, "S3": {"G1": 3, "G4": 1}, "S4": {"G1": 4, "G5": 1},
        "S5": {"G1": 5, "G6": 1}, "S6": {"G2": 2, "G3": 2}, "S7": {"G2": 3, "G4": 2}, "S8": {"G2": 4, "G5": 2},
        "S9": {"G2": 5, "G6": 2}, "S10": {"G3": 3, "G4": 3}, "S11": {"G3": 4, "G5": 3}, "S12": {"G3": 5, "G6": 3},
        "S13": {"G4": 4, "G5": 4}, "S14": {"G4": 5, "G6": 4}, "S15": {"G5": 5, "G6": 5},
    }  # fmt: skip
    table = {
        f"S{s + 1}": {f"G{g + 1}": int(path) + 1 for g, path in enumerate(row) if path >= 0}
        for s, row in enumerate(combinatorial_paths(6, 2))
    }
    assert table == printed
    composed = {p: [(g, s) for s, row in table.items() for g, path in row.items() if path == p] for p in (1, 2)}
    assert sorted(composed[1]) == [("G1", "S1"), ("G2", "S1"), ("G3", "S2"), ("G4", "S3"), ("G5", "S4"), ("G6", "S5")]
    assert sorted(composed[2]) == [("G1", "S2"), ("G2", "S6"), ("G3", "S6"), ("G4", "S7"), ("G5", "S8"), ("G6", "S9")]


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 3), (7, 1)])
def test_the_path_of_a_tested_row_is_its_groups(groups: int, tested: int) -> None:
    spans = samples(groups * 20, 1, 1)
    cv = CvConfig(splitter="combinatorial", n_splits=groups, test_groups=tested)
    folds = make_folds(spans, cv, SplitConfig(embargo_rows=1), MINUTE)
    table = combinatorial_paths(groups, tested)
    for s, (fold, paths) in enumerate(zip(folds, backtest_paths(folds), strict=True)):
        group = (fold.test - spans.row[0]) // 20
        assert np.array_equal(np.unique(group), list(combinations(range(groups), tested))[s])
        assert np.array_equal(paths, table[s, group])


def test_three_ways_to_overlap_are_purged_as_in_the_book() -> None:
    # 7.4.1: a training label overlaps a test label if it starts inside it, ends inside it, or envelops it.
    minutes = [(0, 4), (5, 9), (6, 7), (9, 13), (14, 15), (3, 20)]
    first, last = (np.array(edge) * MINUTE_US for edge in zip(*minutes, strict=True))
    spans = Spans(np.arange(6), first, first, last)
    tested = np.array([False, True, False, False, False, False])
    train, _ = purged_pair(spans, ~tested, tested)
    assert train.tolist() == [0, 4]
