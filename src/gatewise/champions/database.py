"""Where the history lies: an SQLite file of the home, or the database that `$GATEWISE_REGISTRY` names.

One writer at a time: SQLite's BEGIN IMMEDIATE and PostgreSQL's advisory lock hold others until the transaction is
committed, so what a writer reads first is what it appends to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.champions.schema import VERSIONS, upgrade, version_of
from gatewise.data.sql.connect import open_database
from gatewise.data.sql.url import parse_url, shown
from gatewise.errors import ConfigError, FeedError, ReadError, RegistryError, StorageError
from gatewise.files import home, make_folder
from gatewise.sqlite import trouble

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

VARIABLE = "GATEWISE_REGISTRY"
_LOCK = 0x67617465  # a number of ours among a server's advisory locks


def registry_url(given: str | None = None) -> URL:
    """The database: as given, `$GATEWISE_REGISTRY`, or registry.db in the home.

    Raises:
        ConfigError: no URL, or of a database other than SQLite and PostgreSQL.
    """
    from sqlalchemy.engine import URL

    text = given or os.environ.get(VARIABLE)
    if not text:
        return URL.create("sqlite", database=str(home() / "registry.db"))
    url = parse_url(text, f"{VARIABLE}=")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(
            f"the registry lies in SQLite or PostgreSQL; got {shown(url)}",
            f"{VARIABLE}=sqlite:///registry.db or {VARIABLE}=postgresql://user@host/database",
        )
    if url.get_backend_name() == "sqlite" and str(url.database or ":memory:").startswith((":memory:", "file:")):
        raise ConfigError("an SQLite registry must be a file", f"{VARIABLE}=sqlite:///registry.db")
    return url


@contextmanager
def reading(url: URL) -> Iterator[Connection | None]:
    """A read-only connection; `None` where there is no registry yet."""
    path = _file(url)
    if path is not None and not _holds_something(path, url):
        yield None
        return
    with _errors(url):
        with open_database(url) as connection:
            _read_any_text(connection, path)
            version = version_of(connection)
            if version in (0, len(VERSIONS)):
                yield connection if version else None
                return
        with writing(url) as connection:  # of an earlier version
            yield connection


@contextmanager
def writing(url: URL) -> Iterator[Connection]:
    """A connection that nobody else writes beside, its tables made; committed at the block's end or not at all."""
    path = _file(url)
    if path is not None:
        make_folder(path.parent)
        try:
            # Else whoever opens a new database and writes nothing removes its empty file, which others may have open.
            path.touch()
        except OSError as error:
            raise _unusable(url, "written", error) from error
    with _errors(url), open_database(url, write=True) as connection:
        _read_any_text(connection, path)
        if path is None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        upgrade(connection)
        yield connection


def _file(url: URL) -> Path | None:
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _holds_something(path: Path, url: URL) -> bool:
    """Whether a file is there that is not empty.

    Raises:
        RegistryError: something else is, or it can't be told: a history that is not seen is none that never was.
    """
    try:
        if path.is_dir():
            raise RegistryError(f"the registry {shown(url)} must be a file; it is a folder", f"see {VARIABLE}")
        return path.is_file() and path.stat().st_size > 0
    except OSError as error:
        raise _unusable(url, "read", error) from error


def _unusable(url: URL, how: str, error: OSError) -> RegistryError:
    place = "make the file and its folder readable and writable, or name another"
    return RegistryError(
        f"the registry {shown(url)} can't be {how}: {error.strerror or error}", f"{place}: {VARIABLE}=sqlite:///FILE"
    )


def _read_any_text(connection: Connection, path: Path | None) -> None:
    """Has SQLite give texts that are none, too: an entry with a flipped byte is read, so that it can be named."""
    driver: Any = connection.connection.driver_connection
    if path is not None:
        driver.text_factory = lambda data: data.decode("utf-8", "replace")


@contextmanager
def _errors(url: URL) -> Iterator[None]:
    """What databases raise, told of the registry."""
    try:
        yield
    except (FeedError, StorageError, ReadError) as error:
        if known := trouble(error):
            raise RegistryError(f"the registry {shown(url)} {known[0]}", known[1]) from error
        hint = f"see {VARIABLE} and the server; gatewise registry list says what is live"
        raise RegistryError(f"the registry {error.message}", hint) from error
