"""Pages: a fixed grid of spans, and rows to bytes and back.

A page holds the rows of one span of 10,080 bars on a grid that starts on Monday 5 January 1970, 00:00 UTC: a week of
minutes. Where a page begins is so no matter of how rows came, and a row that comes late rewrites one page alone:
about 0.3 MB of bars.
"""

from __future__ import annotations

import hashlib
import io
import re
from datetime import UTC, datetime, timedelta

import polars as pl

from gatewise.errors import SchemaError
from gatewise.lake.base import TIME, SeriesKey
from gatewise.lake.manifest import Page
from gatewise.lake.spans import Span

BARS = 10_080
_LONGEST = timedelta(days=36_525)  # a century, as datetime knows only a hundred of them
_ORIGIN = datetime(1970, 1, 5, tzinfo=UTC)
_OHLCV = ("open", "high", "low", "close", "volume")
_TIMES = pl.Datetime("us", "UTC")
# A page, or what a killed process left of one or of a manifest under the name that it was to be renamed from.
_OURS = re.compile(r"\.manifest\.json\..+|\.?\d{8}T\d{6}(\.\d{6})?Z\.[0-9a-f]{12}\.parquet(\..+)?")


def span_of(moment: datetime, timeframe: timedelta) -> Span:
    """The span [start, end) of the page that holds rows of that time."""
    length = min(BARS * timeframe, _LONGEST)
    start = _ORIGIN + (moment - _ORIGIN) // length * length
    return start, start + length


def is_ours(name: str) -> bool:
    """Whether a file of that name is a page, or a page or manifest that was not finished."""
    return _OURS.fullmatch(name) is not None


def canonical(key: SeriesKey, frame: pl.DataFrame) -> pl.DataFrame:
    """Sorted by time, NaN made null, columns in the one order that pages have: OHLCV, then the others by name.

    Raises:
        SchemaError: no time in UTC, a row without time, a column that is not Float64, or no column.
    """
    dtypes = dict(frame.schema)
    columns = [column for column in frame.columns if column != TIME]
    wrong = [f"{column}: {dtypes[column]}" for column in columns if dtypes[column] != pl.Float64]
    if dtypes.get(TIME) != _TIMES or wrong or not columns:
        got = ", ".join(f"{column}: {dtype}" for column, dtype in dtypes.items())
        raise SchemaError(f"{key}: the lake takes time (Datetime[us, UTC]) and Float64 columns; got {got or 'none'}")
    if frame[TIME].null_count():
        raise SchemaError(f"{key}: every row needs a time; {frame[TIME].null_count()} of {frame.height} have none")
    order = (*(c for c in _OHLCV if c in columns), *sorted(c for c in columns if c not in _OHLCV))
    return frame.select(TIME, pl.col(order).fill_nan(None)).sort(TIME, maintain_order=True)


def pieces(frame: pl.DataFrame, timeframe: timedelta) -> list[tuple[Span, pl.DataFrame]]:
    """Sorted rows cut along the grid."""
    cut = []
    while not frame.is_empty():
        span = span_of(frame[TIME][0], timeframe)
        count = int(frame[TIME].search_sorted(span[1], side="left"))
        cut.append((span, frame.head(count)))
        frame = frame.slice(count)
    return cut


def encode(frame: pl.DataFrame, span: Span) -> tuple[Page, bytes]:
    """A page of sorted rows, at least one; equal rows give equal bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", statistics=True)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    fraction = f".{span[0]:%f}" if span[0].microsecond else ""
    name = f"{span[0]:%Y%m%dT%H%M%S}{fraction}Z.{digest[:12]}.parquet"
    return Page(name, frame[TIME][0], frame[TIME][-1], frame.height, digest), data


def decode(data: bytes) -> pl.DataFrame:
    """The rows of a page whose bytes are known to be whole."""
    return pl.read_parquet(data, hive_partitioning=False)
