"""The one purge that every splitter uses: which training samples come too close to evaluated ones.

Evaluated spans are merged into disjoint closed intervals, so that holes between them stay holes, and a training span is
looked up among them by bisection: O(n log n), about 0.2 s for a million samples, and exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.splits.base import Rows, Spans
from gatewise.splits.spans import take_spans

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Purge:
    """What became of the training samples; three disjoint masks [samples] whose union is the training mask.

    Attributes:
        kept: may be trained on.
        purged: share a moment with an evaluated sample, or lie nearer than the least distance asked for.
        embargoed: share none, but lie within the embargo.
    """

    kept: Mask
    purged: Mask
    embargoed: Mask


def purge(
    spans: Spans,
    training: Mask,
    evaluated: Mask,
    *,
    embargo_before_us: int = 0,
    embargo_after_us: int = 0,
    least_distance_us: int = 0,
) -> Purge:
    """Sorts training samples into kept, purged and embargoed.

    A sample is purged if its closed span [first_us, last_us] has a moment in common with an evaluated sample's, in any
    symbol. It is embargoed if it has none, but ends at most `embargo_before_us` before an evaluated span's start, or
    starts at most `embargo_after_us` after an evaluated span's end. An embargo of n steps thus leaves n whole steps
    between the two spans, and an embargo of 0 drops nothing.

    Args:
        spans: all samples.
        training, evaluated: bool [samples], disjoint.
        embargo_before_us: for training that comes before what it is evaluated on (a chronological split, walk-forward).
        embargo_after_us: for training that comes after it (k-fold, combinatorial), where evaluated labels linger.
        least_distance_us: purge also samples whose own row is at most this far from an evaluated sample's row; 0: none.
    """
    assert not np.any(training & evaluated), "a sample can't be both trained on and evaluated"
    assert min(embargo_before_us, embargo_after_us, least_distance_us) >= 0
    judged = take_spans(spans, evaluated)
    starts, ends = merge_intervals(judged.first_us, judged.last_us)
    purged = training & touches(spans.first_us, spans.last_us, starts, ends)
    if least_distance_us:
        near = merge_intervals(judged.time_us - least_distance_us, judged.time_us + least_distance_us)
        purged |= training & touches(spans.time_us, spans.time_us, *near)
    wide = merge_intervals(starts - embargo_before_us, ends + embargo_after_us)
    embargoed = training & ~purged & touches(spans.first_us, spans.last_us, *wide)
    return Purge(training & ~purged & ~embargoed, purged, embargoed)


def merge_intervals(first_us: Rows, last_us: Rows) -> tuple[Rows, Rows]:
    """The union of closed intervals as disjoint ones: their starts and their ends, both ascending."""
    if not first_us.size:
        return first_us, last_us
    order = np.argsort(first_us, kind="stable")
    first, last = first_us[order], np.maximum.accumulate(last_us[order])
    new = np.ones(first.size, dtype=bool)
    new[1:] = first[1:] > last[:-1]
    begin = np.flatnonzero(new)
    return first[begin], last[np.append(begin[1:], first.size) - 1]


def touches(first_us: Rows, last_us: Rows, starts: Rows, ends: Rows) -> Mask:
    """Whether each closed interval [first_us, last_us] meets one of the disjoint closed intervals [starts, ends]."""
    if not starts.size:
        return np.zeros(first_us.size, dtype=bool)
    # The last interval that starts in time is the one that ends last, as they are disjoint: no other needs a look.
    nearest = np.searchsorted(starts, last_us, side="right") - 1
    return (nearest >= 0) & (ends[nearest] >= first_us)
