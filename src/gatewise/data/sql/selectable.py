"""What is read of a database: a table or view by its name, or a SELECT of the user's as if it were one."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from gatewise.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from sqlalchemy import Connection, FromClause, Inspector

_COMMENT = r"(?:--[^\n]*(?:\n|$)|/\*.*?\*/)"
_END = r";(?:\s|;|--[^\n'\"]*(?:\n|$)|/\*[^'\"]*?\*/)*$"  # no quote in it, or it may be the end of a text
_MOST_LISTED = 20


def selectable(connection: Connection, query: str | None, table: str) -> FromClause:
    """A table, view or query with its columns; they carry no types, so that values come as the driver makes them.

    Args:
        query: a SELECT; `None` for the table.
        table: its name, with its schema ahead of a point where it is in another than the connection's own.

    Raises:
        UnknownNameError: no such table or view; the nearest ones are listed.
        ConfigError: a query that is no SELECT.
    """
    return _of_query(connection, query) if query is not None else _of_table(connection, table)


def few_names(name: str, known: set[str]) -> list[str]:
    """All names where they are few, else the nearest, else the first."""
    if len(known) <= _MOST_LISTED:
        return sorted(known)
    return difflib.get_close_matches(name, known, n=10) or sorted(known)[:10]


def _of_query(connection: Connection, query: str) -> FromClause:
    """A query as a derived table, where nothing but a SELECT can stand, and one alone."""
    from sqlalchemy import column, select, text

    start = re.sub(rf"^(?:\s|\(|{_COMMENT})+", "", query, flags=re.DOTALL)
    word = re.match(r"\w*", start)
    if (word[0] if word else "").lower() not in ("select", "with", "values"):
        raise ConfigError(
            f"data.query takes a SELECT; got {' '.join(start.split())[:40]!r}", "it is never more than read"
        )
    # The line end closes a comment at the query's end; a colon would begin a parameter.
    plain = re.sub(_END, "", query).replace(":", "\\:")
    whole = text(f"{plain}\n").columns().subquery("q")
    names = list(connection.execute(select(text("*")).select_from(whole).limit(0)).keys())
    return text(f"{plain}\n").columns(*[column(name) for name in names]).subquery("q")


def _of_table(connection: Connection, table: str) -> FromClause:
    from sqlalchemy import column, inspect
    from sqlalchemy import table as plain_table
    from sqlalchemy.exc import NoSuchTableError

    inspector = inspect(connection)
    schema, _, name = table.rpartition(".")
    for place, called in [(None, table), *([(schema, name)] if schema else [])]:
        try:
            columns = [described["name"] for described in inspector.get_columns(called, schema=place)]
        except NoSuchTableError:
            continue
        if columns:
            return plain_table(called, *[column(name) for name in columns], schema=place)
    raise _unknown(inspector, table, schema or None)


def _unknown(inspector: Inspector, table: str, schema: str | None) -> UnknownNameError | ConfigError:
    known = [f"{place}.{name}" if place else name for place in {None, schema} for name in _names(inspector, place)]
    if not known:
        return ConfigError(
            f"unknown table {table!r}: the database holds none at all", "gatewise data init-db makes the documented one"
        )
    return UnknownNameError("table or view", table, few_names(table, set(known)))


def _names(inspector: Inspector, schema: str | None) -> list[str]:
    if schema is not None and schema not in inspector.get_schema_names():
        return []
    kinds: list[Any] = [inspector.get_table_names, inspector.get_view_names]
    if inspector.dialect.name == "postgresql":
        kinds.append(inspector.get_materialized_view_names)
    return [name for kind in kinds for name in kind(schema=schema)]
