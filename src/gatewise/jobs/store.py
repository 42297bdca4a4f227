"""Where a cross-validation keeps what it has done: one file a finished job, one checkpoint a half-trained one."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewise.errors import BundleError
from gatewise.files import atomic_file, drop_checkpoint, home, make_folder
from gatewise.jobs.jobs import JobResult
from gatewise.locks import only_process

_log = logging.getLogger("gatewise.cv")


class JobStore:
    """Results of finished jobs by their keys, in `<folder>/jobs`; a file is whole or absent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._jobs = folder / "jobs"

    @property
    def scratch(self) -> Path:
        """For what lives only while jobs run."""
        return self.folder / "scratch"

    def read(self, key: str) -> JobResult | None:
        """The result under a key; `None` where there is none, or a damaged one, which is then said."""
        path = self._path(key)
        try:
            result = JobResult.from_bytes(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, BundleError) as error:
            _log.warning("%s can't be used (%s): that fold is trained again", path, error)
            return None
        if result.key != key:
            return None
        drop_checkpoint(self.checkpoint(key))  # which a kill right after the result was written has left
        return result

    def write(self, result: JobResult) -> None:
        """Keeps a result and drops the job's checkpoint.

        Raises:
            StorageError: the disk is full or not writable.
        """
        with atomic_file(self._path(result.key)) as temporary:
            temporary.write_bytes(result.to_bytes())
        drop_checkpoint(self.checkpoint(result.key))

    def drop(self, key: str) -> None:
        """Forgets a result, if there is one."""
        self._path(key).unlink(missing_ok=True)

    @property
    def num_results(self) -> int:
        """How many results there are, of whatever key."""
        return len(list(self._jobs.glob("*.safetensors")))

    def checkpoint(self, key: str) -> Path:
        """Where a job keeps its state on the way."""
        return self._jobs / f"{key}.checkpoint"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder for this process, and leaves no scratch behind.

        Raises:
            ConfigError: another process works in it.
            StorageError: the place is not writable.
        """
        with only_process(self.folder, self.folder.name):
            make_folder(self._jobs)
            for leftover in self._jobs.glob(".*"):  # of a write that a kill cut off
                leftover.unlink(missing_ok=True)
            try:
                yield
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self._jobs / f"{key}.safetensors"


def cv_folder(cv_id: str) -> Path:
    """`$GATEWISE_HOME/cv/<id>`."""
    return home() / "cv" / cv_id
