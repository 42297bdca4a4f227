"""Which column is what: time, symbol and OHLCV by their usual spellings; all others keep their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from gatewise.data.columns.identity import IDS, LOOSE_SYMBOLS, SYMBOLS, find_symbol
from gatewise.data.columns.interval_column import Interval, find_interval
from gatewise.data.columns.spellings import (
    ALL_TIMES,
    BESIDE_LOOSE_TIMES,
    CALENDAR,
    CLOCKS,
    CLOSE_TIMES,
    DATES,
    EPOCHS,
    LOOSE_OPEN_TIMES,
    LOOSE_TIMES,
    NEUTRAL_TIMES,
    OPEN_TIMES,
    VALUES,
    normalise,
)
from gatewise.data.columns.twice import Volume, first_of_each, numbered, traded_or_ticks
from gatewise.data.columns.volume_names import find_volume
from gatewise.data.stamps.beside import NOTHING, Beside, find_beside
from gatewise.data.stamps.header_zones import plain_spelling, read_zoned
from gatewise.data.stamps.hours import find_hours
from gatewise.data.stamps.time_parts import find_periods, holds_dates, holds_times_of_day
from gatewise.data.table import FILE, OHLC, OHLCV, ROW, STAMP, SYMBOL, TIME
from gatewise.errors import ConfigError, SchemaError

Stamp = Literal["open", "close"]
NAMELESS = ("__unnamed_", "__index_level_", "Unnamed: ")  # as the reader and pandas call columns without a name


@dataclass(frozen=True)
class Roles:
    """What a file's columns are for.

    Attributes:
        time: the column of the time, or several that hold its parts.
        stamp: whether the time column's name says that it holds the bar's open or close.
        symbol: the column of the symbol, if any.
        names: column in the file -> column in the table, for all that may hold numbers.
        notes: what was left out, and why.
        interval: what a column says of the length of bars, if one does; of several values the rows must tell.
        volume: what volume counts where columns of both are there.
        beside: columns that may say more of the time; they are among `names` too, as the rows tell whether they do.
    """

    time: tuple[str, ...]
    stamp: Stamp | None
    symbol: str | None
    names: dict[str, str]
    notes: tuple[str, ...]
    interval: Interval | None = None
    volume: Volume | None = None
    beside: Beside = NOTHING


def find_roles(
    name: str,
    frame: pl.DataFrame,
    time_column: str | None,
    symbol_column: str | None,
    rename: Mapping[str, str],
    symbol: str | None = None,
    wanted: Collection[str] = (),
    zoned: bool = True,
) -> Roles:
    """Finds the roles of a raw frame's columns.

    Args:
        name: how errors call the file.
        frame: as read; names, types and first values are looked at, and values where a name alone doesn't tell.
        time_column: a column, or several separated by commas, where the user said so.
        symbol_column: likewise.
        rename: table column -> file column, where the user said so.
        symbol: names the one series of rows without a symbol column, where the user said so.
        wanted: columns that were asked for as they are.
        zoned: names such as `Time (EST)` are known as times; who reads the stamps reads the zone too.

    Raises:
        SchemaError: a column that was named is absent, or no column holds a time.
        AmbiguousError: two columns spell the same role, or one names several intervals.
        ConfigError: a rename onto time, symbol, or a name that gatewise needs.
    """
    spelled, columns, again, repeated = first_of_each(name, frame, wanted)
    if "date" not in spelled and "data" in spelled and _holds_stamps(frame[spelled["data"]]):
        spelled["date"] = spelled["data"]  # in Polish, Portuguese and Italian
    for column in columns if zoned else ():
        if named := read_zoned(column):
            spelled.setdefault(named.spelling, column)
    may_name = [spelled[s] for s in (*SYMBOLS, *IDS, *LOOSE_SYMBOLS) if s in spelled]
    may_name += [symbol_column] if symbol_column else []
    time = _time(name, frame, columns, spelled, time_column, may_name)
    of_symbols, symbol_notes = find_symbol(frame, spelled, time, {*rename.values(), *wanted}, symbol is not None)
    if symbol_column:
        of_symbols, symbol_notes = _named(name, columns, symbol_column, "data.symbol_column"), []
    taken = {*time, *([of_symbols] if of_symbols else [])}
    _refuse_renames(name, rename, taken)
    interval = find_interval(name, frame, spelled, {*taken, *rename.values(), *wanted})
    names, notes = _values(name, columns, spelled, rename, frame, of_symbols)
    volume, counted = traded_or_ticks(frame, names, spelled, rename)
    names |= numbered(again, names)
    notes = [*repeated, *symbol_notes, *notes, *counted]
    spare = [spelled[s] for s in ALL_TIMES if s in spelled and spelled[s] not in (*time, *rename.values())]
    if spare:
        notes.append(f"time is read from {', '.join(time)}; left out: {', '.join(spare)} (data.time_column chooses)")
    if interval is not None and not interval.values[1:]:
        names.pop(interval.column, None)
        notes.append(f"left out: {interval.column}, which says {interval.values[0]} of every row")
    for column in (*taken, *spare):
        names.pop(column, None)
    for column in columns:
        if column.startswith(NAMELESS) and column in names and column not in rename.values():
            names.pop(column)
            notes.append("a column without a name left out")
    if len(time) == 1 and plain_spelling(time[0]) in (*OPEN_TIMES, *LOOSE_OPEN_TIMES):
        stamp: Stamp | None = "open"
    else:
        stamp = "close" if len(time) == 1 and plain_spelling(time[0]) in CLOSE_TIMES else None
    beside = find_beside(frame, [column for column in names if column not in rename.values()])
    return Roles(time, stamp, of_symbols, names, tuple(notes), interval, volume, beside)


def _time(
    name: str,
    frame: pl.DataFrame,
    columns: list[str],
    spelled: dict[str, str],
    given: str | None,
    may_name: Collection[str],
) -> tuple[str, ...]:
    if given:
        parts = (given,) if given in columns or "," not in given else tuple(part.strip() for part in given.split(","))
        if len(set(parts)) < len(parts):
            raise SchemaError(
                f"{name}: data.time_column {given!r} names a column twice", "name each part of the time once"
            )
        return tuple(_named(name, columns, part, "data.time_column") for part in parts)
    clocks = [s for s in CLOCKS if s in spelled and holds_times_of_day(frame[spelled[s]])]  # no time by themselves
    if clocks and (pair := _date_and_clock(frame, spelled, clocks)):
        return pair
    if chosen := _first([s for s in ALL_TIMES if s not in clocks] + clocks, spelled):
        hours = find_hours(frame, spelled) if plain_spelling(chosen) in DATES else None
        return hours if hours and chosen in hours else (chosen,)
    if {"t", "o", "h", "l", "c"} <= spelled.keys():
        return (spelled["t"],)
    if {"year", "month", "day"} <= spelled.keys():
        return tuple(spelled[part] for part in CALENDAR if part in spelled)
    typed = [column for column in columns if frame[column].dtype.is_temporal() and frame[column].dtype != pl.Time]
    nameless = [c for c in columns if c.startswith(NAMELESS) and _looks_like_dates(frame[c])]
    if len(typed or nameless) == 1:
        return tuple(typed or nameless)
    if not typed and not nameless and (periods := find_periods(frame, spelled, may_name)):
        return periods
    dated = [column for column in columns if _looks_like_dates(frame[column])]
    loose = [c for s in LOOSE_TIMES if (c := spelled.get(s)) in dated]
    if loose and all(normalise(column) in (*LOOSE_TIMES, *BESIDE_LOOSE_TIMES) for column in dated):
        return (loose[0],)
    hint = (
        f"data.time_column={dated[0]!r}, whose cells look like dates" if len(dated) == 1 else 'data.time_column="NAME"'
    )
    raise SchemaError(
        f"{name}: no column is known to hold the time; columns: {_listed(columns)}",
        f'{hint} (or parts: data.time_column="year,month,day,hour"); rows without a time are numbered by '
        'data.numbered_from="2000-01-01" and a data.timeframe',
    )


def _values(
    name: str,
    columns: list[str],
    spelled: dict[str, str],
    rename: Mapping[str, str],
    frame: pl.DataFrame,
    symbol: str | None,
) -> tuple[dict[str, str], list[str]]:
    chosen = {target: _named(name, columns, column, f"data.rename.{target}") for target, column in rename.items()}
    loose = {t: c for t, spellings in VALUES.items() if t not in chosen and (c := _first(spellings, spelled))}
    if "close" not in chosen | loose and {"open", "high", "low"} <= chosen.keys() | loose.keys() and "price" in spelled:
        loose["close"] = spelled["price"]
    # Short spellings such as c or vol mean close and volume among bars only; elsewhere they are names of their own.
    bars = set(OHLC) <= chosen.keys() | loose.keys()
    chosen |= {t: c for t, c in loose.items() if (bars or normalise(c) == t) and c not in chosen.values()}
    notes = []
    first_symbol = str(frame[symbol][0]) if symbol else ""
    if "volume" not in chosen and set(OHLC) <= chosen.keys() and (guess := find_volume(columns, first_symbol)):
        chosen["volume"] = guess
        notes.append(f"volume is read from {guess!r} (data.rename.volume=… chooses)")
    elif "volume" not in chosen and (like := [c for c in columns if c.strip().lower().startswith("volume")]):
        notes.append(f"no column is known as the volume: {_listed(like)} (data.rename.volume=… chooses)")
    back = {column: target for target, column in chosen.items()}
    # Klines' last column is called ignore, and always 0.
    names = {column: back.get(column, column) for column in columns if column in back or column != "ignore"}
    for column in [c for c in names if c not in back and c in (*OHLCV, *rename, SYMBOL, TIME)]:
        names[column] = f"{column}_"  # another column was renamed onto this name
    targets = list(names.values())
    if twice := next((target for target in targets if targets.count(target) > 1), None):
        both = " and ".join(repr(column) for column, target in names.items() if target == twice)
        raise SchemaError(f"{name}: columns {both} would both become {twice!r}", "rename one of them in the header")
    return names, notes


def _refuse_renames(name: str, rename: Mapping[str, str], taken: set[str]) -> None:
    """Names that can't be given, and columns that can't be read as numbers because they are time or symbol."""
    fields = {TIME: "data.time_column", SYMBOL: "data.symbol_column"}
    for target, column in rename.items():
        if target in fields:
            raise ConfigError(f"data.rename.{target} is invalid: {target} is no number", f"{fields[target]}={column!r}")
        if not target or target in (STAMP, FILE, ROW):
            raise ConfigError(f"data.rename.{target} is invalid: gatewise needs that name itself", "take another name")
        if column in taken:
            raise SchemaError(
                f"{name}: column {column!r} is read as time or symbol; data.rename.{target} can't be it too",
                "data.time_column and data.symbol_column name others",
            )
        if (earlier := next(key for key, value in rename.items() if value == column)) != target:
            raise SchemaError(
                f"{name}: column {column!r} becomes one column; data.rename.{earlier} and data.rename.{target} name it",
                "leave one of them out",
            )


def _named(name: str, columns: Sequence[str], column: str, field: str) -> str:
    if column in columns:
        return column
    near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? {field} takes one of: " if near else f"{field} takes one of: "
    raise SchemaError(f"{name} has no column {column!r}", hint + _listed(columns))


def _first(spellings: Sequence[str], spelled: Mapping[str, str]) -> str | None:
    return next((spelled[spelling] for spelling in spellings if spelling in spelled), None)


def _date_and_clock(frame: pl.DataFrame, spelled: Mapping[str, str], clocks: Sequence[str]) -> tuple[str, ...] | None:
    """The columns of a date and of a time of day, or the one that holds both; None where no two go together."""
    days = [spelled[s] for s in DATES if s in spelled and holds_dates(frame[spelled[s]])]
    hours = [spelled[s] for s in clocks]
    if not days or not hours:
        return None
    better = (*OPEN_TIMES, *EPOCHS, *NEUTRAL_TIMES[: NEUTRAL_TIMES.index("time")])
    whole = _first([s for s in better if spelled.get(s) not in (*days, *hours)], spelled)
    return (whole,) if whole else (days[0], hours[0])


def _holds_stamps(column: pl.Series) -> bool:
    return _looks_like_dates(column) or holds_dates(column)


def _looks_like_dates(column: pl.Series) -> bool:
    values = column.drop_nulls()
    return column.dtype == pl.String and len(values) > 0 and bool(re.match(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]", values[0]))


def _listed(columns: Sequence[str]) -> str:
    named = [column for column in columns if not column.startswith("__unnamed_")]
    return ", ".join(named[:12]) + (f", … ({len(named)} in all)" if len(named) > 12 else "")
