"""Writing a series: new pages first, then the manifest by one rename, then the replaced pages are removed.

A process may be killed between any two of these steps: the manifest names either the old pages or the new ones, and
what it does not name is swept by the next writer.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.errors import SchemaError, StorageError
from gatewise.files import atomic_file, write_json
from gatewise.lake import pages
from gatewise.lake.base import TIME, utc
from gatewise.lake.manifest import NAME, Manifest, Page, iso
from gatewise.lake.spans import Span, subtract, unite

_log = logging.getLogger("gatewise.lake")


@dataclass(frozen=True)
class Appended:
    """What became of the rows of one `append`.

    Attributes:
        added: rows that the lake did not hold.
        known: rows that it held already with the same values, or that came twice.
        differing: rows that it held with other values; the lake's are kept, unless told to `refetch`.
    """

    added: int
    known: int
    differing: int


class Writer:
    """Adds rows to one series; made by `Series.writer()`, which holds the series' lock meanwhile."""

    def __init__(self, folder: Path, manifest: Manifest, refetch: bool) -> None:
        self._folder = folder
        self._manifest = manifest
        self._refetch = refetch
        self._last: tuple[str, pl.DataFrame] | None = None  # a fetch comes back to the page that it wrote last

    @property
    def manifest(self) -> Manifest:
        """What the series holds by now."""
        return self._manifest

    def append(
        self,
        frame: pl.DataFrame,
        covered: tuple[datetime, datetime],
        facts: dict[str, Any] | None = None,
        left_out: Sequence[datetime] = (),
    ) -> Appended:
        """Adds the rows that are new, and the span to what is covered; twice the same changes no byte.

        Args:
            frame: `time` (Datetime[us, UTC], when the bar is knowable: its close) and Float64 columns, in any order;
                may hold no row.
            covered: [start, end) of `time` that the source was asked for and has answered; all rows lie inside.
            facts: what is known of the rows; joins what earlier ones said.
            left_out: `time` of the bars that the source answered with what can't be kept.

        Raises:
            SchemaError: other columns than the series has, a fact that contradicts an earlier one, a row outside
                `covered`.
            StorageError: the disk is full or not writable; the series is as it was before.
        """
        before = self._manifest
        span = (utc(covered[0]), utc(covered[1]))
        rows = pages.canonical(before.key, frame)
        self._refuse(rows, span)
        facts = self._agreed(facts or {})
        # Pages are made of what the lake holds and the new rows alone, never of how many calls brought them.
        of_span = {pages.span_of(page.start, before.key.timeframe): page for page in before.pages}
        fresh: list[tuple[Page, pl.DataFrame]] = []
        added = known = differing = 0
        try:
            for place, piece in pages.pieces(rows, before.key.timeframe):
                merged, counts = self._merged(of_span.get(place), piece)
                added, known, differing = added + counts.added, known + counts.known, differing + counts.differing
                if counts.added or (self._refetch and counts.differing):
                    of_span[place] = self._write(merged, place)
                    fresh.append((of_span[place], merged))
            after = replace(
                before,
                facts=facts,
                columns=before.columns or (tuple(rows.columns[1:]) if rows.height else ()),
                covered=unite((*before.covered, span)),
                left_out=self._left_out(span, left_out),
                pages=tuple(sorted(of_span.values(), key=lambda page: page.start)),
            )
            self._switch(after)
        except StorageError:
            for page, _ in fresh:  # room on a full disk
                if page not in before.pages:
                    (self._folder / page.file).unlink(missing_ok=True)
            raise
        if fresh:
            self._last = (fresh[-1][0].file, fresh[-1][1])
        if differing:
            _log.warning(
                "%s: %d rows differ from what the lake holds since an earlier fetch; the %s are kept",
                before.key,
                differing,
                "new" if self._refetch else "earlier",
            )
        return Appended(added, known, differing)

    def _refuse(self, rows: pl.DataFrame, span: Span) -> None:
        key, columns = self._manifest.key, tuple(rows.columns[1:])
        if rows.height and (rows[TIME][0] < span[0] or rows[TIME][-1] >= span[1]):
            raise SchemaError(
                f"{key}: rows must lie in the span that they are declared to cover, {iso(span[0])} to {iso(span[1])}; "
                f"got {iso(rows[TIME][0])} to {iso(rows[TIME][-1])}"
            )
        if rows.height and self._manifest.columns and columns != self._manifest.columns:
            raise SchemaError(
                f"{key} holds columns {', '.join(self._manifest.columns)} in the lake; got {', '.join(columns)}",
                "keep rows of other columns under another feed's name",
            )

    def _left_out(self, span: Span, moments: Sequence[datetime]) -> tuple[Span, ...]:
        """What was known of a span before is void: it was answered again."""
        fresh = [(utc(moment), utc(moment) + self._manifest.key.timeframe) for moment in moments]
        return unite((*subtract(self._manifest.left_out, [span]), *fresh))

    def _agreed(self, facts: dict[str, Any]) -> dict[str, Any]:
        held, facts = self._manifest.facts, json.loads(json.dumps(facts))
        for name, value in facts.items():
            if name in held and held[name] != value:
                raise SchemaError(
                    f"{self._manifest.key} holds rows of {name} {held[name]!r} in the lake; got {value!r}",
                    "keep them under another feed's name, so that the two are not mixed",
                )
        return {**held, **facts}

    def _merged(self, old: Page | None, piece: pl.DataFrame) -> tuple[pl.DataFrame, Appended]:
        """The page's rows with the new ones; of equal times within `piece` the first is taken."""
        first = piece.unique(TIME, keep="first", maintain_order=True)
        columns = first.columns[1:]
        twice = piece.height - first.height
        unlike = _unlike(piece, first, columns) if twice else 0
        if old is None:
            return first, Appended(first.height, twice - unlike, unlike)
        held = self._rows_of(old)
        fresh = first.join(held, on=TIME, how="anti")
        both = first.height - fresh.height
        changed = _unlike(first, held, columns) if both else 0
        counts = Appended(fresh.height, twice - unlike + both - changed, unlike + changed)
        if self._refetch:
            held, fresh = held.join(first, on=TIME, how="anti"), first
        return pl.concat([held, fresh]).sort(TIME), counts

    def _rows_of(self, page: Page) -> pl.DataFrame:
        if self._last and self._last[0] == page.file:
            return self._last[1]
        try:
            return pages.decode((self._folder / page.file).read_bytes())
        except OSError as error:
            raise StorageError(f"can't read {self._folder / page.file}: {error.strerror or error}") from error

    def _write(self, rows: pl.DataFrame, span: Span) -> Page:
        page, data = pages.encode(rows, span)
        with atomic_file(self._folder / page.file) as temporary:
            temporary.write_bytes(data)
        return page

    def _switch(self, after: Manifest) -> None:
        switch(self._folder, self._manifest, after)
        self._manifest = after


def _unlike(rows: pl.DataFrame, others: pl.DataFrame, columns: list[str]) -> int:
    """How many rows have another's time and not its values; null equals null."""
    joined = rows.join(others, on=TIME, how="inner", suffix="__other")
    same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(f"{column}__other")) for column in columns)
    return joined.filter(~same).height


def switch(folder: Path, before: Manifest | None, after: Manifest) -> None:
    """Makes `after` the truth, then removes the pages that only `before` named; equal manifests change nothing.

    Raises:
        StorageError: the manifest can't be written; `before` holds on, and the next writer sweeps the new pages.
    """
    if before == after:
        return
    write_json(folder / NAME, after.to_dict())
    _sync_folder(folder)
    named = {page.file for page in after.pages}
    for page in before.pages if before else ():
        if page.file not in named:
            (folder / page.file).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """So that after a power cut no page is gone that the manifest on disk still names; not every system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
