"""Which of the ways to read their names files take: the one that their rows fit, the same for all of one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from gatewise.data.files.part import Part
from gatewise.data.names.grammar import Name, Named
from gatewise.data.names.intervals import is_about
from gatewise.data.names.variants import WRITTEN
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import one_line

_NEAR = timedelta(days=2)  # sessions begin on the eve, and end after midnight


def settle_readings(parts: Sequence[Part]) -> list[Part]:
    """Takes for each file the first way to read its name that rows fit, its own and those of files alike it.

    Where there is none, the likelier way stays. No row is looked at where all ways give one file the same symbol.
    """
    alike: dict[tuple[tuple[str, str | None], ...], list[int]] = {}
    for place, part in enumerate(parts):
        if part.named is not None and len(part.named.readings) > 1:
            readings = ((reading, name.symbol) for reading, name in part.named.readings.items() if reading != WRITTEN)
            alike.setdefault(tuple(sorted(readings)), []).append(place)
    settled = list(parts)
    for places in alike.values():
        ways = [_named(parts[place]).readings for place in places]
        if not places[1:] and len({name.symbol for name in ways[0].values()}) == 1:
            continue
        steps = [_step(parts[place]) for place in places]
        likelier = {next(iter(way)) for way in ways} - {WRITTEN}
        for reading in dict.fromkeys([*sorted(likelier), WRITTEN, *ways[0]]):
            if all(_fits(parts[p], step, way[reading]) for p, step, way in zip(places, steps, ways, strict=True)):
                for place, way in zip(places, ways, strict=True):
                    settled[place] = _read_as(parts[place], way[reading])
                break
    return settled


def _read_as(part: Part, name: Name) -> Part:
    named = _named(part)
    if name is named.name:
        return part
    symbol = one_line(name.symbol or named.symbol)
    frame = part.frame.with_columns(pl.lit(symbol, pl.String).alias(SYMBOL))
    return replace(part, frame=frame, named=replace(named, symbol=symbol, name=name))


def _fits(part: Part, step: timedelta | None, name: Name) -> bool:
    """Whether rows step by the length that a name says, or lie within the time that it says where it says no length."""
    lengths = [length for length in name.lengths if length is not None]
    if lengths:
        return step is not None and any(is_about(length, step) for length in lengths)
    if name.span is None:
        return True
    first, last = part.frame[STAMP].min(), part.frame[STAMP].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return name.span[0] - _NEAR <= first and last <= name.span[1] + _NEAR


def _step(part: Part) -> timedelta | None:
    """The most frequent step between rows."""
    steps = part.frame.select(pl.col(STAMP).unique().sort().diff().drop_nulls()).to_series()
    step = steps.mode().min() if len(steps) else None
    assert step is None or isinstance(step, timedelta)
    return step


def _named(part: Part) -> Named:
    assert part.named is not None
    return part.named
