"""Where rows may come from: one reader a source, all giving the same `Rows`, which a table or a check is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gatewise.config.schema import DataConfig
from gatewise.data.demo_bars import sample_config
from gatewise.data.files.source import read_rows
from gatewise.data.lake_source import read_lake
from gatewise.data.repair.repair import repaired
from gatewise.data.rows import Rows
from gatewise.data.sql.source import read_sql
from gatewise.errors import ConfigError, UnknownNameError


def _read_sample(spec: DataConfig) -> Rows:
    return read_rows(sample_config(spec))


SOURCES: dict[str, Callable[[DataConfig], Rows]] = {
    "files": read_rows,
    "lake": read_lake,
    "nasdaq": _read_sample,
    "sp500": _read_sample,
    "sql": read_sql,
}


# What says how text is written, by the sources that hold no text, or none but within cells.
_OF_TEXT = {
    "lake": ("encoding", "columns_are", "thousands", "decimal", "adjusted"),
    "sql": ("encoding", "columns_are", "adjusted"),
}


def read_source(spec: DataConfig) -> Rows:
    """Reads the rows that a data config names, and mends what it says is to be mended.

    Raises:
        UnknownNameError: no such source; and what the source's own reader raises.
        ConfigError: something is said of text where the source holds none.
    """
    if spec.source not in SOURCES:
        raise UnknownNameError("source", spec.source, SOURCES)
    for field in _OF_TEXT.get(spec.source, ()):
        if (value := getattr(spec, field)) not in (None, ()):
            raise ConfigError(
                f"data.{field} is said of text files, and data.source is {spec.source!r}; got {value!r}", "leave it out"
            )
    rows = repaired(SOURCES[spec.source](spec), spec)
    return replace(rows, frame=rows.frame.drop(rows.spare), spare=frozenset()) if rows.spare else rows
