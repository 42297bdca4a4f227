"""Whose series the rows of several files are, where no column says: what their names share, and where they differ."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.files.part import Part
from gatewise.data.names.grammar import Named, name_by_folder, without_count, words_of_folders
from gatewise.data.names.readings import settle_readings
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import AmbiguousError, SchemaError

_SHOWN = 6  # symbols in a note
# How far rows may begin from the time that a file's name names: sessions begin on the eve, holidays last.
_EARLY, _LATE = timedelta(days=2), timedelta(days=14)


def settle_series(parts: Sequence[Part], wanted: Sequence[str] = ()) -> list[Part]:
    """Holds the names of files against each other, and says where each series has its name from.

    Files of one plain name in several folders (`AAPL/data.csv`, `MSFT/data.csv`) are called by their folders.

    Args:
        wanted: symbols whose rows are kept, where not all are.

    Raises:
        AmbiguousError: files whose names give one symbol and differ in the length of a bar, in words beside it or in
            folders, or name dates that their rows don't begin in; or files that differ in a number alone while their
            times follow each other, so that they may be parts of one series; or stamps of which only some carry an
            offset from UTC.
        SchemaError: ticks in one file and a traded volume in another.
    """
    _refuse_assumed_zones(parts)
    parts = settle_readings(parts)
    plain = {part.named.file.parent for part in parts if part.named is not None and part.named.name.plain}
    parts = [_by_folder(part) if len(plain) > 1 else part for part in parts]
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.named is not None and (not wanted or part.named.symbol in wanted):
            groups.setdefault(part.named.symbol, []).append(part)
    _refuse_months_beside_names(parts)
    for group in groups.values():
        _refuse_other_names(group)
        _refuse_other_dates(group)
        _refuse_overlaps(group)
    _refuse_parts_of_one(groups)
    _refuse_two_volumes(parts)
    return _with_notes(parts)


def _by_folder(part: Part) -> Part:
    named = part.named
    if named is None or not named.name.plain or named.by != "file":
        return part
    if (above := name_by_folder(named.file, named.name)) is None:
        return part
    frame = part.frame.with_columns(pl.lit(above.symbol, pl.String).alias(SYMBOL))
    return replace(part, frame=frame, named=above)


def _refuse_months_beside_names(parts: Sequence[Part]) -> None:
    """Refuses `MAR_2024` beside `AAPL_2024` in a folder: a ticker more likely than a month."""
    by_name = {n.file.parent: part.name for part in parts if (n := part.named) and n.by == "file" and not n.name.plain}
    for part in parts:
        named = part.named
        if named is not None and named.by != "file" and named.name.month and named.file.parent in by_name:
            raise AmbiguousError(
                f"{part.name} may be named for a month or for a symbol, as {by_name[named.file.parent]} beside it is",
                "load it alone, and data.symbol says whose rows it holds",
            )


def _refuse_other_names(group: Sequence[Part]) -> None:
    first = group[0]
    for part in group[1:]:
        earlier, later = _named(first), _named(part)
        both = f"{first.name} and {part.name} are both named for {earlier.symbol}"
        lengths, later_lengths = earlier.name.lengths, later.name.lengths
        if lengths and later_lengths and not set(lengths) & set(later_lengths):
            raise AmbiguousError(
                f"{both}, one for rows of {format_duration(lengths[0])} and one of {format_duration(later_lengths[0])}",
                "load files of one timeframe at a time",
            )
        apart = f"load them apart; where they are parts of one series, data.symbol={earlier.symbol!r} says so"
        if bool(lengths) != bool(later_lengths):
            raise AmbiguousError(f"{both}, and only one names {format_duration((lengths or later_lengths)[0])}", apart)
        if differ := _words(earlier) ^ _words(later):
            raise AmbiguousError(f"{both}, and their names differ in {', '.join(sorted(differ))}", apart)
        if above := _differing_folders(earlier, later):
            raise AmbiguousError(f"{both}, and their folders differ in {', '.join(above)}", apart)


def _words(named: Named) -> set[str]:
    """Beside the symbol and numbers; where a folder gives the symbol, what is left of the file's own name counts."""
    stem = re.sub(r"[-_. ]?\d+(?:-.*)?$", "", named.name.symbol or "").lower() if named.by != "file" else ""
    return {*named.name.rest, *([stem] if stem else [])}


