"""Laws of cross-validation's folds.

A bug here is silent: a fold that was trained on what it is judged by only scores better. So every law is held against a
brute-force reading of the definition, over every pair of samples.
"""

from __future__ import annotations

import logging
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.load import load_config
from gatewise.config.schema import CvConfig, SplitConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError, NotEnoughRowsError
from gatewise.splits.base import Spans
from gatewise.splits.folds import FoldSplit, backtest_paths, make_folds
from gatewise.splits.spans import make_spans, take_spans
from span_tables import MINUTE, MINUTE_US, make_table, plain_spans, worlds

NO_EMBARGO = SplitConfig(embargo_rows=0)
# Rows 1..22 are samples: inputs reach one row back and labels settle one row on, so two rows are lost beside every part
# that samples are kept from, and one more for each row of embargo.
SMALL = plain_spans(24, reach=1, horizon=1)


def run(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def lists(folds: tuple[FoldSplit, ...]) -> list[tuple[list[int], list[int], list[int]]]:
    return [(fold.train.tolist(), fold.val.tolist(), fold.test.tolist()) for fold in folds]


def test_expanding_folds_are_exactly_these_rows() -> None:
    folds = make_folds(SMALL, CvConfig(n_splits=3, val=0.2), NO_EMBARGO, MINUTE)
    assert lists(folds) == [
        (run(1, 2), [5], run(8, 12)),
        (run(1, 6), [9, 10], run(13, 17)),
        (run(1, 10), [13, 14, 15], run(18, 22)),
    ]
    assert [fold.purged.tolist() for fold in folds] == [[3, 4, 6, 7], [7, 8, 11, 12], [11, 12, 16, 17]]
    assert [fold.number for fold in folds] == [1, 2, 3]
    assert [fold.cutoff_us // MINUTE_US for fold in folds] == [8, 13, 18]


def test_one_fold_may_test_just_the_newest_rows() -> None:
    folds = make_folds(SMALL, CvConfig(n_splits=1, test_size=4, val=0.2), NO_EMBARGO, MINUTE)
    assert lists(folds) == [(run(1, 11), [14, 15, 16], run(19, 22))]


def test_the_size_of_a_test_block_counts_moments_whatever_the_number_of_symbols() -> None:
    table = make_table({"a": list(range(10)), "b": list(range(5, 12))})
    rows = np.array([r for r in range(table.num_rows) if r not in (9, 16)])
    spans = make_spans(table, rows, 0, np.arange(table.num_rows) + 1)  # a at minutes 0..8, b at 5..10
    folds = make_folds(spans, CvConfig(n_splits=2, test_size=3), NO_EMBARGO, MINUTE)
    assert [fold.test.tolist() for fold in folds] == [[5, 6, 7, 10, 11, 12], [8, 13, 14, 15]]


def test_sliding_folds_are_exactly_these_rows() -> None:
    folds = make_folds(SMALL, CvConfig(splitter="sliding", n_splits=3, val=0.2), NO_EMBARGO, MINUTE)
    assert lists(folds) == [
        (run(1, 2), [5], run(8, 12)),
        (run(6, 7), [10], run(13, 17)),
        (run(11, 12), [15], run(18, 22)),
    ]


def test_purged_k_folds_are_exactly_these_rows() -> None:
    folds = make_folds(SMALL, CvConfig(splitter="kfold", n_splits=4, val=0.2), NO_EMBARGO, MINUTE)
    assert lists(folds) == [
        (run(9, 17), [20, 21, 22], run(1, 6)),
        (run(1, 4) + run(15, 18), [21, 22], run(7, 12)),
        (run(1, 10), [20, 21, 22], run(13, 17)),
        (run(1, 10), [13, 14, 15], run(18, 22)),
    ]


def test_combinatorial_folds_are_exactly_these_rows() -> None:
    folds = make_folds(SMALL, CvConfig(splitter="combinatorial", n_splits=4, val=0.2), NO_EMBARGO, MINUTE)
    assert lists(folds) == [
        (run(15, 18), [21, 22], run(1, 12)),
        ([9, 10], [22], run(1, 6) + run(13, 17)),
        (run(9, 12), [15], run(1, 6) + run(18, 22)),
        (run(1, 4), [22], run(7, 17)),
        (run(1, 4), [15], run(7, 12) + run(18, 22)),
        (run(1, 6), [9, 10], run(13, 22)),
    ]
    assert [fold.cutoff_us // MINUTE_US for fold in folds] == [1, 1, 1, 7, 7, 13]


def test_a_val_that_meets_a_test_block_goes_on_beyond_it() -> None:
    folds = make_folds(SMALL, CvConfig(splitter="combinatorial", n_splits=4, val=0.4), NO_EMBARGO, MINUTE)
    assert (folds[4].train.tolist(), folds[4].val.tolist()) == ([1], [4, 15])  # test: 7..12 and 18..22


def test_an_embargo_of_one_row_drops_one_more_row_on_either_side_of_test_and_of_val() -> None:
    cv, split = CvConfig(splitter="kfold", n_splits=4, val=0.2), SplitConfig(embargo_rows=1)
    fold = make_folds(SMALL, cv, split, MINUTE)[1]
    assert fold.test.tolist() == run(7, 12)
    assert (fold.train.tolist(), fold.val.tolist()) == ([1, 2, 3, 16, 17], [21, 22])
    assert fold.purged.tolist() == [5, 6, 13, 14, 19, 20]
    assert fold.embargoed.tolist() == [4, 15, 18]
    assert (fold.purged_rows, fold.embargo_rows) == (6, 3)


def test_blocks_are_cut_at_one_moment_for_all_symbols_and_purge_across_them() -> None:
    table = make_table({"a": list(range(10)), "b": list(range(5, 12))})
    rows = np.array([r for r in range(table.num_rows) if r not in (9, 16)])
    spans = make_spans(table, rows, 0, np.arange(table.num_rows) + 1)
    # Samples: a at minutes 0..8, rows 0..8; b at minutes 5..10, rows 10..15. The 15 are cut at minutes 5 and 7.
    folds = make_folds(spans, CvConfig(splitter="kfold", n_splits=3, val=0.2), NO_EMBARGO, MINUTE)
    assert [fold.test.tolist() for fold in folds] == [run(0, 4), [5, 6, 10, 11], [7, 8, 12, 13, 14, 15]]
    assert (folds[1].train.tolist(), folds[1].val.tolist()) == (run(0, 3), [14, 15])
    more = make_folds(spans, CvConfig(splitter="kfold", n_splits=3, val=0.4), NO_EMBARGO, MINUTE)
    assert more[1].val.tolist() == [8, 13, 14, 15]  # three asked for; the third lies at minute 8, as does a fourth


@st.composite
def cuts(draw: st.DrawFn) -> CvConfig:
    splitter = draw(st.sampled_from(["expanding", "sliding", "kfold", "combinatorial"]))
    n_splits = draw(st.integers(2, 6))
    tested = draw(st.integers(1, n_splits - 1))
    test_size = draw(st.none() | st.integers(1, 4)) if splitter in ("expanding", "sliding") else None
    val = draw(st.sampled_from([0.1, 0.4]))
    return CvConfig(splitter=splitter, n_splits=n_splits, test_groups=tested, test_size=test_size, val=val)


def near(spans: Spans, distance_us: int) -> np.ndarray:
    """bool [samples, samples]: at most so far apart; 0: a moment in common."""
    first, last = spans.first_us, spans.last_us
    return (first[:, None] <= last + distance_us) & (last[:, None] >= first - distance_us)


@given(world=worlds(), cv=cuts(), embargo=st.integers(0, 4), least=st.integers(0, 12))
def test_no_fold_trains_on_what_touches_its_val_or_test_and_none_wastes_a_sample(
    world: tuple[Table, Spans], cv: CvConfig, embargo: int, least: int
) -> None:
    _, spans = world
    try:
        folds = make_folds(spans, cv, SplitConfig(embargo_rows=embargo, purge_rows=least), MINUTE)
    except NotEnoughRowsError:
        return
    assert len(folds) == cv.num_folds
    time = spans.time_us
    touched, close = near(spans, 0), near(spans, embargo * MINUTE_US)
    if least:
        beside = np.abs(time[:, None] - time) <= least * MINUTE_US
        touched, close = touched | beside, close | beside
    num_first = (time < folds[0].cutoff_us).sum()
    for fold in folds:
        train, val, test, purged, embargoed = (
            np.isin(spans.row, rows) for rows in (fold.train, fold.val, fold.test, fold.purged, fold.embargoed)
        )
        may = ~test
        if cv.splitter in ("expanding", "sliding"):
            may = time < fold.cutoff_us
        if cv.splitter == "sliding":
            may &= time >= np.sort(time[may])[-num_first]
        by_test = may & close[:, test].any(axis=1)
        left = may & ~by_test
        assert np.array_equal(val, left & (time >= time[val].min()))
        wanted = max(1, round(cv.val * left.sum()))
        assert val.sum() >= wanted > (val & (time > time[val].min())).sum()
        by_val = left & ~val & close[:, val].any(axis=1)
        assert np.array_equal(train, left & ~val & ~by_val)
        in_touch = (by_test & touched[:, test].any(axis=1)) | (by_val & touched[:, val].any(axis=1))
        assert np.array_equal(purged, in_touch)
        assert np.array_equal(embargoed, (by_test | by_val) & ~in_touch)
        assert fold.cutoff_us == time[test].min()
        for rows in (fold.train, fold.val, fold.test, fold.purged, fold.embargoed):
            assert np.all(np.diff(rows) > 0)
            assert rows.dtype == np.int64


@given(world=worlds(), cv=cuts())
def test_every_sample_is_tested_once_on_every_path_and_moments_stay_together(
    world: tuple[Table, Spans], cv: CvConfig
) -> None:
    _, spans = world
    try:
        folds = make_folds(spans, cv, NO_EMBARGO, MINUTE)
    except NotEnoughRowsError:
        return
    walks = cv.splitter in ("expanding", "sliding")
    tested = spans.row[spans.time_us >= folds[0].cutoff_us] if walks else spans.row
    if cv.test_size is not None:
        assert np.unique(spans.time_us[spans.time_us >= folds[0].cutoff_us]).size == cv.n_splits * cv.test_size
    elif walks:
        assert tested.size >= cv.n_splits * (spans.row.size // (cv.n_splits + 1))
    paths = backtest_paths(folds)
    num_paths = math.comb(cv.n_splits - 1, cv.test_groups - 1) if cv.splitter == "combinatorial" else 1
    for path in range(num_paths):
        rows = np.concatenate([fold.test[own == path] for fold, own in zip(folds, paths, strict=True)])
        assert np.array_equal(np.sort(rows), tested)
    assert all(own.max() < num_paths for own in paths)
    for fold, own in zip(folds, paths, strict=True):
        time = spans.time_us[np.isin(spans.row, fold.test)]
        for moment in np.unique(time):
            assert (time == moment).sum() == (spans.time_us == moment).sum()
            assert np.unique(own[time == moment]).size == 1


def test_sliding_folds_train_on_equally_many_and_blocks_are_equally_long() -> None:
    spans = plain_spans(1_000, 10, 5)
    folds = make_folds(spans, CvConfig(splitter="sliding", n_splits=6), SplitConfig(embargo_rows=3), MINUTE)
    assert len({(fold.train.size, fold.val.size, fold.test.size) for fold in folds}) == 1


def test_an_embargo_in_rows_equals_the_same_embargo_in_time() -> None:
    spans, cv = plain_spans(1_000, 10, 5), CvConfig(splitter="combinatorial", n_splits=6)
    by_rows = make_folds(spans, cv, SplitConfig(embargo_rows=60), MINUTE)
    by_time = make_folds(spans, cv, SplitConfig(embargo=timedelta(hours=1)), MINUTE)
    assert lists(by_rows) == lists(by_time)
    assert by_rows[7].embargo_rows > 0


def test_the_log_says_a_line_a_fold_with_sizes_and_what_was_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gatewise.splits"):
        make_folds(SMALL, CvConfig(splitter="kfold", n_splits=4, val=0.2), SplitConfig(embargo_rows=1), MINUTE)
    head, *lines = (record.getMessage() for record in caplog.records if record.name == "gatewise.splits")
    assert head == "folds: 4, kfold, of 22 samples; embargo 1m (split.embargo_rows: 1 x 1m)"
    assert lines[1] == (
        "fold 2 of 4: train 5, val 2, test 6 samples; 6 purged, 3 embargoed (1m); test from 1970-01-01T00:07:00"
    )
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("num_samples", "cv"),
    [
        (0, CvConfig()),
        (5, CvConfig(n_splits=5)),
        (4, CvConfig(splitter="kfold", n_splits=5)),
        (9, CvConfig(splitter="combinatorial", n_splits=10)),
        (9, CvConfig(n_splits=10_000)),
    ],
)
def test_more_splits_than_samples_are_refused(num_samples: int, cv: CvConfig) -> None:
    spans = take_spans(plain_spans(30, 0, 1), np.arange(num_samples))
    with pytest.raises(
        NotEnoughRowsError, match=f"(?m)stretches of time need as many samples; got {num_samples}$"
    ) as caught:
        make_folds(spans, cv, NO_EMBARGO, MINUTE)
    assert caught.value.hint == "lower cv.n_splits, or give more rows"


def test_test_blocks_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(NotEnoughRowsError, match=r"2 test blocks of 11 leave rows .* more than 22; got 22") as caught:
        make_folds(SMALL, CvConfig(n_splits=2, test_size=11), NO_EMBARGO, MINUTE)
    assert caught.value.hint == "lower cv.test_size or cv.n_splits, or give more rows"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cv.n_splits": 1}, "cv.n_splits must be at least 2, or 1 with cv.test_size; got 1"),
        ({"cv.n_splits": 0, "cv.test_size": 9}, "cv.n_splits: must be greater than or equal to 1; got 0"),
        ({"cv.splitter": "kfold", "cv.test_size": 9}, "cv.test_size is for cv.splitter expanding and sliding; kfold"),
        ({"cv.splitter": "kfold", "cv.n_splits": 1}, "cv.n_splits must be at least 2 with cv.splitter kfold; got 1"),
    ],
)
def test_numbers_of_folds_that_can_not_be_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(overrides=values)


def test_more_splits_than_moments_are_refused() -> None:
    table = make_table({name: [0, 1, 2, 3] for name in "abcde"})
    rows = np.flatnonzero(np.arange(table.num_rows) % 4 != 3)
    spans = make_spans(table, rows, 0, np.arange(table.num_rows) + 1)
    with pytest.raises(NotEnoughRowsError, match=r"number \d holds none: 15 samples lie at 3 moments"):
        make_folds(spans, CvConfig(splitter="kfold", n_splits=4), NO_EMBARGO, MINUTE)


@pytest.mark.parametrize(
    ("cv", "remedy"),
    [
        (CvConfig(n_splits=5), "lower cv.n_splits"),
        (CvConfig(splitter="kfold", n_splits=2), "raise cv.n_splits"),
        (CvConfig(splitter="combinatorial", n_splits=6, test_groups=5), "lower cv.test_groups"),
    ],
)
def test_a_fold_that_the_purge_empties_is_named_with_its_sizes_and_the_fields_to_change(
    cv: CvConfig, remedy: str
) -> None:
    spans = plain_spans(100, reach=30, horizon=20)
    with pytest.raises(NotEnoughRowsError, match=r"fold 1 of \d+ must keep samples to train on; .* purged") as caught:
        make_folds(spans, cv, NO_EMBARGO, MINUTE)
    assert remedy in str(caught.value.hint)
    assert "windows.sequence_length, target.horizon, split.embargo" in str(caught.value.hint)


@pytest.mark.parametrize("tested", [4, 5])
def test_testing_every_group_is_refused(tested: int) -> None:
    values = {"cv.splitter": "combinatorial", "cv.n_splits": 4, "cv.test_groups": tested}
    with pytest.raises(ConfigError, match=f"cv.test_groups must be below cv.n_splits; got {tested} of 4 groups"):
        load_config(overrides=values)
    load_config(overrides=values | {"cv.splitter": "kfold"})  # where it plays no part, it is not looked at


def test_folds_without_number_are_refused_at_once() -> None:
    values = {"cv.splitter": "combinatorial", "cv.n_splits": 60, "cv.test_groups": 30}
    with pytest.raises(ConfigError, match="at most 10,000 folds; got all choices of 30 groups of 60"):
        load_config(overrides=values)


def test_a_long_series_of_many_folds_is_no_matter() -> None:
    spans = plain_spans(200_000, 260, 20)
    folds = make_folds(spans, CvConfig(splitter="combinatorial", n_splits=6), SplitConfig(embargo_rows=10), MINUTE)
    assert len(folds) == 15
    # Groups 2 and 5 of 1..6 are tested: that loses on two sides of each, and before val.
    assert folds[7].purged_rows == 5 * 280
    assert folds[7].embargo_rows == 5 * 10
