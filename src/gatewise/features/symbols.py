"""A row's symbol as a number: the place of its name among the names that something was fitted to, sorted.

By name and not by order in the table, so that rows in another order, or a table of some of the symbols, mean the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError, SchemaError

Codes = npt.NDArray[np.int32]
_SHOWN = 20


def symbol_codes(table: Table, known: Sequence[str]) -> Codes:
    """int32 [rows]: each row's place among `known`, sorted; -1 for a symbol that is not there."""
    place = {name: number for number, name in enumerate(sorted(known))}
    starts = table.symbol_starts
    lengths = np.diff(np.append(starts, table.num_rows))
    return np.repeat(np.array([place.get(name, -1) for name in table.symbols], np.int32), lengths)


def require_known(table: Table, rows: npt.NDArray[np.int64], known: Sequence[str]) -> None:
    """Checks that every one of `rows` is of a symbol that a model was fitted to.

    Raises:
        SchemaError: some are not; the symbols that are known are listed.
    """
    unknown = _symbols_at(table, rows) - set(known)
    if unknown:
        name = min(unknown)
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        kept = sorted(set(known) & set(table.symbols))
        without = f"leave those rows out: data.symbols={kept}; " if kept else ""
        raise SchemaError(
            f"the model knows the symbols {_some(known)}; it can't predict {_some(unknown)}",
            f"{guess}{without}a model trained with features.scale_by all that is not told the symbol takes any",
        )


def require_trained(table: Table, train_rows: npt.NDArray[np.int64], rows: npt.NDArray[np.int64] | None = None) -> None:
    """Checks that symbols have training rows, where something is fitted to each.

    Args:
        rows: those that will be predicted; `None`: the whole table's symbols are asked for.

    Raises:
        NotEnoughRowsError: a symbol has none; it is named.
    """
    wanted = set(table.symbols) if rows is None else _symbols_at(table, rows)
    missing = wanted - _symbols_at(table, train_rows)
    if missing:
        kept = sorted(set(table.symbols) - missing)
        raise NotEnoughRowsError(
            "features.scale_by symbol, features.symbol_onehot and model.symbol_embedding need training samples of each "
            f"symbol; {_some(missing)} {'has' if len(missing) == 1 else 'have'} none",
            f"leave them out: data.symbols={kept}, or give more of their rows",
        )


def _symbols_at(table: Table, rows: npt.NDArray[np.int64]) -> set[str]:
    blocks = np.unique(np.searchsorted(table.symbol_starts, rows, side="right") - 1)
    return {table.symbols[block] for block in blocks}


def _some(names: Sequence[str] | set[str]) -> str:
    listed = sorted(names)
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
