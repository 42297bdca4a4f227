"""Which rows of a table a record can score: those that have all that its features, model and units reach for."""

from __future__ import annotations

import weakref

import numpy as np
import numpy.typing as npt

from gatewise.bundle.record import Record
from gatewise.config.target_section import TargetSection
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError
from gatewise.rows import window_rows
from gatewise.targets.history import History, history_lookback, make_history
from gatewise.targets.learned import start_values
from gatewise.targets.outputs.base import OutputSpec

# The newest, of the one table that it was measured of: updates and explanations predict of it again and again.
_kept: list[tuple[weakref.ref[Table], TargetSection, History]] = []


def rows_needed(record: Record) -> int:
    """The gap-free rows that one prediction takes."""
    config = record.config
    length = config.windows.sequence_length
    of_window = length + record.lookback - 1
    if not config.model.reads_history:
        return of_window
    past = history_lookback(config.target, record.timeframe, config.data.calendar)
    return max(of_window, length + 1, past)  # a window's first return is from the row before it


def read_history(record: Record, table: Table) -> History | None:
    """Of a table's rows, measured once while no other table's is asked for; `None` where the model reads features
    alone.
    """
    target = record.config.target
    if not record.config.model.reads_history:
        return None
    for measured, measured_by, history in _kept:
        if measured() is table and measured_by == target:
            return history
    history = make_history(table, target)
    _kept[:] = [(weakref.ref(table, lambda _: _kept.clear()), target, history)]
    return history


def scorable_rows(
    record: Record, spec: OutputSpec, table: Table, valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Rows with a full gap-free window, the history that the model reads, and the values that predictions are added to;
    ascending, at least one.

    Args:
        valid: bool [rows], whether a row has all features.

    Raises:
        NotEnoughRowsError: there is none.
    """
    rows = window_rows(valid, table.segment_start, record.config.windows.sequence_length)
    if (history := read_history(record, table)) is not None:
        whole = rows - (rows_needed(record) - 1) >= table.segment_start[rows]
        rows = rows[history.known[rows] & whole]
    if not len(rows):
        longest = int(np.max(np.arange(table.num_rows) - table.segment_start)) + 1
        raise NotEnoughRowsError(
            f"a prediction takes {rows_needed(record)} gap-free rows with all values present; the longest "
            f"stretch without a gap has {longest} of {table.num_rows} rows",
            "give more of the rows before the first one to score, or widen data.gap_tolerance",
        )
    if not record.least:
        return rows
    rows = rows[np.isfinite(start_values(table, spec, rows)).all(axis=1)]
    if not len(rows):
        raise NotEnoughRowsError(
            "predictions are added to present values, which no row with a full window has of all of "
            f"{', '.join(dict.fromkeys(spec.starts))}"
        )
    return rows
