"""What a table must be for a bundle to score it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import format_duration
from gatewise.data.market.sessions import NO_CALENDAR
from gatewise.data.table import Table
from gatewise.errors import ConfigError, SchemaError


def require_schema(
    table: Table, columns: Sequence[str], timeframe: timedelta, calendar: str | None, prices: str = "positive"
) -> None:
    """Checks the step between rows, what is a gap between them, what prices may be, and that every column is there.

    Raises:
        SchemaError: what differs; the nearest name is in the hint.
    """
    if table.timeframe != timeframe:
        wanted, got = format_duration(timeframe), format_duration(table.timeframe)
        raise SchemaError(
            f"the model was trained on rows of {wanted}; these are of {got}",
            f'give rows of {wanted}; if these are, say so: data.timeframe="{wanted}"',
        )
    if table.calendar != calendar:
        wanted, got = (name or NO_CALENDAR for name in (calendar, table.calendar))
        raise SchemaError(
            f"the model was trained on rows of calendar {wanted}; these are of {got}",
            f'gaps must mean the same: data.calendar="{wanted}"',
        )
    if table.any_prices != (prices == "any"):
        raise SchemaError(
            f"the model was trained on prices that are {prices}; these are read as "
            f"{'any' if table.any_prices else 'positive'}",
            f'returns must mean the same: data.prices="{prices}"',
        )
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise SchemaError(
            f"the model reads columns that must be there; missing: {', '.join(missing)} "
            f"(have: {', '.join(table.columns)})",
            _guess(missing, [name for name in table.columns if name not in columns]),
        )


def _guess(missing: list[str], spare: list[str]) -> str:
    by_lower = {name.lower(): name for name in spare}
    for name in missing:
        if near := difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5):
            column = by_lower[near[0]]
            return f"rename {column!r} to {name!r} if that is what it holds: {_rename(name, column)}"
    return f"say which column of the file holds it: {_rename(missing[0], 'NAME')}"


def _rename(name: str, column: str) -> str:
    return f"data.rename={ ({name: column})!r}"


def row_numbers(rows: npt.NDArray[np.int64] | Sequence[int]) -> npt.NDArray[np.int64]:
    """Row numbers as they may be given.

    Raises:
        ConfigError: they are no whole numbers [n].
    """
    numbers = np.asarray(rows)
    if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "iu"):
        raise ConfigError(
            f"rows must be row numbers, [n] whole numbers; got {numbers.dtype} {numbers.shape}",
            "np.flatnonzero(mask) makes row numbers of a mask",
        )
    return numbers.astype(np.int64)