def _differing_folders(earlier: Named, later: Named) -> list[str]:
    paths = [Path(named.file).absolute().parent.parts for named in (earlier, later)]
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*paths, strict=False)))
    differing = words_of_folders(earlier.file, shared) ^ words_of_folders(later.file, shared)
    return sorted(differing - {earlier.symbol.lower()})


def _refuse_other_dates(group: Sequence[Part]) -> None:
    """Refuses dates that are none of the data, such as expiries: rows begin in the time that a file is named for."""
    for part in group if group[1:] else ():
        named = _named(part)
        if named.name.span is None or part.frame.is_empty():
            continue
        begin, end = named.name.span
        first = part.frame[STAMP].min()
        assert isinstance(first, datetime)
        if not begin - max(_EARLY, (end - begin) / 10) <= first <= end + _LATE:
            peer = next(p for p in group if p is not part)
            raise AmbiguousError(
                f"{part.name} and {peer.name} are both named for {named.symbol}, and the rows of {part.name} begin on "
                f"{first:%Y-%m-%d}, not in the time that it is named for: contracts that expire then, or parts of one "
                "series?",
                f"load contracts apart; where they are parts of one series, data.symbol={named.symbol!r} says so",
            )


def _refuse_overlaps(group: Sequence[Part]) -> None:
    """Refuses files that their names call parts of one series, and whose rows lie side by side in time."""
    if not group[1:] or not any(_named(part).name.part for part in group):
        return
    filled = [part for part in group if not part.frame.is_empty()]
    spans = sorted((_span(part.frame[STAMP]), part.name) for part in filled)
    for ((_, end), earlier), ((begin, _), later) in itertools.pairwise(spans):
        if begin < end:
            symbol = _named(group[0]).symbol
            raise AmbiguousError(
                f"{earlier} and {later} are named for parts of {symbol}, and their rows cover the same time",
                f"where they are one series all the same, data.symbol={symbol!r} says so; else load them apart, or "
                "name them for what they hold",
            )


def _span(stamps: pl.Series) -> tuple[datetime, datetime]:
    first, last = stamps.min(), stamps.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return first, last


def _refuse_assumed_zones(parts: Sequence[Part]) -> None:
    assumed = next((part.name for part in parts if part.zone_assumed), None)
    with_zone = next((part.name for part in parts if not part.zone_assumed), None)
    if assumed and with_zone:
        raise AmbiguousError(
            f"{with_zone} tells how far its stamps are from UTC, and {assumed} does not",
            "say whose clock the others show: data.timezone takes a zone, such as UTC or America/New_York",
        )


def _refuse_parts_of_one(groups: dict[str, list[Part]]) -> None:
    """Refuses `part1`, `part2`, …, `1`, `2`, … or `X_1`, `X_2`, … of which each begins where the one before ends."""
    counted: dict[str, list[str]] = {}
    for symbol, group in groups.items():
        if (shared := without_count(symbol, all(_named(part).name.plain for part in group))) is not None:
            counted.setdefault(shared, []).append(symbol)
    for shared, symbols in counted.items():
        spans = []
        for symbol in [*({shared.rstrip("-_ .")} & groups.keys()), *symbols]:
            stamps = pl.concat([part.frame[STAMP] for part in groups[symbol]])
            spans.append((_span(stamps), groups[symbol][0].name))
        spans.sort()
        pairs = list(itertools.pairwise(spans))
        if pairs and all(later[0][0] > earlier[0][1] for earlier, later in pairs):
            raise AmbiguousError(
                f"{spans[0][1]} and {spans[1][1]} differ in a number alone, and one begins where the other has ended: "
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
    """One sentence for all that files name, one for all that folders do, and one for archives."""
    by_source: dict[str, dict[str, None]] = {"file": {}, "folder": {}, "archive": {}}
    for part in parts:
        if part.named is not None:
            by_source[part.named.by][part.named.symbol] = None
    notes = {by: f"no symbol column: {_names_give(by, list(names))}" for by, names in by_source.items() if names}
    return [part if part.named is None else replace(part, notes=(*part.notes, notes[part.named.by])) for part in parts]


def _names_give(by: str, symbols: Sequence[str]) -> str:
    if len(symbols) == 1:
        return f"the {by}'s name gives {symbols[0]} (data.symbol says otherwise)"
    more = f" and {len(symbols) - _SHOWN:,} more" if len(symbols) > _SHOWN else ""
    return f"the {by}s' names give {', '.join(symbols[:_SHOWN])}{more} (data.symbol says that they are one)"
