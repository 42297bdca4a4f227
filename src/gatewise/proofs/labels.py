"""Labels: does one change after it is said to be known, or with rows before its lookback? And what is known at a row of
what they measure: does it change with any later row?
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.errors import DataError
from gatewise.proofs.base import Case, Check, describe_cover, moment, name_row, same_bits
from gatewise.proofs.corrupt import Future, corrupt, worlds
from gatewise.quiet import warnings_only
from gatewise.targets.base import Labels

Mask = npt.NDArray[np.bool_]


def check_labels(case: Case) -> Check:
    """A label settled at `known_at` changes with no row after that, nor with one before the label's lookback."""
    rng, kind = case.rng("labels"), case.config.target.kind
    compared = num_futures = 0
    last_world, base = None, case.samples.labels
    with warnings_only("gatewise"):
        for world, future in worlds(case.chunk, rng):
            if world is not last_world:
                last_world, base = world, _labels(case, world)
            other = _labels(case, future.table)
            if offence := _early(base, world) or _changed_by_future(base, other, future, world):
                return Check("labels", False, f"{kind}: {offence}")
            compared += int(_settled(base, world, future.cut_us).sum())
            num_futures += 1
        if offence := _changed_by_past(case, rng):
            return Check("labels", False, f"{kind}: {offence}")
    return Check(
        "labels",
        True,
        f"{kind}: {compared:,} settled labels unchanged under {num_futures} corrupted futures; "
        f"{describe_cover(case.chunk)}",
    )


def _labels(case: Case, table: Table) -> Labels:
    try:
        return case.parts.make_labels(table, case.config.target)
    except DataError:  # no row of so short a table has its whole path: nothing is labelled
        like = case.samples.labels
        nowhere = np.full(table.num_rows, -1)
        return replace(
            like,
            y=np.zeros((table.num_rows, *like.y.shape[1:]), like.y.dtype),
            known_at=nowhere,
            valid=nowhere >= 0,
            known_by_output=None,
            history=None,
        )


def _early(labels: Labels, table: Table) -> str | None:
    rows = np.arange(table.num_rows)
    settled = labels.settled(rows)
    late = np.flatnonzero(labels.valid & (settled.max(axis=1) > labels.known_at))
    if late.size:
        return f"known_at is before an output's own moment at {name_row(table, late[0])}"
    early = np.flatnonzero(labels.valid & (settled.min(axis=1) <= rows))
    return f"known_at is not after its row at {name_row(table, early[0])}" if early.size else None


def _settled(labels: Labels, table: Table, cut_us: int) -> Mask:
    return labels.valid & (table.time_us[labels.known_at] <= cut_us)


def _settled_outputs(labels: Labels, table: Table, rows: npt.NDArray[np.int64], cut_us: int) -> Mask:
    """[n, outputs]: of several horizons, and of a path's steps, the sooner ones are settled sooner than the label."""
    return labels.valid[rows][:, None] & (table.time_us[labels.settled(rows)] <= cut_us)


def _changed_by_future(base: Labels, other: Labels, future: Future, table: Table) -> str | None:
    was = _settled(base, table, future.cut_us)[future.kept]
    now = _settled(other, future.table, future.cut_us)[future.at]
    rows, at = future.kept[was & now], future.at[was & now]
    each = _settled_outputs(base, table, future.kept, future.cut_us)
    each &= _settled_outputs(other, future.table, future.at, future.cut_us)
    # A label may be withdrawn where the rows of its horizon are missing: a matter of presence, not of values.
    appears = now & ~was if future.removes_rows else now != was
    changes = (
        ("known_at", future.kept, appears),
        ("known_at", rows, table.time_us[base.known_at[rows]] != future.table.time_us[other.known_at[at]]),
        ("y", future.kept, (_differs(base.at(future.kept), other.at(future.at)) & each).any(axis=1)),
    )
    if (moved := np.flatnonzero(_history_differs(base, future.kept, other, future.at))).size:
        where = name_row(table, int(future.kept[moved[0]]))
        return f"the history at {where} changes when rows after {moment(future.cut_us)} are {future.what}"
    for name, numbers, changed in changes:
        if changed.any():
            row = int(numbers[np.flatnonzero(changed)[0]])
            say = f"{name_row(table, row)}, known at {_known(base, table, row)},"
            return f"{name} of {say} changes when rows after {moment(future.cut_us)} are {future.what}"
    return None


def _changed_by_past(case: Case, rng: np.random.Generator) -> str | None:
    table = case.chunk
    base = _labels(case, table)
    cut_us = int(np.median(table.time_us))
    changed = corrupt(table, table.time_us <= cut_us, "other prices", rng)
    other = _labels(case, changed)
    oldest = np.arange(table.num_rows) - (base.lookback - 1)
    inside = oldest >= table.segment_start
    rows = np.flatnonzero(inside & base.valid & (table.time_us[np.maximum(oldest, 0)] > cut_us))
    differs = (base.known_at[rows] != other.known_at[rows]) | _differs(base.at(rows), other.at(rows)).any(axis=1)
    differs |= _history_differs(base, rows, other, rows)
    if not differs.any():
        return None
    row = int(rows[np.flatnonzero(differs)[0]])
    return f"y of {name_row(table, row)} changes with rows before the declared lookback of {base.lookback}"


def _differs(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> Mask:
    """[rows, outputs]."""
    if one.dtype == np.float64:
        return ~same_bits(one, other)
    return np.asarray(one != other)[:, None]


def _history_differs(base: Labels, rows: npt.NDArray[np.int64], other: Labels, at: npt.NDArray[np.int64]) -> Mask:
    """bool [n]: whether what is known at `rows` of one differs from what is at `at` of the other."""
    if base.history is None or other.history is None:
        return np.zeros(len(rows), dtype=bool)
    one, two = base.history.columns[rows], other.history.columns[at]
    return np.asarray(((one != two) & ~(np.isnan(one) & np.isnan(two))).any(axis=1))


def _known(labels: Labels, table: Table, row: int) -> str:
    return moment(int(table.time_us[labels.known_at[row]])) if labels.valid[row] else "no time"
