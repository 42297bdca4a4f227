"""One file's rows: columns by their roles, cells as numbers, stamps in UTC, and the name of the series."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.cells.fixed_point import without_fixed_point
from gatewise.data.cells.missing import are_numbers
from gatewise.data.cells.numbers import to_numbers
from gatewise.data.cells.signs import INDIAN
from gatewise.data.columns.interval_column import Interval, refuse_lengths, require_no_lengths
from gatewise.data.columns.roles import Stamp, find_roles
from gatewise.data.columns.running import without_running
from gatewise.data.columns.twice import Volume
from gatewise.data.files.half_clock import refuse_half_clock
from gatewise.data.files.joined_names import in_rows_of_symbols
from gatewise.data.files.open_close import Order, backwards, find_order, settled, turned
from gatewise.data.files.pieces import require_apart
from gatewise.data.files.read import read_raw
from gatewise.data.files.shifted import refuse_shifted
from gatewise.data.files.text import Raw
from gatewise.data.files.unpack import Blob
from gatewise.data.names.grammar import Named, name_series
from gatewise.data.origin import stamps_of
from gatewise.data.stamps.column import Reading, read_stamps
from gatewise.data.stamps.numbered import numbered
from gatewise.data.stamps.time_parts import calendar_parts
from gatewise.data.table import OHLCV, ROW, STAMP, SYMBOL
from gatewise.errors import ReadError, SchemaError

_SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Part:
    """Rows of one file.

    Attributes:
        name: how errors call it.
        frame: symbol, `__stamp` (Datetime[us, UTC], as in the file), `__row`, then Float64 columns.
        stamp: what the stamps are of, where it is known.
        zone: whose midnights bound days.
        texts: columns left out because they hold no numbers.
        notes: what was assumed or left out.
        stamps: `__row` and the columns of the time as the file holds them.
        words: `__row` and the columns of text that are not in `frame`, as the file calls them.
        zone_assumed: nothing says that the stamps are UTC, as which they were read.
        interval: what a column says of the length of bars, if one does.
        named: whose rows they are by the file's path, where nothing else says.
        volume: what its volume counts where it has a choice of columns, ticks or what was traded.
        symbols_from: the column that says whose each row is, if one does.
        order: which price comes first, where rows without a header were asked; they are read as it says, or, where it
            does not, as their layout does.
        spare: columns that only repairs are decided by, and nobody asked for.
    """

    name: str
    frame: pl.DataFrame
    stamp: Stamp | None
    zone: str
    texts: tuple[str, ...]
    notes: tuple[str, ...]
    stamps: pl.DataFrame
    words: pl.DataFrame
    zone_assumed: bool = False
    interval: Interval | None = None
    named: Named | None = None
    volume: Volume | None = None
    symbols_from: str | None = None
    order: Order | None = None
    spare: frozenset[str] = frozenset()


def read_part(blob: Blob, spec: DataConfig, only: str | None = None) -> Part:
    """Reads one file.

    Args:
        only: the one symbol that is wanted, where this is the one file: its rows are that symbol's if no column says
            another.

    Raises:
        ReadError, AmbiguousError, SchemaError: what the file holds can't be read, or in two ways.
    """
    return part_of(read_raw(blob, spec), blob.file, spec, only)


def part_of(raw: Raw, file: PurePath | None, spec: DataConfig, only: str | None = None) -> Part:
    """Types and stamps raw rows.

    Args:
        raw: from a file or another source.
        file: names the series where neither a column nor `spec.symbol` nor `only` does; `None`: `raw.name` does.
        only: see `read_part`.

    Raises:
        ReadError, AmbiguousError, SchemaError: see `read_part`.
    """
    raw, spec = numbered(without_running(without_fixed_point(in_rows_of_symbols(raw, spec))), spec)
    roles = find_roles(
        raw.name, raw.frame, spec.time_column, spec.symbol_column, spec.rename, spec.symbol, columns_to_read(spec)
    )
    rows = raw.frame[ROW]
    named = None if roles.symbol or spec.symbol or file is None else name_series(file)
    symbols, notes = _symbols(raw, roles.symbol, named, spec.symbol, only)
    reading = Reading(spec.time_format, spec.timezone, spec.day_first, spec.epochs)
    stamps = read_stamps(raw.name, raw.frame, roles.time, rows, symbols, reading, roles.beside)
    require_apart(raw.name, raw.pieces, rows, symbols, stamps.values)
    names = {
        column: target
        for column, target in roles.names.items()
        if column not in stamps.beside or column in spec.columns
    }
    interval = roles.interval
    if interval is not None and interval.values[1:]:
        require_no_lengths(raw.name, interval, raw.frame[interval.column], symbols, stamps.values)
        interval = None
    order = find_order(raw, symbols, stamps.values, spec)
    if order is not None and order.close_first:
        raw = turned(raw, order)
    chosen, spare = choose_columns(raw.name, names, spec)
    values, texts, read_as = _values(raw, chosen, spec)
    notes += read_as
    frame = pl.DataFrame([symbols.alias(SYMBOL), stamps.values.alias(STAMP), rows, *values])
    refuse_half_clock(raw.name, frame, stamps.zone)
    refuse_shifted(raw.name, frame, spec.symbols)
    stamp = roles.stamp
    if "close" in (spec.stamp, stamp) and spec.stamp != "open" and _holds_dates(raw.frame, roles.time):
        # A date names a day; its first moment is no close of that day.
        dates = f"{','.join(roles.time)} holds dates and no times of day"
        if spec.stamp is None:
            notes.append(f"{dates}, so it tells no close")
            stamp = None
        else:
            notes.append(
                f"warning: {dates}; stamped by its close a row counts as known at the midnight with which its day "
                'begins (data.stamp="open": when that day has ended)'
            )
    notes = [*raw.notes, *roles.notes, *stamps.notes, *notes, *backwards(frame)]
    left = (column for column in names if chosen.get(column) not in frame.columns)
    word_columns = raw.frame.select(ROW, *(column for column in left if _holds_words(raw.frame[column])))
    refuse_lengths(raw.name, word_columns.drop(ROW), frame[:, 3:].drop(OHLCV, strict=False), symbols, stamps.values)
    if named is not None and only not in (None, named.symbol):
        named = None  # another symbol was wanted, and the rows are taken for its own
    return Part(
        name=raw.name,
        frame=frame,
        stamp=stamp,
        zone=stamps.zone,
        texts=texts,
        notes=tuple(notes),
        stamps=stamps_of(raw, (*roles.time, *stamps.beside)),
        words=word_columns,
        zone_assumed=stamps.zone_assumed,
        interval=interval,
        named=named,
        volume=roles.volume,
        symbols_from=roles.symbol,
        order=order,
        spare=spare,
    )


def settle_orders(parts: Sequence[Part]) -> list[Part]:
    """Files whose own rows do not tell open from close, read as other files of their shape are, or all together.

    Raises:
        AmbiguousError: see `settled`.
    """
    undecided = [(number, part.order) for number, part in enumerate(parts) if part.order is not None]
    verdicts = settled([order for _, order in undecided])
    known = list(parts)
    for (number, order), close_first in zip(undecided, verdicts, strict=True):
        if close_first and order.close_first is None:
            known[number] = _turned(parts[number], order)
    return known


def _turned(part: Part, order: Order) -> Part:
    swapped = {"open": order.rows["close"], "close": order.rows["open"]}
    frame = part.frame.with_columns(swapped[name].alias(name) for name in swapped if name in part.frame.columns)
    note = f"read as other files of its shape, whose first price is the close: {', '.join(order.other)}"
    return replace(part, frame=frame, notes=(*part.notes, note))


def _holds_words(column: pl.Series) -> bool:
    """Whether the first cells are text, and mostly no numbers."""
    if column.dtype != pl.String:
        return False
    first = column.head(_SAMPLE_ROWS).drop_nulls()
    return len(first) > 0 and int(are_numbers(first).sum()) * 2 < len(first)


def _holds_dates(frame: pl.DataFrame, time: tuple[str, ...]) -> bool:
    """Whether stamps are written without a time of day: as dates, or as text or numbers like 2024-01-31, 20240131."""
    if len(time) > 1:
        return not {"hour", "minute", "second"} & (calendar_parts(frame, time) or {"hour": ""}).keys()
    column = frame[time[0]]
    if column.dtype == pl.String or column.dtype.is_integer():
        timed = r":|\d{9}|(?:\d{8}|-\d\d)[ T]\d{4}"
        return not column.cast(pl.String).str.contains(timed).any()
    return column.dtype == pl.Date


def _symbols(
    raw: Raw, column: str | None, named: Named | None, given: str | None, only: str | None
) -> tuple[pl.Series, list[str]]:
    if column is None:
        name, notes = given or only or (named.symbol if named else raw.name), []
        if named and only not in (None, named.symbol):
            notes.append(
                f"no symbol column: the rows are taken for {only}'s, the one symbol that is wanted (the {named.by}'s "
                f"name gives {named.symbol})"
            )
        return pl.repeat(name, raw.frame.height, dtype=pl.String, eager=True), notes
    symbols = raw.frame[column].cast(pl.String).str.strip_chars()
    # Spreadsheets are kept from taking a code for a number by '000001 and ="000001".
    if (guarded := symbols.str.starts_with("'") | symbols.str.starts_with("=")).any():
        symbols = symbols.zip_with(~guarded, symbols.str.replace(r"""^(?:'|="(.*)"$)""", "$1"))
    if (empty := symbols.is_null() | (symbols == "")).any():
        row = raw.frame[ROW][int(empty.arg_max() or 0)]
        raise ReadError(
            f"{raw.name} column {column!r} row {row} holds no symbol",
            "write it, where a ticker like NA was lost as a missing value (pandas keeps it by keep_default_na=False), "
            "or take that row out",
        )
    if given and symbols.n_unique() > 1:
        raise SchemaError(
            f"{raw.name}: data.symbol {given!r} names one series; column {column!r} holds {symbols.n_unique()}",
            f"leave it out; data.symbols={[given]} keeps the rows of that one, data.symbols=['A', 'B'] of several",
        )
    return (pl.repeat(given, len(symbols), dtype=pl.String, eager=True) if given else symbols), []


def columns_to_read(spec: DataConfig) -> tuple[str, ...]:
    """`data.columns`, and beside them what repairs are decided by; empty: all."""
    return (*spec.columns, *OHLCV) if spec.columns and spec.repair else spec.columns


def choose_columns(name: str, names: dict[str, str], spec: DataConfig) -> tuple[dict[str, str], frozenset[str]]:
    """File column -> table column for the columns to read, and which of these only repairs need.

    `data.columns` may use either name, or be empty to keep all.

    Raises:
        SchemaError: no such column; the nearest is named.
    """
    if not spec.columns:
        return names, frozenset()
    back = {target: column for column, target in names.items()}
    chosen = {}
    for want in spec.columns:
        column = back.get(want) or (want if want in names else None)
        if column is None:
            near = difflib.get_close_matches(want, [*back, *names], n=1, cutoff=0.5)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise SchemaError(f"{name} has no column {want!r} to keep", f"{guess}data.columns takes: {', '.join(back)}")
        chosen[column] = names[column]
    spare = {back[target]: target for target in columns_to_read(spec) if target in back and back[target] not in chosen}
    return chosen | spare, frozenset(spare.values())


def _values(raw: Raw, chosen: dict[str, str], spec: DataConfig) -> tuple[list[pl.Series], tuple[str, ...], list[str]]:
    """The columns as numbers, the names of those that hold none, and notes."""
    kept, texts, notes = [], [], []
    columns = [raw.frame[column].alias(target) for column, target in chosen.items()]
    read = to_numbers(raw.name, columns, spec.thousands, spec.decimal)
    for (column, target), numbers in zip(chosen.items(), read, strict=True):
        wrong = numbers.wrong
        needed = target in OHLCV or bool(spec.columns)
        if len(wrong) and not needed and len(wrong) > numbers.values.is_finite().sum():
            texts.append(target)
            continue
        if len(wrong):
            row, cell = raw.frame[ROW][int(wrong[0])], raw.frame[column][int(wrong[0])]
            raise ReadError(
                f"{raw.name} column {column!r} row {row}: {cell!r} is no number ({len(wrong)} such cells)",
                _number_hint(str(cell)),
            )
        kept.append(numbers.values.alias(target))
        notes += [numbers.note] if numbers.note else []
    return kept, tuple(texts), notes


def _number_hint(cell: str) -> str:
    if re.fullmatch(INDIAN, cell.strip()):
        return 'data.thousands="," takes the grouping of India, as in 53,21,715'
    if re.fullmatch(r"\s*[+-]?\d+,\d+[eE][+-]?\d+\s*", cell):
        return 'data.decimal="," where its comma is decimal'
    if re.fullmatch(r"\s*[+-]?\d+['-]\d{1,2}(\.\d+)?\+?\s*|\s*[+-]?\d+-\d{3}\s*", cell):
        return "quotes in 32nds (110'16, 110-165) or 8ths (450'2) are to be decimals first: 110.5, 110.515625, 450.25"
    if re.fullmatch(r"\s*[+-]?[\d.,' ]*\d[\d.,' ]*\s*", cell):
        return "data.thousands and data.decimal say which signs group digits, in threes, and which is the decimal one"
    return "mend them (an empty cell is a missing value), or leave the column out: data.columns=[…]"
