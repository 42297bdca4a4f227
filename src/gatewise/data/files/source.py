"""Rows of files: found, read and typed one by one, held against each other by their names, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from gatewise.config.schema import DataConfig
from gatewise.data.columns.unnamed import find_unnamed
from gatewise.data.files.discover import find_files
from gatewise.data.files.lean import only_trades
from gatewise.data.files.part import Part, part_of, read_part, settle_orders
from gatewise.data.files.read import raw_of, read_raw
from gatewise.data.files.unpack import Blob, open_blobs
from gatewise.data.names.series import settle_series
from gatewise.data.row_filter import held_values, matching, no_such_rows
from gatewise.data.rows import Rows, rows_of
from gatewise.errors import ConfigError

FRAME = "frame"  # how rows that come as one are called, and their symbol where nothing names it
# What a said format insists on where it is no kind of content by its name.
_KIND_OF = {"auto": None, "kline": "csv", "lean": "csv"}


def read_rows(spec: DataConfig) -> Rows:
    """Reads the files of a data config; raises what makes them unreadable and counts nothing.

    Raises:
        ConfigError: `adjusted` said of anything but LEAN's files.
        ReadError, AmbiguousError, SchemaError, UnknownNameError, NotEnoughRowsError: see the steps.
    """
    paths, notes = find_files(spec.paths)
    if spec.format == "lean":
        paths, passed = only_trades(paths)
        notes += passed
    elif spec.adjusted is not None:
        raise ConfigError("data.adjusted is about LEAN's equities, which have factor files", 'data.format="lean"')
    blobs = (blob for path in paths for blob in open_blobs(path, _KIND_OF.get(spec.format, spec.format), spec.encoding))
    alone = len(paths) == 1 and paths[0].suffix.lower() != ".zip"
    only = spec.symbols[0] if alone and len(spec.symbols) == 1 else None
    if spec.filter:
        parts, filter_notes = _filtered(blobs, spec, only)
        notes += filter_notes
    else:
        parts = [read_part(blob, spec, only) for blob in blobs]
    return _together(parts, spec, notes)


def read_frame(frame: pa.Table, spec: DataConfig) -> Rows:
    """Types and stamps the rows of a frame, by the rules that hold for a file's.

    Raises:
        ReadError, AmbiguousError, SchemaError, UnknownNameError, NotEnoughRowsError: see `read_rows`.
    """
    raw, notes = raw_of(FRAME, frame), []
    if spec.filter:
        kept = matching(raw, spec.filter)
        if kept.frame.is_empty():
            raise no_such_rows(FRAME, spec.filter, held_values(raw, spec.filter))
        notes = [f"data.filter keeps {kept.frame.height:,} of {raw.frame.height:,} rows"]
        raw = kept
    part = part_of(raw, None, spec, spec.symbols[0] if len(spec.symbols) == 1 else None)
    return _together([part], spec, notes)


def _together(parts: Sequence[Part], spec: DataConfig, notes: Sequence[str]) -> Rows:
    parts = settle_series(settle_orders(parts), spec.symbols)
    return rows_of(parts, spec, [*notes, *find_unnamed(parts, spec.symbol, spec.symbol_column)])


def _filtered(blobs: Iterable[Blob], spec: DataConfig, only: str | None) -> tuple[list[Part], list[str]]:
    """The files' rows that `data.filter` keeps; a file without one is passed over, unless all are.

    Raises:
        SchemaError: no file has such a row, or one lacks the column.
    """
    parts, passed, held = [], [], dict[str, list[str]]()
    num_rows = num_kept = 0
    for blob in blobs:
        raw = read_raw(blob, spec)
        kept = matching(raw, spec.filter)
        num_rows, num_kept = num_rows + raw.frame.height, num_kept + kept.frame.height
        if kept.frame.is_empty():
            passed.append(raw.name)
            held = held or held_values(raw, spec.filter)
        else:
            parts.append(part_of(kept, blob.file, spec, only))
    if not parts:
        files = f"{passed[0]}{f' and {len(passed) - 1} more files' if passed[1:] else ''}"
        raise no_such_rows(files, spec.filter, held)
    notes = [f"data.filter keeps {num_kept:,} of {num_rows:,} rows"]
    if passed:
        notes.append(f"files without such a row: {len(passed)}, {passed[0]}{', …' if passed[1:] else ''}")
    return parts, notes
