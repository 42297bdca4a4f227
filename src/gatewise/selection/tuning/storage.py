"""The database that a study lies in: its URL, opening it, and what it raises, in one line."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise import host
from gatewise.errors import ConfigError, MissingExtraError, StorageError
from gatewise.loading import traceless
from gatewise.sqlite import trouble

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_LOCK_SECONDS = 60  # a search of hours is not ended by another program's few seconds
_TRIES, _PAUSE_SECONDS = 5, 0.5


def require_optuna() -> None:
    """Sees to it that Optuna is there and says what it has to say through our logger alone.

    Raises:
        MissingExtraError: it is not.
    """
    quiet = host.is_ours() or "optuna" not in sys.modules  # else the program around has decided how Optuna speaks
    try:
        with traceless():
            import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune") from error
    if quiet:
        optuna.logging.disable_default_handler()
    logger = logging.getLogger("optuna")
    if not any(isinstance(handler, _Bridge) for handler in logger.handlers):
        logger.addHandler(_Bridge())


def resolve_url(text: str) -> str:
    """A storage's URL, with a SQLite file's path made absolute.

    Raises:
        ConfigError: not a URL, or one of a storage that keeps nothing.
    """
    require_optuna()
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            f"storage must be a database's URL; got {text!r}", 'for example storage="sqlite:///study.db"'
        ) from error
    if url.get_backend_name() != "sqlite":
        return text
    if url.database in (None, "", ":memory:"):
        raise ConfigError(
            f"storage must name a file to keep the study in; got {text!r}", 'storage="sqlite:///study.db"'
        )
    return url.set(database=str(Path(str(url.database)).absolute())).render_as_string(hide_password=False)


def file_url(path: Path) -> str:
    """The URL of a SQLite file."""
    require_optuna()
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path.absolute())).render_as_string()


def shown_url(text: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url

    return make_url(text).render_as_string(hide_password=True)


@contextmanager
def storage_errors(shown: str) -> Iterator[None]:
    """Turns what a database raises into one line.

    Raises:
        StorageError: the database can't be opened, read or written.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        if known := trouble(error):
            raise StorageError(f"the study's storage {shown} {known[0]}", known[1]) from error
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        reason = " ".join(str(getattr(cause, "orig", None) or cause).split())
        raise StorageError(
            f"the study's storage {shown} can't be used: {reason}", "another storage keeps a study elsewhere"
        ) from error


def open_storage(url: str) -> BaseStorage:
    """Opens a database, and makes its tables where there are none.

    Raises:
        ConfigError: its driver is not installed.
        StorageError: it can't be opened, or its tables are of another version of Optuna.
    """
    from optuna.storages import RDBStorage

    waits = {"connect_args": {"timeout": _LOCK_SECONDS}} if url.startswith("sqlite") else {}
    shown = shown_url(url)
    with storage_errors(shown):
        try:
            return _tables_made(lambda: RDBStorage(url, engine_kwargs=waits))
        except ImportError as error:
            raise ConfigError(
                f"the driver of {shown.split(':')[0]} is not installed", "pip install it, or use SQLite"
            ) from error
        except RuntimeError as error:  # tables of another version of Optuna
            raise StorageError(f"{shown}: {' '.join(str(error).split())}", "name another storage") from error


def _tables_made(open_it: Callable[[], BaseStorage]) -> BaseStorage:
    """Of processes that make the tables at once one fails, and finds them there when it looks again."""
    from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

    for left in reversed(range(_TRIES)):
        try:
            return open_it()
        except SQLAlchemyError as error:
            beaten = isinstance(error, IntegrityError | ProgrammingError) or "already exists" in str(error)
            if not (beaten and left):
                raise
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


class _Bridge(logging.Handler):
    """Hands Optuna's log on to ours, a step quieter: every trial is told of by us."""

    def emit(self, record: logging.LogRecord) -> None:
        quieter = {logging.INFO: logging.DEBUG, logging.WARNING: logging.INFO}
        level = quieter.get(record.levelno, record.levelno)
        logging.getLogger("gatewise.optuna").log(level, "%s", record.getMessage())
