"""Rows that repeat a time of their symbol: what makes them differ, and so what to do about them.

Keeping one of each is right where rows were written twice. Where they are rows of several series, of bars of several
lengths, or of an hour that a clock showed twice, it would mix or lose them without a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.data.columns.identity import IDS, LOOSE_SYMBOLS, SYMBOLS, VENUES
from gatewise.data.columns.spellings import normalise
from gatewise.data.names.intervals import read_interval
from gatewise.data.rows import Rows
from gatewise.data.stamps.day_counts import part_of_time
from gatewise.data.stamps.turned_back import TO_HOURS
from gatewise.data.table import FILE, OHLCV, ROW, STAMP, SYMBOL

_KEEP_ONE = 'data.on_duplicate="first" or data.on_duplicate="last" keeps one row of each time'
# Zones whose clocks people's stamps show most often; only that clocks went back then is taken from them.
_ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/Santiago",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Moscow",
    "Asia/Jerusalem",
    "Asia/Tehran",
    "Australia/Sydney",
    "Pacific/Auckland",
)
_SHARE = 10  # one time in so many is shared where values name series side by side
_LEAST_TWICE, _FEWEST_DAYS = 0.2, 3  # of the times of a clock of 12 hours come twice; on so many days
_HALVES = f"{TO_HOURS}; of two series a file each, or data.symbol_column"
# What rows of one instrument and time differ by: words in names of columns, and values.
_KINDS = {"side", "session", "status", "state", "phase", "adjustment", "adjusted", "type", "minutes", "seconds"}
_KINDS_OF_ROWS = (
    *("bid", "ask", "mid", "trade", "trades", "buy", "sell", "long", "short", "call", "put", "day", "night", "pre"),
    *("post", "regular", "rth", "eth", "raw", "adj", "adjusted", "unadjusted", "split", "dividend", "spot", "perp"),
    *("future", "futures", "swap", "true", "false"),
)
_FEW = 4  # repeats before a column of whole numbers may count as one of names


@dataclass(frozen=True)
class Repeats:
    """Rows that repeat a time of their symbol.

    Attributes:
        count: how many, the first of each time not among them.
        differing: of these, how many hold another value than the row of the same time before them.
        what: how they differ, in words; empty where they don't.
        hint: what to do.
        may_choose: whether `data.on_duplicate` may keep one of each.
    """

    count: int
    differing: int
    what: str
    hint: str
    may_choose: bool


def repeated(ordered: pl.DataFrame) -> pl.Series:
    """Which rows, in order of symbol and stamp, share both with the row above."""
    repeats = (ordered[SYMBOL] == ordered[SYMBOL].shift()) & (ordered[STAMP] == ordered[STAMP].shift())
    return repeats.fill_null(False)


def judge_repeats(ordered: pl.DataFrame, again: pl.Series, rows: Rows) -> Repeats:
    """Looks at what makes the rows of one time differ.

    Args:
        ordered: rows in order of symbol and stamp, with the columns of `rows.frame`.
        again: of `repeated`; at least one.
        rows: what they are of.
    """
    shared = ordered.filter(again | again.shift(-1, fill_value=False))
    differs = _differing(shared, rows.columns)
    count, differing = int(again.sum()), int(differs.sum())
    if not differing:
        return Repeats(count, 0, "", _KEEP_ONE, True)
    text = _describe(shared, differs, rows)
    if rows.zone_assumed and (zones := _clocks_went_back(ordered[STAMP], shared, differs)):
        more = f" or another zone whose clocks went back then, like {', '.join(zones[1:4])}" if zones[1:] else ""
        hint = f'say whose clock the stamps show: data.timezone="{zones[0]}"{more}'
        return Repeats(count, differing, f"{text}: an hour that clocks show twice", hint, False)
    if (apart := _hint_apart(ordered, shared, rows)) is not None:
        return Repeats(count, differing, text, apart, False)
    if _are_of_twelve_hours(ordered[STAMP], shared, rows.zone_assumed):
        text += "; only twelve of the day's hours come, many times twice: the clock counts 12 hours without AM or PM"
        return Repeats(count, differing, f"{text}, or the rows are of two series", _HALVES, False)
    hint = "no column tells which is meant: mend them, or take out the wrong ones; data.filter.COLUMN=VALUE keeps some"
    return Repeats(count, differing, text, hint, True)


def _differing(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Which rows repeat a time with another value than the row above."""
    changes = [pl.col(column).ne_missing(pl.col(column).shift()) for column in columns]
    return repeated(frame) & frame.select(pl.any_horizontal(pl.lit(False), *changes).alias("differs"))["differs"]


def _describe(shared: pl.DataFrame, differs: pl.Series, rows: Rows) -> str:
    at = int(differs.arg_max() or 0)
    above, row = shared.row(at - 1, named=True), shared.row(at, named=True)
    columns = [column for column in rows.columns if above[column] != row[column]]
    first = f"{columns[0]} {_written(above[columns[0]])} and {_written(row[columns[0]])}"
    more = f" and {len(columns) - 1} more columns" if columns[1:] else ""
    address = f"row {above[ROW]}" if above[FILE] == row[FILE] else f"{rows.files[above[FILE]]} row {above[ROW]}"
    return f"{int(differs.sum())} differ, the first from {address} in {first}{more}"


