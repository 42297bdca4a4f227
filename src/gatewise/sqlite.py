"""What SQLite means by an error, told by its code, as the words differ between its versions and between wrappers.

A database that is busy, one that may not be written and a file that is none are three things: only of the last may
anybody be told that another file belongs in its place.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# Writers hold a database for milliseconds; who finds it locked for longer waits for a program that works in it.
PATIENCE_SECONDS = 10

WAIT = "wait until the other process is done, then try again"
# What it is or does, and what to do about it; nobody who follows these loses a record.
_TROUBLES = {
    sqlite3.SQLITE_BUSY: ("is in use by another process", WAIT),
    sqlite3.SQLITE_LOCKED: ("is in use by another process", WAIT),
    sqlite3.SQLITE_READONLY: ("may not be written", "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: ("may not be read", "make the file and its folder readable and writable"),
    sqlite3.SQLITE_CANTOPEN: ("can't be opened", "its folder must be there, and both must be readable and writable"),
    sqlite3.SQLITE_FULL: ("needs more room than the disk has", "free some space"),
    sqlite3.SQLITE_IOERR: ("can't be read or written", "see to the disk that it lies on"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "keep it; sqlite3 FILE .recover makes a copy of what can be read"),
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", "keep it, and see what it is"),
}


def trouble(error: BaseException | None) -> tuple[str, str] | None:
    """What ails the database, as the rest of a sentence that begins with its name, and what to do; `None` where SQLite
    did not raise.

    Args:
        error: of sqlite3, or of whatever wraps it: SQLAlchemy, Optuna, MLflow.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (code := getattr(error, "sqlite_errorcode", None)) is not None:
            return _TROUBLES.get(code & 0xFF)  # the rest of the code says more than anybody needs
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return None


def probe(path: Path) -> None:
    """Reads a database's list of tables, and waits `PATIENCE_SECONDS` for one that is busy.

    Raises:
        sqlite3.Error: it can't be read; see `trouble`.
    """
    # Not mode=ro: who was killed left a journal that the next one has to play back, which takes writing.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE_SECONDS)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master")
