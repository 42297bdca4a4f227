"""One process at a time in a folder, by a lock that the system takes back from a process that dies, however it dies.

So a lock file that is there says nothing: no killed process leaves a folder locked, and none has to be removed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gatewise.errors import ConfigError, StorageError
from gatewise.files import make_folder

LOCK = ".lock"
_MOMENT_SECONDS = 60


@contextmanager
def only_process(folder: Path, name: str) -> Iterator[None]:
    """Holds a folder, made if need be, for the time of the block; who only reads in it needs no lock.

    Args:
        name: what the folder holds, for the error.

    Raises:
        ConfigError: another process holds it, or another thread of this one; nothing is waited for.
        StorageError: the place is not writable.
    """
    with _held(folder, 0, f"one process at a time may work on {name}; another does"):
        yield


@contextmanager
def one_after_another(folder: Path, name: str) -> Iterator[None]:
    """Like `only_process` for work of a moment: waits for others, a minute at most."""
    with _held(folder, _MOMENT_SECONDS, f"another process holds {name} for longer than {_MOMENT_SECONDS} s"):
        yield


def is_abandoned(folder: Path) -> bool:
    """Whether a process has held a folder, and none does now; without a lock file nothing is known, so False."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0, thread_local=False):
            return True
    except (Timeout, OSError):
        return False


@contextmanager
def _held(folder: Path, seconds: float, refusal: str) -> Iterator[None]:
    # Of this block and not of a thread: whoever ends it gives the lock back.
    lock = FileLock(folder / LOCK, timeout=seconds, thread_local=False)
    try:
        make_folder(folder)
        lock.acquire()
    except Timeout:
        raise ConfigError(refusal, "wait until it has ended, or stop it") from None
    except OSError as error:
        raise StorageError(
            f"can't write {folder}: {error.strerror or error}", "set GATEWISE_HOME to a place that can be written"
        ) from error
    try:
        yield
    finally:
        lock.release()
