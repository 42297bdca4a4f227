"""JSON and JSON lines to raw rows. Numbers are Python's, so each is the one that was written; text stays text."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.columns.spellings import SYMBOLS, normalise
from gatewise.data.files.encoding import not_utf8, to_utf8
from gatewise.data.files.json_keys import name_tables
from gatewise.data.files.json_tables import Found, find_tables
from gatewise.data.files.layouts import Layout, headless, require_order
from gatewise.data.files.text import Raw, unique_names
from gatewise.data.files.unpack import Blob
from gatewise.data.table import ROW
from gatewise.errors import ReadError

_SAMPLE = 60


def read_json(blob: Blob, spec: DataConfig) -> Raw:
    """Reads the one table of a JSON value, or one a symbol.

    Raises:
        ReadError: not JSON, a name twice in one object, no table, or arrays whose values nothing names.
        SchemaError: two columns of one name.
    """
    tables = find_tables(_parse(blob, spec))
    symbols, pieces, notes = name_tables(blob.name, [table.way for table in tables], spec.symbol)
    frames: list[pl.DataFrame] = []
    layout = None
    for table, symbol in zip(tables, symbols, strict=True):
        columns, layout, also = _columns(blob, table, spec)
        notes += also
        frames.append(_frame(blob.name, columns, symbol))
    if not frames:
        raise ReadError(
            f"{blob.name} is JSON without a table: no rows that name what they hold, or several tables not alike",
            "arrays of objects or of arrays, objects of arrays, and answers that hold one of them are read; else write "
            "it as CSV or Parquet",
        )
    names = frames[0].columns
    if any(set(frame.columns) != set(names) for frame in frames):
        raise ReadError(f"{blob.name}: the tables of its symbols have other columns each", "write a file each")
    frame = pl.concat([frame.select(names) for frame in frames], how="vertical_relaxed").with_row_index(ROW, offset=1)
    firsts = itertools.accumulate((frame.height for frame in frames), initial=1)
    pieces = [replace(piece, first=first) for piece, first in zip(pieces, firsts, strict=False)]
    return Raw(blob.name, frame, tuple(dict.fromkeys(notes)), layout, tuple(pieces))


def _parse(blob: Blob, spec: DataConfig) -> Any:
    data = to_utf8(blob.name, blob.data, spec.encoding)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(blob.name, data, error) from error
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if error.msg != "Extra data" or not lines[1:]:
            raise _broken(blob.name, error.lineno, error) from error
    except (ValueError, RecursionError) as error:
        raise _broken(blob.name, 1, error) from error
    values = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line, object_pairs_hook=_once))
        except (ValueError, RecursionError) as error:
            raise _broken(blob.name, number, error) from error
    return values


def _broken(name: str, line: int, error: Exception) -> ReadError:
    return ReadError(f"{name} is damaged or truncated JSON: line {line}: {error}", "fetch or write it again")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in names if names.count(key) > 1)!r} twice in one object")
    return value


def _columns(blob: Blob, table: Found, spec: DataConfig) -> tuple[dict[str, list[Any]], Layout | None, list[str]]:
    notes = []
    if table.zone and spec.timezone is None:
        notes.append(f"it says that its time zone is {table.zone!r} (data.timezone says so where stamps carry none)")
    if not table.rows:
        if spec.columns_are:
            raise ReadError(
                f"{blob.name} carries its columns' names; data.columns_are names those of rows without any",
                "leave data.columns_are out; data.rename gives a column another name",
            )
        return table.columns, None, notes
    width = len(table.rows[0])
    if odd := next((number for number, row in enumerate(table.rows, start=1) if len(row) != width), None):
        raise ReadError(
            f"{blob.name} row {odd} has {len(table.rows[odd - 1])} values; the first has {width}", "mend that row"
        )
    sample = [["" if value is None else str(value) for value in row] for row in table.rows[:_SAMPLE]]
    names, layout, note = headless(blob.name, blob.file, sample, spec)
    columns = {name: [row[place] for row in table.rows] for place, name in enumerate(names)}
    if layout is not None:
        require_order(blob.name, _frame(blob.name, columns, None).with_row_index(ROW, offset=1))
    return columns, layout, [*note, *notes]


def _frame(name: str, columns: dict[str, list[Any]], symbol: str | None) -> pl.DataFrame:
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ReadError(f"{name}: its arrays must be of one length; got {lengths}", "fetch or write it again")
    if not columns or not max(lengths.values()):
        raise ReadError(f"{name} has a table and no rows", "fetch or write it again")
    names = unique_names(name, list(columns))
    series = [_series(key, values) for key, values in zip(names, columns.values(), strict=True)]
    frame = pl.DataFrame([column for column in series if column is not None])
    if symbol is not None and not any(normalise(key) in SYMBOLS for key in frame.columns):
        frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
    return frame


def _series(name: str, values: list[Any]) -> pl.Series | None:
    """None: arrays or objects within."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds & {list, dict}:
        return None
    if kinds <= {int} and all(abs(value) < 2**63 for value in values if value is not None):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float} and all(abs(value) < 2**1000 for value in values if type(value) is int):
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
