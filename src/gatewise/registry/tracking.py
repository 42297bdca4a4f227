"""The line to MLflow: where the records live, how the client is made quiet, and how its failures become ours.

Importing MLflow takes about 1.7 s, so nothing here does it before a run is written, and of a run that is started it is
done while features are made. The first SQLite database of a home is migrated through MLflow's whole history of schemas
(0.7 s, or 0.5 s without waiting for the disk at each step); it is made beside its place and linked into it, so that a
process killed meanwhile leaves no half of one.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatewise import host
from gatewise.errors import StorageError
from gatewise.files import home, make_folder
from gatewise.foreign import unraised
from gatewise.loading import traceless
from gatewise.registry.folders import run_folders
from gatewise.sqlite import WAIT, probe, trouble

# Chosen only where the user has not chosen. No telemetry leaves the machine, nothing is printed among our words, and a
# server that is down is given up after seconds instead of MLflow's four minutes: writer.py keeps values and retries.
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_TELEMETRY = "MLFLOW_DISABLE_TELEMETRY"
_FILE = "sqlite:///"
_NO_ANSWER = ("Connection refused", "timed out", "Name or service not known", "name resolution", "unreachable")


def tracking_uri() -> str:
    """`$MLFLOW_TRACKING_URI`, or the SQLite file `$GATEWISE_HOME/mlflow.db`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_database()}"


def artifact_folder() -> Path:
    """Where artifacts go when records go to the default database."""
    return home() / "artifacts"


def connect() -> Any:
    """An `MlflowClient` at `tracking_uri()`.

    Raises:
        StorageError: the database can't be made or read. A server is first spoken to, and found missing, by the first
            call inside `talking`.
    """
    uri = tracking_uri()
    load_mlflow()
    with talking(uri):
        from mlflow.tracking import MlflowClient

        if uri.startswith(_FILE):
            _ensure_database(Path(uri.removeprefix(_FILE)))
        return MlflowClient(uri)


def load_mlflow() -> None:
    """Loads MLflow, settled as gatewise needs it.

    It may be called ahead, on a thread, while something else is done that leaves Python's lock alone.

    Raises:
        StorageError: MLflow, or the driver of a database, can't be imported.
    """
    if host.is_ours():
        for name, value in _DEFAULTS.items():
            os.environ.setdefault(name, value)
    else:
        with unraised(), traceless():
            _settle_within_mlflow()
    with talking(tracking_uri()):
        import mlflow.store.tracking.sqlalchemy_store
        import mlflow.tracking  # noqa: F401  # loaded for whoever imports it afterwards

        if host.is_ours():
            _hush()


def _settle_within_mlflow() -> None:
    """The defaults in a program that is not ours, whose environment stays as it is but for MLflow's first import.

    MLflow asks for telemetry while it is imported. A program that has imported it before has decided about that.
    """
    if "mlflow" not in sys.modules and _TELEMETRY not in os.environ:
        os.environ[_TELEMETRY] = _DEFAULTS[_TELEMETRY]
        try:
            from mlflow import environment_variables as settings
        finally:
            os.environ.pop(_TELEMETRY, None)  # another thread may have been here
        settings.MLFLOW_DISABLE_TELEMETRY.default = True
        _hush()  # nobody else has a use for its words yet
    else:
        from mlflow import environment_variables as settings
    for name, value in _DEFAULTS.items():
        if name != _TELEMETRY:
            setting = getattr(settings, name)
            setting.default = setting.type(value) if setting.type is not bool else value == "true"


def _hush() -> None:
    # Whatever its store logs as an error also comes as an exception, which `talking` puts into one line.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)


@contextmanager
def talking(uri: str) -> Iterator[None]:
    """Wraps calls to MLflow: no warning ends them, and there is one StorageError for all the ways in which it fails."""
    with unraised():
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
            if uri.startswith(_FILE) and trouble(error):
                raise _database_error(Path(uri.removeprefix(_FILE)), error) from error
            message = _without_password(f"tracking at {uri} failed: {_first_line(error)}")
            raise StorageError(message, _without_password(_hint(uri, str(error)))) from error


def _database() -> Path:
    return home() / "mlflow.db"


# MLflow makes its tables by Alembic, whose context is one for the whole process: threads take turns.
_MAKING = threading.Lock()


def _ensure_database(path: Path) -> None:
    with _MAKING:
        _make_or_probe(path)


def _make_or_probe(path: Path) -> None:
    if path.is_dir():
        raise StorageError(f"run records lie in one file; {path} is a folder", "set GATEWISE_HOME to another place")
    if path.exists():
        _refuse_emptied(path)
        try:
            probe(path)  # as MLflow tries for minutes to open a file that is no database
        except sqlite3.Error as error:
            raise _database_error(path, error) from error
        return
    from mlflow.store.db.utils import _initialize_tables
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import create_engine, event

    make_folder(path.parent)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / path.name
        # The store makes its tables by this same call, but with an engine out of reach: it could be told not to wait
        # for the disk only through a listener on all engines of the process.
        engine = create_engine(f"sqlite:///{made}")
        event.listen(engine, "connect", _hurry)
        _initialize_tables(engine)
        engine.dispose()
        SqlAlchemyStore(f"sqlite:///{made}", artifact_folder().as_uri()).engine.dispose()
        with made.open("rb") as written:
            os.fsync(written.fileno())
        _put(made, path)


def _refuse_emptied(path: Path) -> None:
    """To SQLite an empty file is a new database: records that were lost would be records that never were."""
    runs = run_folders()
    if path == _database() and path.stat().st_size == 0 and runs:
        raise StorageError(
            f"the database of run records {path} is an empty file, yet {len(runs)} run{'s' if len(runs) > 1 else ''} "
            f"lie{'' if len(runs) > 1 else 's'} in {runs[0].parent}: their records are lost",
            "put a copy of it back; without one, move the empty file aside: new runs get a new one, folders stay",
        )


def _hurry(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _database_error(path: Path, error: BaseException) -> StorageError:
    what, remedy = trouble(error) or (f"can't be used: {error}", "see what it is")
    if remedy != WAIT:
        remedy = f"{remedy}; or set GATEWISE_HOME to another place"
    return StorageError(f"the database of run records {path} {what}", remedy)


def _put(made: Path, path: Path) -> None:
    # Linked, as a rename would take the place of one that another process made, and ran with, meanwhile.
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError:  # a filesystem without links
        made.rename(path)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # Of a request that failed MLflow tells the address, the path and the whole chain of causes; the last one tells.
    return next((text for text in _NO_ANSWER if text in lines[0]), lines[0].rstrip("."))


def _without_password(text: str) -> str:
    return re.sub(r"(://[^/:@\s]*):[^/@\s]+@", r"\1:***@", text)


def _hint(uri: str, text: str) -> str:
    if "out-of-date database schema" in text:
        return f"a newer MLflow wrote it? pip install -U mlflow; else, with a copy of it kept: mlflow db upgrade {uri}"
    if uri.startswith(("http:", "https:")):
        return "start the server, or unset MLFLOW_TRACKING_URI to record into GATEWISE_HOME"
    if "disk is full" in text or "No space left" in text:
        return "free some space, or set GATEWISE_HOME to another place"
    if "No module named" in text:
        return "install the database's driver"
    return "check MLFLOW_TRACKING_URI and GATEWISE_HOME"
