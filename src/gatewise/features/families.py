"""Features that say much the same, under one name: what an explanation moves together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from gatewise.config.durations import format_duration
from gatewise.features.base import Feature
from gatewise.features.clock import clock, time_of_hour
from gatewise.features.differences import CHANGES
from gatewise.features.flow import FLOW
from gatewise.features.price import BAR_SHAPE, RETURNS, VOLATILITY
from gatewise.features.trend import AVERAGES, DIRECTION, OSCILLATORS
from gatewise.features.volatility import LOG_VOLATILITY


def _names(features: Iterable[Feature]) -> tuple[str, ...]:
    return tuple(feature.name for feature in features)


def _by_measure(features: Iterable[Feature]) -> dict[str, tuple[str, ...]]:
    """Those of one measure, whatever their spans: `log net move`."""
    measures: dict[str, list[str]] = {}
    for feature in features:
        measures.setdefault(feature.name.rsplit("_", 1)[0].replace("_", " "), []).append(feature.name)
    return {measure: tuple(names) for measure, names in measures.items()}


FAMILIES: dict[str, tuple[str, ...]] = {
    "returns": _names(RETURNS),
    "bar shape": _names(BAR_SHAPE),
    "volatility": _names(VOLATILITY),
    "averages": _names(AVERAGES),
    "direction": _names(DIRECTION),
    "oscillators": _names(OSCILLATORS),
    "flow": _names(FLOW),
    "clock": _names((*clock(None), *time_of_hour(None))),
    "changes": _names(CHANGES),
    **_by_measure(LOG_VOLATILITY),
    "history": tuple(f"log_vol_{horizons}" for horizons in (1, 5, 22)),  # see `targets/history.py`
    "prices": ("open", "high", "low", "close", "sma_value"),
}
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}


def families(names: Sequence[str], timeframes: Sequence[timedelta] = ()) -> dict[str, tuple[str, ...]]:
    """{family: its features}, in the order of `names`; one that is of no family is a group alone, by its own name.

    Args:
        names: the matrix's columns.
        timeframes: of the longer bars among them, whose families are their own: `oscillators 1h`.
    """
    ends = [f"_{format_duration(step)}" for step in timeframes]
    groups: dict[str, list[str]] = {}
    for name in names:
        end = next((end for end in ends if name.endswith(end) and name.removesuffix(end) in _FAMILY), "")
        family = _FAMILY.get(name.removesuffix(end))
        groups.setdefault(name if family is None else f"{family} {end[1:]}".strip(), []).append(name)
    return {family: tuple(members) for family, members in groups.items()}
