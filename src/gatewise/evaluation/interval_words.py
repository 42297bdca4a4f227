"""Intervals in words: bounds where there are some, and the reason, once, where there are none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gatewise.evaluation.base import Estimate, Interval, fixed
from gatewise.evaluation.metric_names import metric_words


def bounds_text(interval: Interval | Estimate, places: int, between: str = "[{}, {}]", sign: str = "") -> str:
    """`[0.61, 0.69]`, or nothing where no interval can be given or the value can't come out otherwise.

    The prior's balanced accuracy, for one, is 1 / classes on any rows.

    Args:
        between: a template of the two bounds.
        sign: of `fixed`.
    """
    if interval.low is None or interval.high is None or math.isclose(interval.low, interval.high, rel_tol=1e-9):
        return ""
    return between.format(*(fixed(bound, places, sign) for bound in (interval.low, interval.high)))


def without_interval(everyone: Mapping[str, Mapping[str, Interval]], names: Sequence[str]) -> list[str]:
    """A sentence a reason, said once: which of the named metrics stand without an interval, whose, and why.

    Args:
        everyone: metrics by whose they are, such as `model` or `test`; they are named where not all lack it.
    """
    groups: dict[str, dict[str, list[str]]] = {}  # {reason: {whose: metrics}}
    for whose, metrics in everyone.items():
        for name in names:
            if metrics[name].low is None or metrics[name].high is None:
                groups.setdefault(metrics[name].reason or "too few rows", {}).setdefault(whose, []).append(name)
    return [f"No interval{_which(lacking, len(everyone), len(names))}: {reason}." for reason, lacking in groups.items()]


def _which(lacking: Mapping[str, Sequence[str]], everyone: int, every: int) -> str:
    alike: dict[tuple[str, ...], list[str]] = {}  # who lack the same
    for whose, names in lacking.items():
        alike.setdefault(tuple(names), []).append(whose)
    phrases = []
    for names, some in alike.items():
        what = "" if len(names) == every else f" of {', '.join(map(metric_words, names))}"
        phrases.append(what + ("" if len(some) == everyone else f" ({', '.join(some)})"))
    return ";".join(phrases)
