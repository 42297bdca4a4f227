"""From named bytes to raw rows, one reader a format."""

from __future__ import annotations

import io
import re

import polars as pl

from gatewise.data.text import KLINE, ROW, Raw, read_text
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
    what = {"parquet": "Parquet", "feather": "Feather (Arrow IPC)"}[blob.kind]
    reader = {"parquet": pl.read_parquet, "feather": pl.read_ipc}[blob.kind]
    try:
        frame = reader(io.BytesIO(blob.data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ReadError(
            f"{blob.name} is a damaged or truncated {what} file: {str(error).splitlines()[0]}", "fetch it again"
        ) from error
    if frame.is_empty():
        raise ReadError(f"{blob.name} has {frame.width} columns and no rows", "fetch or write it again")
    texts = [c for c, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    frame = frame.with_columns(pl.col(texts).cast(pl.String)).rename({"": "__unnamed_0"}, strict=False)
    return Raw(blob.name, frame.with_row_index(ROW, offset=1))


def _lean(blob: Blob) -> Raw:
    """QuantConnect LEAN's minute trades: the day is in the file's name, times are milliseconds since its midnight.

    Source: the readme of the data folder of the LEAN engine; stamps are the bar's start. Equities and options are
    refused, as their prices are scaled there.
    """
    day = re.search(r"(?<!\d)((?:19|20)\d{6})(?!\d)", blob.file.stem)
    if day is None:
        raise ReadError(
            f"{blob.name}: a LEAN minute file has its day in its name, like 20161007_trade.zip",
            "--format csv reads files with a header",
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
            "--format csv reads files with a header",
        )
    midnight = pl.lit(day[1]).str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
    named = re.search(r"\d{8}_([A-Za-z0-9]+)_", blob.file.stem)
    frame = raw.frame.with_columns(
        (midnight + since_ms.cast(pl.Duration("ms"))).alias("open_time"),
        pl.lit(named[1] if named else blob.file.parent.name).alias("symbol"),
    )
    return Raw(raw.name, frame, raw.notes)
