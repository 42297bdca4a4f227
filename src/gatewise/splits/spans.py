"""From rows to spans: the stretch of time that each sample touches, from the oldest row of its input to its label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.splits.base import Rows, Spans


def make_spans(table: Table, rows: Rows, reach_rows: int, known_at: Rows, supervised_rows: int = 1) -> Spans:
    """The span of each sample, as times, so that samples of different symbols compare.

    Args:
        table: the rows' clock.
        rows: int64 [samples], ascending; the rows at which predictions are made.
        reach_rows: how many rows before its own a sample's input depends on:
            `(sequence_length - 1) + (lookback - 1)`. All of them lie in the row's segment, as only such rows are valid.
        known_at: int64 [table rows], `Labels.known_at`.
        supervised_rows: how many steps at the end of a window are scored: 1 where only the last step is, up to
            `sequence_length` where every step is. An earlier step's label may be settled later than the last step's.

    Returns:
        Spans in the order of `rows`. Costs a few milliseconds for a million samples.
    """
    assert reach_rows >= 0
    assert 1 <= supervised_rows <= reach_rows + 1
    assert np.all(np.diff(rows) > 0), "rows must ascend"
    assert np.all(rows - reach_rows >= table.segment_start[rows]), "an input reaches out of its segment"
    assert np.all(known_at[rows] > rows), "a label is settled only after its row"
    settled = known_at[rows]
    for step in range(1, supervised_rows):
        settled = np.maximum(settled, known_at[rows - step])
    time_us = table.time_us
    return Spans(rows, time_us[rows - reach_rows], time_us[rows], time_us[settled], time_us)


def take_spans(spans: Spans, which: npt.NDArray[np.bool_] | Rows) -> Spans:
    """The samples that a mask or an array of positions names."""
    return Spans(spans.row[which], spans.first_us[which], spans.time_us[which], spans.last_us[which], spans.table_us)
