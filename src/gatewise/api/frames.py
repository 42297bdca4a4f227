"""Frames as callers have them: in, whatever library they are of, and predictions back on the caller's own rows.

pandas is looked at only where the caller's object comes from it, so it need not be installed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from gatewise.errors import ReadError, one_line

_PLACE = "__place"


def pandas() -> Any:
    """The library, where somebody has imported it; else `None`."""
    return sys.modules.get("pandas")


def is_pandas(data: object) -> bool:
    return pandas() is not None and isinstance(data, pandas().DataFrame)


def to_arrow(data: object) -> pa.Table | None:
    """A frame as Arrow's columns, without a copy where that can be; `None` where it is no frame.

    Args:
        data: of pandas (what its index says comes first, as columns), polars or Arrow; it is not changed.

    Raises:
        ReadError: cells that Arrow has no type for; a frame without a row.
    """
    try:
        if is_pandas(data):
            with warnings.catch_warnings(action="ignore"):  # Arrow's ways with pandas, and attrs that it can't write
                table = _from_pandas(data)
        elif isinstance(data, pl.DataFrame | pl.LazyFrame):
            table = data.lazy().collect().to_arrow()
        elif isinstance(data, pa.Table | pa.RecordBatch):
            table = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
        else:
            return None
    except (pa.ArrowException, pl.exceptions.PolarsError, ValueError, TypeError, OverflowError) as error:
        reason = one_line(str(error.args[0] if error.args else type(error).__name__))
        raise ReadError(
            f"a frame's columns must be numbers, text or times, each called once: {reason}",
            "of a column of mixed cells make one kind, or leave it out: frame.drop(columns=['NAME'])",
        ) from None
    if table.num_rows == 0:
        raise ReadError(f"a frame must have rows; got none, of {table.num_columns} columns", "frame.head() shows it")
    return table


def _from_pandas(frame: Any) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    levels = {}
    for number in range(frame.index.nlevels):
        level = frame.index.get_level_values(number)
        if isinstance(level, pandas().PeriodIndex):
            level = level.to_timestamp()
        name = _level_name(level, frame.index.nlevels)
        if name in levels:
            raise ValueError(f"two levels of the index are {name}")
        if name in table.column_names and not _same(level, table[name].to_pandas()):
            raise ValueError(f"{name} is of the index and a column, and they differ")
        if name is not None and name not in table.column_names:
            levels[name] = level
    index = pa.Table.from_pandas(pandas().DataFrame(levels), preserve_index=False)
    for name, values in zip(reversed(index.column_names), reversed(index.columns), strict=True):
        table = table.add_column(0, name, values)
    return table


def _same(level: Any, column: Any) -> bool:
    """Whether a column holds what the level of an index does that is called as it is."""
    if isinstance(level, pandas().RangeIndex):  # numbers rows alone, whatever it is called
        return True
    if not isinstance(level, pandas().DatetimeIndex):
        return bool((level.astype(str) == column.astype(str)).all())
    try:
        stamps = pandas().to_datetime(column, utc=True)
    except (ValueError, TypeError, OverflowError):
        return False
    times = pandas().to_datetime(level, utc=True)
    return bool(((stamps == times) | (stamps.isna() & times.isna())).all())


def _level_name(level: Any, num_levels: int) -> str | None:
    """What a level of an index is called among columns; `None`: it only numbers the rows."""
    if level.name is not None:
        return str(level.name)
    if isinstance(level, pandas().DatetimeIndex):
        return "time"
    if pandas().api.types.is_numeric_dtype(level.dtype):
        return None
    return "symbol" if num_levels > 1 else "time"


def on_rows_of(
    data: Any,
    predictions: pl.DataFrame,
    places: npt.NDArray[np.int64],
    symbols: pl.Series,
    beside: Sequence[str] = (),
) -> Any:
    """Predictions on the rows of the frame that they were made from, in its order; null, in pandas NaN, on the others.

    Args:
        data: the caller's frame.
        predictions: a row each.
        places: int64, the frame's row that each is of, from 0.
        symbols: whose each is.
        beside: the symbols that rows of the frame hold side by side: each has columns of its own, `prob_up AAPL`,
            also one without any prediction.

    Returns:
        A frame of the caller's library; of pandas with the caller's index.
    """
    placed = predictions.with_columns(pl.Series(_PLACE, places, pl.Int64))
    parts = [placed] if not beside else []
    for name in beside:
        own = placed.filter(symbols == name)
        parts.append(own.rename({column: f"{column} {name}" for column in predictions.columns}))
    table = data.collect() if isinstance(data, pl.LazyFrame) else data
    joined = pl.DataFrame({_PLACE: np.arange(len(table), dtype=np.int64)})
    for part in parts:
        joined = joined.join(part, on=_PLACE, how="left", maintain_order="left")
    return like(data, joined.drop(_PLACE))


def like(data: Any, frame: pl.DataFrame) -> Any:
    """A frame of the library that `data` is of, of polars where that is none; of pandas with its index if that fits."""
    made = in_library_of(data, frame)
    if is_pandas(data) and len(made) == len(data):
        made.index = data.index
    return made


def in_library_of(data: Any, frame: pl.DataFrame) -> Any:
    """The same of a frame whose rows are not those of `data`."""
    if is_pandas(data):
        return frame.to_pandas()
    return frame.to_arrow() if isinstance(data, pa.Table | pa.RecordBatch) else frame
