"""One series of the lake: what it holds, what it lacks, its rows lazily, and a writer."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from gatewise.errors import ReadError, StorageError
from gatewise.files import make_folder
from gatewise.lake import pages
from gatewise.lake.base import TIME, SeriesKey, utc
from gatewise.lake.manifest import NAME, Manifest, Page
from gatewise.lake.repair import dropped, rebuilt
from gatewise.lake.spans import subtract
from gatewise.lake.writer import Writer, switch

_log = logging.getLogger("gatewise.lake")
LOCK = ".lock"
_TRIES = 20


@dataclass(frozen=True)
class Damage:
    """A page that is not what the manifest says, and why."""

    page: Page
    reason: str


class Series:
    """A handle; it holds no state, so that it always tells what is on disk now."""

    def __init__(self, root: Path, key: SeriesKey) -> None:
        self.key = key
        self.folder = root / key.folder

    @property
    def manifest(self) -> Manifest | None:
        """What the series holds; None where nothing was ever written.

        Raises:
            ReadError: the manifest is damaged or of a later version.
        """
        return _manifest(self.folder, self.key)

    def mended(self) -> Manifest | None:
        """Like `manifest`; one that is damaged is made anew from the pages that are whole, with nothing covered.

        Raises:
            DataError: the manifest is of a later version.
            StorageError: the place is not writable.
        """
        try:
            return self.manifest
        except ReadError:
            with self.writer() as writer:
                return writer.manifest

    @contextmanager
    def writer(self, refetch: bool = False) -> Iterator[Writer]:
        """Locks the series against other writers, sweeps what killed ones left and drops damaged pages with their
        coverage; waits while another process writes.

        Args:
            refetch: take new values for rows that the lake holds already, instead of keeping the lake's.

        Raises:
            StorageError: the place is not writable.
        """
        with _locked(self.folder, self.key):
            manifest = self._mended()
            yield Writer(self.folder, manifest, refetch)

    def read(
        self, start: datetime | None = None, end: datetime | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Rows with start <= time < end in order of time, from pages whose hashes were checked.

        Raises:
            ReadError: nothing was ever written; a page is damaged (it is named) or absent.
        """
        for _ in range(_TRIES):
            manifest = self._held()
            touched = _touched(manifest, start, end)
            try:
                sources = [_whole(self.folder, page) for page in touched]
            except ReadError:
                if self._held() == manifest:  # else a writer replaced the page between two looks
                    raise
                continue
            return _lazy(manifest, sources, start, end, columns).collect()
        raise ReadError(f"{self.key} changed {_TRIES} times while it was read", "stop what writes to it, or try again")

    def missing(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The parts of [start, end) that are not covered yet, or whose page is damaged; what a fetch should ask for."""
        wanted = (utc(start), utc(end))
        if self.manifest is None:
            return list(subtract([wanted], []))

        def is_near(page: Page) -> bool:
            place = pages.span_of(page.start, self.key.timeframe)
            return place[0] < wanted[1] and wanted[0] < place[1]

        manifest, damaged = self._looked_after(is_near)
        hurt = [pages.span_of(damage.page.start, self.key.timeframe) for damage in damaged]
        return list(subtract([wanted], subtract(manifest.covered, hurt)))

    def verify(self) -> tuple[Damage, ...]:
        """The pages that are not what the manifest says.

        Raises:
            ReadError: nothing was ever written, or the manifest is damaged.
        """
        return self._looked_after(lambda page: True)[1]

    def _looked_after(self, wanted: Callable[[Page], bool]) -> tuple[Manifest, tuple[Damage, ...]]:
        """The manifest, and which of its wanted pages are damaged; looked again where a writer was at it meanwhile."""
        for _ in range(_TRIES):
            manifest = self._held()
            damaged = self._damaged([page for page in manifest.pages if wanted(page)])
            if not damaged or self._held() == manifest:
                break
        return manifest, damaged

    def _damaged(self, looked_at: Sequence[Page]) -> tuple[Damage, ...]:
        damages = []
        for page in looked_at:
            try:
                _whole(self.folder, page)
            except ReadError as error:
                damages.append(Damage(page, error.message))
        return tuple(damages)

    def _held(self) -> Manifest:
        manifest = self.manifest
        if manifest is None:
            raise ReadError(f"the lake holds nothing of {self.key}", "gatewise data list shows what it holds")
        return manifest

    def _mended(self) -> Manifest:
        """What the series holds once what is damaged is dropped and what no manifest names is removed."""
        lost = False
        try:
            manifest = self.manifest
        except ReadError as error:
            _log.warning("%s; rebuilt from its whole pages, and all of it is asked for again", error.message)
            manifest, lost = None, True
        if manifest is None:  # without one, whole pages are those of a manifest that somebody removed
            after = rebuilt(self.folder, self.key)
        else:
            damaged = self._damaged(manifest.pages)
            for damage in damaged:
                _log.warning("%s: dropped, its span is asked for again", damage.reason)
            after = dropped(manifest, [damage.page for damage in damaged])
        if manifest is not None or lost or after.pages:
            switch(self.folder, manifest, after)
        named = {page.file for page in after.pages}
        for file in self.folder.iterdir():
            if pages.is_ours(file.name) and file.name not in named:
                file.unlink(missing_ok=True)
        return after


def _manifest(folder: Path, key: SeriesKey) -> Manifest | None:
    try:
        text = (folder / NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"can't read {folder / NAME}: {error.strerror or error}", "see who may read it") from error
    return Manifest.from_text(key, text)


@contextmanager
def _locked(folder: Path, key: SeriesKey) -> Iterator[None]:
    lock = FileLock(folder / LOCK)
    try:
        make_folder(folder)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            _log.info("waiting for another process that writes %s", key)
            lock.acquire()
    except OSError as error:
        raise StorageError(
            f"can't write {folder}: {error.strerror or error}", 'name another lake: data.lake="DIR" or $GATEWISE_LAKE'
        ) from error
    try:
        yield
    finally:
        lock.release()


def _touched(manifest: Manifest, start: datetime | None, end: datetime | None) -> list[Page]:
    return [
        page
        for page in manifest.pages
        if (start is None or page.end >= utc(start)) and (end is None or page.start < utc(end))
    ]


def _whole(folder: Path, page: Page) -> bytes:
    """The bytes of a page, if they are those that were written."""
    path = folder / page.file
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        reason = "is absent"
    except OSError as error:  # says nothing of what is in it, so nobody may drop it for that
        raise StorageError(
            f"can't read {path}: {error.strerror or error}", "see who may read it, and try again"
        ) from error
    else:
        if hashlib.sha256(data).hexdigest() == page.sha256:
            return data
        reason = f"is damaged: its {len(data):,} bytes are not those that were written"
    raise ReadError(f"the page {path} {reason}", "fetch or import its span again: writing drops a damaged page")


def _lazy(
    manifest: Manifest,
    sources: list[bytes],
    start: datetime | None,
    end: datetime | None,
    columns: Sequence[str] | None,
) -> pl.LazyFrame:
    schema = pl.Schema({TIME: pl.Datetime("us", "UTC"), **dict.fromkeys(manifest.columns, pl.Float64())})
    if sources:
        lazy = pl.scan_parquet(sources, schema=schema, glob=False, hive_partitioning=False)
    else:
        lazy = pl.LazyFrame(schema=schema)
    if start is not None:
        lazy = lazy.filter(pl.col(TIME) >= utc(start))
    if end is not None:
        lazy = lazy.filter(pl.col(TIME) < utc(end))
    return lazy if columns is None else lazy.select(TIME, *columns)
