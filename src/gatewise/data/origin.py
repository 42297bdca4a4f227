"""Where each row of a table stood in its source, and the stamp it had there: by these, predictions join back.

A row's `time` is when it is knowable, and hardly any source stamps rows so: a daily file stamps a bar with the day that
it covers, which is over a day before. Joined on `time`, each bar would get the prediction of the bar before it.

A frame a source lies beside a table's rows: `__file` and `__row`, and the source's own columns of the time, under their
names and with the values that they hold there. They are what the reader has made already, so nothing is computed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.columns.roles import NAMELESS
from gatewise.data.files.text import Raw
from gatewise.data.table import FILE, ROW, SYMBOL, TIME, Table

KNOWABLE = "time: when each row is knowable, UTC"
_TAKEN = ("part", "label", "target")  # columns of predictions; beside these whatever the frame holds


def stamps_of(raw: Raw, columns: Sequence[str]) -> pl.DataFrame:
    """`__row` and the columns of the time as a source holds them, one line a row of the source, in order."""
    stamps = raw.frame.select(ROW, *columns)
    if raw.written is not None:
        stamps = stamps.drop(raw.written.columns[1]).join(raw.written, on=ROW, how="left", maintain_order="left")
    row = stamps[ROW].to_numpy()
    if (row[1:] > row[:-1]).all():
        return stamps
    return stamps.unique(ROW, keep="first").sort(ROW)  # wide files: a row holds several symbols


def origin_of(rows: pl.DataFrame, stamps: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`Table.origin` of rows with their `__file` and `__row`.

    Args:
        stamps: of each file what `stamps_of` gave; none where the source has no stamps but the table's own.
    """
    places = rows.select(FILE, pl.col(ROW).cast(pl.Int64))
    if not stamps:
        return places
    if len(stamps) == 1 and rows[ROW].equals(stamps[0][ROW]):  # as in most files, and cheap
        return pl.concat([places, stamps[0].drop(ROW)], how="horizontal")
    file, row = places[FILE].to_numpy(), places[ROW].to_numpy()
    at, start = np.empty(len(row), np.int64), 0
    for number, frame in enumerate(stamps):
        inside = file == number
        at[inside] = start + _lines(frame[ROW].to_numpy(), row[inside])
        start += frame.height
    return pl.concat([places, _together([frame.drop(ROW) for frame in stamps])[at]], how="horizontal")


def _lines(numbers: npt.NDArray[np.uint32], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At which of ascending row numbers those that are wanted stand."""
    first = int(numbers[0])
    return wanted - first if int(numbers[-1]) - first + 1 == len(numbers) else np.searchsorted(numbers, wanted)


def _together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Below each other; a column that is of several types is text, and null in files without it."""
    if len(frames) == 1:
        return frames[0]
    kinds: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for name, kind in frame.schema.items():
            kinds.setdefault(name, set()).add(kind)
    mixed = [name for name, several in kinds.items() if len(several) > 1]
    texts = (frame.with_columns(pl.col([n for n in mixed if n in frame.columns]).cast(pl.String)) for frame in frames)
    return pl.concat(texts, how="diagonal")


def stamp_names(table: Table, taken: Collection[str] = ()) -> dict[str, str]:
    """What the source's columns of the time are called beside predictions -> what the source calls them.

    They keep their names, but for one that the predictions have too (`time` -> `source_time`), and for one without a
    name (`source_time`).

    Args:
        taken: the other columns of the frame.
    """
    names: dict[str, str] = {}
    for column in () if table.origin is None else table.origin.columns[2:]:
        name = "source_time" if column.startswith(NAMELESS) else column
        while name in {SYMBOL, TIME, *_TAKEN, *taken, *names}:
            name = f"source_{name}"
        names[name] = column
    return names


def with_stamps(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows of a table, known by symbol and time, with the stamps that they have in their source behind these two.

    Cells of text that are plain numbers are numbers, as whoever reads the file again will take them; all other text
    stays as it is written.
    """
    if table.origin is None or not (names := stamp_names(table, frame.columns)):
        return frame
    columns = [as_read(table.origin[column]).alias(name) for name, column in names.items()]
    keyed = table.frame.select(SYMBOL, TIME).with_columns(columns)
    joined = frame.join(keyed, on=[SYMBOL, TIME], how="left", maintain_order="left")
    after = frame.columns.index(TIME) + 1
    return joined.select(*frame.columns[:after], *names, *frame.columns[after:])


def as_read(text: pl.Series) -> pl.Series:
    """A column of text as numbers, where each cell is written as that number is (no 007, no 1e3); else as it is."""
    if text.dtype != pl.String or not text.count():
        return text
    for kind in (pl.Int64, pl.Float64):
        numbers = text.cast(kind, strict=False)
        if bool((numbers.cast(pl.String) == text).all()) and numbers.null_count() == text.null_count():
            return numbers
    return text


def stamp_words(names: Mapping[str, str]) -> str:
    """Which columns of predictions are the source's stamps, and what `time` is."""
    listed = ", ".join(name if name == column else f"{name} ({column} there)" for name, column in names.items())
    return f"{listed}: the source's own stamp; {KNOWABLE}" if names else KNOWABLE
