"""The inner folds of a search that is short of rows: fewer of them, then one holdout, never a row of the outer test.

A design that reached for rows beyond what it is given would score better, and nothing would look wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.schema import CvConfig, SplitConfig
from gatewise.data.table import Table
from gatewise.errors import LabelError, NotEnoughRowsError
from gatewise.selection.tuning.inner_folds import InnerFolds, inner_folds
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import FoldSplit, make_folds, make_holdout
from gatewise.splits.spans import take_spans
from span_tables import MINUTE, meets, plain_spans, worlds

NO_EMBARGO = SplitConfig(embargo_rows=0)
THREE = CvConfig(n_splits=3, val=0.2)


def anything(folds: Sequence[FoldSplit]) -> None:
    """All folds are good."""


def cut(spans: Spans, cv: CvConfig = THREE, *, adapt: bool = True, stopping: Rows | None = None) -> InnerFolds:
    return inner_folds(spans, cv, NO_EMBARGO, MINUTE, anything, adapt=adapt, stopping=stopping)


def lists(found: InnerFolds) -> list[tuple[list[int], list[int], list[int]]]:
    return [(fold.train.tolist(), fold.val.tolist(), fold.test.tolist()) for fold in found.folds]


def run(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


@given(worlds(), st.sampled_from(["expanding", "sliding", "kfold"]), st.integers(0, 2))
def test_no_inner_row_of_any_design_touches_the_outer_test_and_the_choice_is_always_the_same(
    world: tuple[Table, Spans], splitter: str, embargo: int
) -> None:
    """Pair by pair, for every outer fold; each design's own training part touches nothing that it is judged by."""
    table, spans = world
    split = SplitConfig(embargo_rows=embargo)
    outer_cv = CvConfig(splitter=splitter, n_splits=3)
    try:
        outer = make_folds(spans, outer_cv, split, table.timeframe)
    except NotEnoughRowsError:
        return
    for fold in outer:
        seen = take_spans(spans, np.isin(spans.row, np.union1d(fold.train, fold.val)))
        twice = [
            inner_folds(seen, THREE, split, table.timeframe, anything, adapt=True, stopping=fold.val) for _ in range(2)
        ]
        assert lists(twice[0]) == lists(twice[1])
        assert twice[0].description == twice[1].description
        at_test = np.searchsorted(spans.row, fold.test)
        for inner in twice[0].folds:
            train, val, test = (np.searchsorted(spans.row, part) for part in (inner.train, inner.val, inner.test))
            assert train.size
            assert test.size
            assert np.isin(np.concatenate([inner.train, inner.val, inner.test]), seen.row).all()
            assert not any(meets(spans, i, at_test) for i in np.concatenate([train, val, test]))
            assert not any(meets(spans, i, np.concatenate([val, test])) for i in train)
            if not np.array_equal(inner.val, inner.test):
                assert not any(meets(spans, i, test) for i in val)


def test_rows_enough_are_cut_as_asked() -> None:
    spans = plain_spans(202, reach=1, horizon=1)
    found = cut(spans)
    wanted = make_folds(spans, THREE, NO_EMBARGO, MINUTE)
    assert lists(found) == lists(InnerFolds(wanted, ""))
    assert found.description == "3, expanding"


def test_too_few_rows_for_three_folds_make_two(caplog: pytest.LogCaptureFixture) -> None:
    """Rows 5..54, six of them lost beside every part that samples are kept from."""
    caplog.set_level(logging.INFO, "gatewise.tune")
    found = cut(plain_spans(56, reach=5, horizon=1))
    assert lists(found) == [(run(5, 8), run(15, 16), run(23, 38)), (run(5, 20), run(27, 32), run(39, 54))]
    assert found.description == "2, expanding, as these samples can't carry 3, expanding"
    assert any("not 3, expanding (fold 1 of 3 must keep samples" in record.message for record in caplog.records)


def test_too_few_rows_for_two_folds_make_a_holdout_of_the_newest_quarter() -> None:
    """Rows 10..61, eleven of them lost beside every part."""
    found = cut(plain_spans(63, reach=10, horizon=1))
    assert lists(found) == [(run(10, 20), run(32, 37), run(49, 61))]
    assert found.description == "a holdout, the newest 25%, as these samples can't carry 3, expanding"


def test_rows_too_few_for_a_holdout_are_scored_on_what_stops_their_training() -> None:
    spans = plain_spans(40, reach=10, horizon=1)
    stopping = np.arange(33, 39)
    seen = take_spans(spans, (spans.row <= 21) | np.isin(spans.row, stopping))
    found = cut(seen, stopping=stopping)
    assert lists(found) == [(run(10, 21), run(33, 38), run(33, 38))]
    assert "also stops the training" in found.description
    with pytest.raises(NotEnoughRowsError, match="inner folds: the holdout must keep samples"):
        cut(seen)


def test_folds_that_were_asked_for_are_kept_or_refused() -> None:
    with pytest.raises(NotEnoughRowsError, match=r"inner folds: fold \d of 3 must keep samples"):
        cut(plain_spans(40, reach=10, horizon=1), adapt=False)
    with pytest.raises(NotEnoughRowsError, match=r"inner folds: fold \d of 3 must keep samples"):
        cut(plain_spans(30, reach=10, horizon=1), CvConfig(splitter="kfold", n_splits=3))


def test_a_fold_that_keeps_less_than_a_twentieth_to_train_on_is_one_too_many() -> None:
    spans = plain_spans(1_000, reach=90, horizon=1)
    by_hand = make_folds(spans, THREE, NO_EMBARGO, MINUTE)
    assert 0 < by_hand[0].train.size < 0.05 * spans.row.size
    found = cut(spans)
    assert found.description.startswith("2, expanding")
    assert min(fold.train.size for fold in found.folds) >= 0.05 * spans.row.size


def test_a_class_that_fewer_folds_would_see_makes_them_fewer() -> None:
    spans = plain_spans(202, reach=1, horizon=1)

    def late_class(folds: Sequence[FoldSplit]) -> None:
        if folds[0].train.max() < 40:
            raise LabelError("up never occurs in inner fold 1")

    found = inner_folds(spans, THREE, NO_EMBARGO, MINUTE, late_class, adapt=True)
    assert found.description.startswith("2, expanding")
    assert inner_folds(spans, THREE, NO_EMBARGO, MINUTE, late_class).description.startswith("3, expanding")


def test_a_class_that_no_design_sees_takes_no_folds_away() -> None:
    def never(folds: Sequence[FoldSplit]) -> None:
        raise LabelError(f"up never occurs in {len(folds)} folds")

    spans = plain_spans(202, reach=1, horizon=1)
    assert inner_folds(spans, THREE, NO_EMBARGO, MINUTE, never, adapt=True).description == "3, expanding"


def test_a_holdout_is_exactly_these_rows() -> None:
    holdout = make_holdout(plain_spans(24, reach=1, horizon=1), 0.25, THREE, NO_EMBARGO, MINUTE)
    assert lists(InnerFolds((holdout,), "")) == [(run(1, 9), run(12, 14), run(17, 22))]
    assert holdout.purged.tolist() == [10, 11, 15, 16]
