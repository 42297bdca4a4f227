"""Rows of a database: a table, a view or a SELECT, cut down to symbols, span and columns where they lie.

The first rows tell which column is what, by the rules that hold for files; then only what is needed is read, in order
and in chunks. What it costs: 10 million rows of seven columns took 114 s from SQLite on a busy machine and 1.5 GB at
the peak, three times the table that came out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.cells.numbers import to_numbers
from gatewise.data.columns.interval_column import Interval, interval_of, names_lengths
from gatewise.data.columns.roles import Roles, find_roles
from gatewise.data.columns.running import ended_column
from gatewise.data.columns.unnamed import find_unnamed
from gatewise.data.files.part import choose_columns, columns_to_read, part_of
from gatewise.data.files.text import Raw, unique_names
from gatewise.data.names.grammar import read_names
from gatewise.data.row_filter import column_of, no_such_rows, values_of
from gatewise.data.rows import Rows, rows_of
from gatewise.data.sql.chunks import CHUNK_ROWS, Chunks, read_chunks, to_frame
from gatewise.data.sql.connect import open_database
from gatewise.data.sql.query import of_span, of_symbols, of_values
from gatewise.data.sql.selectable import few_names, selectable
from gatewise.data.sql.url import resolve_url, shown
from gatewise.data.table import AGAIN, OHLCV, STAMP, SYMBOL
from gatewise.errors import ConfigError, NotEnoughRowsError, SchemaError, UnknownNameError, one_line

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause

DEFAULT_TABLE = "vw_ticker_timeseries"
_HEAD_ROWS = 200
_SHOWN = 9
_LONGEST_BAR = timedelta(days=32)  # where nothing says how long a bar lasts; a longer one is asked for again


@dataclass(frozen=True)
class _Layout:
    """What the first rows say: which columns are read, and as what; `texts` hold no numbers and are not read."""

    roles: Roles
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    samples: dict[str, Any]
    notes: tuple[str, ...]


def read_sql(spec: DataConfig) -> Rows:
    """Reads the rows that a data config names from a database.

    Symbols (`symbols`, or `symbol` where a column holds symbols), `columns`, `start` and `end` are left to the
    server, through bound parameters. Stamps mean what they mean in a file.

    Raises:
        ConfigError: no database is named, what is named contradicts itself, or `query` is no SELECT or can't be run.
        UnknownNameError: no such kind of database, table or symbol; the nearest ones are listed.
        FeedError: the server can't be reached, or refuses.
        MissingExtraError: its driver is not installed.
        SchemaError, AmbiguousError, ReadError, NotEnoughRowsError: see `read_rows`.
    """
    _refuse_two_ways(spec)
    url = resolve_url(spec.url)
    name = "query" if spec.query else spec.table or DEFAULT_TABLE
    with open_database(url, query=spec.query is not None) as connection:
        source = _filtered(connection, selectable(connection, spec.query, spec.table or DEFAULT_TABLE), name, spec)
        layout = _look(connection, source, name, spec)
        margin = spec.timeframe or _LONGEST_BAR
        rows = _read(connection, source, name, layout, spec, margin)
        if rows.timeframe is not None and rows.timeframe > margin and spec.start is not None:
            rows = _read(connection, source, name, layout, spec, rows.timeframe)
        if layout.texts and rows.frame.select(SYMBOL, STAMP).is_duplicated().any():
            # Text is read where it may tell apart what repeats a time, and only then.
            layout = replace(layout, columns=(*layout.columns, *layout.texts), texts=())
            rows = _read(connection, source, name, layout, spec, rows.timeframe or margin)
    first = [f"rows of {name}, {shown(url)}", *(f"{name}: {note}" for note in layout.notes)]
    return replace(rows, notes=tuple(dict.fromkeys((*first, *rows.notes))))


def _refuse_two_ways(spec: DataConfig) -> None:
    if spec.paths:
        raise ConfigError(
            f"data.source {spec.source!r} reads no files; got data.paths {spec.paths[0]!r}", "give one of the two"
        )
    if spec.table and spec.query:
        raise ConfigError(
            f"one of data.table and data.query says what to read; got both, table {spec.table!r}", "leave one"
        )
    if spec.symbol and spec.symbols and spec.symbols != (spec.symbol,):
        both = f"{spec.symbol} and {', '.join(spec.symbols)}"
        raise ConfigError(f"one of data.symbol and data.symbols says which symbols to read; got {both}", "leave one")


def _look(connection: Connection, source: FromClause, name: str, spec: DataConfig) -> _Layout:
    """Finds the columns' roles from the first rows; columns that hold no numbers there are not read at all."""
    from sqlalchemy import select

    columns = unique_names(name, list(source.c.keys()))
    if again := next((column for column in columns if column.startswith(AGAIN)), None):
        raise SchemaError(f"{name} has column {again.split('_', 4)[-1]!r} twice", "give one another name: … AS other")
    head = connection.execute(select(*source.c).limit(_HEAD_ROWS)).fetchall()
    if not head:
        raise NotEnoughRowsError(f"{name} has columns {', '.join(columns)} and no rows", "is it the right one?")
    frame, odd = to_frame(columns, head)
    roles = find_roles(
        name,
        frame,
        spec.time_column,
        spec.symbol_column,
        spec.rename,
        spec.symbol,
        columns_to_read(spec),
        zoned=False,
    )
    if roles.interval is not None:
        roles = _of_all_intervals(roles, _interval_of_all(connection, source, name, roles.interval.column))
    chosen, _ = choose_columns(name, roles.names, spec)
    wordy = [c for c, target in chosen.items() if _holds_no_numbers(frame[c].alias(target), spec)]
    ended = ended_column(frame)  # by which rows are left out when they are here
    stay = (ended, *roles.beside.columns)
    texts = [] if spec.columns else [c for c in wordy if chosen[c] not in OHLCV and c not in stay]
    notes = [*roles.notes]
    if roles.symbol is None and not spec.symbol:
        notes.append(
            f"no symbol column: the rows are taken for {_only_symbol(spec, name)} (data.symbol says otherwise)"
        )
    if odd:
        notes.append(f"left out, as they hold neither numbers, text nor times: {', '.join(odd)}")
    if texts:
        notes.append(f"left out, as they hold no numbers: {', '.join(texts)}")
    kept = [c for c in chosen if c not in texts]
    judged = [roles.interval.column] if roles.interval and roles.interval.values[1:] else []  # by the rows
    judged += [c for c in texts if names_lengths(frame[c])]
    read = dict.fromkeys(c for c in (roles.symbol, *roles.time, *roles.beside.columns, *kept, ended, *judged) if c)
    samples = {c: next((value for row in head if (value := row[n]) is not None), None) for n, c in enumerate(columns)}
    left = [c for c in roles.names if c not in read and frame[c].dtype == pl.String]
    return _Layout(roles, tuple(read), tuple(left), samples, tuple(notes))


