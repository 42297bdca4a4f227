"""What a split is made of: the span that each sample touches, and the index sets that keep spans apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spans:
    """For each sample (a row that can end a window and has a label) the stretch of time that it touches.

    Times, not row numbers, so that samples of different symbols compare. All arrays are int64 [samples], in
    microseconds since the epoch but for `row`; samples are in order of `row`. `table_us` alone is of the table's rows.

    Attributes:
        row: the row of the table at which the prediction is made.
        first_us: time of the first row that the input reaches back to (window and feature lookback).
        time_us: time of `row`.
        last_us: time at which the label is known.
        table_us: int64 [table rows], when each is knowable, where parts may be cut by rows; `None`: there is no table.
    """

    row: Rows
    first_us: Rows
    time_us: Rows
    last_us: Rows
    table_us: Rows | None = None


@dataclass(frozen=True)
class Split:
    """Rows of the table at which samples are made, one array a part, ascending.

    Attributes:
        train, val, test: int64; test is empty for a plain train/val split.
        certify: int64, between val and test: what a decision rule is chosen and certified on; empty without a rule.
        purged_rows: samples dropped because their span touches an evaluated part's.
        embargo_rows: samples dropped by the embargo alone.
        embargo_us: the embargo in force.
        cutoffs_us: the first `time_us` of val, of certify where there is one, and of test.
        remarks: sentences on what was dropped, where parts are those of printed tables, which drop nothing.
    """

    train: Rows
    val: Rows
    test: Rows
    purged_rows: int
    embargo_rows: int
    embargo_us: int
    cutoffs_us: tuple[int, ...]
    remarks: tuple[str, ...] = ()
    certify: Rows = field(default_factory=lambda: np.empty(0, np.int64))
