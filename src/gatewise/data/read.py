"""From named bytes to raw rows, one reader a format."""

from __future__ import annotations

import re

import polars as pl
import pyarrow as pa
from pyarrow import ipc, parquet

from gatewise.data.table import ROW
from gatewise.data.text import KLINE, Raw, read_text, unique_names
from gatewise.data.unpack import Blob
from gatewise.errors import ReadError

LEAN = ("open_time", "open", "high", "low", "close", "volume")
_LEAN_UNSCALED = ("crypto", "cryptofuture", "forex", "cfd", "future")
_DAY_MS = 86_400_000


def read_raw(blob: Blob, layout: str) -> Raw:
    """Reads one blob.

    Args:
        blob: unpacked bytes of a known kind.
        layout: `DataConfig.format`; kline and lean say what a text without a header holds.

    Raises:
        ReadError: damaged, empty, or not of the layout.
    """
    if layout == "lean":
        return _lean(blob)
    if layout == "kline":
        named = re.match(rb"[^\n]*[a-zA-Z]{3}", blob.data) is not None
        return read_text(blob, None if named else KLINE)
    if blob.kind == "csv":
        return read_text(blob)
    return _columnar(blob)


def _columnar(blob: Blob) -> Raw:
    # By Arrow's own library, and validated: on damaged files Polars' readers print Rust panics or abort the process.
    source = pa.BufferReader(blob.data)
    try:
        table = parquet.ParquetFile(source).read() if blob.kind == "parquet" else ipc.open_file(source).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        what = {"parquet": "Parquet", "feather": "Feather (Arrow IPC)"}[blob.kind]
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ReadError(f"{blob.name} is a damaged or truncated {what} file: {reason}", "fetch it again") from error
    table = table.rename_columns(unique_names(blob.name, table.column_names))
    if table.num_rows == 0:
        raise ReadError(f"{blob.name} has {table.num_columns} columns and no rows", "fetch or write it again")
    plain = _plain(table)
    odd = [f"{field.name} ({field.type})" for field in table.schema if field.name not in plain]
    frame = pl.DataFrame(pl.from_arrow(pa.table(plain)))
    notes = (f"left out, as they hold neither numbers, text nor times: {', '.join(odd)}",) if odd else ()
    return Raw(blob.name, frame.with_row_index(ROW, offset=1), notes)


def _plain(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Columns of numbers, text and times; decimals as text, dictionaries spelled out."""
    kept = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.string())  # Arrow's own cast to floats is off by one bit in places
        kind = column.type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        if text or pa.types.is_null(kind) or (pa.types.is_primitive(kind) and not pa.types.is_interval(kind)):
            kept[name] = column
    return kept


def _lean(blob: Blob) -> Raw:
    """QuantConnect LEAN's minute trades: the day is in the file's name, times are milliseconds since its midnight.

    Source: the readme of the data folder of the LEAN engine; stamps are the bar's start. Equities and options are
    refused, as their prices are scaled there.
    """
    day = re.search(r"(?<!\d)((?:19|20)\d{6})(?!\d)", blob.file.stem)
    if day is None:
        raise ReadError(
            f"{blob.name}: a LEAN minute file has its day in its name, like 20161007_trade.zip",
            'data.format="csv" reads files with a header',
        )
    scaled = {"equity", "option", "index", "indexoption"} & {part.lower() for part in blob.file.parts}
    if scaled:
        raise ReadError(
            f"{blob.name}: LEAN scales {scaled.pop()} prices; only {', '.join(_LEAN_UNSCALED)} are read",
            "write it as CSV with prices as they are",
        )
    raw = read_text(blob, LEAN)
    since_ms = raw.frame["open_time"].cast(pl.Int64, strict=False)
    wrong = since_ms.is_null() | ~since_ms.is_between(0, _DAY_MS - 1)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise ReadError(
            f"{blob.name} row {row + 1}: {raw.frame['open_time'][row]!r} must be milliseconds since midnight, below "
            f"{_DAY_MS}",
            'data.format="csv" reads files with a header',
        )
    midnight = pl.lit(day[1]).str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
    named = re.search(r"\d{8}_([A-Za-z0-9]+)_", blob.file.stem)
    frame = raw.frame.with_columns(
        (midnight + since_ms.cast(pl.Duration("ms"))).alias("open_time"),
        pl.lit(named[1] if named else blob.file.parent.name).alias("symbol"),
    )
    return Raw(raw.name, frame, raw.notes)
