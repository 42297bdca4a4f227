"""Where rows may come from: one reader a source, all giving the same `Rows`, which a table or a check is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from gatewise.config.schema import DataConfig
from gatewise.data.demo_bars import sample_config
from gatewise.data.files.source import read_frame, read_rows
from gatewise.data.lake_source import read_lake
from gatewise.data.repair.repair import repaired
from gatewise.data.rows import Rows
from gatewise.data.sql.source import read_sql
from gatewise.errors import ConfigError, UnknownNameError


def _read_sample(spec: DataConfig) -> Rows:
    return read_rows(sample_config(spec))


def _read_nothing(spec: DataConfig) -> Rows:
    raise ConfigError(
        "rows that came as a frame of Python's can't be read again; they are to be given again",
        "in Python: gatewise.fit(frame, …), or gatewise.fit(frame, resume='ID') to go on; or name files of them: "
        "data.paths=['FILE'] with data.source=\"files\"",
    )


SOURCES: dict[str, Callable[[DataConfig], Rows]] = {
    "files": read_rows,
    "frame": _read_nothing,
    "lake": read_lake,
    "nasdaq": _read_sample,
    "sp500": _read_sample,
    "sql": read_sql,
}


# What says how text is written, by the sources that hold no text, or none but within cells.
_OF_TEXT = {
    "frame": ("encoding", "columns_are", "adjusted"),
    "lake": ("encoding", "columns_are", "thousands", "decimal", "adjusted"),
    "sql": ("encoding", "columns_are", "adjusted"),
}


def how_to_resume(spec: DataConfig, work_id: str, command: str, function: str) -> str:
    """What a person types to go on with work that was cut off: rows that came as a frame have to be given again.

    Args:
        function: of Python's, or its call up to the rows.
    """
    if spec.source != "frame":
        return f"go on with: {command} {work_id}"
    call = function if "(" in function else f"{function}("
    return f'go on with the same rows: {call}rows, resume="{work_id}")'


def read_source(spec: DataConfig, frame: pa.Table | None = None) -> Rows:
    """Reads the rows that a data config names, and mends what it says is to be mended.

    Args:
        frame: the rows, as their source gives them, where `spec.source` is frame.

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
    rows = repaired(SOURCES[spec.source](spec) if frame is None else read_frame(frame, spec), spec)
    return replace(rows, frame=rows.frame.drop(rows.spare), spare=frozenset()) if rows.spare else rows
