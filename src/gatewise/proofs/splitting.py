"""The split, checked again without any of the code that made it.

The purge looks spans up among merged intervals of time. Here they are laid on the grid of the table's own moments and
counted: two closed spans whose ends lie on a grid meet exactly if they share a moment of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from gatewise.config.schema import format_duration
from gatewise.proofs.base import Case, Check, name_row
from gatewise.splits.base import Rows
from gatewise.splits.purge import Mask

PARTS = ("train", "val", "certify", "test")
JUDGED = {part: PARTS[place + 1 :] for place, part in enumerate(PARTS[:-1])}  # whose spans a part's must not meet
CUT = ("train", "val", "test")  # what split.method rows cuts; certify is the newest of val


@dataclass(frozen=True)
class Places:
    """For each table row that is a sample, where it stands on the grid of moments; garbage in other rows."""

    grid_us: Rows
    first: Rows
    at: Rows
    last: Rows

    def touched_by(self, rows: Rows) -> Mask:
        """Which moments of the grid lie in a span of these samples; bool [moments]."""
        edges = np.zeros(self.grid_us.size + 1, dtype=np.int64)
        np.add.at(edges, self.first[rows], 1)
        np.add.at(edges, self.last[rows] + 1, -1)
        return np.cumsum(edges)[:-1] > 0

    def meeting(self, rows: Rows, touched: Mask) -> Rows:
        """Those of the samples whose span has a touched moment."""
        before = np.concatenate([[0], np.cumsum(touched)])
        return rows[before[self.last[rows] + 1] > before[self.first[rows]]]


def check_split(case: Case) -> Check:
    """Nothing that an earlier part touches, inputs or labels, is touched by a later part; the embargo lies between."""
    offence = _misplaced(case)
    if not offence:
        places = lay_on_grid(case, case.config.split.purge_inputs)
        offence = next(filter(None, (_too_close(case, places, part) for part in JUDGED)), None)
    if offence:
        return Check("split", False, offence)
    kept_apart = "span" if case.config.split.purge_inputs else "label"
    sizes = ", ".join(f"{part} {rows.size:,}" for part in PARTS if (rows := getattr(case.split, part)).size)
    return Check(
        "split",
        True,
        f"{sizes} of {case.samples.rows.size:,} samples: no {kept_apart} meets a later part's, "
        f"and an embargo of {words_of(case.split.embargo_us)} lies between",
    )


def _misplaced(case: Case) -> str | None:
    table, split = case.table, case.split
    for part in PARTS:
        rows = getattr(split, part)
        if np.unique(rows).size != rows.size or not np.isin(rows, case.samples.rows).all():
            return f"{part} holds rows twice, or rows that are no samples"
        for later in JUDGED.get(part, ()):
            others = getattr(split, later)
            if rows.size and others.size and table.time_us[rows].max() >= table.time_us[others].min():
                newest = rows[np.argmax(table.time_us[rows])]
                return f"{part} is not older than {later}: {name_row(table, newest)} is in {part}"
    spec, size = case.config.split, case.samples.rows.size
    if spec.method == "rows":
        return _not_by_rows(case)
    missing = size - round((spec.train + spec.val) * size) - split.test.size
    if spec.test and missing > 0:
        return f"test was shortened: {missing} of its samples are missing"
    return None


def _not_by_rows(case: Case) -> str | None:
    """Whether a part has a label that reaches out of its rows, or test lacks a sample whose label lies in it."""
    spec, places = case.config.split, lay_on_grid(case)
    num_moments = len(places.grid_us)
    asked = [int(part if spec.counts_rows else part * num_moments) for part in (spec.train, spec.val, spec.test)]
    if not spec.counts_rows:
        asked[1] = num_moments - asked[0] - asked[2]
    start = 0
    for part, size in zip(CUT, asked, strict=True):
        inside = (places.at + 1 >= start) & (places.last < start + size)
        whole = case.samples.rows[inside[case.samples.rows]]
        rows, start = getattr(case.split, part), start + size
        if part == "val":
            rows = np.concatenate([rows, case.split.certify])
        if (out := np.setdiff1d(rows, whole)).size:
            return f"{part} holds labels of other rows than its own, first {name_row(case.table, out[0])}"
        if part == "test" and rows.size < whole.size:
            return f"test was shortened: {whole.size - rows.size} of its samples are missing"
    return None


def lay_on_grid(case: Case, inputs: bool = True) -> Places:
    """Every sample's span, or without inputs its label's, as places on the grid of the table's own moments."""
    windows, labels, table = case.config.windows, case.samples.labels, case.table
    grid_us, at = np.unique(table.time_us, return_inverse=True)
    scored = 1 if windows.supervise == "last" else windows.sequence_length - windows.burn_in
    reach = max(windows.sequence_length - 1 + case.samples.matrix.lookback - 1, scored - 1 + labels.lookback - 1)
    oldest = np.arange(table.num_rows) - reach
    last_row = np.where(labels.valid, labels.known_at, 0)
    for step in range(1, scored):
        last_row[step:] = np.maximum(last_row[step:], np.where(labels.valid, labels.known_at, 0)[:-step])
    first = at[np.maximum(oldest, 0)] if inputs else at + 1
    return Places(grid_us, first, at, at[last_row])


def _too_close(case: Case, places: Places, part: str) -> str | None:
    rows = getattr(case.split, part)
    judged = np.concatenate([getattr(case.split, later) for later in JUDGED[part]])
    if not rows.size or not judged.size:
        return None
    touched = places.touched_by(judged)
    if (meets := places.meeting(rows, touched)).size:
        return say(case, part, meets, "span meets a later part's")

    least_us = case.config.split.purge_rows * (case.table.timeframe // timedelta(microseconds=1))
    gaps = (
        ("embargo", places.last, np.flatnonzero(touched), asked_embargo_us(case)),
        ("least distance split.purge_rows", places.at, np.unique(places.at[judged]), least_us),
    )
    for what, mine, theirs, gap_us in gaps:
        following = np.append(places.grid_us[theirs], np.iinfo(np.int64).max)[np.searchsorted(theirs, mine[rows])]
        near = following - places.grid_us[mine[rows]] <= gap_us
        if gap_us and near.any():
            return say(case, part, rows[near], f"{what} of {words_of(gap_us)} is not kept")
    return None


def asked_embargo_us(case: Case) -> int:
    """The embargo that the config asks for, or the one that the split says it chose."""
    spec, step = case.config.split, timedelta(microseconds=1)
    if spec.embargo is not None:
        return spec.embargo // step
    if spec.embargo_rows is not None:
        return spec.embargo_rows * (case.table.timeframe // step)
    return case.split.embargo_us


def say(case: Case, part: str, rows: Rows, what: str) -> str:
    """An offence in words: how many samples of a part, what of them, and the first."""
    samples = "1 sample's" if rows.size == 1 else f"{rows.size:,} samples'"
    return f"{samples} {what}: {part}, first {name_row(case.table, rows[0])}"


def words_of(duration_us: int) -> str:
    """`1d 4h`, of microseconds."""
    return format_duration(timedelta(microseconds=duration_us))
