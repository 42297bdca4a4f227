"""Parts cut by rows: printed long-horizon tables count every window of test, and one more or less is another table.

Counts are those of the published protocol: of n test rows and s steps, n - s + 1 windows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.config.schema import SplitConfig
from gatewise.errors import ConfigError, NotEnoughRowsError
from gatewise.splits.base import Spans, Split
from gatewise.splits.by_rows import part_sizes
from gatewise.splits.chronological import chronological_split

HOUR = timedelta(hours=1)
STEP_US = HOUR // timedelta(microseconds=1)
ETTH1 = SplitConfig(method="rows", train=8_640, val=2_880, test=2_880)
PRINTED = ETTH1.model_copy(update={"purge_inputs": False})
SHARES = SplitConfig(method="rows", train=0.7, val=0.1, test=0.2)


def spans_of(num_rows: int, lookback: int, steps: int) -> Spans:
    row = np.arange(lookback - 1, num_rows - steps)
    at_us = row * STEP_US
    return Spans(row, at_us - (lookback - 1) * STEP_US, at_us, at_us + steps * STEP_US, np.arange(num_rows) * STEP_US)


def split_of(spec: SplitConfig, num_rows: int, lookback: int, steps: int) -> Split:
    return chronological_split(spans_of(num_rows, lookback, steps), spec, HOUR)


@pytest.mark.parametrize(("steps", "windows"), [(96, 2_785), (192, 2_689), (336, 2_545), (720, 2_161)])
def test_etth1_has_the_printed_windows_of_test_and_none_is_dropped(steps: int, windows: int) -> None:
    printed, purged = split_of(PRINTED, 17_420, 96, steps), split_of(ETTH1, 17_420, 96, steps)
    num_train = 8_640 - 96 - steps + 1
    for split in (printed, purged):
        assert np.array_equal(split.test, np.arange(11_519, 14_400 - steps))
        assert split.test.size == windows
        assert split.embargo_us == split.embargo_rows == 0
    assert np.array_equal(printed.train, np.arange(95, 8_640 - steps))
    assert printed.train.size == num_train
    assert np.array_equal(printed.val, np.arange(8_639, 11_520 - steps))
    # The last 96 give way to the inputs of the part behind.
    assert np.array_equal(purged.train, printed.train[:-96])
    assert np.array_equal(purged.val, printed.val[:-96])
    across = 2 * (steps - 1)
    assert (printed.purged_rows, purged.purged_rows) == (across, across + 2 * 96)
    for split, count in ((printed, 0), (purged, 96)):
        assert split.remarks == (
            f"Parts are cut by rows: all {windows:,} test windows are kept; the purge took {count} of {num_train:,} "
            f"train windows and {count} of {windows:,} val windows; the labels of {across:,} more lie in two parts",
        )


@pytest.mark.parametrize(("steps", "windows"), [(96, 1_422), (192, 1_326), (336, 1_182), (720, 798)])
def test_exchange_rate_is_cut_by_shares_of_its_rows(steps: int, windows: int) -> None:
    assert part_sizes(SHARES, 7_588) == (5_311, 760, 1_517)
    split = split_of(SHARES.model_copy(update={"purge_inputs": False}), 7_588, 96, steps)
    assert (split.val.size, split.test.size) == (760 - steps + 1, windows)
    if steps == 720:  # of the 41 windows of validation the inputs of test leave none
        with pytest.raises(NotEnoughRowsError, match="the val part"):
            split_of(SHARES, 7_588, 96, steps)


@given(
    sizes=st.tuples(st.integers(40, 80), st.integers(40, 80), st.integers(0, 60)),
    lookback=st.integers(1, 12),
    steps=st.integers(1, 12),
    after=st.integers(0, 40),
    inputs=st.booleans(),
)
def test_a_part_has_the_labels_of_its_rows_and_no_earlier_label_is_a_later_input(
    sizes: tuple[int, int, int], lookback: int, steps: int, after: int, inputs: bool
) -> None:
    if 0 < sizes[2] < steps:
        return
    spec = SplitConfig(method="rows", train=sizes[0], val=sizes[1], test=sizes[2], purge_inputs=inputs)
    bounds = np.cumsum((0, *sizes))
    split = split_of(spec, int(bounds[-1]) + after, lookback, steps)
    for rows, start, end in zip((split.train, split.val, split.test), bounds, bounds[1:], strict=False):
        assert all(row + 1 >= start and row + steps < end for row in rows)
    tested = [row for row in range(lookback - 1, bounds[-1]) if row + 1 >= bounds[2] and row + steps < bounds[3]]
    assert split.test.tolist() == (tested if sizes[2] else [])
    for earlier, later in ((split.train, split.val), (split.train, split.test), (split.val, split.test)):
        if earlier.size and later.size:
            assert earlier.max() + steps < (later.min() - (lookback - 1) if inputs else later.min() + 1)


@pytest.mark.parametrize(
    ("inputs", "words"), [(True, "192 purged (label or input"), (False, "0 purged (label touches")]
)
def test_the_log_says_of_what_is_purged_whether_inputs_count(
    inputs: bool, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "gatewise.splits"):
        split_of(ETTH1.model_copy(update={"purge_inputs": inputs}), 17_420, 96, 96)
    assert words in caplog.text


def test_rows_of_several_symbols_count_by_their_moments() -> None:
    one = spans_of(100, 3, 2)
    assert one.table_us is not None
    both = Spans(*(np.concatenate([field, field]) for field in (one.row, one.first_us, one.time_us, one.last_us)))
    both = Spans(both.row, both.first_us, both.time_us, both.last_us, np.concatenate([one.table_us] * 2))
    spec = SplitConfig(method="rows", train=60, val=20, test=20)
    alone = chronological_split(one, spec, HOUR)
    assert chronological_split(both, spec, HOUR).test.tolist() == [*alone.test, *alone.test]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"train": 8_640}, "must all be numbers of rows, or all shares"),
        ({"train": 80.5, "val": 10, "test": 10}, "must all be numbers of rows, or all shares"),
        ({"train": 0.7, "val": 10, "test": 0.2}, "must all be numbers of rows, or all shares"),
        ({"train": 0.7, "val": 0.2, "test": 0.2}, "must be 1"),
        ({"method": "fixed", "train": 8_640, "val": 10, "test": 10}, "split.train: must be less than 1"),
        ({"method": "fixed", "purge_inputs": False}, "is of printed tables"),
        ({"train": 80, "val": 0, "test": 10}, "must all be numbers of rows"),
        ({"method": "fixed", "train": 0.8, "val": 0, "test": 0.2}, "split.val: must be greater than 0"),
        ({"train": True}, "must not be true or false"),
        ({"train": -3, "val": 2, "test": 2}, "greater than 0"),
    ],
)
def test_parts_that_are_neither_counts_nor_shares_are_refused(said: dict[str, Any], words: str) -> None:
    from gatewise.config.load import load_config

    with pytest.raises(ConfigError, match=words):
        load_config({"split": {"method": "rows", **said}})


def test_fewer_rows_than_the_parts_take_are_refused() -> None:
    with pytest.raises(NotEnoughRowsError, match=r"at most 14,399, the rows there are; got 14,400"):
        split_of(ETTH1, 14_399, 96, 96)


def test_an_embargo_that_is_said_is_kept() -> None:
    spec = ETTH1.model_copy(update={"embargo_rows": 24})
    split = split_of(spec, 17_420, 96, 96)
    assert (split.embargo_rows, split.test.size) == (48, 2_785)
