"""Whose series the rows of several files are, where no column says: what their names share, and where they differ."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.names import Named, name_folder
from gatewise.data.part import Part
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import AmbiguousError, SchemaError

_SHOWN = 6  # symbols in a note


def settle_series(parts: Sequence[Part], wanted: Sequence[str] = ()) -> list[Part]:
    """Holds the names of files against each other, and says where each series has its name from.

    Files of one plain name in several folders (`AAPL/data.csv`, `MSFT/data.csv`) are called by their folders.

    Args:
        wanted: symbols whose rows are kept, where not all are.

    Raises:
        AmbiguousError: files whose names give one symbol and differ in the length of a bar or in words beside it; or
            in a number alone while their times follow each other, so that they may be parts of one series.
    """
    plain = {part.named.file.parent for part in parts if part.named is not None and part.named.name.plain}
    parts = [_by_folder(part) if len(plain) > 1 else part for part in parts]
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.named is not None and (not wanted or part.named.symbol in wanted):
            groups.setdefault(part.named.symbol, []).append(part)
    for group in groups.values():
        _refuse_other_names(group)
    _refuse_parts_of_one(groups)
    _refuse_two_volumes(parts)
    return _with_notes(parts)


def _by_folder(part: Part) -> Part:
    named = part.named
    if named is None or not named.name.plain or named.by == "folder" or not (folder := name_folder(named.file)):
        return part
    frame = part.frame.with_columns(pl.lit(folder, pl.String).alias(SYMBOL))
    return replace(part, frame=frame, named=Named(folder, "folder", named.file, named.name))


def _refuse_other_names(group: Sequence[Part]) -> None:
    first = group[0]
    for part in group[1:]:
        one, other = _named(first), _named(part)
        lengths, others = one.name.lengths, other.name.lengths
        if lengths and others and not set(lengths) & set(others):
            raise AmbiguousError(
                f"{first.name} and {part.name} are both named for {one.symbol}, one for rows of "
                f"{format_duration(lengths[0])} and one of {format_duration(others[0])}",
                "load files of one timeframe at a time",
            )
        if set(one.name.rest) != set(other.name.rest):
            differ = sorted(set(one.name.rest) ^ set(other.name.rest))
            raise AmbiguousError(
                f"{first.name} and {part.name} are both named for {one.symbol}, and their names differ in "
                f"{', '.join(differ)}",
                f"load them apart; where they are parts of one series, data.symbol={one.symbol!r} says so",
            )


def _refuse_parts_of_one(groups: dict[str, list[Part]]) -> None:
    """Refuses `part1`, `part2`, … or `1`, `2`, … of which each begins where the one before ends."""
    counted: dict[str, list[str]] = {}
    for symbol, group in groups.items():
        if all(_named(part).name.plain for part in group) and re.search(r"\d{1,3}$", symbol):
            counted.setdefault(re.sub(r"\d+$", "", symbol), []).append(symbol)
    for symbols in counted.values():
        spans = []
        for symbol in symbols:
            stamps = pl.concat([part.frame[STAMP] for part in groups[symbol]])
            spans.append((stamps.min(), stamps.max(), groups[symbol][0].name))
        spans.sort(key=lambda span: str(span[0]))
        pairs = list(itertools.pairwise(spans))
        if pairs and all(str(later[0]) > str(earlier[1]) for earlier, later in pairs):
            raise AmbiguousError(
                f"{spans[0][2]} and {spans[1][2]} differ in a number alone, and one begins where the other has ended: "
                "they may be parts of one series, or two",
                'for one series data.symbol="NAME"; for several, name the files for what they hold',
            )


def _refuse_two_volumes(parts: Sequence[Part]) -> None:
    by_kind = {part.volume: part.name for part in parts}
    if "ticks" in by_kind and "traded" in by_kind:
        raise SchemaError(
            f"{by_kind['ticks']} holds ticks and no traded volume, and {by_kind['traded']} a traded volume too",
            "load them apart, or say which column is the volume in all: data.rename.volume=…",
        )


def _named(part: Part) -> Named:
    assert part.named is not None
    return part.named


def _with_notes(parts: Sequence[Part]) -> list[Part]:
    """One sentence for all that files name, and one for all that folders do."""
    found: dict[str, dict[str, None]] = {"file": {}, "folder": {}}
    for part in parts:
        if part.named is not None:
            found[part.named.by][part.named.symbol] = None
    says = {by: f"no symbol column: {_names_give(by, list(names))}" for by, names in found.items() if names}
    return [part if part.named is None else replace(part, notes=(*part.notes, says[part.named.by])) for part in parts]


def _names_give(by: str, symbols: Sequence[str]) -> str:
    if len(symbols) == 1:
        return f"the {by}'s name gives {symbols[0]} (data.symbol says otherwise)"
    more = f" and {len(symbols) - _SHOWN:,} more" if len(symbols) > _SHOWN else ""
    return f"the {by}s' names give {', '.join(symbols[:_SHOWN])}{more} (data.symbol says that they are one)"
