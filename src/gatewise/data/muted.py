"""Packages that use pandas in ways that it warns of, muted: what they should change is no news to our users."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def muted() -> Iterator[None]:
    """Ignores every warning, in one thread at a time: filters are the whole process's, and two threads that put them
    back in another order than they changed them would leave them changed."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
