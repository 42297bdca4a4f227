"""Intervals in words: bounds where there are some, and the reason, once, where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatewise.evaluation.base import Estimate, Interval


def bounds_text(found: Interval | Estimate, places: int, between: str = "[{}, {}]", sign: str = "") -> str:
    """`[0.61, 0.69]`, or nothing where no interval can be given.

    Args:
        between: a template of the two bounds.
        sign: what stands before the places in the format: `+` shows it always, a comma sets thousands apart.
    """
    if found.low is None or found.high is None:
        return ""
    return between.format(*(f"{bound:{sign}.{places}f}" for bound in (found.low, found.high)))


def without_interval(metrics: Mapping[str, Interval], names: Sequence[str]) -> list[str]:
    """A sentence a reason: which of the named metrics stand without an interval, and why."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if metrics[name].low is None or metrics[name].high is None:
            groups.setdefault(metrics[name].reason or "too few rows", []).append(name)
    return [f"No interval{_which(some, names)}: {reason}." for reason, some in groups.items()]


def _which(some: Sequence[str], every: Sequence[str]) -> str:
    return "" if len(some) == len(every) else f" of {', '.join(some)}"
