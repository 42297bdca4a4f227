"""Entries as rows of the database: how they are read and written, one place for all statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatewise.champions.entry import Entry, read_entry

if TYPE_CHECKING:
    from sqlalchemy import Connection

Row = tuple[int, str, str, str]  # number, name, content, hash

_SELECT = "SELECT number, name, content, hash FROM registry_entries"


def all_rows(connection: Connection) -> list[Row]:
    """Every row as it is, whatever was done to it."""
    return [(*row,) for row in connection.exec_driver_sql(f"{_SELECT} ORDER BY number")]


def entries(connection: Connection, name: str | None = None) -> tuple[Entry, ...]:
    """Of a name, or all; the oldest first.

    Raises:
        RegistryError: one was edited.
    """
    return tuple(_entries(connection, name, "ORDER BY number"))


def newest(connection: Connection, name: str | None = None) -> Entry | None:
    """The newest entry of a name, or of all.

    Raises:
        RegistryError: it was edited.
    """
    return next(iter(_entries(connection, name, "ORDER BY number DESC LIMIT 1")), None)


def insert(connection: Connection, rows: Sequence[Row]) -> None:
    """Appends rows."""
    from sqlalchemy import text

    names = ("number", "name", "content", "hash")
    statement = text(
        "INSERT INTO registry_entries (number, name, content, hash) VALUES (:number, :name, :content, :hash)"
    )
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _entries(connection: Connection, name: str | None, order: str) -> list[Entry]:
    from sqlalchemy import text

    where = "" if name is None else " WHERE name = :name"
    rows = connection.execute(text(f"{_SELECT}{where} {order}"), {} if name is None else {"name": name})
    return [read_entry(number, content, hash_, filed) for number, filed, content, hash_ in rows]
