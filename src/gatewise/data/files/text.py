"""Text to raw rows: separator, banner, header and footer of a CSV are found, its cells stay strings.

Cells are typed later, column by column, where a refusal can name the cell. Reading 525,600 rows of six columns takes
about 0.1 s this way.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.files.encoding import not_utf8, to_utf8
from gatewise.data.files.header import MORE_CELLS, Header, is_value, read_header, uneven_header
from gatewise.data.files.layouts import Layout, headless, require_order
from gatewise.data.files.pieces import Piece
from gatewise.data.files.unpack import Blob
from gatewise.data.files.wide import to_long
from gatewise.data.table import AGAIN, FILE, ROW, STAMP
from gatewise.errors import ReadError, SchemaError

_SEPARATORS = ",;\t|"
_SAMPLE_LINES = 60
_WORDS = r"[A-Za-z]{2,}.*\s.*[A-Za-z]{2,}"


@dataclass(frozen=True)
class Raw:
    """Rows as a file holds them.

    Attributes:
        name: how errors call the file.
        frame: the file's columns and `__row`, the number of the row below the header, from 1.
        notes: what was passed over.
        layout: what named the columns of rows without a header, if something did.
        pieces: the tables that the rows come from, where there are several.
        written: `__row` and the column of the time as text, where `frame` holds it read already.
    """

    name: str
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    layout: Layout | None = None
    pieces: tuple[Piece, ...] = ()
    written: pl.DataFrame | None = None


@dataclass(frozen=True)
class _Top:
    """What the first lines say: how lines are split, how many stand above the header, the header, and notes."""

    separator: str
    above: int
    header: Header
    layout: Layout | None = None
    notes: tuple[str, ...] = ()


def read_text(blob: Blob, spec: DataConfig, columns: tuple[str, ...] = ()) -> Raw:
    """Reads delimited text.

    Args:
        blob: the bytes.
        spec: in which encoding they are, and what the columns are where there is no header.
        columns: the columns' names where the format is known to carry no header; else the header is found in the file,
            or rows without one are known by the shape of their cells (`layouts`).

    Raises:
        ReadError: not UTF-8, no rows, no header, a header and rows of different lengths, or a row with more cells than
            the header.
        SchemaError: two columns of one name.
    """
    data = to_utf8(blob.name, blob.data, spec.encoding)
    lines = data[:65536].decode("utf-8", errors="replace").split("\n")[:_SAMPLE_LINES]
    if len(lines) > 2:
        lines = lines[:-1]  # it may be cut
    top = _find_top(blob, lines, columns, spec)
    skipped, width = top.above + top.header.lines, len(top.header.names)
    try:  # what Polars does not see; rows it checks itself
        data[: _end_of(data, skipped)].decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(blob.name, data, error) from error
    _refuse_cut(blob.name, data, top.separator, width)
    names = [f"__{n}" for n in range(width)] if top.header.labels else unique_names(blob.name, top.header.names)
    frame = _cells(blob.name, data, top.separator, skipped, names)
    frame, notes = _trim(frame)
    if frame.is_empty():
        raise ReadError(f"{blob.name} has a header and no rows", "fetch or write it again")
    if top.layout is not None:
        require_order(blob.name, frame)
    if not (top.header.labels or top.header.names[-1]):
        _require_blank(blob.name, frame)
    if top.header.labels:
        frame, also = to_long(frame.select(pl.exclude(ROW), ROW), top.header.labels)
        unique_names(blob.name, frame.columns[:-1])
        notes += also
    return Raw(blob.name, frame, (*top.notes, *notes), top.layout)


def _find_top(blob: Blob, lines: list[str], columns: tuple[str, ...], spec: DataConfig) -> _Top:
    separator, above = _layout(lines)
    cells = [_split(line, separator) for line in lines]
    rows = [row for row in cells[above:] if any(map(str.strip, row))]
    skipped = (f"lines above the first row skipped: {above}, {lines[0].strip()[:60]!r}",) if above else ()
    if columns or spec.columns_are:
        _require_headless(blob.name, rows, columns, spec.columns_are)
        named = columns or headless(blob.name, blob.file, rows, spec)[0]
        return _Top(separator, above, Header(named, 0), notes=skipped)
    if (near := next((n for n in reversed(range(above)) if lines[n].strip()), None)) is not None:
        uneven = uneven_header(blob.name, cells[near], rows)
        if uneven is not None:
            return _Top(separator, near, uneven[0], notes=(*skipped[:near], uneven[1]))
    header = read_header(blob.name, cells[above:])
    if header.labels or sum(map(is_value, rows[0])) * 2 < len(rows[0]):
        skipped = (f"lines above the header skipped: {above}, {lines[0].strip()[:60]!r}",) if above else ()
        return _Top(separator, above, header, notes=(*skipped, *([header.note] if header.note else [])))
    names, layout, extra = headless(blob.name, blob.file, rows, spec)
    return _Top(separator, above, Header(names, 0), layout, (*skipped, *extra))


def _require_headless(name: str, rows: list[list[str]], columns: tuple[str, ...], notes: tuple[str, ...]) -> None:
    if columns and notes:
        raise ReadError(f"{name}: data.format names the columns; data.columns_are does too", "leave one of them out")
    if notes and not any(map(is_value, rows[0])):
        raise ReadError(
            f"{name} has a header ({', '.join(rows[0])[:60]}); data.columns_are names the columns of files without one",
            "leave data.columns_are out; data.rename and data.time_column say what a header's names mean",
        )
    if columns and len(rows[0]) != len(columns):
        raise ReadError(
            f"{name} must have {len(columns)} columns ({', '.join(columns)}); got {len(rows[0])}",
            "leave data.format out to read a file with a header",
        )


def _layout(lines: list[str]) -> tuple[str, int]:
    """The separator that splits most lines into one and the same number of cells, and the lines above the header."""
    best = (0, 0, ",", 0)
    for separator in _SEPARATORS:
        counts = [len(_split(line, separator)) if line.strip() else 0 for line in lines]
        if max(counts) < 2:
            continue
        cells, agree = Counter(count for count in counts if count > 1).most_common(1)[0]
        if (agree, cells) > best[:2]:
            best = (agree, cells, separator, counts.index(cells))
    if best[0] == 0:
        return ",", next(number for number, line in enumerate(lines) if line.strip())
    return best[2], best[3]


def _cells(name: str, data: bytes, separator: str, skipped: int, names: list[str]) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            separator=separator,
            skip_lines=skipped,
            schema=dict.fromkeys(names, pl.String),
            missing_columns="insert",
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.UInt32})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _misread(name, data, separator, skipped, len(names), error) from error
    return frame.with_row_index(ROW, offset=1)


def _refuse_cut(name: str, data: bytes, separator: str, width: int) -> None:
    """A last line without its end and with cells missing is a transfer that broke off, not missing values."""
    if data.endswith((b"\n", b"\r")):
        return
    last = data[data.rfind(b"\n") + 1 :][-100_000:].decode("utf-8", errors="replace")
    cells = len(_split(last, separator))
    if cells < width and last.strip(" \t\x00\x1a") and not re.search(_WORDS, last):
        raise ReadError(
            f"{name} looks cut off: its last line has {cells} of {width} cells and no line end ({last[:40]!r})",
            "fetch it again, or take that line out",
        )


def _misread(name: str, data: bytes, separator: str, skipped: int, width: int, error: BaseException) -> ReadError:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as bad:
        return not_utf8(name, data, bad)
    for number, line in enumerate(text.split("\n")[skipped:], start=1):
        if line.count(separator) >= width and (cells := len(_split(line[:100_000], separator))) > width:
            return ReadError(f"{name} row {number} has {cells} cells; the header has {width}", "mend that line")
    return ReadError(f"{name} can't be read as CSV: {str(error).splitlines()[0]}", "is a quote left open?")


def _require_blank(name: str, frame: pl.DataFrame) -> None:
    """Holds a last column without a name to be what separators at the ends of rows make."""
    last = frame.to_series(frame.width - 1).str.strip_chars()
    filled = (last != "").fill_null(False)
    if filled.any():
        row = int(filled.arg_max() or 0)
        raise ReadError(f"{name} row {frame[ROW][row]} holds {last[row]!r} in a last column without a name", MORE_CELLS)


def _trim(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Takes off rows without any cell, and words below the last row."""
    blank_first = (frame.to_series(1).str.strip_chars() == "").fill_null(False)
    filled = frame.select(pl.sum_horizontal(pl.exclude(ROW).is_not_null().cast(pl.Int32))).to_series() - blank_first
    notes = []
    if blank := int((filled == 0).sum()):
        frame, filled = frame.filter(filled > 0), filled.filter(filled > 0)
        notes.append(f"blank rows skipped: {blank}")
    first = frame.to_series(1)
    wordy = first.str.contains(_WORDS).fill_null(False) & (filled * 2 <= frame.width - 1)
    footer = 0
    while footer < min(frame.height, 5) and wordy[frame.height - 1 - footer] and not wordy[0]:
        footer += 1
    if footer:
        notes.append(f"lines below the last row skipped: {footer}, {first[-footer][:60]!r}")
        frame = frame.head(frame.height - footer)
    return frame, notes


def unique_names(name: str, names: Sequence[str]) -> list[str]:
    """The columns' names, with one for each that has none and another for each that comes again.

    Raises:
        SchemaError: a name is one that rows on their way into a table need.
    """
    named: list[str] = []
    counts: Counter[str] = Counter()
    for number, column in enumerate(names):
        counts[column] += 1
        # A trailing separator makes a nameless column; an index written without a name is another.
        unique = f"{AGAIN}{counts[column]}_{column}" if counts[column] > 1 else column
        named.append(unique if column else f"__unnamed_{number}")
    if twice := next((column for column, count in Counter(named).items() if count > 1), None):
        raise SchemaError(f"{name} has column {twice!r} twice", "rename one of them in the header")
    if kept := {STAMP, FILE, ROW} & set(named):
        raise SchemaError(
            f"{name}: no column may be called {', '.join(sorted(kept))}: gatewise needs that name itself",
            "rename it in the header",
        )
    return named


def _end_of(data: bytes, lines: int) -> int:
    """Where the first lines end; copying what follows them would cost time."""
    end = 0
    for _ in range(lines):
        end = data.find(b"\n", end) + 1 or len(data)
    return end


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line.replace("\r", "")], delimiter=separator), [])