def _interval_of_all(connection: Connection, source: FromClause, name: str, column: str) -> Interval | None:
    """Asks for all values of a column that names intervals in the first rows."""
    from sqlalchemy import func, select

    counted = select(source.c[column], func.count()).group_by(source.c[column]).order_by(func.count().desc())
    values = [value for value, _ in connection.execute(counted.limit(_SHOWN)) if value is not None]
    return interval_of(name, column, list(dict.fromkeys(str(value).strip() for value in values)))


def _of_all_intervals(roles: Roles, interval: Interval | None) -> Roles:
    """Roles by the first rows, where one interval of these may be none, or one of several, in all rows."""
    if roles.interval is None or interval == roles.interval:
        return roles
    column = roles.interval.column
    notes = tuple(note for note in roles.notes if not note.startswith(f"left out: {column},"))
    return replace(roles, interval=interval, names={**roles.names, column: column}, notes=notes)


def _filtered(connection: Connection, source: FromClause, name: str, spec: DataConfig) -> FromClause:
    """The rows that `data.filter` keeps, as a derived table that the server sees through.

    Raises:
        SchemaError: no such column, or no row with such a value; some that there are are listed.
    """
    from sqlalchemy import func, select
    from sqlalchemy.exc import DataError

    if not spec.filter:
        return source
    columns = {key: source.c[column_of(name, list(source.c.keys()), key)] for key in spec.filter}
    clauses = []
    for key, column in columns.items():
        sample = connection.execute(select(column).where(column.is_not(None)).limit(1)).scalar()
        clauses.append(of_values(column, values_of(spec.filter[key]), sample))
    kept = select(*source.c).where(*clauses)
    try:
        has_rows = connection.execute(kept.limit(1)).first() is not None
    except DataError:  # an enum knows its words, and takes no other
        connection.rollback()
        has_rows = False
    if not has_rows:
        held = {}
        for key, column in columns.items():
            counted = select(column).group_by(column).order_by(func.count().desc()).limit(_SHOWN)
            held[key] = [str(value) for value in connection.execute(counted).scalars()]
        raise no_such_rows(name, spec.filter, held)
    return kept.subquery("kept")


