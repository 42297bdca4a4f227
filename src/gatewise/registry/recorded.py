"""What opens a run in the middle of a search or a cross-validation, and ends it as that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewise.data.table import Table
from gatewise.registry.info import RECORD, read_info
from gatewise.registry.tracking import connect, tracking_uri
from gatewise.registry.writer import Run


class Record:
    """A run that is opened once its folder is held and the rows are there, or taken up again."""

    def __init__(self, open_run: Callable[[Path, Table], Run]) -> None:
        self._open_run = open_run
        self._run: Run | None = None

    def begin(self, folder: Path, table: Table) -> None:
        """To be called with the folder, held by this process, and the rows.

        Raises:
            StorageError: the tracker can't be reached.
        """
        if (folder / RECORD).is_file():
            self._run = Run(read_info(folder), connect(), tracking_uri())
            self._run.reopen()
        else:
            self._run = self._open_run(folder, table)

    @property
    def run(self) -> Run:
        assert self._run is not None, "it was begun"
        return self._run


@contextmanager
def recorded(open_run: Callable[[Path, Table], Run]) -> Iterator[Record]:
    """A record whose run, if it was opened, is FINISHED after the block, KILLED by Ctrl-C or an exit, else FAILED."""
    record = Record(open_run)
    try:
        yield record
    except BaseException as error:
        if record._run is not None:
            record._run.finish("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    record.run.finish("FINISHED")
