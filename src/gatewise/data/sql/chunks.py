"""Values as a database driver hands them out to typed columns, a chunk of rows at a time.

A chunk's Python objects live until its columns are made, so that memory holds the columns and 20,000 rows. Text stamps
take five times the room of typed ones: those that begin as ISO dates are read chunk by chunk, each against the first
stamp of all, so that what is refused in a file is refused here; as text they are kept for who joins by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import NoneType
from typing import Any

import polars as pl

from gatewise.data.stamps.formats import parse_text
from gatewise.data.table import ROW
from gatewise.errors import AmbiguousError

CHUNK_ROWS = 20_000
ISO_DATE = r"^\s*\d{4}-\d{2}-\d{2}(?:\D|$)"
_NUMBERS = {int, float, Decimal, bool}


def to_series(name: str, values: Sequence[Any]) -> pl.Series | None:
    """One column; `None` for kinds that hold neither numbers, text nor times.

    Whole numbers stay whole where they all are, decimals become Float64 as their text would, mixed kinds become text.
    """
    kinds = set(map(type, values)) - {NoneType}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {float}:
        return pl.Series(name, values, dtype=pl.Float64)
    if kinds == {int}:
        return _whole(name, values)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= _NUMBERS:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {date}:
        return pl.Series(name, values, dtype=pl.Date)
    if kinds == {time}:
        return pl.Series(name, values, dtype=pl.Time)
    if all(issubclass(kind, datetime) for kind in kinds):
        return _moments(name, values)
    if kinds <= _NUMBERS | {str}:
        return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    return None


def to_frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[pl.DataFrame, list[str]]:
    """Rows as columns, and the names of those that can be none."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    made = {name: to_series(name, values) for name, values in zip(names, columns, strict=True)}
    return pl.DataFrame([s for s in made.values() if s is not None]), [name for name, s in made.items() if s is None]


class Chunks:
    """Chunks of one result, put together.

    Args:
        name: how errors call the result.
        names: of its columns.
        stamp: the one column that holds the time, where its format is not said.
        day_first: as in DataConfig.
    """

    def __init__(self, name: str, names: Sequence[str], stamp: str | None, day_first: bool | None) -> None:
        self._name, self._stamp, self._day_first = name, stamp, day_first
        self._parts: dict[str, list[pl.Series | None]] = {name: [] for name in names}
        self._written: list[pl.Series] = []
        self._first: str | None = None
        self._num_rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Adds a chunk.

        Raises:
            AmbiguousError, ReadError: a stamp that is written otherwise than the first one.
        """
        for name, values in zip(self._parts, zip(*rows, strict=True), strict=True):
            part = to_series(name, values)
            if name == self._stamp and part is not None and part.dtype == pl.String:
                self._written.append(part)
                part = self._read_stamps(part)
            self._parts[name].append(part)
        self._num_rows += len(rows)

    def frame(self) -> pl.DataFrame:
        """All rows with their numbers; a column whose chunks differ in kind is what holds both. To be called once."""
        whole = []
        for name in list(self._parts):  # one by one, so that no more than one column is there twice
            parts = self._parts.pop(name)
            if (kind := _common(parts)) is not None:
                whole.append(pl.concat([part.cast(kind) for part in parts if part is not None], rechunk=True))
            del parts
        return pl.DataFrame(whole).with_row_index(ROW, offset=1)

    def written(self) -> pl.DataFrame | None:
        """The stamps of all rows as text, where they were read here; `None` where `frame` has them as they came."""
        text = pl.concat(self._written, rechunk=True) if self._written else None
        return pl.DataFrame(text).with_row_index(ROW, offset=1) if text is not None and self._stamp else None

    def _read_stamps(self, text: pl.Series) -> pl.Series:
        text = text.str.strip_chars(" \t\r\"'")
        filled = (text != "").fill_null(False).arg_true()
        if not len(filled) or (self._first is None and not text.gather(filled[:1]).str.contains(ISO_DATE)[0]):
            self._stamp = None if len(filled) else self._stamp
            return text
        begins = self._first is None
        self._first = self._first or text[int(filled[0])]
        held = pl.concat([pl.Series([self._first]), text.gather(filled)])
        numbers = pl.concat([pl.Series([1], dtype=pl.UInt32), (filled + self._num_rows + 1).cast(pl.UInt32)])
        moments = parse_text(self._name, self._stamp or "", held, numbers, self._day_first)
        if moments.words is not None:  # names of zones: the order of all rows tells an hour that is repeated
            if not begins:
                raise AmbiguousError(
                    f"{self._name} column {self._stamp!r}: stamps name zones; the first one, {self._first!r}, does not",
                    "give every stamp an offset, or none and data.timezone",
                )
            self._stamp = None
            return text
        values = moments.values.dt.replace_time_zone("UTC") if moments.aware else moments.values
        if not moments.aware and held.str.len_chars().max() == len("2024-01-31"):
            values = values.cast(pl.Date)  # no time of day: nothing is lost, and a column's name may mean another thing
        blank = pl.repeat(None, len(text), dtype=values.dtype, eager=True)
        return blank.scatter(filled, values[1:]).alias(text.name)


def read_chunks(chunks: Chunks, parts: Iterable[Sequence[Sequence[Any]]]) -> int:
    """Adds every part; returns how many rows there were."""
    count = 0
    for part in parts:
        chunks.add(part)
        count += len(part)
    return count


def _common(parts: Sequence[pl.Series | None]) -> pl.DataType | None:
    """The type that holds all parts of a column; `None` where one is of no kind that can be read."""
    dtypes = {None if part is None else part.dtype for part in parts} - {pl.Null()}
    if None in dtypes:
        return None
    if len(dtypes) <= 1:
        return dtypes.pop() if dtypes else pl.Null()
    numbers = all(dtype is not None and (dtype.is_numeric() or dtype == pl.Boolean) for dtype in dtypes)
    return pl.Float64() if numbers else pl.String()


def _whole(name: str, values: Sequence[int | None]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.Int64)
    except OverflowError:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)


def _moments(name: str, values: Sequence[datetime | None]) -> pl.Series:
    aware = {value.tzinfo is not None for value in values if value is not None}
    if aware == {False}:
        return pl.Series(name, values, dtype=pl.Datetime("us"))
    utc = [
        None if value is None else (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        for value in values
    ]
    return pl.Series(name, utc, dtype=pl.Datetime("us", "UTC"))
