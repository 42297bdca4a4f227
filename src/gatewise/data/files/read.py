"""From named bytes to raw rows, one reader a format."""

from __future__ import annotations

import re

import polars as pl
import pyarrow as pa
from pyarrow import ipc, parquet

from gatewise.config.schema import DataConfig
from gatewise.data.files.header import labels_of_tuples
from gatewise.data.files.json_rows import read_json
from gatewise.data.files.layouts import KLINE
from gatewise.data.files.lean import read_lean
from gatewise.data.files.text import Raw, read_text, unique_names
from gatewise.data.files.unpack import Blob
from gatewise.data.files.wide import to_long
from gatewise.data.table import ROW
from gatewise.errors import ReadError


def read_raw(blob: Blob, spec: DataConfig) -> Raw:
    """Reads one blob.

    Args:
        blob: unpacked bytes of a known kind.
        spec: its `format`, where it is kline or lean, says what a text without a header holds.

    Raises:
        ReadError: damaged, empty, or not of the format.
    """
    if spec.format == "lean":
        return read_lean(blob, spec)
    if spec.format == "kline":
        named = re.match(rb"[^\n]*[a-zA-Z]{3}", blob.data) is not None
        return read_text(blob, spec, () if named else KLINE)
    if blob.kind == "csv":
        return read_text(blob, spec)
    if blob.kind == "json":
        return read_json(blob, spec)
    if spec.columns_are:
        raise ReadError(
            f"{blob.name} carries its columns' names; data.columns_are names those of text without a header",
            "leave data.columns_are out; data.rename gives a column another name",
        )
    return _columnar(blob)


def _columnar(blob: Blob) -> Raw:
    # By Arrow's own library, and validated: on damaged files Polars' readers print Rust panics or abort the process.
    source = pa.BufferReader(blob.data)
    try:
        table = parquet.ParquetFile(source).read() if blob.kind == "parquet" else ipc.open_file(source).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        fmt = {"parquet": "Parquet", "feather": "Feather (Arrow IPC)"}[blob.kind]
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ReadError(f"{blob.name} is a damaged or truncated {fmt} file: {reason}", "fetch it again") from error
    return raw_of(blob.name, table)


def raw_of(name: str, table: pa.Table) -> Raw:
    """Rows that carry their columns' names and types.

    Args:
        name: how errors call them.

    Raises:
        ReadError: no row, or a column twice.
    """
    labels = labels_of_tuples(table.column_names)
    table = table.rename_columns(unique_names(name, table.column_names))
    if table.num_rows == 0:
        raise ReadError(f"{name} has {table.num_columns} columns and no rows", "fetch or write it again")
    plain = _plain(table)
    odd = [f"{field.name} ({field.type})" for field in table.schema if field.name not in plain]
    frame = pl.DataFrame(pl.from_arrow(pa.table(plain))).with_row_index(ROW, offset=1)
    notes = [f"left out, as they hold neither numbers, text nor times: {', '.join(odd)}"] if odd else []
    if labels is not None:
        kept = [label for label, name in zip(labels, table.column_names, strict=True) if name in plain]
        frame, also = to_long(frame.select(pl.exclude(ROW), ROW), kept)
        unique_names(name, frame.columns[:-1])
        notes += also
    return Raw(name, frame, tuple(notes))


def _plain(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Columns of numbers, text and times; decimals as text, dictionaries spelled out."""
    kept = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type) and not _is_odd(column.type.value_type):
            column = column.cast(column.type.value_type)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.string())  # Arrow's own cast to floats is off by one bit in places
        kind = column.type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        if text or pa.types.is_null(kind) or (pa.types.is_primitive(kind) and not pa.types.is_interval(kind)):
            kept[name] = column
    return kept


def _is_odd(kind: pa.DataType) -> bool:
    """Whether Arrow can't spell out a dictionary of this, as of pandas' intervals."""
    return isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind)
