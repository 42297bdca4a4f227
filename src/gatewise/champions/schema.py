"""The history's tables, and how those of earlier versions become the newest.

A version is a step below; whoever changes tables or the fields of an entry adds one, even an empty one, and never
edits those that are there. So a database says by its number whether it can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.errors import RegistryError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE registry_entries (number BIGINT PRIMARY KEY, name TEXT NOT NULL, content TEXT NOT NULL,"
        " hash TEXT NOT NULL UNIQUE)",
        "CREATE INDEX registry_entries_by_name ON registry_entries (name, number)",
        # How far a follower, such as MLflow, has come; nothing of the history itself.
        "CREATE TABLE registry_followers (follower TEXT PRIMARY KEY, number BIGINT NOT NULL)",
    ),
)


def version_of(connection: Connection) -> int:
    """The database's version; 0 where it holds no registry.

    Raises:
        RegistryError: a later one, or one that nobody wrote: entries would seem never to have been.
    """
    from sqlalchemy import inspect

    tables = inspect(connection)
    if not tables.has_table("registry_version"):
        if tables.has_table("registry_entries"):
            raise _edited("it holds entries and no version")
        return 0
    versions = connection.exec_driver_sql("SELECT version FROM registry_version").scalars().all()
    if len(versions) != 1 or not isinstance(version := versions[0], int) or version < 1:
        raise _edited(f"its version is {', '.join(map(str, versions)) or 'none'}")
    if version > len(VERSIONS):
        raise RegistryError(
            f"the registry is of version {version}; this gatewise reads up to {len(VERSIONS)}",
            "use the gatewise that wrote it, or a later one",
        )
    return version


def upgrade(connection: Connection) -> None:
    """Brings the tables to the newest version, within the connection's transaction."""
    version = version_of(connection)
    if not version:
        connection.exec_driver_sql("CREATE TABLE registry_version (version INTEGER NOT NULL)")
        connection.exec_driver_sql("INSERT INTO registry_version VALUES (0)")
    if version < len(VERSIONS):
        for statement in (statement for step in VERSIONS[version:] for statement in step):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"UPDATE registry_version SET version = {len(VERSIONS)}")


def _edited(how: str) -> RegistryError:
    return RegistryError(
        f"the registry was edited: {how}",
        "keep it; gatewise registry restore reads a backup into a new registry",
    )
