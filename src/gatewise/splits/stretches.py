"""Stretches of test rows, and what may be learned before each: the rule of online updates.

A stretch is predicted by a model that learned from samples whose labels were known by the time of its first row, less
the embargo. Their inputs may overlap with those that are predicted: by then both have happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from gatewise.data.steps.grid import Grid
from gatewise.splits.base import Rows, Spans
from gatewise.splits.purge import Mask


@dataclass(frozen=True)
class Stretch:
    """Rows that are predicted by one state of a model.

    Attributes:
        number: counts from 1 in order of time.
        at: int64, places of its rows among the test rows, ascending.
        first_us: the time of its first row, when the first of its predictions is made.
    """

    number: int
    at: Rows
    first_us: int


def cut_stretches(time_us: Rows, every: timedelta | int, calendar: str | None = None) -> tuple[Stretch, ...]:
    """Cuts test rows into stretches, of all symbols together, as what is predicted at one moment lies in one.

    Args:
        time_us: int64 [test rows], microseconds since the epoch, in any order.
        every: a length of time, or how many moments (of one symbol: rows) a stretch holds. Days and weeks are those of
            UTC, weeks from Monday; with a calendar those of its sessions, see `Grid`.
        calendar: an exchange calendar's code.
    """
    if isinstance(every, int):
        block = np.unique(time_us, return_inverse=True)[1] // every
    else:
        block = np.unique(Grid(every, calendar).bounds(time_us)[1], return_inverse=True)[1]
    order = np.argsort(block, kind="stable")
    edges = np.flatnonzero(np.diff(block[order], prepend=-1))
    parts = np.split(order, edges[1:])
    return tuple(Stretch(number, at, int(time_us[at].min())) for number, at in enumerate(parts, start=1))


def settled(spans: Spans, stretch: Stretch, embargo_us: int) -> Mask:
    """bool [samples]: those that may be learned from before a stretch is predicted.

    Args:
        embargo_us: the least time between what settles a label and the stretch; at 0 a label counts that is known at
            the time of its first row.
    """
    mask: Mask = spans.last_us <= stretch.first_us - embargo_us
    return mask
