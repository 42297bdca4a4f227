"""The columns that targets read, and which rows have them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import QualityError, SchemaError
from gatewise.targets.paths import Flags, Rows


def read_columns(table: Table, names: Sequence[str]) -> tuple[list[npt.NDArray[np.float64]], Flags]:
    """float64 [rows] each, and bool [rows]: whether a row has them all."""
    present = np.ones(table.num_rows, dtype=bool)
    for name in names:
        if table.frame[name].null_count():
            present &= table.frame[name].is_not_null().to_numpy()
    return [table.frame[name].to_numpy() for name in names], present


def read_prices(table: Table, names: Sequence[str]) -> tuple[list[npt.NDArray[np.float64]], Flags]:
    """Likewise, of prices.

    Raises:
        SchemaError: the table lacks one.
        QualityError: a price that is not positive (but for `Table.any_prices`) and finite.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise SchemaError(
            f"this target needs columns {', '.join(names)}; missing: {', '.join(missing)} "
            f"(have: {', '.join(table.columns)})",
            'predict columns instead: target.kind="next_row"',
        )
    columns, present = read_columns(table, names)
    for name, column in zip(names, columns, strict=True):
        if table.any_prices:
            refuse_rows(table, name, column, np.isinf(column), "prices must be finite")
        else:
            refuse_rows(table, name, column, (column <= 0) | np.isinf(column), "prices must be positive and finite")
    return columns, present


def refuse_rows(table: Table, name: str, column: npt.NDArray[np.float64], broken: Flags, rule: str) -> None:
    """Raises QualityError if any row of a column is `broken`, with the first one's name."""
    rows: Rows = np.flatnonzero(broken)
    if rows.size:
        symbol, time = table.frame[SYMBOL][int(rows[0])], table.frame[TIME][int(rows[0])]
        raise QualityError(
            f"{rule}; rows that break it: {rows.size}, the first at {symbol} {time:%Y-%m-%d %H:%M:%S}: "
            f"{name}={column[rows[0]]:g}",
            "gatewise data check with the same settings shows them"
            + ('; data.prices="any" takes back-adjusted ones' if "positive" in rule else ""),
        )