def _written(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _clocks_went_back(stamps: pl.Series, shared: pl.DataFrame, differs: pl.Series) -> list[str]:
    """Zones in which every time that comes with two different rows comes twice, and all others exist."""
    pairs = shared.select(pl.len().over(SYMBOL, STAMP).max()).item() == 2
    twice, all_times = (times.dt.replace_time_zone(None) for times in (shared.filter(differs)[STAMP], stamps))
    zones = []
    for zone in _ZONES if pairs else ():
        early, late = (
            twice.dt.replace_time_zone(zone, ambiguous=a, non_existent="null") for a in ("earliest", "latest")
        )
        exist = all_times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").null_count() == 0
        if exist and (early != late).fill_null(False).all():
            zones.append(zone)
    return zones


def _are_of_twelve_hours(stamps: pl.Series, shared: pl.DataFrame, zone_assumed: bool) -> bool:
    """Whether no row stands at twelve of the day's hours, and on several days two stand at one time, never three."""
    hours = set(stamps.dt.hour().unique())
    firsts = (0, 1) if zone_assumed else range(24)  # a zone has moved the clock's hours to others
    if hours not in [{(first + n) % 24 for n in range(12)} for first in firsts]:
        return False
    twice = shared.group_by(SYMBOL, STAMP).len()
    often = twice.height >= _LEAST_TWICE * stamps.n_unique() and twice[STAMP].dt.date().n_unique() >= _FEWEST_DAYS
    return often and twice["len"].max() == 2


def _hint_apart(ordered: pl.DataFrame, shared: pl.DataFrame, rows: Rows) -> str | None:
    """The hint that names the columns by which rows of one time are rows of different series."""
    cells = rows.texts()
    texts = [column for column in cells.columns if column not in ordered.columns]
    frame = ordered.join(cells.select(FILE, ROW, *texts), on=[FILE, ROW], how="left", maintain_order="left")
    frame = frame.unique([SYMBOL, STAMP, *rows.columns, *texts], maintain_order=True)
    numbers = [column for column in rows.columns if column not in OHLCV and _may_name(shared, column)]
    names = [column for column in (*sorted(texts, key=_rank), *numbers) if _recurs(frame[column])]
    for column in names:
        if not _separates(frame, [column], rows.columns):
            continue
        if (counts := part_of_time(frame, column)) is not None:
            return counts
        intervals = column in texts and all(map(read_interval, frame[column].drop_nulls().unique()))
        venues = rows.symbols_named and normalise(column) in VENUES
        if intervals or venues or _are_kinds(frame, column) or not _is_of_series(frame, column):
            return f"{column!r} tells them apart; keep the rows of one: {_filter(frame, [column])}"
        return f"{column!r} tells them apart: data.symbol_column={column!r}"
    if names[1:] and _separates(frame, names, rows.columns):
        apart = [c for c in names if not _separates(frame, [n for n in names if n != c], rows.columns)] or names
        return f"{' and '.join(map(repr, apart))} tell them apart; keep the rows of one: {_filter(frame, apart)}"
    return None


def _filter(frame: pl.DataFrame, columns: Sequence[str]) -> str:
    """The setting that keeps the rows of the most frequent values."""
    usual = frame.drop_nulls(columns).group_by(columns, maintain_order=True).len().sort("len", descending=True).row(0)
    kept = zip(columns, (v if isinstance(v, str) else f"{v:g}" for v in usual), strict=False)
    return f"data.filter={dict(kept)!r}"


def _is_of_series(frame: pl.DataFrame, column: str) -> bool:
    """Whether values name series all along: each with its own times, many of them shared, or one after another.

    What tells a few rows of one time apart and else changes from row to row, as the state of a market does, does not;
    neither does what several symbols share, as they do a venue.
    """
    if not frame.select(STAMP, column).is_unique().all() or frame.n_unique([SYMBOL, column]) > frame[column].n_unique():
        return False
    many = (frame.height - frame[STAMP].n_unique()) * _SHARE >= frame[STAMP].n_unique()
    values = frame.sort(STAMP, maintain_order=True)[column]
    return many or int((values != values.shift()).fill_null(True).sum()) <= 2 * values.n_unique()


def _are_kinds(frame: pl.DataFrame, column: str) -> bool:
    """Whether a column's name or all of its values are words for kinds of rows that one instrument has."""
    if _KINDS & set(normalise(column).split("_")):
        return True
    values = frame[column].drop_nulls().unique()
    return values.dtype == pl.String and bool(values.str.to_lowercase().is_in(_KINDS_OF_ROWS).all())


def _rank(column: str) -> int:
    known = (*SYMBOLS, *IDS, *LOOSE_SYMBOLS)
    return known.index(normalise(column)) if normalise(column) in known else len(known)


def _may_name(shared: pl.DataFrame, column: str) -> bool:
    """Whole numbers of which the same few come at each time that rows share, as numbers of instruments do."""
    values = shared[column]
    if values.null_count() or not (values == values.round()).all():
        return False
    pairs = shared.select(pl.struct(pl.col(column).shift().alias("above"), column)).to_series().filter(repeated(shared))
    return len(pairs) >= _FEW and pairs.n_unique() * 2 <= len(pairs)


def _recurs(column: pl.Series) -> bool:
    """Whether a column's values come again and again, as names do."""
    return column.null_count() < len(column) and column.n_unique() * 2 <= len(column)


def _separates(frame: pl.DataFrame, columns: Sequence[str], numbers: Sequence[str]) -> bool:
    """Whether what these columns hold together comes once at a time, and other numbers differ mostly where it does."""
    if not columns or not frame.select(SYMBOL, STAMP, *columns).is_unique().all():
        return False
    again = repeated(frame)
    rest_columns = [column for column in numbers if column not in columns]
    return int((_differing(frame, rest_columns) & again).sum()) * 2 >= int(again.sum())
