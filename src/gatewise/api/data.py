"""Rows as callers have them: a frame, a Table, paths of files, or what settings name; all take the road of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gatewise.api.frames import pandas, to_arrow
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.errors import ArgumentError, ConfigError

_KINDS = "rows are a frame of pandas, polars or Arrow, a gatewise.Table, or paths of files"


@dataclass(frozen=True)
class Given:
    """The rows of a call.

    Attributes:
        frame: they themselves, as their source gives them.
        table: they themselves, read already.
        fixed: dotted settings that they settle; none where settings name the rows.
    """

    frame: pa.Table | None
    table: Table | None
    fixed: Mapping[str, Any]

    def load(self, spec: DataConfig, unnamed: str | None = None) -> Table:
        """The table; see `load_table`."""
        return load_table(spec, self.frame, unnamed) if self.table is None else self.table

    def refuse(self, fields: Iterable[str]) -> None:
        """Raises ConfigError if settings of these names say how rows are read that are a Table already."""
        reading = [field for field in fields if field.startswith("data.") and field not in self.fixed]
        if self.table is not None and reading:
            raise ConfigError(
                f"a gatewise.Table is read already; {reading[0]} says how rows are read",
                "leave it out, or say it where the table is loaded",
            )


def given(data: object) -> Given:
    """What a call was handed.

    Args:
        data: `None`: what settings name.

    Raises:
        ArgumentError: it is nothing that rows can be read from.
        ReadError: see `to_arrow`.
    """
    if data is None:
        return Given(None, None, {})
    here = {"data.source": "frame", "data.paths": ()}
    if isinstance(data, Table):
        return Given(None, data, here)
    if isinstance(data, str | os.PathLike) or (isinstance(data, list | tuple) and _are_paths(data)):
        paths = [data] if isinstance(data, str | os.PathLike) else data
        return Given(None, None, {"data.paths": tuple(os.fspath(path) for path in paths)})
    if (frame := to_arrow(data)) is not None:
        return Given(frame, None, here)
    raise ArgumentError(f"{_KINDS}; got {_called(data)}", _hint(data))


def _are_paths(data: list[Any] | tuple[Any, ...]) -> bool:
    return bool(data) and all(isinstance(path, str | os.PathLike) for path in data)


def _called(data: object) -> str:
    if isinstance(data, np.ndarray):
        return f"a NumPy array of shape {data.shape}"
    kind = type(data).__name__
    if isinstance(data, list | tuple | dict) and not data:
        return f"an empty {kind}"
    return f"{kind} {data!r}" if isinstance(data, int | float | bool) else f"a {kind}"


def _hint(data: object) -> str:
    if isinstance(data, np.ndarray):
        return (
            "arrays carry no times: gatewise.ModelRegistry.create('lstm').fit(X, y, X_val, y_val) learns from "
            "arrays; rows need a frame with a column of times"
        )
    if pandas() is not None and isinstance(data, pandas().Series):
        return "series.to_frame('close') is a frame"
    return "gatewise.fit(frame, …), or gatewise.fit('FILE', …)"
