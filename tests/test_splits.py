"""Laws of purge, embargo and the chronological split.

A bug here is silent: training on a sample that overlaps an evaluated one only makes scores better. So every law is held
against a brute-force reading of the definition, pair by pair.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tables import random_walk
from gatewise.config.load import load_config
from gatewise.config.schema import SplitConfig
from gatewise.config.section import MOST
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError
from gatewise.samples import make_samples
from gatewise.splits.base import Spans, Split
from gatewise.splits.chronological import chronological_split
from gatewise.splits.embargo import embargo_us
from gatewise.splits.purge import merge_intervals, purge
from gatewise.splits.spans import make_spans, take_spans
from span_tables import MINUTE, MINUTE_US, make_table, meets, plain_spans, worlds


def test_a_span_runs_from_the_oldest_input_row_to_the_row_that_settles_the_label() -> None:
    table = make_table({"a": [0, 1, 2, 3, 4, 5], "b": [1, 2, 3, 10, 11, 12]})
    known_at = np.array([2, 3, 4, 5, -1, -1, 7, 8, -1, 10, 11, -1])
    spans = make_spans(table, np.array([2, 3, 7, 10]), 1, known_at)
    start = table.time_us[0]
    assert ((spans.first_us - start) // MINUTE_US).tolist() == [1, 2, 1, 10]
    assert ((spans.time_us - start) // MINUTE_US).tolist() == [2, 3, 2, 11]
    assert ((spans.last_us - start) // MINUTE_US).tolist() == [4, 5, 3, 12]


def test_with_every_step_scored_the_span_ends_with_the_latest_label_of_the_window() -> None:
    table = make_table({"a": list(range(8))})
    known_at = np.array([1, 7, 3, 4, 5, 6, 7, -1])
    rows = np.array([2, 3, 4])
    last = make_spans(table, rows, 2, known_at).last_us - table.time_us[0]
    every = make_spans(table, rows, 2, known_at, supervised_rows=3).last_us - table.time_us[0]
    assert (last // MINUTE_US).tolist() == [3, 4, 5]
    assert (every // MINUTE_US).tolist() == [7, 7, 5]


@pytest.mark.parametrize(("supervise", "reach"), [("last", 20), ("every", 23)])
def test_a_span_reaches_as_far_back_as_a_label_does_where_features_look_back_less(supervise: str, reach: int) -> None:
    said = {"features.sets": [], "features.columns": ["close"], "target.horizon": 3, "target.volatility_rows": 20}
    config = load_config(overrides=said | {"windows.sequence_length": 4, "windows.supervise": supervise})
    table = random_walk(80)
    samples = make_samples(config, table)
    # A barrier takes the deviation of 20 returns, so 21 closes; the oldest scored step is three rows before the last.
    assert samples.spans.first_us.tolist() == table.time_us[samples.rows - reach].tolist()
    assert samples.rows[0] == reach


def test_a_small_series_is_split_into_exactly_these_rows() -> None:
    # 20 samples, rows 2..21: input reaches 2 back, labels settle 3 ahead. test = rows 19..21 touches from row 17 on, so
    # val row r is out if r + 3 >= 17. val = rows 16..18 loses all; so take fractions that leave some.
    spans = plain_spans(25, reach=2, horizon=3)
    split = chronological_split(spans, SplitConfig(train=0.5, val=0.35, test=0.15, embargo_rows=0), MINUTE)
    assert split.test.tolist() == [19, 20, 21]
    assert split.val.tolist() == [12, 13]  # 14..18 settle at 17 or later
    assert split.train.tolist() == [2, 3, 4, 5, 6]  # 7..11 settle at 10, where val's input begins, or later
    assert (split.purged_rows, split.embargo_rows) == (10, 0)
    assert split.cutoffs_us == (12 * MINUTE_US, 19 * MINUTE_US)


def test_an_embargo_of_one_row_drops_exactly_one_more_row_at_each_boundary() -> None:
    spans = plain_spans(25, reach=2, horizon=3)
    split = chronological_split(spans, SplitConfig(train=0.5, val=0.35, test=0.15, embargo_rows=1), MINUTE)
    assert split.test.tolist() == [19, 20, 21]
    assert split.val.tolist() == [12]
    assert split.train.tolist() == [2, 3, 4, 5]
    assert (split.purged_rows, split.embargo_rows) == (10, 2)


def test_purge_rows_is_a_least_distance_between_rows_and_not_added_to_the_spans() -> None:
    spans = plain_spans(25, reach=2, horizon=3)
    same = SplitConfig(train=0.5, val=0.35, test=0.15, embargo_rows=0, purge_rows=5)
    assert chronological_split(spans, same, MINUTE).train.tolist() == [2, 3, 4, 5, 6]
    more = SplitConfig(train=0.5, val=0.35, test=0.15, embargo_rows=0, purge_rows=6)
    split = chronological_split(spans, more, MINUTE)
    assert split.val.tolist() == [12]
    assert split.train.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("said", [{"purge_rows": MOST}, {"embargo_rows": MOST}, {"embargo": timedelta.max}])
def test_gaps_longer_than_all_time_leave_a_part_empty_and_overflow_nowhere(said: dict[str, object]) -> None:
    for timeframe in (MINUTE, timedelta(days=31)):
        with pytest.raises(NotEnoughRowsError):
            chronological_split(plain_spans(25, reach=2, horizon=3), SplitConfig.model_validate(said), timeframe)


def test_a_train_split_of_four_fifths_leaves_no_test() -> None:
    spans = plain_spans(21, reach=0, horizon=1)
    split = chronological_split(spans, SplitConfig(train=0.8, val=0.2, test=0, embargo_rows=0), MINUTE)
    assert split.train.tolist() == list(range(15))  # row 15 settles at row 16, the first of val
    assert split.val.tolist() == [16, 17, 18, 19]
    assert split.test.tolist() == []
    assert len(split.cutoffs_us) == 1


def test_a_cutoff_is_one_moment_for_all_symbols_and_labels_of_one_purge_inputs_of_another() -> None:
    table = make_table({"a": list(range(10)), "b": list(range(5, 12))})
    known_at = np.arange(table.num_rows) + 1
    rows = np.array([r for r in range(table.num_rows) if r not in (9, 16)])
    spans = make_spans(table, rows, 0, known_at)
    split = chronological_split(spans, SplitConfig(train=0.6, val=0.4, test=0, embargo_rows=0), MINUTE)
    # times: a 0..8, b 5..10; the 9 oldest of 15 end within minute 7, so val begins there, for both.
    assert split.val.tolist() == [7, 8, 12, 13, 14, 15]
    assert split.train.tolist() == [0, 1, 2, 3, 4, 5, 10]
    assert split.purged_rows == 2  # the samples at minute 6 settle at minute 7


def test_holes_between_evaluated_spans_stay_open_for_training() -> None:
    spans = plain_spans(30, reach=0, horizon=1)
    evaluated = np.isin(spans.row, [5, 6, 20])
    left = purge(spans, ~evaluated, evaluated)
    assert spans.row[left.purged].tolist() == [4, 7, 19, 21]
    left = purge(spans, ~evaluated, evaluated, embargo_after_us=2 * MINUTE_US)
    assert spans.row[left.embargoed].tolist() == [8, 9, 22, 23]
    left = purge(spans, ~evaluated, evaluated, embargo_before_us=2 * MINUTE_US)
    assert spans.row[left.embargoed].tolist() == [2, 3, 17, 18]


@given(world=worlds(), seed=st.integers(0, 2**16), before=st.integers(0, 8), after=st.integers(0, 8))
def test_purge_drops_what_the_definition_names_and_nothing_else(
    world: tuple[Table, Spans], seed: int, before: int, after: int
) -> None:
    _, spans = world
    part = np.random.default_rng(seed).integers(0, 3, spans.row.size)
    training, evaluated = part == 0, part == 1
    b, a = before * MINUTE_US, after * MINUTE_US
    left = purge(spans, training, evaluated, embargo_before_us=b, embargo_after_us=a)
    judged = np.flatnonzero(evaluated)
    for i in np.flatnonzero(training):
        touched, near = meets(spans, i, judged), meets(spans, i, judged, b, a)
        assert left.purged[i] == touched
        assert left.embargoed[i] == (near and not touched)
        assert left.kept[i] == (not near)
    assert not np.any((left.kept | left.purged | left.embargoed) & ~training)


@given(
    world=worlds(),
    train=st.sampled_from([0.5, 0.6, 0.7]),
    test=st.sampled_from([0.0, 0.15]),
    embargo=st.integers(0, 4),
    least=st.integers(0, 12),
)
def test_no_later_span_is_touched_and_no_sample_is_wasted(
    world: tuple[Table, Spans], train: float, test: float, embargo: int, least: int
) -> None:
    _, spans = world
    spec = SplitConfig(train=train, val=1 - train - test, test=test, embargo_rows=embargo, purge_rows=least)
    try:
        split = chronological_split(spans, spec, MINUTE)
    except NotEnoughRowsError:
        return
    place = {int(row): i for i, row in enumerate(spans.row)}
    kept = {part: {place[r] for r in getattr(split, part).tolist()} for part in ("train", "val", "test")}
    val_from = split.cutoffs_us[0]
    test_from = split.cutoffs_us[1] if test else np.iinfo(np.int64).max
    judged = {"train": split.val.tolist() + split.test.tolist(), "val": split.test.tolist(), "test": []}
    dropped = 0
    for i, time in enumerate(spans.time_us):
        part = "train" if time < val_from else "val" if time < test_from else "test"
        others = np.array([place[row] for row in judged[part]], dtype=int)
        bad = meets(spans, i, others, embargo * MINUTE_US)
        if least:
            bad |= bool(np.any(np.abs(time - spans.time_us[others]) <= least * MINUTE_US))
        assert (i in kept[part]) == (not bad)
        dropped += bad
    assert dropped == split.purged_rows + split.embargo_rows
    assert sum(len(k) for k in kept.values()) + dropped == spans.row.size
    for part in kept:
        assert list(getattr(split, part)) == sorted(getattr(split, part))


@given(world=worlds(), test=st.sampled_from([0.1, 0.2, 0.3]))
def test_the_test_part_is_the_newest_samples_whatever_is_purged(world: tuple[Table, Spans], test: float) -> None:
    _, spans = world
    try:
        split = chronological_split(spans, SplitConfig(train=0.6, val=0.4 - test, test=test), MINUTE)
    except NotEnoughRowsError:
        return
    assert np.array_equal(split.test, spans.row[spans.time_us >= split.cutoffs_us[1]])
    assert split.test.size >= round(test * spans.row.size) - 1


@given(
    edges=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=25),
)
def test_merged_intervals_are_disjoint_and_cover_the_same_moments(edges: list[tuple[int, int]]) -> None:
    first = np.array([a for a, _ in edges], dtype=np.int64)
    last = first + np.array([length for _, length in edges], dtype=np.int64)
    starts, ends = merge_intervals(first, last)
    covered = {moment for a, b in zip(first, last, strict=True) for moment in range(a, b + 1)}
    assert {moment for a, b in zip(starts, ends, strict=True) for moment in range(a, b + 1)} == covered
    assert np.all(ends[:-1] < starts[1:])


@pytest.mark.parametrize(("rows", "time"), [(7, timedelta(minutes=7)), (60, timedelta(hours=1))])
def test_an_embargo_in_rows_equals_the_same_embargo_in_time(rows: int, time: timedelta) -> None:
    spans = plain_spans(1000, reach=10, horizon=5)
    by_rows = chronological_split(spans, SplitConfig(embargo_rows=rows), MINUTE)
    by_time = chronological_split(spans, SplitConfig(embargo=time), MINUTE)
    assert_same(by_rows, by_time)
    assert by_rows.embargo_us == rows * MINUTE_US
    assert by_rows.embargo_rows == 2 * rows


def assert_same(one: Split, other: Split) -> None:
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(one, part), getattr(other, part))
    assert (one.purged_rows, one.embargo_rows, one.embargo_us) == (
        other.purged_rows,
        other.embargo_rows,
        other.embargo_us,
    )


@pytest.mark.parametrize(
    ("timeframe", "num_rows", "expected"),
    [
        (timedelta(minutes=5), 100_000, timedelta(minutes=5) * 1440),
        (timedelta(minutes=1), 525_600, timedelta(days=5)),
        (timedelta(minutes=5), 1_000, timedelta(minutes=5) * 19),  # 2 % of 998 steps, in whole rows
        (timedelta(days=1), 5_000, timedelta(days=5)),
        (timedelta(days=7), 2_000, timedelta(days=35)),
    ],
)
def test_the_embargo_not_given_is_five_days_or_five_rows_and_at_most_a_fiftieth(
    timeframe: timedelta, num_rows: int, expected: timedelta
) -> None:
    spans = plain_spans(num_rows, 0, 1, timeframe // timedelta(microseconds=1))
    assert embargo_us(SplitConfig(), timeframe, spans)[0] == expected // timedelta(microseconds=1)


def test_the_log_says_sizes_purge_and_embargo_with_their_origin(caplog: pytest.LogCaptureFixture) -> None:
    spans = plain_spans(100_000, 60, 20, 5 * MINUTE_US)
    with caplog.at_level(logging.INFO, "gatewise.splits"):
        split = chronological_split(spans, SplitConfig(), 5 * MINUTE)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "gatewise.splits"]
    assert f"train {split.train.size:,}, val {split.val.size:,}, test {split.test.size:,}" in line
    assert f"{split.purged_rows:,} purged" in line
    assert "2,880 embargoed (5d = 1440 rows; default: five days" in line


@pytest.mark.parametrize(
    ("num_rows", "spec", "part"),
    [
        (3, SplitConfig(), "test"),
        (40, SplitConfig(embargo_rows=0), "val"),
        (400, SplitConfig(embargo=timedelta(hours=10)), "val"),
        (60, SplitConfig(train=0.1, val=0.9, test=0, embargo_rows=0), "train"),
    ],
)
def test_a_part_left_empty_is_refused_by_name_with_the_fields_to_change(
    num_rows: int, spec: SplitConfig, part: str
) -> None:
    spans = plain_spans(num_rows + 12, reach=9, horizon=3)
    with pytest.raises(NotEnoughRowsError, match=f"the {part} part") as caught:
        chronological_split(spans, spec, MINUTE)
    assert "windows.sequence_length" in str(caught.value.hint)
    assert f"split.{part}" in str(caught.value.hint)


def test_no_samples_at_all_are_refused() -> None:
    empty = take_spans(plain_spans(20, 0, 1), np.zeros(19, dtype=bool))
    with pytest.raises(NotEnoughRowsError, match="the train part must hold at least one sample; got none of 0"):
        chronological_split(empty, SplitConfig(), MINUTE)


def test_a_million_samples_are_no_matter() -> None:
    spans = plain_spans(1_000_000, 260, 20)
    evaluated = (spans.row // 1000) % 5 == 2  # 200 blocks with holes
    left = purge(spans, ~evaluated, evaluated, embargo_after_us=10 * MINUTE_US)
    # Each block loses reach + horizon samples before it; after it the same and the embargo's ten.
    assert left.purged.sum() == 200 * 2 * (260 + 20)
    assert left.embargoed.sum() == 200 * 10
