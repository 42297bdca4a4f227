"""Sets of moments as sorted half-open spans [start, end): united, subtracted, cut."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Span = tuple[datetime, datetime]


def unite(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments as few spans as there can be, sorted; spans that touch become one, empty ones none."""
    united: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((start, end))
    return tuple(united)


def subtract(spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """The moments of `spans` that lie in none of `others`."""
    left, others = [], unite(others)
    for start, end in unite(spans):
        for other_start, other_end in others:
            if other_end <= start or other_start >= end:
                continue
            if other_start > start:
                left.append((start, other_start))
            start = max(start, other_end)
        if start < end:
            left.append((start, end))
    return tuple(left)
