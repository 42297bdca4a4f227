"""Open and close of rows without a header: which is which, by what follows what.

High and low stand in the middle of open, high, low, close and of close, high, low, open (yfinance's columns) alike, and
no row by itself tells the first price from the last. Rows in a row do: a bar opens about where the one before closed,
and closes farther from where that one opened. So each step is asked which of the two readings makes it smaller, and
Wilcoxon's signed ranks (1945) add up the answers, however prices move and jump. Of real files 20 days of a stock settle
it nine times in ten and 60 always, an hour of an index or a future nearly always, 200 minutes of a thin coin; one of
which nearly all rows are flat takes thousands. Mostly the first 1,000 rows are enough, and take a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.files.layouts import Layout
from gatewise.data.files.text import Raw
from gatewise.data.order import in_order
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import AmbiguousError

_FIRST_ROWS = 1_000
# In standard deviations: hardly any file has its prices the other way round, and hardly any that names them.
_CLEAR, _CLEAR_AGAINST, _CLEAR_OF_NAMES = 2.0, -3.0, -5.0
_OTHER = {"open": "close", "close": "open"}


@dataclass(frozen=True)
class Order:
    """Which price of a file's rows comes first, as far as they tell.

    Attributes:
        name: how errors call the file.
        layout: what named its columns.
        rows: symbol, `__stamp`, open and close as the layout has it, of the rows that were asked.
        close_first: None where they do not tell.
    """

    name: str
    layout: Layout
    rows: pl.DataFrame
    close_first: bool | None

    @property
    def other(self) -> tuple[str, ...]:
        """The columns by the other reading."""
        return tuple(_OTHER.get(name, name) for name in self.layout.columns)


def find_order(raw: Raw, symbols: pl.Series, stamps: pl.Series, spec: DataConfig) -> Order | None:
    """Asks rows that a layout named for their order; None where nothing is to be asked.

    Args:
        raw: as read; its layout says open, high, low, close.
        symbols, stamps: of its rows.
        spec: where it renames open or close, nothing is asked.
    """
    layout = raw.layout
    if layout is None or layout.proved or {"open", "close"} & {*spec.rename.keys(), *spec.rename.values()}:
        return None
    rows = pl.DataFrame([symbols.alias(SYMBOL), stamps.alias(STAMP), raw.frame["open"], raw.frame["close"]])
    first = _numbered(rows.head(_FIRST_ROWS))
    verdict = _verdict(first)
    if verdict is None and rows.height > _FIRST_ROWS:
        first = _numbered(rows)
        verdict = _verdict(first)
    return Order(raw.name, layout, first, verdict)


def turned(raw: Raw, order: Order) -> Raw:
    """Rows whose open and close are each other's under the right names."""
    note = (
        "its rows open where the rows before end only if the first price is the close, so the columns are "
        f"{', '.join(order.other)}"
    )
    return replace(raw, frame=raw.frame.rename(_OTHER), notes=(*raw.notes, note))


def settled(orders: Sequence[Order]) -> list[bool]:
    """Of each file whether its close comes first: by its own rows, by other files of its shape, or all together.

    Raises:
        AmbiguousError: they do not tell either, or not the same, and the shape is nobody's in particular.
    """
    shapes = {order.layout for order in orders if order.close_first is None}
    of_shape = {shape: _together([order for order in orders if order.layout == shape]) for shape in shapes}
    verdicts = []
    for order in orders:
        verdict = of_shape[order.layout] if order.close_first is None else order.close_first
        if verdict is None and not order.layout.usual:
            raise AmbiguousError(
                f"{order.name} has no header, and its {order.rows.height:,} rows do not tell whether their first price "
                "is the open or the close",
                f"data.columns_are={','.join(order.layout.columns)} or data.columns_are={','.join(order.other)}, after "
                "a look at whoever wrote it",
            )
        verdicts.append(bool(verdict))
    return verdicts


def _together(alike: Sequence[Order]) -> bool | None:
    known = {order.close_first for order in alike} - {None}
    if known:
        return known.pop() if len(known) == 1 else None
    return _verdict(pl.concat([order.rows for order in alike]))


def backwards(frame: pl.DataFrame) -> list[str]:
    """A warning where open and close that a file or a user names are clearly each other's.

    Args:
        frame: symbol, `__stamp` and columns of numbers, in any order.
    """
    if not {"open", "close"} <= {*frame.columns} or _score(frame.head(_FIRST_ROWS)) >= _CLEAR_OF_NAMES:
        return []
    return [
        "warning: its rows do not open where the rows before closed, but close where the rows before opened: open and "
        "close are named the other way round (data.rename.open, data.rename.close), or times count backwards"
    ]


def _verdict(rows: pl.DataFrame) -> bool | None:
    score = _score(rows)
    return True if score < _CLEAR_AGAINST else False if score > _CLEAR else None


def _score(rows: pl.DataFrame) -> float:
    """How clearly rows open where the ones before close, in standard deviations; below 0 it is the other way round."""
    ordered = in_order(rows)
    opened, close = ordered["open"].to_numpy(), ordered["close"].to_numpy()
    if np.array_equal(opened, close, equal_nan=True):
        return np.inf  # either reading is the same
    within = (ordered[SYMBOL] == ordered[SYMBOL].shift()).fill_null(False).to_numpy()[1:]
    nearer = (np.abs(close[1:] - opened[:-1]) - np.abs(opened[1:] - close[:-1]))[within]
    nearer = nearer[np.isfinite(nearer) & (nearer != 0)]
    if not nearer.size:
        return 0.0
    ranks = np.sign(nearer) * pl.Series(np.abs(nearer)).rank("average").to_numpy()
    return float(ranks.sum() / np.sqrt((ranks**2).sum()))


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices as numbers, as cells of a layout's shape always are."""
    text = pl.col("open", "close") if rows["open"].dtype != pl.String else pl.col("open", "close").str.strip_chars()
    return rows.with_columns(text.cast(pl.Float64, strict=False))