def _holds_no_numbers(column: pl.Series, spec: DataConfig) -> bool:
    (numbers,) = to_numbers(column.name, [column], spec.thousands, spec.decimal)
    return len(numbers.wrong) > numbers.values.count()


def _read(
    connection: Connection, source: FromClause, name: str, layout: _Layout, spec: DataConfig, margin: timedelta
) -> Rows:
    from sqlalchemy import select
    from sqlalchemy.exc import DataError

    roles, filters = layout.roles, []
    wanted = spec.symbols or ((spec.symbol,) if spec.symbol and roles.symbol else ())
    if roles.symbol and wanted:
        filters.append(of_symbols(source.c[roles.symbol], wanted, layout.samples[roles.symbol]))
    # A half of the day beside a stamp moves it by more than a span that the server cuts leaves room for.
    stamp = roles.time[0] if len(roles.time) == 1 and roles.beside.half is None else None
    if stamp:
        span = of_span(source.c[stamp], layout.samples[stamp], spec.time_format, spec.start, spec.end, margin)
        filters += [] if span is None else [span]
    order = [source.c[column] for column in (*([roles.symbol] if roles.symbol else []), *roles.time)]
    statement = select(*(source.c[column] for column in layout.columns)).where(*filters).order_by(*order)
    chunks = Chunks(name, layout.columns, stamp if spec.time_format is None else None, spec.day_first)
    streamed = {"stream_results": True, "max_row_buffer": CHUNK_ROWS}
    try:
        with connection.execute(statement, execution_options=streamed) as result:
            num_rows = read_chunks(chunks, result.partitions(CHUNK_ROWS))
    except DataError:  # an enum knows its words, and takes no other
        connection.rollback()
        _refuse_unknown_symbols(connection, source, roles.symbol, wanted)
        raise
    if not num_rows:
        _refuse_unknown_symbols(connection, source, roles.symbol, wanted)
        raise _nothing_between(connection, source, name, stamp, filters[:1] if wanted and roles.symbol else [], spec)
    raw = Raw(name, chunks.frame(), written=chunks.written())
    if roles.symbol and wanted:
        symbols_read = raw.frame[roles.symbol].cast(pl.String).str.strip_chars().unique().to_list()
        absent = [symbol for symbol in wanted if symbol not in symbols_read]
        _refuse_unknown_symbols(connection, source, roles.symbol, absent)
    narrow = spec.model_copy(update={"time_column": ",".join(roles.time), "symbol_column": roles.symbol})
    # Which symbols are wanted was settled on the server; without a column of symbols all rows are one's.
    one_series = (None, ()) if roles.symbol else (_only_symbol(spec, name), spec.symbols)
    narrow = narrow.model_copy(update={"symbol": one_series[0], "symbols": one_series[1]})
    part = part_of(raw, PurePath(name), narrow)
    if roles.interval is not None and not roles.interval.values[1:]:
        part = replace(part, interval=roles.interval)
    del raw  # millions of rows need not be there three times
    return rows_of([part], narrow, find_unnamed([part], spec.symbol, spec.symbol_column))


def _only_symbol(spec: DataConfig, name: str) -> str:
    """Whose rows they are where no column says."""
    return spec.symbol or (
        spec.symbols[0] if len(spec.symbols) == 1 else one_line(next(iter(read_names(name).values())).symbol or name)
    )


def _refuse_unknown_symbols(
    connection: Connection, source: FromClause, column: str | None, symbols: Sequence[str]
) -> None:
    """Symbols of which there is no row at all; those that only have none in the span pass."""
    from sqlalchemy import select

    if column is None or not symbols:
        return
    values = connection.execute(select(source.c[column]).distinct()).scalars()
    known = {str(value).strip() for value in values if value is not None}
    for symbol in symbols:
        if symbol not in known:
            raise UnknownNameError("symbol", symbol, few_names(symbol, known))


def _nothing_between(
    connection: Connection,
    source: FromClause,
    name: str,
    stamp: str | None,
    filters: list[ColumnElement[bool]],
    spec: DataConfig,
) -> NotEnoughRowsError:
    from sqlalchemy import func, select

    held = ""
    if stamp:
        low, high = connection.execute(
            select(func.min(source.c[stamp]), func.max(source.c[stamp])).where(*filters)
        ).one()
        held = f"; its stamps run from {low} to {high}"
    return NotEnoughRowsError(
        f"{name} has no row between {spec.start or 'the beginning'} and {spec.end or 'the end'}{held}",
        "data.start and data.end are in UTC",
    )
