"""Files that are either whole or absent: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.errors import ConfigError, StorageError

if TYPE_CHECKING:  # the command line's --help must not import Polars
    import polars as pl

_CSV_TIMES = "%Y-%m-%dT%H:%M:%S%.fZ"


def home() -> Path:
    """The folder that holds everything a run writes: `$GATEWISE_HOME`, or `./gatewise-runs`."""
    return Path(os.environ.get("GATEWISE_HOME") or "gatewise-runs").expanduser().absolute()


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it that are not there.

    Raises:
        StorageError: it can't be made, or the first of them would lie at the root of the disk: a name mistyped there is
            no wish for a folder.
    """
    folder = folder.absolute()
    try:
        _refuse_roots(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage_error(folder, error) from error


def require_place(folder: Path) -> None:
    """Refuses, before any work is done, a folder that no file can be made in; makes nothing itself.

    Raises:
        StorageError: it or what is above it is no folder, or may not be written; see `make_folder`.
    """
    folder = folder.absolute()
    try:
        _refuse_roots(folder)
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        with tempfile.TemporaryFile(dir=nearest):  # permissions alone promise too much, to root above all
            pass
    except OSError as error:
        raise _storage_error(folder, error) from error


def _refuse_roots(folder: Path) -> None:
    absent = [place for place in (folder, *folder.parents) if not place.exists()]
    if absent and len(absent[-1].parts) == 2:
        raise StorageError(
            f"can't write into {folder}: {absent[-1]} is not there, and no folder is made at the root of the disk",
            f"{_elsewhere(folder)}, or make {absent[-1]} first",
        )


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; renames it onto `path` if the block ends well.

    Raises:
        StorageError: the disk is full or the place can't be written. The old file, if any, is untouched.
    """
    try:
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _storage_error(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Like `atomic_file` for a whole folder; what is at `path` is replaced, whatever it is, but only at the end."""
    try:
        make_folder(path.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _storage_error(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*"):
            _sync(file)
        if path.exists():
            _swap(temporary, path)
        else:
            temporary.rename(path)
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Writes rows as CSV or Parquet, by the suffix; times in CSV are ISO 8601 with Z.

    Raises:
        ConfigError: another suffix.
        StorageError: the disk is full or not writable.
    """
    require_frame_suffix(path)
    # Through memory, as Polars' Parquet writer wraps a full disk into an error of its own that carries no errno.
    buffer = io.BytesIO()
    if path.suffix == ".csv":
        frame.write_csv(buffer, datetime_format=_CSV_TIMES)
    else:
        frame.write_parquet(buffer)
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def write_frames(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Writes at least one frame, below each other, as `write_frame` writes one, and says how many rows these are.

    They are asked for one by one, so not all of them need fit into memory.
    """
    first, *second = islice(rest := iter(frames), 2)
    if not second:
        write_frame(path, first)
        return first.height
    import pyarrow.parquet

    rows = 0
    with atomic_file(path) as temporary, temporary.open("wb") as file, ExitStack() as closed:
        parquet = None
        if path.suffix != ".csv":
            parquet = closed.enter_context(
                pyarrow.parquet.ParquetWriter(file, first.to_arrow().schema, compression="zstd")
            )
        for frame in chain([first], second, rest):
            if parquet is None:
                file.write(frame.write_csv(include_header=not rows, datetime_format=_CSV_TIMES).encode())
            else:
                parquet.write_table(frame.to_arrow())
            rows += frame.height
    return rows


def require_frame_suffix(path: Path) -> None:
    """Refuses, before any work is done, a name that `write_frame` can't write."""
    if path.suffix not in (".csv", ".parquet"):
        raise ConfigError(
            f"rows are written as .csv or .parquet; got {path.name!r}", "name a file like predictions.csv"
        )


def members_folder(checkpoint: Path) -> Path:
    """Where an ensemble's members keep their states: beside where it would keep its own."""
    return checkpoint.with_suffix(".members")


def online_file(checkpoint: Path) -> Path:
    """Where a model that is updated on its test rows keeps how far it is: beside the state of its training."""
    return checkpoint.with_suffix(".online")


def drop_checkpoint(checkpoint: Path) -> None:
    """Removes a training's state, its members' and that of its updates, if there is one."""
    checkpoint.unlink(missing_ok=True)
    online_file(checkpoint).unlink(missing_ok=True)
    shutil.rmtree(members_folder(checkpoint), ignore_errors=True)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb+") as written:  # Windows syncs nothing that was opened to read
            os.fsync(written.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk, on systems where a folder can be asked; see `man 2 fsync`."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(new: Path, path: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    try:
        path.rename(aside / path.name)
        try:
            new.rename(path)
        except OSError:
            (aside / path.name).rename(path)
            raise
    except OSError:
        with suppress(OSError):  # not empty where even the way back failed: the old folder is kept then
            aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _storage_error(path: Path, error: OSError) -> StorageError:
    room = "free some space, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return StorageError(f"can't write {path}: {error.strerror or error}", f"{room}{_elsewhere(path)}")


def _elsewhere(path: Path) -> str:
    ours = path.absolute().is_relative_to(home())
    return "set GATEWISE_HOME to another place" if ours else "name another place"
