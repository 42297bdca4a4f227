"""Warnings of packages that we build on: what they should change is no news to our users, and must not end their work.

Python's filters are the whole process's, and what is changed there is seen by every thread. Nearly all that these
packages warn of are deprecations, which Python hides by itself. Only where a program makes errors of warnings would one
break a package off in its midst; there alone an exception for these packages stands in the list while a block runs.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

PACKAGES = r"(mlflow|sqlalchemy|alembic|pydantic|pandas|exchange_calendars|yfinance|peewee|ray)\b"
# As warnings.filterwarnings writes it.
_ENTRY = ("ignore", None, Warning, re.compile(PACKAGES), 0)

_lock = threading.Lock()
_running = 0


@contextmanager
def unraised() -> Iterator[None]:
    """A block in which no filter makes an error of these packages' warnings; in threads that overlap, too."""
    global _running
    raising = any(entry[0] == "error" for entry in warnings.filters)
    if not raising:
        yield
        return
    with _lock:
        _running += 1
        warnings.filterwarnings("ignore", module=PACKAGES)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running and _ENTRY in warnings.filters:
                warnings.filters.remove(_ENTRY)  # type: ignore[attr-defined]  # typed as read-only
