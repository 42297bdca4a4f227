"""A connection to a database, read-only where the database can, and what databases raise as one line."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.data.sql.url import PASSWORD_VARIABLE, hidden, shown
from gatewise.errors import (
    ConfigError,
    FeedError,
    GatewiseError,
    MissingExtraError,
    ReadError,
    StorageError,
    UnknownNameError,
    one_line,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import SQLAlchemyError

_CONNECT_SECONDS = 10
_LOCK_SECONDS = 10
# What each database is told once when it is opened to be read. Stamps with a zone come back in UTC.
_READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET TIME ZONE 'UTC'"),
}
_WRITING = {"sqlite": (), "postgresql": ("SET TIME ZONE 'UTC'",)}


@contextmanager
def open_database(url: URL, write: bool = False, query: bool = False) -> Iterator[Connection]:
    """A connection for the time of the block, in one transaction; with `write` it is committed at the block's end, and
    where the block ends otherwise nothing is left of it, tables and the file of a new SQLite database included.

    Args:
        query: a SELECT of the user's is run, so that a fault in its words is the user's.

    Raises:
        UnknownNameError: no such kind of database.
        MissingExtraError, ConfigError: its driver is not installed.
        ReadError: an SQLite file that is absent or no database; a value that the driver can't hand out.
        FeedError: a server that can't be reached, or refuses.
        StorageError: with `write`, a place that can't be written.
    """
    from sqlalchemy.exc import SQLAlchemyError

    _require_file(url, write)
    engine = _engine(url, write)
    new = _new_file(url) if write else None
    try:
        with engine.connect() as connection:
            yield connection
            if write:
                connection.commit()
    except SQLAlchemyError as error:
        raise database_error(error, url, write, query) from error
    finally:
        engine.dispose()
        if new is not None and new.is_file():
            _remove_empty(new)


def _engine(url: URL, write: bool) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    backend = url.get_backend_name()
    patience: dict[str, float] = {}
    if backend == "postgresql" and "connect_timeout" not in url.query:
        patience = {"connect_timeout": _CONNECT_SECONDS}
    elif backend == "sqlite" and "timeout" not in url.query:
        patience = {"timeout": _LOCK_SECONDS}
    try:
        # Errors would otherwise quote the values of rows and filters.
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=patience)
    except NoSuchModuleError as error:
        raise UnknownNameError("kind of database", url.drivername, _dialects()) from error
    except ImportError as error:
        if backend == "postgresql" and url.get_driver_name() == "psycopg":
            raise MissingExtraError("psycopg", "postgres") from error
        raise ConfigError(
            f"the driver of {url.drivername} is not installed: {error}",
            f'install it, or name another: data.url="{backend}+DRIVER://…"',
        ) from error
    commands = (_WRITING if write else _READ_ONLY).get(backend, ())
    whole = write and backend == "sqlite"

    def prepare(connection: Any, _record: Any) -> None:
        if whole:  # Python's driver begins no transaction before a table is made: it would stay without its rows
            connection.isolation_level = None
        cursor = connection.cursor()
        for command in commands:
            cursor.execute(command)
        cursor.close()
        connection.commit()

    if commands or whole:
        event.listen(engine, "connect", prepare)
    if whole:  # waits for other writers before it looks what is there
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def database_error(error: SQLAlchemyError, url: URL, write: bool = False, query: bool = False) -> GatewiseError:
    """What a database raised, as one of ours: its own first line, and what to do."""
    from sqlalchemy import exc

    reason = _reason(error, url)
    name = shown(url)
    low = reason.lower()
    sqlite = url.get_backend_name() == "sqlite"
    if "file is not a database" in low:
        return ReadError(f"{name}: {reason}", "the URL names a file that SQLite did not write")
    if write and sqlite and isinstance(error, exc.OperationalError):
        return StorageError(f"can't write {name}: {reason}", _writing_hint(low))
    if not sqlite and isinstance(error, exc.OperationalError) and re.search("password|authenticat|access denied", low):
        return FeedError(
            f"{name} refuses: {reason}",
            f"mend the URL's user or password; where it holds no password, ${PASSWORD_VARIABLE} is taken",
        )
    if query and (
        isinstance(error, exc.ProgrammingError | exc.DataError)
        or (sqlite and isinstance(error, exc.DatabaseError) and not re.search("locked|malformed|unable to open", low))
        or "read-only" in low
    ):
        return ConfigError(f"data.query: {reason}", "try it in the database's own shell first")
    if isinstance(error, exc.DataError):
        return ReadError(f"{name}: {reason}", "leave such rows out: data.start=…, or a data.query")
    if sqlite and "locked" in low:
        return FeedError(f"{name}: {reason}", "another process is writing to it: try again when it is done")
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return FeedError(f"{name} can't be reached: {reason}", "is the server up, and the URL's host, port and name?")
    return FeedError(f"{name} refuses: {reason}", "may this user do that there?")


def _reason(error: SQLAlchemyError, url: URL) -> str:
    """The first line that says something; libpq puts one for each address that it tried."""
    text = str(getattr(error, "orig", None) or error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "failed: " in line and "multiple" not in line.lower()]
    return one_line(hidden((telling or lines or [type(error).__name__])[0], url))


def _writing_hint(reason: str) -> str:
    if "locked" in reason:
        return "another process is writing to it: try again when it is done"
    return "free some space" if "full" in reason else "name a file in a folder that is there and may be written"


def _require_file(url: URL, write: bool) -> None:
    """SQLite makes an empty database of any name that it is asked to open."""
    if url.get_backend_name() != "sqlite" or str(url.database).startswith("file:"):
        return
    if url.database in (None, "", ":memory:"):
        raise ConfigError("an SQLite URL must name a file; a database in memory holds nothing", "sqlite:///bars.db")
    path = Path(str(url.database))
    if write:
        return
    if path.is_dir():
        raise ReadError(f"no database at {path}: it is a folder", "name a file in it, like sqlite:///bars.db")
    if not path.is_file():
        raise ReadError(
            f"no database at {path}",
            f"sqlite:////… names an absolute path; gatewise data init-db --url {shown(url)} makes one",
        )


def _new_file(url: URL) -> Path | None:
    """The file of a database that is not there yet, which SQLite makes before anything is written."""
    if url.get_backend_name() != "sqlite" or str(url.database).startswith("file:"):
        return None
    path = Path(str(url.database))
    return None if path.exists() else path


def _remove_empty(path: Path) -> None:
    """Takes a database away into which nothing was written in the end."""
    # On a full disk SQLite may undo what it wrote only when the file is read again.
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if not path.stat().st_size:
        path.unlink()


def _dialects() -> list[str]:
    """Those that come with SQLAlchemy."""
    package = importlib.import_module("sqlalchemy.dialects")
    return [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
