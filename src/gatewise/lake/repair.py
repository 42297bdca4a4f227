"""What is left of a series when pages or the manifest are damaged: what is whole stays, the rest is asked for again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from gatewise.lake import pages
from gatewise.lake.base import TIME, SeriesKey
from gatewise.lake.manifest import Manifest, Page
from gatewise.lake.spans import Span, subtract


def dropped(manifest: Manifest, damaged: Collection[Page]) -> Manifest:
    """Without those pages, and their spans no longer covered."""
    kept = tuple(page for page in manifest.pages if page not in damaged)
    spans = [pages.span_of(page.start, manifest.key.timeframe) for page in damaged]
    columns = manifest.columns if kept else ()
    covered, left_out = (subtract(held, spans) for held in (manifest.covered, manifest.left_out))
    return replace(manifest, columns=columns, covered=covered, left_out=left_out, pages=kept)


def rebuilt(folder: Path, key: SeriesKey) -> Manifest:
    """The pages of a folder whose content agrees with their names, where the manifest is lost; nothing is covered.

    Of two pages of one span the one with more rows is the later, as pages only grow.
    """
    best: dict[Span, Page] = {}
    columns: tuple[str, ...] = ()
    for file in sorted(folder.iterdir()):
        if not pages.is_ours(file.name) or file.suffix != ".parquet" or file.name.startswith("."):
            continue
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if file.name.split(".")[-2] != digest[:12]:
            continue
        frame = pages.decode(data)
        columns = columns or tuple(frame.columns[1:])
        page = Page(file.name, frame[TIME][0], frame[TIME][-1], frame.height, digest)
        place = pages.span_of(page.start, key.timeframe)
        if tuple(frame.columns[1:]) == columns and page.rows > (best[place].rows if place in best else 0):
            best[place] = page
    kept = tuple(sorted(best.values(), key=lambda page: page.start))
    return Manifest(key, {}, columns if kept else (), (), kept)
